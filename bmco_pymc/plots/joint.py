"""The joint posterior of two outcomes' differences, and where the decision rules hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import NDArray

from bmco_pymc.arguments import texts, whole
from bmco_pymc.decision.decision import Decision, decide
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import BLUE, GREEN, INK, SKY, VERMILION
from bmco_pymc.posterior.differences import Differences

LEVELS = (0.95, 0.8, 0.5)  # shares of the posterior inside the contours
COLOURS = {"All": GREEN, "Any": SKY, "Comp": VERMILION}
WORDS = {
    "All": "All holds, and so does Any",
    "Any": "Any holds, All does not",
    "Comp": "Comp holds",
}

type Box = tuple[float, float, float, float]  # left, right, bottom, top


def plot_joint(
    effect: Differences,
    rule: Rule,
    *,
    outcomes: Sequence[str] | None = None,
    points: int = 2000,
) -> Figure:
    """See `Effect.plot_joint`."""
    whole("points", points, least=0)
    pair = _pair(effect, outcomes)
    delta = effect.delta.isel(outcome=pair)
    rules = {name: decide(delta, rule.named(name)) for name in ("All", "Any")}
    marks.boundary(rules["All"])
    if rule.w is not None or rule.rule == "Comp":
        rules["Comp"] = decide(delta, rule.named("Comp", weights=True))
    if rule.rule not in (None, *rules):
        raise InputError("rule", rule.rule, "has no region of its own in a picture", rules)
    shaded = ("All", "Any") if rule.rule is None else (rule.rule,)
    first, second = (effect.outcomes[k] for k in pair)
    several = len(effect.outcomes) > 2
    more = f"The rules are about {first} and {second} alone." if several else ""
    return joint(effect, rules, points, pair=pair, shaded=shaded, more=more)


def _pair(effect: Differences, outcomes: Sequence[str] | None) -> list[int]:
    """Return the places of the two outcomes to draw."""
    known = list(effect.outcomes)
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
    effect: Differences,
    rules: Mapping[str, Decision],
    points: int,
    *,
    pair: Sequence[int] = (0, 1),
    shaded: Sequence[str] = ("All", "Any"),
    more: str = "",
) -> Figure:
    """Draw two outcomes' δ; `rules` are about these two, see `plot_joint`."""
    delta = style.draws_of(effect)[:, list(pair)]  # (S, 2)
    sign, bounds = marks.boundary(rules["All"])
    figure, ((axes,),) = style.panels(6.6, 6.4)
    ends = [marks.limits(delta[:, k], float(bounds[k])) for k in (0, 1)]
    axes.set(xlim=ends[0], ylim=ends[1])
    everywhere: Box = (*ends[0], *ends[1])

    # of both axes the part short of the boundary, and the part beyond it
    (short_x, x), (short_y, y) = (
        [(low, bound), (bound, high)][::sign]
        for (low, high), bound in zip(ends, bounds.tolist(), strict=True)
    )
    regions: dict[str, list[Box]] = {
        "All": [(*x, *y)],
        "Any": [(*x, *short_y), (*short_x, *y)],
        "Comp": [(*x, *y)],  # a part of it, for the words
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
    marks.boundary_line(axes.axvline, float(bounds[0]))
    marks.boundary_line(axes.axhline, float(bounds[1]))

    some = style.spread_out(delta, points)
    axes.scatter(*some.T, s=5, color=BLUE, alpha=0.25, linewidths=0, zorder=2, gid="draws")
    has_contours = _contours(axes, style.spread_out(delta, 4000), everywhere)
    mean: dict[str, Any] = {"color": INK, "marker": "o", "markersize": 6, "linestyle": ""}
    axes.plot(*delta.mean(axis=0), **mean, markeredgecolor="white", zorder=5)
    if "Comp" in rules:
        _balance_line(axes, rules["Comp"], bounds)
    for name in shaded:
        _write_in(axes, regions[name], everywhere, delta, style.joint_text(rules[name]))
    labels = [style.delta_label(effect, k) for k in pair]
    axes.set(xlabel=labels[0], ylabel=labels[1])
    style.bare(axes)
    style.heading(axes, effect, more)

    words = WORDS if len(shaded) > 1 else {name: f"{name} holds" for name in shaded}
    handles: list[Artist] = [
        Patch(facecolor=COLOURS[name], alpha=0.3, label=words[name]) for name in shaded
    ]
    kind = style.kind(effect)
    if has_contours:
        shares = ", ".join(f"{level:.0%}" for level in sorted(LEVELS))
        handles.append(style.key(f"{shares} of the {kind}", BLUE))
    handles.append(style.key(f"{kind} mean", **mean))
    if "Comp" in rules:
        what = "Comp" if "Comp" in shaded else style.joint_text(rules["Comp"])
        handles.append(style.key(f"boundary of {what}", VERMILION, linestyle="-."))
    style.legend(figure, handles)
    return figure


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
    widths = (1.0, 1.4, 1.8)
    lines = axes.contour(x, y, height, levels, colors=BLUE, linewidths=widths, zorder=4)
    lines.set_gid("contours")
    return True


def _write_in(
    axes: Axes, boxes: Sequence[Box], everywhere: Box, delta: NDArray[np.float64], text: str
) -> None:
    """Write a text into that corner of a region where it hides the fewest draws."""
    width = 0.3 * (everywhere[1] - everywhere[0])
    height = 0.07 * (everywhere[3] - everywhere[2])

    def cost(corner: tuple[Box, str, str]) -> float:
        """Return the share of the draws that it hides, and that of the text outside its region."""
        (left, right, bottom, top), ha, va = corner
        x = right - width if ha == "right" else left
        y = top - height if va == "top" else bottom
        hidden = ((delta > (x, y)) & (delta < (x + width, y + height))).all(axis=1)
        return float(hidden.mean() + max(0.0, width - (right - left)) / width)

    corners = product(boxes, ("right", "left"), ("top", "bottom"))
    (left, right, bottom, top), ha, va = min(corners, key=cost)
    axes.annotate(
        text,
        (right if ha == "right" else left, top if va == "top" else bottom),
        xytext=(-6 if ha == "right" else 6, -6 if va == "top" else 6),
        textcoords="offset points",
        ha=ha,
        va=va,
        fontsize=10.5,
        fontweight="bold",
        color=INK,
        zorder=6,
    )
