"""The joint posterior of two outcomes' differences, and where the decision rules hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import NDArray

from bmco_pymc.arguments import texts
from bmco_pymc.decision import Decision, decide
from bmco_pymc.effect import Effect
from bmco_pymc.errors import InputError
from bmco_pymc.per_outcome import PerOutcome
from bmco_pymc.picture import (
    BLUE,
    GREEN,
    INK,
    SKY,
    VERMILION,
    Picture,
    delta_label,
    draws_of,
    heading,
    joint_text,
    kind,
    legend,
    spread_out,
    style,
)
from bmco_pymc.plots.marks import boundary, boundary_line, check_whole, limits

LEVELS = (0.95, 0.8, 0.5)  # shares of the posterior inside the contours
COLOURS = {"All": GREEN, "Any": SKY, "Comp": VERMILION}
WORDS = {
    "All": "All holds, and so does Any",
    "Any": "Any holds, All does not",
    "Comp": "Comp holds",
}

type Box = tuple[float, float, float, float]  # left, right, bottom, top


def plot_joint(
    effect: Effect,
    rule: str | None = None,
    direction: str = "right",
    margins: PerOutcome = 0.0,
    w: PerOutcome | None = None,
    *,
    outcomes: Sequence[str] | None = None,
    points: int = 2000,
) -> Figure:
    """Draw the joint posterior of two outcomes' δ, with the regions where rules hold.

    Parameters
    ----------
    effect : Effect
        What to draw.
    rule : {"All", "Any", "Comp"}, optional
        The rule whose region to shade; All and Any together if not given.
    direction : {"right", "left"}
        Whether the rules look at δ or at −δ.
    margins : float, sequence or mapping
        Margin of each of the two outcomes, as in `Effect.decide`.
    w : sequence or mapping, optional
        Weights of the two outcomes for Comp, whose boundary is drawn if they are given.
    outcomes : pair of str, optional
        Which two, across and upwards; needed for three outcomes and more. The rules are then about
        these two alone.
    points : int
        How many draws to show as points, at most.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was drawn.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> figure = bmco.BMVB(study).fit(seed=1).effect().plot_joint("comp", w=[0.8, 0.2])
    >>> figure.axes[0].get_ylabel()
    'δ of y2 (trt − ctl)'
    """
    check_whole("points", points, 0)
    pair = _pair(effect, outcomes)
    names = [str(effect.delta["outcome"].values[k]) for k in pair]
    delta = effect.delta.isel(outcome=pair)
    chosen = None
    if rule is not None:
        chosen = decide(delta, rule, direction, margins, w if _is_comp(rule) else None).rule
    rules = {name: decide(delta, name, direction, margins) for name in ("All", "Any")}
    if len(rules["All"].sides) > 1:
        problem = "a picture shows one side; for two-sided decisions draw each"
        raise InputError("direction", direction, problem, ["right", "left"])
    if w is not None or chosen == "Comp":
        rules["Comp"] = decide(delta, "Comp", direction, margins, w)
    shaded = ("All", "Any") if chosen is None else (chosen,)
    more = ""
    if len(effect.delta["outcome"]) > 2:
        more = f"The rules are about {names[0]} and {names[1]} alone."
    return joint(effect, rules, points, pair=pair, shaded=shaded, more=more)


def _is_comp(rule: object) -> bool:
    return isinstance(rule, str) and rule.strip().lower() == "comp"


def _pair(effect: Effect, outcomes: Sequence[str] | None) -> list[int]:
    """Return the places of the two outcomes to draw."""
    known = [str(name) for name in effect.delta["outcome"].values]
    if len(known) < 2:
        raise InputError("effect", known, "has one outcome: use plot_delta or plot_effect")
    if outcomes is None:
        if len(known) > 2:
            problem = f"say which two of the {len(known)} outcomes, as in outcomes={known[:2]!r}"
            raise InputError("outcomes", None, problem, known)
        return [0, 1]
    pair = texts("outcomes", outcomes, "must be two different outcomes")
    if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(known):
        raise InputError("outcomes", outcomes, "must be two different outcomes", known)
    return [known.index(name) for name in pair]


def joint(
    effect: Effect,
    rules: Mapping[str, Decision],
    points: int,
    *,
    pair: Sequence[int] = (0, 1),
    shaded: Sequence[str] = ("All", "Any"),
    more: str = "",
) -> Figure:
    """Draw two outcomes' δ; `rules` are about these two, see `plot_joint`."""
    delta = draws_of(effect)[:, list(pair)]  # (S, 2)
    sign, bounds = boundary(rules["All"])
    figure = Picture(figsize=(6.6, 6.4), layout="constrained")
    axes = figure.add_subplot()
    ends = [limits(delta[:, k], float(bounds[k])) for k in (0, 1)]
    axes.set(xlim=ends[0], ylim=ends[1])
    everywhere: Box = (*ends[0], *ends[1])

    beyond = [_beyond(ends[k], float(bounds[k]), sign) for k in (0, 1)]
    short = [_beyond(ends[k], float(bounds[k]), -sign) for k in (0, 1)]
    regions: dict[str, list[Box]] = {
        "All": [(*beyond[0], *beyond[1])],
        "Any": [(*beyond[0], *short[1]), (*short[0], *beyond[1])],
        "Comp": [(*beyond[0], *beyond[1])],  # a part of it, for the words
    }
    if shaded == ("Any",):
        regions["Any"] += regions["All"]
    for name in shaded:
        look: dict[str, Any] = {
            "facecolor": COLOURS[name],
            "alpha": 0.2,
            "linewidth": 0,
            "zorder": 0,
            "gid": name,
        }
        if name == "Comp":
            axes.add_patch(Polygon(_half_plane(rules[name], sign, bounds, everywhere), **look))
            continue
        for left, right, bottom, top in regions[name]:
            axes.add_patch(Rectangle((left, bottom), right - left, top - bottom, **look))
    boundary_line(axes.axvline, float(bounds[0]))
    boundary_line(axes.axhline, float(bounds[1]))

    some = spread_out(delta, points)
    axes.scatter(
        some[:, 0], some[:, 1], s=5, color=BLUE, alpha=0.25, linewidths=0, zorder=2, gid="draws"
    )
    has_contours = _contours(axes, spread_out(delta, 4000), everywhere)
    mean = delta.mean(axis=0)
    axes.plot(*mean, marker="o", color=INK, markersize=6, markeredgecolor="white", zorder=5)

    if "Comp" in rules:
        _balance_line(axes, rules["Comp"], bounds)
    for name in shaded:
        _write_in(axes, regions[name], everywhere, delta, joint_text(rules[name]))
    for k, side in enumerate(("x", "y")):
        axes.set(**{f"{side}label": delta_label(effect, pair[k])})
    style(axes)
    heading(axes, effect, more=more)
    words = WORDS if len(shaded) > 1 else {name: f"{name} holds" for name in shaded}
    handles: list[Artist] = [
        Patch(facecolor=COLOURS[name], alpha=0.3, label=words[name]) for name in shaded
    ]
    if has_contours:
        shares = ", ".join(f"{level:.0%}" for level in sorted(LEVELS))
        handles.append(Line2D([], [], color=BLUE, label=f"{shares} of the {kind(effect)}"))
    handles.append(
        Line2D(
            [], [], color=INK, marker="o", linestyle="", markersize=6, label=f"{kind(effect)} mean"
        )
    )
    if "Comp" in rules:
        text = (
            "boundary of Comp" if "Comp" in shaded else f"boundary of {joint_text(rules['Comp'])}"
        )
        handles.append(Line2D([], [], color=VERMILION, linestyle="-.", label=text))
    legend(figure, handles)
    return figure


