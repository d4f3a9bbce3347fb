"""What imports cost; apart from the other measurements because those import pandas themselves."""

import sys
import time
from collections.abc import Callable

HEAVY = ("pymc", "pytensor", "arviz", "formulaic", "matplotlib", "nutpie", "numba")


def package(since_start: Callable[[], float]) -> dict[str, float]:
    """Import the package."""
    start = time.perf_counter()
    import bmco_pymc  # noqa: F401

    seconds = time.perf_counter() - start
    return {"import_s": seconds, "heavy": sum(name in sys.modules for name in HEAVY)}


def frames(since_start: Callable[[], float]) -> dict[str, float]:
    """Import pandas and xarray, which the package cannot do without."""
    start = time.perf_counter()
    import xarray  # noqa: F401

    return {"import_s": time.perf_counter() - start}
