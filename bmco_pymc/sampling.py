"""Run NUTS on a regression and return a labelled DataTree.

The log-density is compiled once on a machine and takes every model as data (`bmco_pymc.engine`).
Where nutpie's inner functions are not those we know, nutpie compiles the PyMC model instead, once
for each structure: models of one structure differ in data only, so the code compiled for one serves
them all. Then the starting points are replaced, because those that nutpie makes depend on the data
that the model happened to be compiled with.
"""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bmco_pymc.errors import ConvergenceWarning, InputError
from bmco_pymc.progress import Reporter, reporting

if TYPE_CHECKING:
    from bmco_pymc.models.base import Model
    from bmco_pymc.models.regression import Regression

_COMPILED: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
_KEPT = 32  # compiled structures held at a time; each is some megabytes

_STATS = {
    "diverging": "diverging",
    "energy": "energy",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "depth": "tree_depth",
    "maxdepth_reached": "reached_max_treedepth",
    "mean_tree_accept": "acceptance_rate",
    "logp": "lp",
}


@dataclass(frozen=True)
class Settings:
    """How to sample; see `Regression.fit` for what each means."""

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    seed: int | None = None
    cores: int | None = None
    target_accept: float = 0.9

    def __post_init__(self) -> None:
        for name, least in {"draws": 1, "tune": 0, "chains": 1, "seed": 0, "cores": 1}.items():
            value = getattr(self, name)
            if value is None and name in ("seed", "cores"):
                continue
            whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
            if not whole or value < least:
                raise InputError(name, value, f"must be a whole number, {least} or more")
        if not 0 < self.target_accept < 1:
            raise InputError("target_accept", self.target_accept, "must be between 0 and 1")

    def with_seed(self) -> Settings:
        """Return settings with a seed: the given one, or a fresh one that can be reported."""
        if self.seed is not None:
            return self
        fresh = int(np.random.SeedSequence().generate_state(1)[0])
        return dataclasses.replace(self, seed=fresh)


def prepared(model: Regression, reporter: Reporter) -> tuple[Any, bool]:
    """Return the model for ``nutpie.sample``, and whether that is the compiled log-density."""
    reporter.stage("Loading" if "bmco_pymc.engine" in sys.modules else "Compiling")
    from bmco_pymc import engine

    if engine.usable():
        size = model.n_parameters
        return engine.Density(None, packed=model.packed, size=size, start=_Start(size)), True
    return compiled(model), False


def compiled(model: Regression) -> Any:
    """Return the PyMC model compiled by nutpie, once for each structure, with the model's data."""
    structure = model.structure
    if structure not in _COMPILED:
        import nutpie

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Cannot cache compiled function")
            new = nutpie.compile_pymc_model(model.build(), var_names=list(model.parameters))
        _COMPILED[structure] = dataclasses.replace(new, initial_point_func=_Start(new.n_dim))
        while len(_COMPILED) > _KEPT:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(structure)
    ready = _COMPILED[structure]
    used = {variable.name for variable in ready.shared_var_keys}
    return ready.with_data(**{name: x for name, x in model.data.items() if name in used})


@dataclass(frozen=True)
class _Start:
    """Starting points: uniform on (-1, 1) in the sampling basis, where the posterior is about 1."""

    n_dim: int

    def __call__(self, seed: Any = None) -> Any:
        return np.random.default_rng(seed).uniform(-1, 1, self.n_dim)


