"""Files that are damaged, foreign or in the way; and a process that dies while it saves."""

import json
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.store import file as store_file
from bmco_pymc.store import tree as store

pytestmark = pytest.mark.samples

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fit():
    """An exact fit of a small study."""
    trial = bmco.load_trial()
    study = bmco.Study(trial, ["y1", "y2"], "arm", control="ctl", treatment="trt")
    return bmco.BMVB(study).fit(draws=500, seed=1)


@pytest.fixture
def saved(fit, tmp_path):
    path = tmp_path / "fit.zip"
    fit.save(path)
    return path


def refusal(path):
    with pytest.raises(bmco.InputError) as caught:
        bmco.load(path)
    assert caught.value.argument == "path"
    assert str(path) in repr(caught.value.value)
    return caught.value.problem


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.9999])
def test_cut_short(saved, share):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(len(content) * share)])
    assert re.search("cut short|another kind of file", refusal(saved))


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_one_bit_of_the_draws_changed(saved, share):
    content = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        draws = archive.getinfo("posterior/phi/c/0/0/0/0")
    content[draws.header_offset + 60 + int(draws.file_size * share)] ^= 1
    saved.write_bytes(content)
    assert "is damaged" in refusal(saved)


def test_edited_with_a_zip_program(saved):
    with zipfile.ZipFile(saved, "a") as archive:
        archive.writestr("more", b"1")
    assert "do not belong there: ['more']" in refusal(saved)


def test_newer_format(saved):
    saved.write_bytes(saved.read_bytes().replace(b"fit, format 2", b"fit, format 3"))
    problem = refusal(saved)
    assert problem.startswith(f"has format 3, written by bmco_pymc {bmco.__version__}")
    assert problem.endswith("which reads formats 1 to 2")


def test_foreign_files(tmp_path, fit):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert "is no fit saved by bmco_pymc" in refusal(tmp_path / "table.csv")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("zarr.json", "{}")
    assert "another kind of zip" in refusal(tmp_path / "other.zip")
    (tmp_path / "empty").touch()
    assert "is no fit" in refusal(tmp_path / "empty")
    assert "No such file" in refusal(tmp_path / "nowhere")
    assert "Is a directory" in refusal(tmp_path)


def altered(saved, fit, change):
    """A file of the same kind whose tree was changed before it was packed."""
    tree = store.to_tree(fit).copy(deep=True)  # the fit itself stays as it is
    change(tree)
    saved.write_bytes(store_file.packed(tree))
    return refusal(saved)


def test_other_software_or_analysis(saved, fit, trial_fit):
    def other_count(tree):
        tree["observed_data"]["counts"][0, 0] += 1

    problem = altered(saved, fit, other_count)
    assert "the cells' counts came out differently" in problem
    assert f"Now: bmco_pymc {bmco.__version__}" in problem

    def other_design(tree):
        X = tree["constant_data"]["X"]
        X[3, 2] *= 1 + 1e-6  # more than rounding

    assert "the design X came out differently" in altered(saved, trial_fit, other_design)

    def other_analysis(tree):
        document = json.loads(tree.attrs["bmco_fit"]) | {"analysis": "BXYZ"}
        tree.attrs["bmco_fit"] = json.dumps(document)

    assert "analysis BXYZ" in altered(saved, fit, other_analysis)


def test_in_the_way(saved, fit, tmp_path):
    before = saved.read_bytes()
    with pytest.raises(bmco.InputError, match="exists already; overwrite=True replaces it"):
        fit.save(saved)
    assert saved.read_bytes() == before
    other = bmco.BMVB(fit.model.study).fit(draws=500, seed=2)
    other.save(saved, overwrite=True)
    assert np.array_equal(bmco.load(saved).effect().phi, other.effect().phi)
    with pytest.raises(bmco.InputError, match="is a folder"):
        fit.save(tmp_path, overwrite=True)
    with pytest.raises(bmco.InputError, match="cannot be written: No such file"):
        fit.save(tmp_path / "none" / "fit.zip")


def test_what_does_not_come_back_is_refused(fit, tmp_path):
    odd = bmco.BMVB(fit.model.study).fit(draws=500, seed=2)
    odd.idata["posterior"].attrs["key"] = {1: 2}  # in a file, keys are text
    with pytest.raises(bmco.InputError, match=r"fit.idata=\['posterior'\]"):
        odd.save(tmp_path / "fit.zip")
    odd.idata["posterior"].attrs["key"] = object()
    with pytest.raises(bmco.InputError, match="holds something that cannot be stored"):
        odd.save(tmp_path / "fit.zip")
    assert not list(tmp_path.iterdir())


KILLED = """
import os, sys, time
import bmco_pymc as bmco
trial = bmco.load_trial()
study = bmco.Study(trial, ["y1", "y2"], "arm", control="ctl", treatment="trt")
fit = bmco.BMVB(study).fit(draws=500, seed=9)
write = os.fdopen

class Slow:
    def __init__(self, *args):
        self.file = write(*args)
    def __enter__(self):
        return self
    def __exit__(self, *args):
        self.file.close()
    def write(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        print("half", flush=True)
        time.sleep(60)

os.fdopen = Slow
fit.save(sys.argv[1], overwrite=True)
"""


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_half_way(fit, tmp_path, exists, how):
    path = tmp_path / "fit.zip"
    if exists:
        fit.save(path)
    before = path.read_bytes() if exists else None
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(how)
        process.wait(timeout=30)
    assert process.returncode != 0
    assert (path.read_bytes() if path.exists() else None) == before
    rest = [file for file in tmp_path.iterdir() if file != path]
    if how == signal.SIGINT:  # an interrupt cleans up
        assert rest == []
    else:  # what is left bears another name, and no fit can be loaded from it
        assert len(rest) == 1
        assert rest[0].suffix == ".partial"
        assert "cut short" in refusal(rest[0])
    if exists:
        assert np.array_equal(bmco.load(path).effect().phi, fit.effect().phi)
    other = tmp_path / ".other.zip.0123abcd.partial"
    other.touch()
    fit.save(path, overwrite=exists)  # nothing is in the way of the next, which clears its own
    assert {*tmp_path.iterdir()} == {path, other}
