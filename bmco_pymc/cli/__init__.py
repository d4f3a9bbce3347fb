"""The command line: ``bmco-pymc demo``, ``fit``, ``power``, ``size``; or ``python -m bmco_pymc``.

It ends with a code that a script can look at:

==== ===========================================================================================
0    the result can be used
1    something unexpected went wrong, or the files could not be written
2    bad input: nothing was computed
3    there is a result, not to be used yet: not converged, or too few draws
130  interrupted; if draws were made, the result from them is printed and written, marked so
==== ===========================================================================================
"""

from bmco_pymc.cli import planning  # its commands join those of the app
from bmco_pymc.cli.commands import app

__all__ = ["app", "planning"]