def sample(model: Regression, settings: Settings, *, progress: bool = True) -> xr.DataTree:
    """Run NUTS and return draws with the model's labels.

    Parameters
    ----------
    model : Regression
        What to sample.
    settings : Settings
        How to sample it.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data``. An
        interrupt (Ctrl-C) keeps the draws that every chain has made.
    """
    import nutpie

    from bmco_pymc.models.unseen import redraw

    settings = settings.with_seed()
    with reporting(progress) as reporter:
        ready, fused = prepared(model, reporter)
        reporter.stage("Sampling")
        tree = nutpie.sample(
            ready,
            draws=settings.draws,
            tune=settings.tune,
            chains=settings.chains,
            cores=min(settings.cores or _processors(), settings.chains),
            seed=settings.seed,
            target_accept=settings.target_accept,
            save_warmup=False,
            progress_bar=False,
            progress_callback=reporter.chains if progress else None,
            progress_rate=200,
        )
    n_draws = _finished_draws(tree, settings)
    drawn = tree["posterior"]
    if fused:
        from bmco_pymc.kernel import callbacks

        points = drawn["point"].values[:, :n_draws]  # (chain, draw, D)
        flat = model.posterior(*callbacks.expand(points.reshape(-1, ready.size), model.packed))
        values = {name: x.reshape(-1, n_draws, *x.shape[1:]) for name, x in flat.items()}
    else:
        values = {name: drawn[name].values[:, :n_draws] for name in model.parameters}
    values = redraw(model, values, settings.seed)
    posterior = {
        name: (("chain", "draw", *dims), values[name]) for name, dims in model.parameters.items()
    }
    stats = {
        new: (("chain", "draw"), tree["sample_stats"][old].values[:, :n_draws])
        for old, new in _STATS.items()
        if old in tree["sample_stats"]
    }
    return label(model, posterior, stats, {**dataclasses.asdict(settings), "sampler": "nutpie"})


def label(
    model: Model,
    posterior: Mapping[str, tuple[tuple[str, ...], Any]],
    sample_stats: Mapping[str, tuple[tuple[str, ...], Any]],
    attrs: Mapping[str, Any],
) -> xr.DataTree:
    """Gather draws, statistics and the analysed cells in a DataTree, with labels on every dim."""
    from bmco_pymc import __version__

    coords = model.coords
    cells = model.cells

    def dataset(variables: Mapping[str, tuple[tuple[str, ...], Any]]) -> xr.Dataset:
        used = {dim for dims, _ in variables.values() for dim in dims}
        own = {dim: labels for dim, labels in coords.items() if dim in used}
        for dim in ("chain", "draw"):
            sizes = [v.shape[d.index(dim)] for d, v in variables.values() if dim in d]
            own |= {dim: list(range(sizes[0]))} if sizes else {}
        return xr.Dataset(variables, coords=own)

    constant: dict[str, tuple[tuple[str, ...], Any]] = {"arm": (("cell",), cells.arm)}
    if model.design is not None:
        X, Z = model.design.matrices(cells.frame, cells.arm)
        constant["X"] = (("cell", "term"), X)
        if Z.shape[1]:
            constant["Z"] = (("cell", "random_term"), Z)
            constant["cluster_index"] = (("cell",), cells.cluster)
    groups = {
        "posterior": dataset(posterior),
        "observed_data": dataset({"counts": (("cell", "pattern"), cells.counts)}),
        "constant_data": dataset(constant),
    }
    if sample_stats:
        groups["sample_stats"] = dataset(sample_stats)
    tree = xr.DataTree.from_dict(groups)
    tree.attrs |= {
        "modeling_interface": "bmco_pymc",
        "modeling_interface_version": __version__,
        "analysis": type(model).__name__,
        **{name: value for name, value in attrs.items() if value is not None},
    }
    return tree


def _finished_draws(tree: xr.DataTree, settings: Settings) -> int:
    """Return how many draws every chain has; fewer than asked for after an interrupt."""
    done = np.zeros(1)
    if "sample_stats" in tree:
        done = np.isfinite(tree["sample_stats"].to_dataset()["energy"].values).sum(axis=1)
    n_draws, n_chains = int(done.min()), len(done)
    if n_draws == settings.draws and n_chains == settings.chains:
        return n_draws
    if n_draws < 4:
        raise KeyboardInterrupt("interrupted before any chain had draws to keep")
    what = f"Interrupted: {n_draws} of {settings.draws} draws of {n_chains} chains are kept."
    warnings.warn(what, ConvergenceWarning, skip_file_prefixes=(str(Path(__file__).parent),))
    return n_draws


def _processors() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
