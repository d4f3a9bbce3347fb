"""The joint posterior of two outcomes' differences, and where the decision rules hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import Container
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.patches import Patch, Polygon, Rectangle
from numpy.typing import NDArray

from bmco_pymc.arguments import texts, whole
from bmco_pymc.decision.decision import Decision, decide
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.quadrants import (
    BOTH,
    FIRST,
    HALO,
    SECOND,
    SIDE,
    Box,
    chances,
    label,
    quadrants,
    write_in,
)
from bmco_pymc.plots.style import BLUE, GREEN, INK, SKY, VERMILION
from bmco_pymc.posterior.differences import Differences

LEVELS = (0.95, 0.8, 0.5)  # shares of the posterior inside the contours
COLOURS = {"All": GREEN, "Any": SKY, "Comp": VERMILION}
SHADES = {"All": 0.32, "Any": 0.18, "Comp": 0.2}  # apart in grey too
WORDS = {"All": "All holds, and so does Any", "Any": "Any holds, All does not"}


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
    delta, exact = effect.delta.isel(outcome=pair), effect.diagnostics.exact
    rules = {name: decide(delta, rule.named(name), independent=exact) for name in ("All", "Any")}
    marks.boundary(rules["All"])
    if rule.w is not None or rule.rule == "Comp":
        comp = rule.named("Comp", weights=True)
        rules["Comp"] = decide(delta, comp, independent=exact)
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
    figure, ((axes,),) = style.panels(style.COLUMN, 5.9)
    ends = [marks.limits(delta[:, k], float(bounds[k]), edge=0.4) for k in (0, 1)]
    axes.set(xlim=ends[0], ylim=ends[1])
    everywhere: Box = (*ends[0], *ends[1])

    boxes = quadrants(everywhere, bounds, sign)
    parts = {"All": [BOTH], "Any": [FIRST, SECOND], "Comp": [BOTH]}
    if shaded == ("Any",):
        parts["Any"] = [BOTH, FIRST, SECOND]
    for name in shaded:
        look: dict[str, Any] = {"facecolor": COLOURS[name], "alpha": SHADES[name], "gid": name}
        look |= {"linewidth": 0, "zorder": 0}
        if name == "Comp":
            axes.add_patch(Polygon(_half_plane(rules[name], sign, bounds, everywhere), **look))
            continue
        for left, right, bottom, top in (boxes[part] for part in parts[name]):
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
    found = chances(effect, rules["All"], pair)
    words = {BOTH: BOTH if shaded == ("Any",) else "All"}
    if shaded == ("Comp",):
        words[BOTH], found[BOTH] = "Comp", style.chance(rules["Comp"].sides[0])
    words |= {part: effect.outcomes[k] for part, k in zip((FIRST, SECOND), pair, strict=True)}
    for part in (part for name in shaded for part in parts[name]):
        room = SIDE * (boxes[part][1] - boxes[part][0]) / (ends[0][1] - ends[0][0])
        text = label(words[part], found[part], room, alone=part != BOTH)
        write_in(axes, boxes[part], everywhere, delta, text, strong=part == BOTH)
    x, y = (style.delta_label(effect, k) for k in pair)
    axes.set(xlabel=x, ylabel=y)
    style.bare(axes)
    style.heading(figure, effect, more)

    handles = _areas(shaded, rules["Any"])
    kind = style.kind(effect)
    if has_contours:
        shares = ", ".join(f"{level:.0%}" for level in sorted(LEVELS))
        handles.append(style.key(f"{shares} of the {kind}", BLUE))
    handles.append(style.key(f"{kind} mean", **mean))
    if "Comp" in rules:
        chance = style.chance(rules["Comp"].sides[0])
        beyond = "" if "Comp" in shaded else f", beyond it P {chance}"
        handles.append(style.key(f"boundary of Comp{beyond}", VERMILION, linestyle="-."))
    style.legend(figure, handles, handler_map={Container: HandlerTuple(ndivide=None)})
    return figure


def _areas(shaded: Sequence[str], rule_any: Decision) -> list[Artist]:
    """Return what the legend says of the shaded areas.

    Any has its probability here: it is that of several areas, so it can stand in none of them.
    """
    words = {name: f"{name} holds" for name in shaded} if len(shaded) == 1 else WORDS
    whole = style.joint_text(rule_any)
    if shaded == ("Any",):
        words = {"Any": f"{whole}, wherever it is shaded"}
    patches = [
        Patch(facecolor=COLOURS[name], alpha=SHADES[name], label=words[name]) for name in shaded
    ]
    together: Any = Container(patches, label=f"{whole}, both areas together")
    return [*patches, together] if len(shaded) > 1 else [*patches]


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
    room = 0.2 * np.ptp(draws, axis=0)  # a cloud may be small on its axes
    low = np.maximum(draws.min(axis=0) - room, (box[0], box[2]))
    high = np.minimum(draws.max(axis=0) + room, (box[1], box[3]))
    x, y = np.meshgrid(*np.linspace(low, high, 90).T)
    height = density(np.stack([x.ravel(), y.ravel()])).reshape(x.shape)
    levels = np.quantile(density(draws.T), [1 - level for level in LEVELS])
    widths = (1.0, 1.4, 1.8)
    lines = axes.contour(x, y, height, levels, colors=BLUE, linewidths=widths, zorder=4)
    lines.set_gid("contours")
    outer, *_, inner = (np.array(path.get_extents().size) for path in lines.get_paths())
    apart = SIDE * (outer - inner) / (box[1] - box[0], box[3] - box[2]) / 4
    if apart.min() > 10:  # points from line to line
        texts = [f"{level:.0%}" for level in LEVELS]
        shares = dict(zip(lines.levels, texts, strict=True))
        for text in axes.clabel(lines, fmt=shares, inline=False, fontsize=9, colors=BLUE, zorder=5):
            text.set(path_effects=HALO, fontweight="bold", gid="level")
    return True
