"""Compiled code on disk: damaged, locked, in nobody's folder; on a small function, in processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.samples

# A package of one module whose function takes a while to compile, and says so.
MODULE = """
import sys, time
from pathlib import Path
from bmco_pymc.kernel import cache
from numba.core import types
from numba.extending import overload

def slow(x): ...

@overload(slow)
def _slow(x):
    Path(sys.argv[1]).open("a").write("compiled\\n")
    time.sleep(float(sys.argv[2]))
    return lambda x: x + 1.0

@cache.njit()
def plus(x):
    return slow(x)

@cache.cfunc(types.float64(types.float64))
def again(x):
    return slow(x)

print(plus(2.0), again.ctypes(3.0), sum(plus.stats.cache_hits.values()))
"""


class Compiler:
    """Processes that compile one function, or find it compiled, and write down which."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.log = folder, folder / "log"
        self.script = folder / "script.py"
        self.script.write_text(MODULE)
        self.cache = folder / "cache"
        self.environment = os.environ | {"NUMBA_CACHE_DIR": str(self.cache)} | environment

    def start(self, seconds: float = 0.0) -> subprocess.Popen[str]:
        command = [sys.executable, str(self.script), str(self.log), str(seconds)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, stdout=pipe, stderr=pipe, text=True, env=self.environment, cwd=self.folder
        )

    def run(self) -> tuple[str, str]:
        """Return what a process prints, and what it warns of."""
        out, err = (process := self.start()).communicate(timeout=120)
        assert process.returncode == 0, err
        return out.strip(), err

    def compiled(self) -> int:
        """Return how often something was compiled since the last question."""
        times = len(self.log.read_text().splitlines()) if self.log.exists() else 0
        self.log.unlink(missing_ok=True)
        return times


@pytest.fixture
def compiler(tmp_path):
    return Compiler(tmp_path)


def test_the_second_process_compiles_nothing(compiler):
    assert compiler.run() == ("3.0 4.0 0", "")
    assert compiler.compiled() == 2
    assert compiler.run() == ("3.0 4.0 1", "")
    assert compiler.compiled() == 0


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: data[:-1], id="a byte short"),
        pytest.param(lambda data: data[:40] + bytes(len(data) - 40), id="zeros"),
        pytest.param(lambda data: data[:-30] + b"x" + data[-29:], id="a byte changed"),
    ],
)
def test_damaged_code_is_compiled_again_and_that_said_once(compiler, suffix, damage):
    compiler.run()
    compiler.compiled()
    files = list(compiler.cache.rglob(f"*.{suffix}"))
    assert len(files) == 2
    for file in files:
        file.write_bytes(damage(file.read_bytes()))
    out, err = compiler.run()
    assert out == "3.0 4.0 0"
    assert err.count("is damaged; it is compiled again") == 1
    assert compiler.compiled() == 2
    assert compiler.run() == ("3.0 4.0 1", "")


def test_where_nothing_can_be_written_a_private_folder_is_used(tmp_path):
    """As in a container whose package folder and home are read-only."""
    nowhere = {"NUMBA_CACHE_DIR": "", "NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}
    compiler = Compiler(tmp_path, TMPDIR=str(tmp_path / "tmp"), **nowhere)
    (tmp_path / "tmp").mkdir()
    assert compiler.run() == ("3.0 4.0 0", "")
    assert compiler.run() == ("3.0 4.0 1", "")
    assert compiler.compiled() == 2
    (private,) = (tmp_path / "tmp").iterdir()
    assert private.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path):
    nowhere = {"NUMBA_CACHE_DIR": "", "NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}
    compiler = Compiler(tmp_path, TMPDIR=str(tmp_path / "tmp"), **nowhere)
    (tmp_path / "tmp").mkdir()
    private = tmp_path / "tmp" / f"bmco_pymc-{os.getuid()}"
    private.mkdir()
    private.chmod(0o777)
    for _ in range(2):
        out, err = compiler.run()
        assert out == "3.0 4.0 0"
        assert err.count("each process compiles it anew") == 1
        assert "NUMBA_CACHE_DIR" in err
        assert compiler.compiled() == 2


def test_of_processes_that_start_at_once_one_compiles(compiler):
    processes = [compiler.start(seconds=1.0) for _ in range(4)]
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.startswith("3.0 4.0")
    assert compiler.compiled() == 2  # either function once


def test_a_killed_process_leaves_no_lock(compiler):
    owner = compiler.start(seconds=60.0)
    while not compiler.log.exists():
        time.sleep(0.05)
    assert list(compiler.cache.rglob("*.lock"))
    owner.send_signal(signal.SIGKILL)
    owner.communicate(timeout=60)
    compiler.compiled()
    assert compiler.run() == ("3.0 4.0 0", "")
    assert compiler.compiled() == 2


FAILING = """
from bmco_pymc.kernel import cache

@cache.njit()
def wrong(x):
    return x + "text"

for _ in range(2):
    try:
        wrong(1.0)
    except Exception as error:
        print(type(error).__name__, [lock.is_locked for lock in cache._locks.values()])
"""


def test_what_cannot_be_compiled_keeps_nobody_waiting(compiler):
    """The lock of a compilation that failed, or was interrupted, is given back."""
    compiler.script.write_text(FAILING)
    assert compiler.run()[0].splitlines() == ["TypingError [False]"] * 2
