"""What is timed of the plain PyMC model; every function runs in a fresh process of its own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import studies
from benchmarks.judge import CHAINS, CORES, agreement, smallest_ess

Clock = Callable[[], float]
Measures = dict[str, float]


def first_answer(
    since_start: Clock, name: str, draws: int, tune: int, seed: int, other: bool = False
) -> Measures:
    """Go from nothing to a printed decision."""
    warnings.simplefilter("ignore")
    from benchmarks import plain_pymc  # noqa: F401

    imported = since_start()
    plan = studies.plan(name, other=other)
    tree, seconds = _sample(plan_model(plan), draws, tune, seed)
    fitted = since_start()
    theta = _theta(plan, tree)
    print_answer(theta)
    answered = since_start()
    return {
        "answer_s": answered,
        "import_s": imported,
        "fit_s": fitted - imported,
        "sampling_s": seconds,
        "effect_s": answered - fitted,
        **_quality(tree),
        **agreement(theta),
    }


def sampling(
    since_start: Clock,
    name: str,
    spread: str,
    draws: int,
    tune: int,
    seed: int,
    other: bool = False,
) -> Measures:
    """Sample, and judge the draws."""
    warnings.simplefilter("ignore")
    plan = studies.plan(name, other=other)
    tree, seconds = _sample(plan_model(plan, spread), draws, tune, seed)
    theta = _theta(plan, tree)
    posterior = tree["posterior"]
    names = [name for name in ("coefficient", "Sigma") if name in posterior]
    delta = theta[:, :, 1] - theta[:, :, 0]
    ess = smallest_ess({**{name: posterior[name].values for name in names}, "delta": delta})
    return {
        **_quality(tree),
        **ess,
        "sampling_s": seconds,
        "ess_per_s": ess["ess"] / seconds,
        **agreement(theta),
    }


def large(
    since_start: Clock, n: int, clusters: int, draws: int, tune: int, seed: int, limit: float
) -> Measures:
    """Sample a large table for a limited time, and scale to all iterations; without θ and δ."""
    warnings.simplefilter("ignore")
    import nutpie

    plan = studies.simulated(n, clusters)
    start = time.perf_counter()
    compiled = nutpie.compile_pymc_model(plan_model(plan))
    compile_s = time.perf_counter() - start
    start = time.perf_counter()
    sampler = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=CHAINS,
        cores=CORES,
        seed=seed,
        progress_bar=False,
        save_warmup=True,
        blocking=False,
    )
    try:
        tree = sampler.wait(timeout=limit)
    except TimeoutError:
        tree = sampler.abort()
    sampling_s = time.perf_counter() - start
    done = 0
    for group in ("warmup_sample_stats", "sample_stats"):
        if group in tree:
            done += int(np.isfinite(tree[group]["energy"].values).sum())
    share = done / (CHAINS * (draws + tune))
    return {
        "answer_s": compile_s + sampling_s / share,
        "compile_s": compile_s,
        "measured_s": sampling_s,
        "iterations_share": share,
    }


def gradient(since_start: Clock, n: int, clusters: int, seconds: float) -> Measures:
    """Time the log-posterior and its gradient."""
    warnings.simplefilter("ignore")
    import nutpie

    from benchmarks.clocks import density_clock

    compiled: Any = nutpie.compile_pymc_model(plan_model(studies.simulated(n, clusters)))
    address, data = compiled.compiled_logp_func.address, compiled.user_data.ctypes.data
    each = density_clock(address, compiled.n_dim, data, seconds)
    return {"gradient_us": 1e6 * each, "ns_per_cell": 1e9 * each / n}


def plan_model(plan: studies.Plan, spread: str = "InverseWishart") -> Any:
    """Return the plain model of a study."""
    from benchmarks import plain_pymc

    return plain_pymc.build(plan, spread)


def print_answer(theta: np.ndarray) -> None:
    """Print θ, δ and the probability of All; ``theta`` has shape (chain, draw, 2, K)."""
    delta = theta[:, :, 1] - theta[:, :, 0]
    for name, draws in {"theta": theta, "delta": delta}.items():
        low, high = np.quantile(draws, [0.025, 0.975], axis=(0, 1))
        print(name, draws.mean(axis=(0, 1)), draws.std(axis=(0, 1)), low, high, sep="\n")
    print("P(All)", (delta > 0).all(axis=-1).mean())


def _sample(model: Any, draws: int, tune: int, seed: int) -> tuple[Any, float]:
    import nutpie

    compiled = nutpie.compile_pymc_model(model)
    start = time.perf_counter()
    tree = nutpie.sample(
        compiled,
        draws=draws,
        tune=tune,
        chains=CHAINS,
        cores=CORES,
        seed=seed,
        progress_bar=False,
        save_warmup=False,
    )
    return tree, time.perf_counter() - start


def _theta(plan: studies.Plan, tree: Any) -> np.ndarray:
    from benchmarks import plain_pymc

    posterior = tree["posterior"]
    coefficient = posterior["coefficient"].values
    over = coefficient.shape[:2]
    Sigma = posterior["Sigma"].values if "Sigma" in posterior else None
    theta = plain_pymc.theta(
        plan,
        coefficient.reshape(-1, *coefficient.shape[2:]),
        None if Sigma is None else Sigma.reshape(-1, *Sigma.shape[2:]),
    )
    return theta.reshape(*over, *theta.shape[1:])


def _quality(tree: Any) -> Measures:
    return {"divergences": float(tree["sample_stats"]["diverging"].sum())}
