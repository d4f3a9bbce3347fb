"""What every picture has: colours, words, a heading, a legend; and the draws of an effect.

Colours are Okabe and Ito's, which people with any colour vision can tell apart; what matters is
also told apart by place and words.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from numpy.typing import NDArray

from bmco_pymc.data.frames import text
from bmco_pymc.decision.decision import Decision, Side
from bmco_pymc.decision.probability import shown
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.escapes import visible
from bmco_pymc.posterior.differences import Differences

GREEN, SKY, BLUE, VERMILION = "#009E73", "#56B4E9", "#0072B2", "#D55E00"
ORANGE, YELLOW, PURPLE = "#E69F00", "#F0E442", "#CC79A7"
INK, GREY = "#222222", "#666666"
COLUMN = 4.9  # inches of a picture that a journal prints in a column of 3.3: 8.5 points become 6
PAD = 0.12  # inches beside the panels of a figure
MOST = 8  # lines of words above a figure
GROUPS = (ORANGE, BLUE)  # control, treatment
SMALL: dict[str, Any] = {"fontsize": 8.5, "color": GREY}
LARGE: dict[str, Any] = {"fontsize": 12, "fontweight": "bold"}
HOLLOW: dict[str, Any] = {"marker": "o", "markerfacecolor": "white"}
NOT_YET = "do not use this yet"


class Picture(Figure):
    """A figure that a notebook shows by itself, whether pyplot is in use or not.

    Its texts are words and labels of the user: a ``$`` in them is a dollar, not mathematics, and
    what a browser may not be given has no place in the ids of an SVG.
    """

    reflow: Callable[[], None] | None = None  # breaks the heading at the figure's width

    def draw(self, renderer: Any) -> None:
        """Draw the figure, which is when ticks get their texts."""
        if self.reflow is not None:
            self.reflow()
        plain(self)
        with rc_context({"text.parse_math": False, "text.usetex": False}):
            super().draw(renderer)

    @property
    def alt(self) -> str:
        """What the picture shows, for readers who do not see it: its headings and names."""
        heads = [self.get_suptitle(), *(one.get_text() for one in self.findobj(Annotation))]
        parts: list[Any] = []
        for axes in self.axes:
            parts += [axes.get_title("left") or axes.get_title(), axes.get_xlabel()]
            parts += [axes.get_ylabel()]
        keys = [text.get_text() for one in self.legends for text in one.get_texts()]
        lines = [" ".join(str(part).split()) for part in [*heads, *parts, *keys]]
        return "; ".join(dict.fromkeys(filter(None, lines)))

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=100)
        return file.getvalue(), {"alt": self.alt}

    def _repr_mimebundle_(self, **wanted: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Come before what pyplot tells notebooks of any figure, which has no words."""
        picture, about = self._repr_png_()
        return {"image/png": picture}, {"image/png": about}


def plain(figure: Figure) -> None:
    """Let all that is written in a figure be what it is: no mathematics, no orders."""
    for artist in figure.findobj():
        if isinstance(artist, Text):
            artist.set_parse_math(False)
            artist.set_usetex(False)
        if gid := artist.get_gid():
            artist.set_gid(visible(gid))


def caption(label: object, most: int = 40) -> str:
    r"""Return a label of the user as a picture shows it: on one line, its middle cut if it is long.

    Examples
    --------
    >>> caption("passed\nmaths"), caption("one two three four five", most=12)
    ('passed\\nmaths', 'one tw… five')
    """
    shown = visible(text(label))
    half = most // 2
    return shown if len(shown) <= most else f"{shown[:half]}…{shown[half + 1 - most :]}"


def captions(labels: Iterable[object], most: int) -> list[str]:
    """Return labels that share a line of so many characters, the longest ones cut.

    Examples
    --------
    >>> captions(["ctl", "one two three four five"], most=15)
    ['ctl', 'one tw… five']
    """
    shown = [visible(text(label)) for label in labels]
    longest = next(n for n in range(most, 0, -1) if sum(min(len(s), n) for s in shown) <= most)
    return [caption(label, longest) for label in shown]


def room_for(labels: Iterable[str], fontsize: float = 10) -> float:
    """Return about how wide the longest of some labels is, in inches."""
    return 0.6 * fontsize / 72 * max(map(len, labels))


def draws_of(effect: Differences) -> NDArray[np.float64]:
    """Return the draws of δ with the chains joined, shape (S, K)."""
    values = effect.delta.transpose("chain", "draw", "outcome").values
    return values.reshape(-1, values.shape[-1])


def spread_out[T: NDArray[Any]](draws: T, most: int) -> T:
    """Return at most so many draws, at equal steps from the first to the last."""
    if len(draws) <= most:
        return draws
    return draws[np.linspace(0, len(draws) - 1, most).round().astype(int)]


def brief(probability: float, mcse: float, bound: float | None, equals: str = "= ") -> str:
    """Return a probability to three decimals, more where they would show 0 or 1.

    Examples
    --------
    >>> brief(0.9546, 0.002, None), brief(0.9998, 0.0001, None), brief(1, 0, 0.99946)
    ('= 0.955', '= 0.9998', '> 0.9994')
    """
    rounded = f"{probability:.3f}"
    if (bound is None or math.isnan(bound)) and rounded not in ("0.000", "1.000"):
        return equals + rounded
    return shown(probability, mcse, bound, equals=equals).split(" (")[0]


def kind(effect: Differences) -> str:
    """Return what the draws are from."""
    return "prior" if effect.posterior.is_prior else "posterior"


