"""What a figure holds, for tests of pictures."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


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


def places(figure: Figure) -> dict[Text, Bbox]:
    """Return where each text is that is drawn, once the layout is made."""
    found: dict[Text, Bbox] = {}
    original = Text.draw

    def draw(self: Text, renderer: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            found[self] = self.get_window_extent(renderer)
        original(self, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        figure.draw_without_rendering()
    return found


def unreadable(figure: Figure) -> list[str]:
    """Return texts that run over each other, or over the edge of the figure.

    The heading keeps room for the words below it. Of texts at an angle, such as the levels of
    contours, the frame is larger than they are.
    """
    head = figure._suptitle  # type: ignore[attr-defined]
    upright = {t: at for t, at in places(figure).items() if t.get_rotation() % 90 == 0}
    below = [t for t in figure.artists if isinstance(t, Text)]
    touching = [
        f"{one.get_text()!r} over {other.get_text()!r}"
        for (one, at), (other, there) in combinations(upright.items(), 2)
        if at.padded(-1).overlaps(there.padded(-1))
        and not ({one, other} & {head} and {one, other} & set(below))
    ]
    whole = figure.bbox.padded(2)
    cut = [
        f"{t.get_text()!r} at the edge"
        for t, at in upright.items()
        if not (whole.x0 <= at.x0 and at.x1 <= whole.x1)
        or not (whole.y0 <= at.y0 and at.y1 <= whole.y1)
    ]
    return touching + cut
