"""The software behind a fit, in words."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("pymc", "nutpie", "numba", "arviz", "xarray", "numpy", "scipy", "pandas", "formulaic")


@cache
def software() -> str:
    """Return the versions of this package, of Python and of the packages that numbers come from.

    Examples
    --------
    >>> software().split(", ")[0].startswith("bmco_pymc ")
    True
    """
    from bmco_pymc import __version__

    known = [f"bmco_pymc {__version__}", f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:  # not installed by pip, as in a frozen application
            continue
    return ", ".join(known)
