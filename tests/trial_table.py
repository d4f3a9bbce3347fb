"""A small trial for tests of Study: six sites with both groups, nothing in it to remark on."""

from typing import Any

import numpy as np
import pandas as pd

from bmco_pymc.data.study import Study


def table(n: int = 60, /, **columns: Any) -> pd.DataFrame:
    """Return n rows, "old" and "new" in turn, with further columns or other ones."""
    place = np.arange(n)
    frame = {
        "maths": (place % 5 < 2).astype(int),
        "reading": (place % 7 < 3).astype(int),
        "arm": np.where(place % 2, "new", "old"),
        "site": place // 2 % 6,
    }
    return pd.DataFrame(frame | columns)


def study(data: Any, outcomes: Any = ("maths", "reading"), **changes: Any) -> Study:
    """Return the study of a table, new minus old, with some arguments changed."""
    roles = {"group": "arm", "control": "old", "treatment": "new"} | changes
    return Study(data, outcomes, **roles)
