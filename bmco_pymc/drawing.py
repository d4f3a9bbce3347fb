"""How `plot_effect` draws two outcomes together, or any number of them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from bmco_pymc.decision import Decision
from bmco_pymc.effect import Effect
from bmco_pymc.picture import (
    BLUE,
    GREEN,
    GREY,
    INK,
    SKY,
    VERMILION,
    Picture,
    brief,
    delta_label,
    draws_of,
    heading,
    joint_text,
    kind,
    legend,
    spread_out,
    style,
)

LEVELS = (0.95, 0.8, 0.5)  # shares of the posterior inside the contours

type Box = tuple[float, float, float, float]  # left, right, bottom, top


def joint(effect: Effect, rules: Mapping[str, Decision], points: int) -> Figure:
    """Draw the joint posterior of two outcomes' δ; see `bmco_pymc.plots.plot_effect`."""
    delta = draws_of(effect)  # (S, 2)
    sign, bounds = _boundary(rules["All"])
    figure = Picture(figsize=(6.6, 6.4), layout="constrained")
    axes = figure.add_subplot()
    limits = [_limits(delta[:, k], float(bounds[k])) for k in (0, 1)]
    axes.set(xlim=limits[0], ylim=limits[1])
    everywhere: Box = (*limits[0], *limits[1])

    beyond = [_beyond(limits[k], float(bounds[k]), sign) for k in (0, 1)]
    short = [_beyond(limits[k], float(bounds[k]), -sign) for k in (0, 1)]
    regions: dict[str, list[Box]] = {
        "All": [(*beyond[0], *beyond[1])],
        "Any": [(*beyond[0], *short[1]), (*short[0], *beyond[1])],
    }
    for name, colour in (("All", GREEN), ("Any", SKY)):
        for left, right, bottom, top in regions[name]:
            axes.add_patch(
                Rectangle(
                    (left, bottom),
                    right - left,
                    top - bottom,
                    facecolor=colour,
                    alpha=0.2,
                    linewidth=0,
                    zorder=0,
                    gid=name,
                )
            )
    _boundary_line(axes.axvline, float(bounds[0]))
    _boundary_line(axes.axhline, float(bounds[1]))

    some = spread_out(delta, points)
    axes.scatter(
        some[:, 0], some[:, 1], s=5, color=BLUE, alpha=0.25, linewidths=0, zorder=2, gid="draws"
    )
    has_contours = _contours(axes, spread_out(delta, 4000), everywhere)
    mean = delta.mean(axis=0)
    axes.plot(*mean, marker="o", color=INK, markersize=6, markeredgecolor="white", zorder=5)

    if "Comp" in rules:
        _balance_line(axes, rules["Comp"], bounds)
    for name in ("All", "Any"):
        _write_in(axes, regions[name], everywhere, delta, joint_text(rules[name]))
    for k, side in enumerate(("x", "y")):
        axes.set(**{f"{side}label": delta_label(effect, k)})
        getattr(axes, f"{side}axis").label.set_parse_math(False)
    style(axes)
    heading(axes, effect)
    handles: list[Artist] = [
        Patch(facecolor=GREEN, alpha=0.3, label="All holds, and so does Any"),
        Patch(facecolor=SKY, alpha=0.3, label="Any holds, All does not"),
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
        text = f"boundary of {joint_text(rules['Comp'])}"
        handles.append(Line2D([], [], color=VERMILION, linestyle="-.", label=text))
    legend(figure, handles)
    return figure


def separate(effect: Effect, rules: Mapping[str, Decision], points: int) -> Figure:
    """Draw one density of δ per outcome, the first on top."""
    delta = draws_of(effect)  # (S, K)
    sign, bounds = _boundary(rules["All"])
    side = rules["All"].sides[0]
    n_outcomes = delta.shape[1]
    figure = Picture(figsize=(6.6, 2.4 + 1.1 * n_outcomes), layout="constrained")
    axes = figure.add_subplot()
    relation = ">" if sign > 0 else "<"
    limits = _limits(delta, *bounds.tolist())
    x = np.linspace(*limits, 401)
    for k, outcome in enumerate(rules["All"].outcomes):
        base = float(n_outcomes - 1 - k)
        height = _density(spread_out(delta[:, k], 4000), x)  # (x,) highest is 0.75
        if height is None:
            axes.plot([delta[0, k]] * 2, [base, base + 0.75], color=BLUE, linewidth=2, gid=outcome)
        else:
            there = sign * (x - bounds[k]) >= 0
            axes.fill_between(x, base, base + height, color="0.88", linewidth=0, zorder=2)
            axes.fill_between(
                x,
                base,
                base + height,
                where=there.tolist(),
                color=GREEN,
                alpha=0.45,
                linewidth=0,
                zorder=3,
            )
            axes.plot(x, base + height, color=INK, linewidth=1.2, zorder=4, gid=outcome)
        axes.plot([bounds[k]] * 2, [base, base + 0.85], color=INK, linewidth=1, linestyle="--")
        marginal = side.marginal[k], side.marginal_mcse[k], side.marginal_bound[k]
        text = f"P(δ {relation} {bounds[k] + 0.0:g}) {brief(*map(float, marginal))}"
        at_right = (delta[:, k].mean() - limits[0]) < (limits[1] - limits[0]) / 2
        axes.text(
            limits[1] if at_right else limits[0],
            base + 0.45,
            f" {text} ",
            ha="right" if at_right else "left",
            color=INK,
            fontsize=10,
            zorder=5,
        )
        axes.axhline(base, color="0.7", linewidth=0.8, zorder=1)
    axes.set(xlim=limits, ylim=(-0.15, n_outcomes), xlabel=delta_label(effect, None))
    axes.set_yticks([n_outcomes - 1 - k + 0.3 for k in range(n_outcomes)], rules["All"].outcomes)
    for label in (axes.xaxis.label, *axes.get_yticklabels()):
        label.set_parse_math(False)
    axes.tick_params(axis="y", length=0)
    style(axes)
    heading(axes, effect)
    beyond = "beyond the margin" if bounds.any() else f"δ {relation} 0"
    handles: list[Artist] = [Patch(facecolor=GREEN, alpha=0.45, label=beyond)]
    if n_outcomes > 1:
        handles += [Line2D([], [], linestyle="", label=joint_text(rule)) for rule in rules.values()]
    legend(figure, handles, columns=len(handles))
    return figure


def _boundary(decision: Decision) -> tuple[int, NDArray[np.float64]]:
    """Return the direction as a sign, and what δ is compared with, shape (K,)."""
    sign = 1 if decision.direction == "right" else -1
    return sign, sign * np.array(decision.margins)


def _limits(draws: NDArray[np.float64], *bounds: float) -> tuple[float, float]:
    """Return the ends of an axis that shows nearly all draws and both sides of each boundary."""
    inner = np.quantile(draws, [0.0005, 0.9995])
    low, high = min(inner[0], 0.0, *bounds), max(inner[1], 0.0, *bounds)
    room = 0.08 * (high - low) or 0.05
    # A region needs room for its name and probability even where there are no draws.
    edge = 0.3 * (high - low) or 0.2
    low = min(low - room, min(bounds) - edge)
    high = max(high + room, max(bounds) + edge)
    return float(low), float(high)


def _beyond(limits: tuple[float, float], bound: float, sign: int) -> tuple[float, float]:
    """Return the part of an axis beyond a boundary."""
    return (bound, limits[1]) if sign > 0 else (limits[0], bound)


def _boundary_line(line: Any, bound: float) -> None:
    """Draw zero as a full line and a margin that is not zero as a dashed one."""
    line(0, color=GREY, linewidth=1, zorder=1)
    if bound != 0:
        line(bound, color=INK, linewidth=1.2, linestyle="--", zorder=3)


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


def _density(draws: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return a density scaled to a height of 0.75; None if the draws are all alike."""
    from scipy.stats import gaussian_kde

    if len(draws) < 2 or np.ptp(draws) == 0:
        return None
    height = gaussian_kde(draws)(x)
    return 0.75 * height / height.max()


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
