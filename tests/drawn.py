"""What a figure holds, for tests of pictures."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text


def titles(figure: Figure) -> list[str]:
    return [axes.get_title("left") for axes in figure.axes]


def written(figure: Figure) -> list[str]:
    """Return every text in a figure that is not empty, without trailing lines."""
    found = [text.get_text().strip() for text in figure.findobj(Text) if text.get_visible()]
    return [text for text in found if text]


def paragraph(figure: Figure) -> str:
    """Return all that is written, with line breaks as spaces."""
    return " ".join(" ".join(written(figure)).split())


def line(axes: Axes, gid: str) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the only line with this name."""
    (found,) = (artist for artist in axes.lines if artist.get_gid() == gid)
    return np.asarray(found.get_xdata(), float), np.asarray(found.get_ydata(), float)


def drawn_interval(axes: Axes, gid: str) -> tuple[float, float, float]:
    """Return mean, lower and upper of an interval as it is drawn."""
    lines = [artist for artist in axes.lines if artist.get_gid() == gid]
    ends: Any = [np.asarray(artist.get_xdata(), float) for artist in lines]
    outer = max(ends, key=np.ptp)
    mean, _ = line(axes, f"{gid} mean")
    return float(mean[0]), float(outer[0]), float(outer[1])


def collection(axes: Axes, gid: str) -> Any:
    (found,) = (artist for artist in axes.collections if artist.get_gid() == gid)
    return found


def row_labels(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]
