"""The command line: ``bmco-pymc``, or ``python -m bmco_pymc``.

``demo``, ``fit``; of a fit that was kept ``effect``, ``check``, ``compare``, ``plot``, ``report``;
``power``, ``size``. It ends with a code that a script can look at:

==== ===========================================================================================
0    the result can be used
1    something unexpected went wrong, or the files could not be written
2    bad input: nothing was computed
3    there is a result, not to be used yet: not converged, too few draws, or of an interrupted fit
130  interrupted; if draws were made, the result from them is printed and written, marked so
==== ===========================================================================================
"""

from bmco_pymc.cli import asking, demonstration, drawing, fitting, planning  # they join the app
from bmco_pymc.cli.app import app

__all__ = ["app", "asking", "demonstration", "drawing", "fitting", "planning"]
