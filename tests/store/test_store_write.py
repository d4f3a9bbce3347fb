"""A file is replaced whole or not at all, and stays as private as it was."""

import errno
import os
import socket
import stat
import threading
from typing import Any

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.store import write as store_write

posix = pytest.mark.skipif(os.name != "posix", reason="modes, links and pipes of POSIX")


@pytest.fixture(scope="module")
def fit(trial_study):
    return bmco.BMVB(trial_study).fit(draws=500, chains=2, seed=1)


@pytest.fixture(scope="module")
def other(trial_study):
    return bmco.BMVB(trial_study).fit(draws=500, chains=2, seed=2)


def is_kept(path, fit):
    return np.array_equal(bmco.load(path).idata["posterior"]["phi"], fit.idata["posterior"]["phi"])


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("private", [0o600, 0o640, 0o664])
def test_the_mode_stays(fit, other, tmp_path, private):
    path = tmp_path / "fit.zip"
    fit.save(path)
    path.chmod(private)
    other.save(path, overwrite=True)
    assert mode(path) == private
    assert is_kept(path, other)


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_new_file_has_the_mode_of_new_files(fit, tmp_path, mask):
    before = os.umask(mask)
    try:
        fit.save(tmp_path / "fit.zip")
    finally:
        os.umask(before)
    assert mode(tmp_path / "fit.zip") == 0o666 & ~mask


@posix
def test_while_it_is_written_a_private_file_is_private(fit, tmp_path, monkeypatch):
    path = tmp_path / "fit.zip"
    fit.save(path)
    path.chmod(0o600)
    seen: list[int] = []
    sync = os.fsync

    def look(handle):
        seen.extend(mode(file) for file in tmp_path.iterdir())
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    fit.save(path, overwrite=True)
    assert set(seen) == {0o600}


@posix
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_is_followed(fit, other, tmp_path, dangling):
    real, link = tmp_path / "real" / "fit.zip", tmp_path / "link.zip"
    real.parent.mkdir()
    link.symlink_to(real)
    if not dangling:
        fit.save(real)
        with pytest.raises(bmco.InputError, match="exists already"):
            other.save(link)
    other.save(link, overwrite=not dangling)
    assert link.is_symlink()
    assert is_kept(real, other)
    assert {*tmp_path.iterdir()} == {real.parent, link}


@posix
def test_what_is_no_file_is_left_alone(fit, tmp_path, monkeypatch):
    pipe, loop, sock = tmp_path / "pipe", tmp_path / "loop", tmp_path / "socket"
    os.mkfifo(pipe)
    loop.symlink_to(loop)
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        for path in (pipe, sock, "/dev/null", "/dev/full"):
            for overwrite in (False, True):
                with pytest.raises(bmco.InputError, match="device, pipe or socket"):
                    fit.save(path, overwrite=overwrite)
            with pytest.raises(bmco.InputError, match="device, pipe or socket"):
                bmco.load(path)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    for path in (loop, "no\0name"):
        with pytest.raises(bmco.InputError, match="path="):
            fit.save(path, overwrite=True)
        with pytest.raises(bmco.InputError, match="path="):
            bmco.load(path)
    odd: Any
    for odd in (5, None, ["a"]):
        with pytest.raises(bmco.InputError, match="must be the name of a file"):
            fit.save(odd)
        with pytest.raises(bmco.InputError, match="must be the name of a file"):
            bmco.load(odd)


@pytest.mark.parametrize("exists", [True, False])
def test_a_full_disk(fit, other, tmp_path, monkeypatch, exists):
    path = tmp_path / "fit.zip"
    if exists:
        fit.save(path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(bmco.InputError, match="No space left on device") as caught:
        other.save(path, overwrite=True)
    assert (caught.value.argument, caught.value.value) == ("path", str(path))
    assert [*tmp_path.iterdir()] == [path] * exists
    if exists:
        assert is_kept(path, fit)


@posix
def test_a_file_that_may_not_grow(other, tmp_path):
    """A real failure in the middle of writing."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(bmco.InputError, match="File too large"):
            other.save(tmp_path / "fit.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [*tmp_path.iterdir()]


@posix
def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    path = tmp_path / "a.zip"
    names = [".a.zip.0123abcd.partial", ".a.zip.zz_9zz_9.partial"]  # of this version and the last
    kept = [".a.zip.x.partial", ".a.zip.0123abcd.partial.txt", ".b.zip.0123abcd.partial", "a.zip.0"]
    for name in (*names, *kept):
        (tmp_path / name).touch()
    (tmp_path / ".a.zip.11111111.partial").symlink_to(tmp_path / "a.zip.0")
    store_write.write(b"1", path, lambda content: None)
    assert {f.name for f in tmp_path.iterdir()} == {*kept, "a.zip", ".a.zip.11111111.partial"}

    def second(content):
        thread = threading.Thread(target=store_write.write, args=(b"2", path, lambda _: None))
        thread.start()
        thread.join()

    store_write.write(b"3", path, second)  # two at once: the last to finish stays
    assert path.read_bytes() == b"3"
    assert not [f for f in tmp_path.iterdir() if f.name in names]
