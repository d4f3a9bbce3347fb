"""A loop over simulated trials with the plain PyMC model; in a fresh process of its own."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

from benchmarks.plain_tasks import plan_model
from benchmarks.simulation import JOBS, MANY, NUTS, trials_with_age

Clock = Callable[[], float]
Measures = dict[str, float]


def loop(since_start: Clock, trials: int, seed: int) -> Measures:
    """Build, compile and sample the model anew for each trial's data, as a script would.

    Making the data and the imports are not timed, nor is what is done with the draws.
    """
    warnings.simplefilter("ignore")
    import nutpie

    from benchmarks import plain_pymc  # noqa: F401

    plans = list(trials_with_age(trials, seed))
    build_s = compile_s = sampling_s = 0.0
    for number, plan in enumerate(plans):
        start = time.perf_counter()
        model = plan_model(plan, "LKJ")
        built = time.perf_counter()
        compiled = nutpie.compile_pymc_model(model)
        ready = time.perf_counter()
        nutpie.sample(
            compiled, **NUTS, cores=JOBS, seed=seed + number, progress_bar=False, save_warmup=False
        )
        build_s += built - start
        compile_s += ready - built
        sampling_s += time.perf_counter() - ready
    each = (build_s + compile_s + sampling_s) / trials
    return {
        "per_fit_s": each,
        "thousand_s": MANY * each,
        "build_s": build_s / trials,
        "compile_s": compile_s / trials,
        "sampling_s": sampling_s / trials,
    }
