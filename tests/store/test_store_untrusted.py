"""Files made by somebody else: nothing in them runs, and whatever is wrong is said in words."""

import io
import json
import os
import random
import time
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numcodecs import Zstd

import bmco_pymc as bmco

OLD = Path(__file__).parent / "saved_by_format_1.zip"
COMMENT = f"bmco_pymc {bmco.__version__} fit, format 2".encode()
pytestmark = pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The bytes of two small saved fits by name."""
    folder = tmp_path_factory.mktemp("saved")
    trial = bmco.load_trial().iloc[:80]
    study = bmco.Study(trial, ["y1", "y2"], "arm", control="ctl", treatment="trt")
    bmco.BMVB(study).fit(draws=50, chains=2, seed=1).save(folder / "BMVB")
    bmco.load(OLD).save(folder / "BGLM")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def members(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts, method=zipfile.ZIP_STORED):
    """A file of these members, (name, content), as complete as one that was saved."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in parts:
            archive.writestr(name, content)
        archive.comment = COMMENT
    return buffer.getvalue()


def with_json(content, name, change):
    """The file with one member of JSON changed."""
    parts = members(content)
    about = json.loads(parts[name])
    change(about)
    return zipped((parts | {name: json.dumps(about).encode()}).items())


def with_document(content, change):
    """The file with what the model is made of changed."""

    def outer(about):
        document = json.loads(about["attributes"]["bmco_fit"])
        change(document)
        about["attributes"]["bmco_fit"] = json.dumps(document)

    return with_json(content, "zarr.json", outer)


def refusal(content, tmp_path):
    path = tmp_path / "fit.zip"
    path.write_bytes(content)
    with pytest.raises(bmco.InputError) as caught:
        bmco.load(path)
    assert (caught.value.argument, caught.value.value) == ("path", str(path))
    return caught.value.problem


def test_a_file_of_the_version_before():
    fit = bmco.load(OLD)
    theta = fit.effect().theta.mean(("chain", "draw")).values
    then = [[0.36835867850644005, 0.4874141147898273], [0.4609832425795846, 0.5405413646148525]]
    assert theta == pytest.approx(np.array(then), rel=1e-10)
    assert fit.loo().elpd == pytest.approx(-201.84344219328167, rel=1e-10)


@pytest.mark.parametrize(
    "formula",
    [
        "arm * x + np.exp(x) + I(0*__import__('os').system('x') + x)",
        "arm * x + np.exp(x) + {__import__('os').system('x')}",
        "I(__import__('os').system('x')) ~ arm * x + np.exp(x)",
        "arm * x + np.exp(x) + np.lib.npyio.os.system('x')",
    ],
)
def test_a_formula_in_a_file_is_no_program(formula, files, tmp_path, monkeypatch):
    def run(*_):
        raise SystemExit("a file ran a command")

    monkeypatch.setattr(os, "system", run)
    content = with_document(files["BGLM"], lambda d: d["settings"].update(fixed=formula))
    assert "fixed=" in refusal(content, tmp_path)


def bombs(files):
    zeros = bytes(2**20)
    yield "packed again", zipped([*members(files["BMVB"]).items(), ("x", zeros * 200)], 8)

    def huge(about):
        about["shape"] = about["chunk_grid"]["configuration"]["chunk_shape"] = [2**29]

    yield (
        "is missing|bytes instead",
        with_json(files["BGLM"], "bmco_study/position/zarr.json", huge),
    )

    def long(about):
        huge(about)
        about["chunk_grid"]["configuration"]["chunk_shape"] = [2**20]

    yield (
        "is missing|bytes instead",
        with_json(files["BGLM"], "bmco_study/position/zarr.json", long),
    )

    def of_nothing(about):  # in format 1, a chunk that is left out is full of the fill value
        about["shape"], about["fill_value"] = [2**16, 2**16], True
        about["chunk_grid"]["configuration"]["chunk_shape"] = [2**14, 2**14]

    old = with_json(OLD.read_bytes(), "sample_stats/diverging/zarr.json", of_nothing)
    yield "unpack to more than", old.replace(b"format 2", b"format 1")

    def long_text(about):
        about["data_type"]["configuration"]["length_bytes"] = 2**30

    yield "bytes instead", with_json(files["BGLM"], "posterior/term/zarr.json", long_text)
    name = "bmco_study/column_4"
    parts = members(files["BGLM"])
    about = json.loads(parts[f"{name}/zarr.json"])
    about["shape"] = about["chunk_grid"]["configuration"]["chunk_shape"] = [200 * 2**20]
    chunk = bytes(Zstd().encode(zeros * 200))
    honest = {f"{name}/zarr.json": json.dumps(about).encode(), f"{name}/c/0": chunk}
    yield "unpack to more than", zipped((parts | honest).items())
    about["data_type"], about["fill_value"], about["shape"] = "string", "", [10]
    about["chunk_grid"]["configuration"]["chunk_shape"] = [10]
    about["codecs"] = [{"name": "vlen-utf8"}, {"name": "zstd", "configuration": {"level": 0}}]
    texts = {
        f"{name}/zarr.json": json.dumps(about).encode(),
        f"{name}/c/0": bytes(Zstd().encode(b"\xff\xff\xff\x7f" + bytes(64))),
    }
    yield "does not have 10 texts", zipped((parts | texts).items())

    def wide(document):
        document["study"]["columns"][2]["dtype"] = "U100000000"

    yield "cannot be of type", with_document(files["BGLM"], wide)
    yield (
        "terms",
        with_document(files["BGLM"], lambda d: d["settings"].update(fixed="(arm+x+y1)**99")),
    )


