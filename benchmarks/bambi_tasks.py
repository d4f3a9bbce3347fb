"""The school study in bambi, by bambi's own environment; nothing of the package is used.

bambi cannot have the very same prior: it centres covariates and gives the prior to the intercept of
the centred ones, and its prior of the spread between clusters is of an SD.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from benchmarks import studies
from benchmarks.average import bits, cluster_nodes, design, theta_new_clusters
from benchmarks.judge import CHAINS, CORES, agreement
from benchmarks.plain_tasks import print_answer


def first_answer(
    since_start: Callable[[], float],
    name: str,
    draws: int,
    tune: int,
    seed: int,
    other: bool = False,
) -> dict[str, float]:
    """Go from nothing to a printed decision."""
    warnings.simplefilter("ignore")
    import bambi as bmb

    imported = since_start()
    plan = studies.plan(name, other=other)
    x = plan.table[plan.covariate]
    K = len(plan.outcomes)
    labels = ["".join(f"{int(b)}" for b in row) for row in bits(K)]
    pattern = pd.Categorical.from_codes(plan.pattern, pd.Index(labels))
    table = pd.DataFrame(
        {
            "pattern": pattern.reorder_categories([labels[-1], *labels[:-1]]),  # reference first
            "arm": plan.arm,
            "x": x,
            "cluster": plan.cluster_code.astype(str),
        }
    )
    normal = bmb.Prior("Normal", mu=0, sigma=studies.VARIANCE**0.5)
    spread = bmb.Prior("Normal", mu=0, sigma=bmb.Prior("HalfNormal", sigma=1))
    model = bmb.Model(
        "pattern ~ arm * x + (1|cluster)",
        table,
        family="categorical",
        priors={"Intercept": normal, "common": normal, "group_specific": spread},
    )
    tree = model.fit(
        draws=draws,
        tune=tune,
        chains=CHAINS,
        cores=CORES,
        random_seed=seed,
        inference_method="nutpie",
        progressbar=False,
    )
    fitted = since_start()
    posterior = tree["posterior"].to_dataset().sel(pattern_reduced_dim=labels[:-1])
    names = ("Intercept", "arm", "x", "arm:x")
    coefficient = np.stack([posterior[name].values for name in names], axis=2)  # (c, d, 4, L)
    over = coefficient.shape[:2]
    flat = coefficient.reshape(-1, *coefficient.shape[2:])
    sd = posterior["1|cluster_sigma"].values.reshape(len(flat), -1)
    nodes = cluster_nodes(flat.shape[2])
    groups = [
        theta_new_clusters(flat, sd, design(np.full(len(x), g), x.to_numpy()), K, *nodes)
        for g in (0.0, 1.0)
    ]
    theta = np.stack(groups, axis=1).reshape(*over, 2, K)
    print_answer(theta)
    answered = since_start()
    return {
        "answer_s": answered,
        "import_s": imported,
        "fit_s": fitted - imported,
        "effect_s": answered - fitted,
        "divergences": float(tree["sample_stats"]["diverging"].sum()),
        **agreement(theta),
    }