def chance(side: Side, equals: str = "= ") -> str:
    """Return the joint probability of one side."""
    return brief(side.probability, side.mcse, side.bound, equals)


def chances(side: Side, equals: str = "= ") -> list[str]:
    """Return the probability of each outcome alone."""
    numbers = zip(side.marginal, side.marginal_mcse, side.marginal_bound, strict=True)
    return [brief(float(p), float(mcse), float(bound), equals) for p, mcse, bound in numbers]


def joint_text(decision: Decision) -> str:
    """Return the name of a rule and its joint probability."""
    return f"{decision.rule}: P {chance(decision.sides[0])}"


def delta_label(effect: Differences, k: int | None) -> str:
    """Return the label of an axis: of one outcome, on two lines, or of all."""
    if k is None:
        control, treatment = captions(effect.groups, 50)
        return f"δ ({treatment} − {control})"
    control, treatment = captions(effect.groups, 36)
    return f"δ of {caption(effect.outcomes[k], 36)}\n({treatment} − {control})"


def contrast(groups: Sequence[object]) -> str:
    """Return what δ is the difference of."""
    control, treatment = map(caption, groups)
    return f"δ = {treatment} − {control}"


def panels(
    width: float, height: float, rows: int = 1, columns: int = 1, **shared: Any
) -> tuple[Picture, NDArray[Any]]:
    """Return a figure of so many inches and its axes, shape (rows, columns)."""
    figure = Picture(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared)


def panel_title(axes: Axes, title: str, size: float = 10.5) -> None:
    """Write above a panel what it is of."""
    axes.set_title(title, loc="left", fontsize=size, fontweight="bold", color=INK)


def heading(figure: Figure, effect: Differences, more: str = "") -> None:
    """Write above a figure what is shown of the differences, or that it must not be used."""
    title = f"{kind(effect).title()} of the differences in success probability"
    cut_short = effect.posterior.cut_short
    words = f"{effect.estimand} {more}"
    figure_heading(figure, title, words, effect.diagnostics, cut_short.capitalize())


def figure_heading(
    figure: Figure,
    title: str,
    words: str,
    diagnostics: Diagnostics | None = None,
    warning: str = "",
) -> None:
    """Write above a figure what is shown, or that it must not be used, and below it more words.

    Without diagnostics the title stands as it is; a warning stands before it.
    """
    figure.set_layout_engine("constrained", w_pad=PAD)
    head, colour = _title(title, diagnostics)
    if warning:
        head, colour = f"{warning}: {head}", VERMILION
    above = figure.suptitle(head, x=PAD / figure.get_figwidth(), ha="left", color=colour, **LARGE)
    at: dict[str, Any] = {"xy": (0, 1), "xycoords": above, "va": "top"}
    below = Annotation("", xytext=(0, 0), textcoords="offset points", **at, **SMALL)
    figure.add_artist(below).set_in_layout(False)
    reflow = partial(_reflow, figure, above, below, head, words)
    reflow()
    if isinstance(figure, Picture):
        figure.reflow = reflow


def _reflow(figure: Figure, above: Text, below: Annotation, title: str, words: str) -> None:
    """Break title and words where the figure ends, which somebody may have made narrower."""
    width = figure.get_figwidth()
    titles = textwrap.wrap(title, int(8.5 * width)) or [""]
    lines = wrapped(words, int(13.6 * width))
    # The title's empty lines keep room for the words, which are smaller and of another colour.
    above.set_text("\n".join(titles) + "\n" * math.ceil(0.76 * len(lines) + 0.23))
    above.set_x(PAD / width)
    below.set_text("\n".join(lines))
    below.set_position((0, -4.6 - 14.4 * len(titles)))


def wrapped(words: str, width: int) -> list[str]:
    """Return words on lines of at most so many characters, and not too many lines."""
    return textwrap.wrap(
        visible(words), width, break_on_hyphens=False, max_lines=MOST, placeholder=" …"
    )


def _title(title: str, diagnostics: Diagnostics | None) -> tuple[str, str]:
    """Return a heading and its colour; draws that are not good enough have another."""
    if diagnostics is None or diagnostics.ok:
        return title, INK
    return f"{diagnostics.head}: {NOT_YET}", VERMILION


def bare(axes: Axes) -> None:
    """Take away what carries no information."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)


def key(label: str, color: str, **look: Any) -> Line2D:
    """Return what stands for lines or marks in a legend."""
    return Line2D([], [], color=color, label=label, **look)


def legend(
    figure: Figure,
    handles: Sequence[Artist],
    columns: int = 2,
    loc: Literal["outside lower center", "outside lower left"] = "outside lower center",
    **more: Any,
) -> Legend:
    """Put a legend below everything, in at most so many columns: as many as there is room for."""
    # matplotlib leaves out what begins with an underscore
    labels = [re.sub("^_", " _", str(handle.get_label())) for handle in handles]
    room = figure.get_figwidth() - 2 * PAD
    columns = next((n for n in range(columns, 1, -1) if _width(labels, n) <= room), 1)
    return figure.legend(handles, labels, loc=loc, ncols=columns, frameon=False, fontsize=9, **more)


def _width(labels: Sequence[str], columns: int) -> float:
    """Return about how wide a legend is, in inches: it is filled column by column."""
    rows = math.ceil(len(labels) / columns)
    parts = [labels[start : start + rows] for start in range(0, len(labels), rows)]
    return sum(room_for(part, 8) + 0.6 for part in parts)
