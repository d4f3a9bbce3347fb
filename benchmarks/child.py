"""One measurement in a fresh process: ``python -m benchmarks.child CALL ARGUMENTS REPORT START``.

Imports as little as it can, because what a measurement imports is part of what it costs.
"""

import json
import resource
import sys
import time
from importlib import import_module

MEGABYTE = 1024 if sys.platform != "darwin" else 1024**2  # of ru_maxrss


def main() -> None:
    """Call ``module:function`` with arguments in JSON, write what it returns to a file as JSON.

    START is the parent's ``time.monotonic()``, which all processes of a machine share, so that the
    time an answer takes counts from before the interpreter starts.
    """
    call, arguments, report, start = sys.argv[1:]
    module, function = call.split(":")

    def since_start() -> float:
        return time.monotonic() - float(start)

    measures = getattr(import_module(f"benchmarks.{module}"), function)(
        since_start, **json.loads(arguments)
    )
    measures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    with open(report, "w", encoding="utf-8") as file:
        json.dump(measures, file)


if __name__ == "__main__":
    main()