def _beyond(ends: tuple[float, float], bound: float, sign: int) -> tuple[float, float]:
    """Return the part of an axis beyond a boundary."""
    return (bound, ends[1]) if sign > 0 else (ends[0], bound)


def _half_plane(
    comp: Decision, sign: int, bounds: NDArray[np.float64], box: Box
) -> NDArray[np.float64]:
    """Return the corners of that part of a box where w'δ is beyond w'm, shape (n, 2)."""
    left, right, bottom, top = box
    corners = np.array([(left, bottom), (right, bottom), (right, top), (left, top)])
    excess = sign * (corners - bounds) @ np.array(comp.weights)  # (4,)
    kept = []
    for here, there, e, f in zip(
        corners, np.roll(corners, -1, axis=0), excess, np.roll(excess, -1), strict=True
    ):
        if e >= 0:
            kept.append(here)
        if e * f < 0:
            kept.append(here + (there - here) * e / (e - f))
    return np.array(kept)


def _balance_line(axes: Axes, comp: Decision, bounds: NDArray[np.float64]) -> None:
    """Draw the line w'δ = w'm through the point where both margins meet."""
    assert comp.weights is not None
    a, b = comp.weights
    ahead = (bounds[0] + b, bounds[1] - a)
    axes.axline(
        bounds.tolist(), ahead, color=VERMILION, linestyle="-.", linewidth=1.4, zorder=3, gid="Comp"
    )


def _contours(axes: Axes, draws: NDArray[np.float64], box: Box) -> bool:
    """Draw the smallest regions that hold given shares of the posterior, if it has a density."""
    from scipy.stats import gaussian_kde

    if len(draws) < 50 or np.linalg.matrix_rank(np.cov(draws.T)) < 2:
        return False
    density = gaussian_kde(draws.T)
    density.set_bandwidth(1.25 * density.factor)  # contours show chance bumps more than shades do
    x, y = np.meshgrid(np.linspace(box[0], box[1], 90), np.linspace(box[2], box[3], 90))
    height = density(np.stack([x.ravel(), y.ravel()])).reshape(x.shape)
    levels = np.quantile(density(draws.T), [1 - level for level in LEVELS])
    axes.contour(
        x, y, height, levels=levels, colors=BLUE, linewidths=(1.0, 1.4, 1.8), zorder=4
    ).set_gid("contours")
    return True


def _write_in(
    axes: Axes, boxes: Sequence[Box], everywhere: Box, delta: NDArray[np.float64], text: str
) -> None:
    """Write a text into that corner of a region where it hides the fewest draws."""
    width = 0.3 * (everywhere[1] - everywhere[0])
    height = 0.07 * (everywhere[3] - everywhere[2])
    best: tuple[float, dict[str, Any]] | None = None
    for left, right, bottom, top in boxes:
        for ha, x in (("right", right), ("left", left)):
            for va, y in (("top", top), ("bottom", bottom)):
                start = x - width if ha == "right" else x
                floor = y - height if va == "top" else y
                hidden = np.mean(
                    (delta[:, 0] > start)
                    & (delta[:, 0] < start + width)
                    & (delta[:, 1] > floor)
                    & (delta[:, 1] < floor + height)
                )
                cramped = (
                    max(0.0, width - (right - left)) / width
                )  # of the text, outside its region
                if best is None or hidden + cramped < best[0]:
                    best = hidden + cramped, {"x": x, "y": y, "ha": ha, "va": va}
    assert best is not None
    place = best[1]
    axes.annotate(
        text,
        (place["x"], place["y"]),
        xytext=(-6 if place["ha"] == "right" else 6, -6 if place["va"] == "top" else 6),
        textcoords="offset points",
        ha=place["ha"],
        va=place["va"],
        fontsize=10.5,
        fontweight="bold",
        color=INK,
        zorder=6,
    )
