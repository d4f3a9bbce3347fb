"""The log-density that NUTS samples, compiled by numba once for every model.

The functions here are the numerical core of the regressions: `elementary` has exp and log,
`likelihood` the cells, `centring` the clusters, `covariance` the prior of Sigma; `density` puts
them together and `callbacks` shows them to the sampler. Data come in one vector (`layout`), and the
arithmetic is done in one piece of memory (`workspace`), both seen as arrays through `memory`. The
sizes of a model are data like the rest, so nothing is compiled for a particular study. The PyMC
model that `build()` returns says the same in PyMC's words, through the same functions where that
matters for speed.

All functions become part of the one that the sampler calls (``inline``, ``forceinline``). If they
were called, a process that compiles them would have two copies of each, optimised apart, and use
the one that a process that loads them from disk does not have: sums in another order, and other
draws from the same seed.

These modules need numba; import them where they are used.
"""

import zlib
from pathlib import Path

_FILES = sorted(Path(__file__).parent.glob("*.py"))
SOURCE = zlib.crc32(b"".join(file.read_bytes() for file in _FILES))
"""A number made of all files here: caches of compiled code compare it."""
