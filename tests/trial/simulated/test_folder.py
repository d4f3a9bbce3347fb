"""What is kept of analysed trials: whole chunks, of one study each, and nothing else."""

import io
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.store import write as writing
from bmco_pymc.trial.simulated.analysed import NAMES, Analysed
from bmco_pymc.trial.simulated.folder import Folder, canonical, studies, versions

STUDY = {"n": 100, "theta": np.array([0.3, 0.5]), "low": -np.inf}


def trials(start: int, stop: int, seed: int = 1, looks: int = 2) -> Analysed:
    """Return trials whose numbers are random, the same for a trial in any chunk."""
    rows = [np.random.default_rng((seed, i)).random((looks, 14)) for i in range(start, stop)]
    x = np.array(rows).reshape(stop - start, looks, 14)
    failed = x[..., 0] < 0.1
    x[failed] = np.nan
    probability = x[..., :2].reshape(-1, looks, 1, 2)
    estimate, sd, low, high = (x[..., 2 + 3 * i : 5 + 3 * i] for i in range(4))
    return Analysed(np.arange(start, stop), probability, estimate, sd, low, high, failed)


def same(one: Analysed, other: Analysed) -> bool:
    pairs = zip(one.arrays().values(), other.arrays().values(), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


def test_trials_are_joined_sorted_and_once():
    parts = [trials(8, 12), trials(0, 4), trials(2, 10)]
    assert same(Analysed.joined(parts), trials(0, 12))
    assert same(Analysed.joined([Analysed.empty(), trials(0, 2)]), trials(0, 2))
    assert len(Analysed.joined([])) == 0
    assert Analysed.joined([Analysed.empty((2, 1, 2, 3))]).sizes == (2, 1, 2, 3)
    assert same(trials(0, 9).part(range(4, 20)), trials(4, 9))
    assert same(trials(0, 9).part([7, 8, 3]), trials(0, 9).part(np.array([3, 7, 8])))


def test_trials_that_differ_are_not_joined():
    other = trials(0, 4)
    other.sd[2, 1, 0] += 1e-12
    with pytest.raises(bmco.InputError, match="trial=2: has two different values of sd"):
        Analysed.joined([trials(0, 4), other])
    with pytest.raises(bmco.InputError, match="different looks"):
        Analysed.joined([trials(0, 4), trials(4, 8, looks=1)])


@pytest.mark.parametrize(
    "change",
    [
        {"trial": np.array([1, 0])},
        {"probability": np.zeros((2, 2, 1))},
        {"failed": np.zeros((2, 1), dtype=bool)},
        {"low": np.zeros((2, 2, 1))},
        {"high": np.zeros((1, 2, 3))},
    ],
)
def test_shapes_that_do_not_fit(change):
    with pytest.raises(bmco.InputError):
        Analysed(**(trials(0, 2).arrays() | change))


def test_what_is_kept_is_what_was_given(tmp_path):
    folder = Folder(tmp_path, STUDY)
    folder.store("laplace", trials(100, 200))
    folder.store("laplace", trials(0, 100))
    folder.store("nuts", trials(0, 10, seed=2))
    folder.store("laplace", trials(50, 150))  # over both
    again = Folder(str(tmp_path) + "/", dict(reversed(STUDY.items())))
    assert same(again.done("laplace"), trials(0, 200))
    assert same(again.done("nuts"), trials(0, 10, seed=2))
    names = {file.name for file in folder.place.iterdir()}
    chunks = {"laplace-00000000-00000100.npz", "nuts-00000000-00000010.npz"}
    assert {"study.json", *chunks} < names
    assert len(names) == 5  # nothing that is half written


def test_a_relative_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Folder("some/where/", STUDY)
    folder.store("nuts", trials(0, 3))
    assert same(Folder(tmp_path / "some" / "where", STUDY).done("nuts"), trials(0, 3))


def test_studies_are_apart(tmp_path):
    one, other = Folder(tmp_path, STUDY), Folder(tmp_path, {**STUDY, "n": 101})
    one.store("laplace", trials(0, 5))
    assert len(other.done("laplace")) == 0
    (tmp_path / "notes.txt").write_text("mine")
    found = studies(tmp_path)
    assert set(found) == {one.key, other.key}
    assert found[one.key]["n"] == 100
    assert found[one.key]["theta"] == [0.3, 0.5]
    assert found[one.key]["low"] == "-inf"
    assert found[one.key]["versions"] == versions()
    assert versions()["bmco_pymc"] == bmco.__version__
    assert "nutpie" in versions()
    assert all(len(name) == 16 for name in found)


def test_equal_values_are_the_same_study():
    texts = {canonical({"a": a, "b": (1, None)}) for a in (1, 1.0, np.int64(1), np.array(1.0))}
    assert len(texts) == 1
    assert canonical({"a": 0.1}) != canonical({"a": 0.1 + 1e-16})
    with pytest.raises(bmco.InputError, match="description"):
        canonical({"a": {1, 2}})


def test_folders_are_joined_by_copying(tmp_path):
    here, there = Folder(tmp_path / "a", STUDY), Folder(tmp_path / "b", STUDY)
    here.store("laplace", trials(0, 100))
    there.store("laplace", trials(100, 150))
    there.store("nuts", trials(100, 110, seed=3))
    shutil.copytree(there.place.parent, here.place.parent, dirs_exist_ok=True)
    assert same(here.done("laplace"), trials(0, 150))
    assert same(here.done("nuts"), trials(100, 110, seed=3))


def test_chunks_that_contradict_each_other(tmp_path):
    folder = Folder(tmp_path, STUDY)
    folder.store("laplace", trials(0, 10))
    folder.store("laplace", trials(5, 20, seed=2))
    with pytest.raises(bmco.InputError, match="trial 5 has two different values") as caught:
        folder.done("laplace")
    assert caught.value.value == str(folder.place)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


class Bomb:
    """Leaves a file where it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


GOOD = npz(**trials(10, 20).arrays())
BAD = {
    "empty": b"",
    "short": GOOD[:-200],
    "changed": GOOD[:3000] + bytes([GOOD[3000] ^ 1]) + GOOD[3001:],
    "text": b"what is this",
    "pickle": pickle.dumps(Bomb()),
    "object": npz(**(trials(10, 20).arrays() | {"sd": np.array([Bomb()] * 10, dtype=object)})),
    "other trials": npz(**trials(11, 21).arrays()),
    "fewer trials": npz(**trials(10, 19).arrays()),
    "another shape": npz(**trials(10, 20, looks=1).arrays()),
    "no array": npz(**{name: x for name, x in trials(10, 20).arrays().items() if name != "sd"}),
    "another type": npz(**(trials(10, 20).arrays() | {"trial": np.arange(10.0, 20)})),
    "ill fitting": npz(**(trials(10, 20).arrays() | {"sd": np.zeros((10, 2, 1))})),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_is_as_if_it_was_not_there(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Folder(tmp_path, STUDY)
    for start in (0, 10, 20):
        folder.store("laplace", trials(start, start + 10))
    (folder.place / "laplace-00000010-00000020.npz").write_bytes(BAD[kind])
    with pytest.warns(bmco.InputWarning, match="laplace-00000010.* analysed again") as caught:
        found = folder.done("laplace")
    assert len(caught) == 1
    assert found.trial.tolist() == [*range(10), *range(20, 30)]
    assert not (tmp_path / "exploded").exists()
    folder.store("laplace", trials(10, 20))
    assert same(folder.done("laplace"), trials(0, 30))


def test_the_good_bytes_are_read(tmp_path):
    folder = Folder(tmp_path, STUDY)
    (folder.place / "laplace-00000010-00000020.npz").write_bytes(GOOD)
    (folder.place / "laplace-00000010-00000020 (copy).npz").write_bytes(b"")  # no name of ours
    assert set(NAMES) == set(np.load(io.BytesIO(GOOD)))
    assert same(folder.done("laplace"), trials(10, 20))


def test_a_description_that_was_cut_short(tmp_path):
    folder = Folder(tmp_path, STUDY)
    told = folder.place / "study.json"
    whole = told.read_bytes()
    told.write_bytes(whole[:20])
    with pytest.warns(bmco.InputWarning, match=r"study\.json"):
        assert studies(tmp_path) == {}
    Folder(tmp_path, STUDY)
    assert told.read_bytes() == whole
    assert json.loads(whole)["n"] == 100


def test_what_can_be_no_folder(tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for path in (file, file / "below"):
        with pytest.raises(bmco.InputError, match="path=.*is a file") as caught:
            Folder(path, STUDY)
        assert caught.value.argument == "path"
    with pytest.raises(bmco.InputError, match="path=.*cannot be made a folder"):
        Folder("/proc/nowhere", STUDY)
    with pytest.raises(bmco.InputError, match="path=.*cannot be read"):
        studies(tmp_path / "nothing")
    assert file.read_text() == "mine"


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    folder = Folder(tmp_path, STUDY)
    folder.store("laplace", trials(0, 3))
    monkeypatch.setattr(writing.os, "open", refuse)
    with pytest.raises(bmco.InputError, match="cannot be written: Permission denied") as caught:
        folder.store("laplace", trials(3, 6))
    assert str(folder.place) in str(caught.value.value)
    assert same(folder.done("laplace"), trials(0, 3))
