"""Run NUTS on a regression and return a labelled DataTree.

The log-density is compiled once on a machine and takes every model as data
(`bmco_pymc.models.nutpie`). Where nutpie's inner functions are not those we know, nutpie compiles
the PyMC model instead, once for each structure: models of one structure differ in data only, so
the code compiled for one serves them all. Then the starting points are replaced, because those
that nutpie makes depend on the data that the model happened to be compiled with.
"""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections import OrderedDict
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.errors import SamplingError
from bmco_pymc.interrupts import ALL_KEPT, Interrupt, deferred, load, tell, unbroken
from bmco_pymc.models.settings import Settings
from bmco_pymc.posterior.tree import label
from bmco_pymc.progress import Reporter, reporting

if TYPE_CHECKING:
    from bmco_pymc.models.logit import MultinomialLogit

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


def prepared(model: MultinomialLogit, reporter: Reporter) -> tuple[Any, bool]:
    """Return the model for ``nutpie.sample``, and whether that is the compiled log-density."""
    reporter.stage("Loading" if "bmco_pymc.models.nutpie" in sys.modules else "Compiling")
    load("bmco_pymc.models.nutpie")
    from bmco_pymc.models import nutpie as engine

    if engine.usable():
        size = model.n_parameters
        return engine.Density(None, packed=model.packed, size=size, start=_Start(size)), True
    return unbroken(lambda: compiled(model)), False


def compiled(model: MultinomialLogit) -> Any:
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


def sample(
    model: MultinomialLogit, settings: Settings, *, progress: bool = True, stage: str = "Sampling"
) -> xr.DataTree:
    """Run NUTS and return draws with the model's labels.

    Parameters
    ----------
    model : MultinomialLogit
        What to sample.
    settings : Settings
        How to sample it.
    progress : bool
        Whether to show a progress bar.
    stage : str
        What the progress bar calls it.

    Returns
    -------
    DataTree
        Groups ``posterior``, ``sample_stats``, ``observed_data`` and ``constant_data``. An
        interrupt (Ctrl-C) keeps the draws that were made, see `kept_draws`.

    Raises
    ------
    KeyboardInterrupt
        After an interrupt before there were draws to keep.
    SamplingError
        If the sampler gives up.
    """
    settings = settings.with_seed()
    with ExitStack() as bar:
        reporter = bar.enter_context(reporting(progress))
        ready, fused = prepared(model, reporter)
        reporter.stage(stage)
        with deferred() as interrupt:
            tree = _run(ready, settings, reporter.chains if progress else None, interrupt)
            bar.close()
            found = _labelled(model, settings, tree, ready, fused)
    if interrupt:
        tell(found, _what_is_left(tree, found, settings))
    return found


def _run(ready: Any, settings: Settings, callback: Any, interrupt: Interrupt) -> xr.DataTree:
    """Sample until all draws are made, or until an interrupt."""
    try:
        return _with_nutpie(ready, settings, callback, interrupt)
    except Exception as error:
        raise _in_words(error) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # Rust's, which is no Exception
            raise _in_words(error) from error
        raise


def _with_nutpie(ready: Any, settings: Settings, callback: Any, interrupt: Interrupt) -> Any:
    import nutpie

    sampler = nutpie.sample(
        ready,
        draws=settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=min(settings.cores or _processors(), settings.chains),
        seed=settings.seed,
        target_accept=settings.target_accept,
        save_warmup=False,
        progress_bar=False,
        progress_callback=callback,
        progress_rate=200,
        blocking=False,
    )
    with warnings.catch_warnings():  # of fewer draws than chains, which is what was asked for
        warnings.filterwarnings("ignore", "Found chain dimension to be longer", UserWarning)
        while not interrupt:
            with suppress(TimeoutError):
                return sampler.wait(timeout=0.1)
        return sampler.abort()


