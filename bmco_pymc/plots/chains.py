"""Chains, densities, autocorrelations and ranks of a fit's parameters, drawn by ArviZ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from bmco_pymc.arguments import one_of
from bmco_pymc.diagnostics.scalars import scalar_parameters
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import as_variable, visible
from bmco_pymc.plots import marks, style
from bmco_pymc.plots.style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    Picture,
    caption,
)

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

KINDS = {
    "trace": "plot_trace",
    "density": "plot_dist",
    "autocorr": "plot_autocorr",
    "rank": "plot_rank",
    "all": "plot_trace_dist",
}
TITLES = {
    "trace": "Traces",
    "density": "Posterior densities",
    "autocorr": "Autocorrelations",
    "rank": "Ranks",
    "all": "Densities and traces",
}
BLOCKS = {
    "fixed": "fixed parameters",
    "random": "means of the random coefficients",
    "variance": "covariances between clusters",
    "clusters": "coefficients of each cluster",
    "all": "parameters",
}
LONGEST = 48  # characters of a panel's title
# The first four differ in lightness too: a copier tells the usual number of chains apart.
COLOURS = (BLUE, ORANGE, INK, PURPLE, GREEN, SKY, VERMILION)
STYLES = ("-", "--", ":", "-.")
WIDE = {"width": 1.3}
# What ArviZ is not to draw, as we do, and how wide its lines are. Names along its axes run into
# each other; its band around autocorrelations is that of so many draws as there are lags.
VISUALS: dict[str, dict[str, Any]] = {
    "trace": {"title": False},
    "density": {"title": False, "dist": {**WIDE, "color": BLUE}},
    "autocorr": {"title": False, "credible_interval": False, "lines": WIDE},
    "rank": {"title": False, "ecdf_lines": WIDE},
    "all": {"label": False, "dist": WIDE},
}
HALO = [withStroke(linewidth=2.5, foreground="white")]
NORMAL = 1.96
NARROWEST = 6.0  # inches, for the words above


def blocks(fit: Posterior) -> dict[str, tuple[str, ...]]:
    """Return the blocks of parameters to choose from; "all" is all but the clusters'."""
    found = {name: tuple(names) for name, names in fit.model.blocks.items()}
    everything = [n for block, names in found.items() if block != "clusters" for n in names]
    return {**found, "all": tuple(everything)}


def plot(fit: Posterior, kind: str, which: str, **settings: Any) -> Any:
    """Draw the parameters of a block, a panel for each; see ``Fit.plot_trace``.

    The kind "all" is density and trace side by side.
    """
    import arviz as az

    one_of("type", kind, KINDS, "there is no such plot")
    if kind == "rank" and fit.idata["posterior"].sizes["chain"] < 2:
        raise InputError("fit", "1 chain", "ranks tell chains apart: there must be two or more")
    choices = blocks(fit)
    what = f"{type(fit.model).__name__} has no such block of parameters"
    one_of("which", which, choices, what)
    tree = parameters(fit, choices[which])
    if kind == "density":
        settings = {"ci_prob": 0.95, "ci_kind": "eti", **settings}
    else:
        settings = {"color": list(COLOURS), **settings}
    if kind == "all":
        settings = {"compact": False, **settings}
    ours = (settings.get("backend") or az.rcParams["plot.backend"]) == "matplotlib"
    ours = ours and settings.get("plot_collection") is None
    if not ours:
        return _by_arviz(kind, tree, settings)

    from matplotlib import pyplot as plt

    with plt.ioff():
        drawn = _by_arviz(kind, tree, {**settings, **_on_paper(kind, tree, settings)})
    figure: Figure = drawn.viz["figure"].item()
    plt.close(figure)  # made by pyplot, which would keep it and show it a second time
    FigureCanvasBase(figure)
    _finish(drawn, kind, fit.idata["posterior"].sizes["draw"])
    if handles := _keys(drawn):
        style.legend(figure, handles, columns=min(len(handles), 6))
    title = f"{TITLES[kind]} of the {BLOCKS[which]}"
    style.figure_heading(figure, title, _words(kind, fit, settings), fit.diagnostics)
    return figure


def _by_arviz(kind: str, tree: xr.DataTree, settings: dict[str, Any]) -> Any:
    """Let ArviZ draw, as many panels as there are parameters."""
    import arviz as az

    n = len(tree["posterior"].data_vars)
    limit = az.rcParams["plot.max_subplots"]
    with az.rc_context({"plot.max_subplots": limit and max(limit, 2 * n)}):
        return getattr(az, KINDS[kind])(tree, **settings)