def test_files_that_say_more_than_they_hold(files, tmp_path):
    """Refused at once, and without taking the memory that they ask for."""
    for words, content in bombs(files):
        assert len(content) < 300_000
        tracemalloc.start()
        start = time.perf_counter()
        problem = refusal(content, tmp_path)
        seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert any(word in problem for word in words.split("|")), problem
        assert seconds < 2, words
        assert peak < 50 * 2**20, words


def test_a_repetitive_study_can_be_saved(tmp_path, monkeypatch):
    """What packs better than anybody would believe is kept unpacked."""
    from bmco_pymc.store import bounds as store_bounds

    frame = bmco.load_trial().assign(**{f"c{i}": 0.0 for i in range(30)})
    frame = frame.loc[frame.index.repeat(20)]
    study = bmco.Study(frame, ["y1", "y2"], "arm", control="ctl", treatment="trt")
    fit = bmco.BMVB(study).fit(draws=50, chains=2, seed=1)
    fit.save(tmp_path / "small.zip")
    monkeypatch.setattr(store_bounds, "MOST_IN_ANY_FILE", 2**10)
    monkeypatch.setattr(store_bounds, "MOST_PER_BYTE", 5)
    fit.save(tmp_path / "large.zip")
    sizes = [(tmp_path / f"{name}.zip").stat().st_size for name in ("small", "large")]
    assert sizes[1] > 5 * sizes[0]
    assert bmco.load(tmp_path / "large.zip").idata.identical(fit.idata)


ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    3,
    10**30,
    1e308,
    float("nan"),
    "",
    "x",
    "../..",
    [],
    {},
    [[[]]],
    {"a": 1},
]


def mutated_json(value, draw):
    """The value with one thing in it replaced, left out or doubled."""
    keys = [*value] if isinstance(value, dict) else []
    keys += [*range(len(value))] if isinstance(value, list) else []
    if not keys or draw.random() < 0.05:
        return draw.choice([*ODD, "9" * 5000, value])
    key = draw.choice(keys)
    match draw.randrange(8):
        case 0:
            del value[key]
        case 1:
            value[key] = draw.choice(ODD)
        case 2 if isinstance(value, list):
            value.append(value[key])
        case _:
            value[key] = mutated_json(value[key], draw)
    return value


def mutation(content, draw):
    """A file that somebody tampered with, or that was damaged."""
    raw = bytearray(content)
    place = draw.randrange(len(raw))
    parts = members(content)
    name, other = draw.sample(sorted(parts), 2)
    match draw.randrange(14):
        case 0:
            raw[place] ^= 1 << draw.randrange(8)
            return bytes(raw)
        case 1:
            return bytes(raw[:place])
        case 2:
            raw[place : place + draw.randrange(200)] = draw.randbytes(draw.randrange(200))
            return bytes(raw)
        case 3:
            del parts[name]
        case 4:
            parts[name] = parts[other]
        case 5:
            parts[draw.choice(["../../x", "/etc/x", "a/b", "", "x/zarr.json", "é"])] = parts.pop(
                name
            )
        case 6:
            parts[name] = draw.choice([b"", draw.randbytes(40), parts[name][:-1], b"\xff" * 9])
        case 7:
            return zipped([*parts.items(), (name, parts[other])]) if name else content
        case 8:
            parts[name] = b"[" * 100_000 if name.endswith("json") else parts[name] * 2
        case 9 | 10 | 11:
            text = draw.choice([part for part in sorted(parts) if part.endswith("json")])
            about = json.loads(parts[text])
            parts[text] = json.dumps(mutated_json(about, draw)).encode()
        case _:
            about = json.loads(parts["zarr.json"])
            document = mutated_json(json.loads(about["attributes"]["bmco_fit"]), draw)
            about["attributes"]["bmco_fit"] = json.dumps(document)
            parts["zarr.json"] = json.dumps(about).encode()
    return zipped(parts.items())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_any_file_loads_to_the_same_answers_or_is_refused_by_name(files, tmp_path):
    path = tmp_path / "fit.zip"
    draw = random.Random(7)
    for kind, content in files.items():
        path.write_bytes(content)
        answers = bmco.load(path).effect().phi
        refused = 0
        for turn in range(200):
            path.write_bytes(mutation(content, draw))
            try:
                fit = bmco.load(path)
            except bmco.InputError as error:
                named = (error.argument, error.value)
                refused += 1
            else:
                named = ("path", str(path))
                assert np.array_equal(fit.effect().phi, answers), (kind, turn)
                assert str(fit)
            assert named == ("path", str(path)), (kind, turn)
        assert 100 < refused < 200