def _in_words(error: BaseException) -> SamplingError:
    """Return what an exception of the sampler's means for the user."""
    first = str(error).strip().splitlines() or [type(error).__name__]
    return SamplingError(
        f"the sampler gave up ({first[0]}). The usual reason is a density that is not finite: look "
        "for a covariate with extreme values or a prior with an extreme mean or scale. If there is "
        "none, take another seed, and more draws and tune if those were few; if that does not "
        "help, please report it."
    )


def _labelled(
    model: MultinomialLogit, settings: Settings, tree: xr.DataTree, ready: Any, fused: bool
) -> xr.DataTree:
    """Return what nutpie has drawn in the model's words."""
    chains, n_draws = kept_draws(_made(tree))
    if n_draws < min(4, settings.draws):
        raise KeyboardInterrupt("interrupted before any chain had draws to keep")
    drawn, run = tree["posterior"].to_dataset(), tree["sample_stats"].to_dataset()
    if fused:
        from bmco_pymc.kernel import callbacks

        points = drawn["point"].values[chains, :n_draws]  # (chain, draw, D)
        flat = model.posterior(*callbacks.expand(points.reshape(-1, ready.size), model.packed))
        values = {name: x.reshape(-1, n_draws, *x.shape[1:]) for name, x in flat.items()}
    else:
        values = {name: drawn[name].values[chains, :n_draws] for name in model.parameters}
    from bmco_pymc.models.unseen import redraw

    assert settings.seed is not None
    values = redraw(model, values, settings.seed)
    posterior = {
        name: (("chain", "draw", *dims), values[name]) for name, dims in model.parameters.items()
    }
    stats = {
        new: (("chain", "draw"), run[old].values[chains, :n_draws])
        for old, new in _STATS.items()
        if old in run
    }
    return label(model, posterior, stats, {**dataclasses.asdict(settings), "sampler": "nutpie"})


def kept_draws(made: NDArray[np.int64]) -> tuple[list[int], int]:
    """Return which chains to keep after an interrupt, and how many draws of each.

    Chains must be equally long, so one with few draws costs the others theirs. Kept are the most
    chains, which is what shows whether they agree, that leave at least half of the draws that
    could be kept.

    Parameters
    ----------
    made : ndarray of int, shape (chains,)
        Draws that each chain has made.

    Examples
    --------
    >>> kept_draws(np.array([30000, 30000, 11951, 0]))
    ([0, 1, 2], 11951)
    >>> kept_draws(np.array([3, 900, 0, 1000]))
    ([1, 3], 900)
    """
    longest = np.argsort(-made, kind="stable")
    total = made[longest] * np.arange(1, len(made) + 1)  # if so many chains are kept
    n_chains = int(np.flatnonzero(2 * total >= total.max())[-1]) + 1
    return sorted(longest[:n_chains].tolist()), int(made[longest[n_chains - 1]])


def _made(tree: xr.DataTree) -> NDArray[np.int64]:
    """Return how many draws each chain has made, shape (chains,)."""
    if "sample_stats" not in tree:
        return np.zeros(1, dtype=np.int64)
    energy = tree["sample_stats"].to_dataset()["energy"].values
    return np.isfinite(energy).sum(axis=1).astype(np.int64)


def _what_is_left(tree: xr.DataTree, found: xr.DataTree, settings: Settings) -> str:
    """Say what an interrupt has left, and which chains are not among it."""
    sizes = found["posterior"].sizes
    n_chains, n_draws = sizes["chain"], sizes["draw"]
    if (n_chains, n_draws) == (settings.chains, settings.draws):
        return ALL_KEPT
    made = _made(tree)
    out = sorted(set(range(settings.chains)) - set(kept_draws(made)[0]))
    what = f"Interrupted: {n_draws} of {settings.draws} draws of {n_chains} "
    what += f"{'chain is' if n_chains == 1 else 'chains are'} kept"
    named = [f"{i + 1} ({made[i] if i < len(made) else 0} draws)" for i in out]
    return f"{what}; of {settings.chains}, without {', '.join(named)}." if named else f"{what}."


def _processors() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
