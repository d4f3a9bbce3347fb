"""Chains, densities, autocorrelations and ranks of a fit's parameters, drawn by ArviZ."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import xarray as xr
from matplotlib.figure import Figure

from bmco_pymc.arguments import one_of
from bmco_pymc.diagnostics.scalars import scalar_parameters
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import as_variable, visible
from bmco_pymc.plots.style import BLUE, GREEN, INK, ORANGE, SKY, VERMILION, caption, plain

if TYPE_CHECKING:
    from bmco_pymc.posterior.posterior import Posterior

KINDS = {
    "trace": "plot_trace",
    "density": "plot_dist",
    "autocorr": "plot_autocorr",
    "rank": "plot_rank",
    "all": "plot_trace_dist",
}
LONGEST = 48  # characters of a panel's title
# in an order that keeps neighbours far apart
COLOURS = (BLUE, VERMILION, GREEN, "#CC79A7", ORANGE, SKY, INK)


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
    n_parameters = len(tree["posterior"].data_vars)
    defaults: dict[str, Any] = {"color": list(COLOURS)}
    if kind == "density":
        defaults = {"ci_prob": 0.95, "ci_kind": "eti"}
    if kind == "all":
        # arviz-plots writes names along the axes, where long ones run into each other
        defaults |= {"compact": False, "visuals": {"label": False}}
    if settings.get("backend", az.rcParams["plot.backend"]) == "matplotlib":
        columns = 2 if kind == "all" else min(settings.get("col_wrap", 4), n_parameters)
        rows = n_parameters if kind == "all" else -(-n_parameters // columns)
        longest = max(len(caption(label, LONGEST)) for label in tree["posterior"].data_vars)
        width = 4.0 if kind == "all" else max(2.6, 0.11 * longest)  # so that titles fit
        size = width * columns + 0.4, 1.9 * rows + 0.4
        defaults["figure_kwargs"] = {"layout": "constrained", "figsize": size}
    limit = az.rcParams["plot.max_subplots"]
    with az.rc_context({"plot.max_subplots": limit and max(limit, 2 * n_parameters)}):
        drawn = getattr(az, KINDS[kind])(tree, **{**defaults, **settings})
    if kind == "all":
        _title(drawn)
    figure = drawn.viz["figure"].item()
    if isinstance(figure, Figure):
        for axes in figure.axes:
            axes.set_title(caption(axes.get_title(), LONGEST))
        plain(figure)
    if not fit.diagnostics.ok:
        drawn.add_title(fit.diagnostics.head, color=VERMILION)
    return drawn


def _title(drawn: Any) -> None:
    """Write the name of each parameter above its density."""
    from arviz_plots.visuals import labelled_title

    drawn.map(
        labelled_title,
        "title",
        coords={"column": "dist"},
        ignore_aes=drawn.aes_set,
        subset_info=True,
        labeller=SimpleNamespace(make_label_vert=lambda name, sel, isel: name),
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