def _on_paper(kind: str, tree: xr.DataTree, settings: dict[str, Any]) -> dict[str, Any]:
    """Return what else ArviZ is told where it draws with matplotlib."""
    posterior = tree["posterior"].to_dataset()
    labels = list(map(str, posterior.data_vars))
    n = len(labels)
    columns = 2 if kind == "all" else min(settings.get("col_wrap", 4), n)
    rows = n if kind == "all" else -(-n // columns)
    longest = max(len(caption(label, LONGEST)) for label in labels)
    width = 4.0 if kind == "all" else max(2.6, 0.11 * longest)  # so that titles fit
    size = max(width * columns + 0.4, NARROWEST), 1.9 * rows + 1.5
    figure = {"FigureClass": Picture, "layout": "constrained", "figsize": size}
    visuals = dict(VISUALS[kind])
    if kind in ("trace", "all"):  # the last chain must not hide the others
        thin = 0.45 + 0.75 * min(1, 100 / posterior.sizes["draw"])
        visuals["trace"] = {"width": thin, "alpha": 0.6}
    told: dict[str, Any] = {
        "figure_kwargs": figure | settings.get("figure_kwargs", {}),
        "visuals": visuals | settings.get("visuals", {}),
    }
    if kind in ("autocorr", "rank"):
        told["aes"] = {"linestyle": ["chain"]} | settings.get("aes", {})
        told["linestyle"] = settings.get("linestyle", list(STYLES))
    return told


def _finish(drawn: Any, kind: str, n_draws: int) -> None:
    """Give the panels of ArviZ the titles and frames of every picture."""
    for label, places in drawn.viz["plot"].data_vars.items():
        panels: list[Axes] = list(places.values.reshape(-1))
        style.panel_title(panels[0], caption(label, LONGEST), 10)
        for axes in panels:
            _frame(axes, shared=kind in ("trace", "autocorr"))
            if kind == "rank":
                low, high = axes.get_ylim()
                axes.set_ylim(low, high + 0.25 * (high - low))  # for the p-value
                for text in axes.texts:
                    text.set(position=(0.02, 1), transform=axes.transAxes, va="top")
                for dots in axes.collections:
                    dots.set(sizes=[5], color=INK)  # or they hide the lines
            if kind == "autocorr":
                bound = NORMAL / np.sqrt(n_draws)
                axes.axhspan(-bound, bound, color=GREY, alpha=0.15, linewidth=0, gid="independent")


def _frame(axes: Axes, *, shared: bool) -> None:
    """Make frame, ticks and words of an axes those of every picture; `shared`: is its x axis."""
    style.bare(axes)
    axes.locator_params(nbins=4)
    for text in axes.texts:
        text.set(text=marks.minus(text.get_text()), zorder=5, path_effects=HALO)
    axes.set_xlabel(axes.get_xlabel().lower())
    place = axes.get_subplotspec()
    assert place is not None
    columns = place.get_gridspec().ncols
    below = place.num1 + columns < sum(other.axison for other in axes.figure.axes)
    if shared and below:
        axes.set_xlabel("")
    axes.tick_params(axis="x", labelbottom=not (shared and below))


def _keys(drawn: Any) -> list[Line2D]:
    """Return what stands in the legend for each chain that has a look of its own."""
    looks = {
        name: part["mapping"]
        for name, part in drawn.aes.children.items()
        if name in ("color", "linestyle") and part["mapping"].dims == ("chain",)
    }
    if "color" not in looks:
        return []
    return [
        style.key(
            f"chain {chain}", **{name: look.sel(chain=chain).item() for name, look in looks.items()}
        )
        for chain in looks["color"]["chain"].values
    ]


def _words(kind: str, fit: Posterior, settings: dict[str, Any]) -> str:
    """Return what a picture shows, in words."""
    chains, draws = (fit.idata["posterior"].sizes[dim] for dim in ("chain", "draw"))
    made = f"{type(fit.model).__name__}, {chains} chains of {draws:,} draws. "
    stats = fit.idata.children.get("sample_stats")
    diverging = stats is not None and "diverging" in stats and bool(stats["diverging"].any())
    marked = " Ticks mark divergences." if diverging else ""
    if kind == "density":
        ci = {"eti": "equal-tailed", "hdi": "highest-density"}.get(settings["ci_kind"], "")
        return made + f"All chains together, with {100 * settings['ci_prob']:g}% {ci} interval."
    return (
        made
        + {
            "trace": f"Each chain over its draws after warm-up.{marked}",
            "all": f"Each chain's density, and its draws after warm-up.{marked}",
            "autocorr": "Of each chain, by lag. Grey: where 95% of those of independent draws are.",
            "rank": "Share of each chain among the lower ranks of all draws, minus what it would "
            "be if the chains were alike: near 0 everywhere. Dots mark where they are not; p is "
            "that of a test of it.",
        }[kind]
    )


def parameters(fit: Posterior, names: tuple[str, ...]) -> xr.DataTree:
    """Return a tree with a variable for each distinct scalar parameter, under the fit's labels.

    Every panel then has the label of the tables (on one line, its slash as `as_variable` has it),
    and of a symmetric matrix each entry comes once.
    """
    posterior = fit.idata["posterior"].to_dataset()
    labels, values = scalar_parameters(*(posterior[name] for name in names))
    coords = {dim: posterior[dim] for dim in ("chain", "draw")}
    scalars: dict[str, Any] = {}
    for label, draws in zip(labels, values, strict=True):
        scalars[as_variable(visible(label), scalars)] = (("chain", "draw"), draws)
    groups = {"posterior": xr.Dataset(scalars, coords)}
    if "sample_stats" in fit.idata.children:  # so that divergences are marked
        stats = fit.idata["sample_stats"].to_dataset()
        groups["sample_stats"] = stats[[n for n in ("diverging",) if n in stats]]
    return xr.DataTree.from_dict(groups)
