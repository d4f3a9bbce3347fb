"""How long exact operating characteristics take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def sixty_sizes(plan: Any, truth: Any) -> float:
    """Return the seconds that a search of sizes takes for 60 of them."""
    plan.size_for(truth, 0.8, progress=False)  # imports what it needs
    start = time.perf_counter()
    found = plan.size_for(truth, 0.8, progress=False)
    return 60 * (time.perf_counter() - start) / found.data.sizes["n"]


def exact(since_start: Callable[[], float], quick: bool = False) -> dict[str, float]:
    """Return seconds by what is asked for."""
    import bmco_pymc as bmco

    def design(n: Any, rule: str, looks: Any = None, **more: Any) -> Any:
        analysis = bmco.Analysis(bmco.BMVB, bmco.Rule(rule, **more))
        return bmco.Design(n, analysis, looks, outcomes=2)

    def seconds(work: Callable[[], Any]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def power(n: Any, rule: str = "all", K: int = 2, looks: Any = None, **more: Any) -> None:
        analysis = bmco.Analysis(bmco.BMVB, bmco.Rule(rule, **more))
        bmco.Design(n, analysis, looks).evaluate(truth[K])

    truth = {K: bmco.Scenario([0.4] * K, [0.6] * K, 0.1 if K > 1 else 0) for K in (1, 2, 3)}
    for rule in ("all", "comp"):
        power(6, rule)
    large = 10 if quick else 1  # a tenth of the subjects
    measures = {
        "k2_n103_s": seconds(lambda: power(103 // large)),
        "k2_n500_s": seconds(lambda: power(500 // large)),
        "k3_n100_s": seconds(lambda: power(100 // large, K=3)),
        "sizes60_s": sixty_sizes(design(20, "all"), truth[2]),
        "comp_n50_s": seconds(lambda: power(50 // large, "comp")),
        "weights_n50_s": seconds(lambda: power(50 // large, "comp", w=[0.75, 0.25])),
    }
    at = [n // large for n in (35, 70, 105)]
    measures["looks_n105_s"] = seconds(lambda: power(None, looks=bmco.Looks(at)))
    plan = design(103 // large, "all")
    measures["type_one_n103_s"] = seconds(lambda: plan.type_one(progress=False))
    measures["calibrate_n103_s"] = seconds(lambda: plan.calibrate(0.05, progress=False))
    return measures
