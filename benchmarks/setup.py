"""What measurements were made with: two lines of results are comparable if this is the same."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).parent
READERS = ("report.py", "run.py", "test_ratios.py")  # change nothing that is measured
PACKAGES = ["bambi", "pymc", "pytensor", "nutpie", "numba", "numpy", "arviz", "pandas", "xarray"]


@dataclass(frozen=True)
class Setup:
    """A machine, an environment and a state of the sources.

    Attributes
    ----------
    machine : str
        Processor, cores, memory, system.
    packages : str
        Versions of Python and what matters.
    bambi : str
        The same of bambi's environment; empty without one.
    sources : str
        Fingerprint of the package and of what is timed.
    """

    machine: str
    packages: str
    bambi: str
    sources: str

    @property
    def name(self) -> str:
        """A short name of it."""
        return hashlib.sha256(repr(asdict(self)).encode()).hexdigest()[:8]


def this_setup(bambi_python: Path | None) -> Setup:
    """Return what a run here and now is made with."""
    packages = versions(sys.executable)
    other = versions(str(bambi_python)) if bambi_python else packages
    return Setup(machine(), packages, other if "bambi" in other else "", sources())


def versions(python: str) -> str:
    """Return the versions in the environment of an interpreter."""
    code = (
        "import sys, importlib.metadata as m\n"
        "def v(n):\n"
        "    try: return f'{n} {m.version(n)}'\n"
        "    except m.PackageNotFoundError: return ''\n"
        f"print('Python ' + sys.version.split()[0], *filter(None, map(v, {PACKAGES!r})), sep=', ')"
    )
    run = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def machine() -> str:
    """Return processor, cores, memory and system in words."""
    name = platform.processor() or platform.machine()
    cpuinfo, meminfo = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if cpuinfo.exists():
        facts = dict(line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
        name = {key.strip(): value.strip() for key, value in facts.items()}.get("model name", name)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = ""
    if meminfo.exists():
        kilobytes = int(meminfo.read_text().split()[1])  # MemTotal comes first
        memory = f", {kilobytes / 1024**2:.0f} GiB memory"
    return f"{name}, {cores} cores{memory}, {platform.system()}"


def sources() -> str:
    """Return a fingerprint of the sources that are timed."""
    package = sorted((HERE.parent / "bmco_pymc").rglob("*.py"))
    timed = [path for path in sorted(HERE.glob("*.py")) if path.name not in READERS]
    digest = hashlib.sha256()
    for path in (*package, *timed):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:8]
