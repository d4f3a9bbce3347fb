"""Simulation-based calibration: ``python -m validation.calibration``.

A truth is drawn from the prior, a study from the truth, and the study is fitted with the same
prior: then the rank of the truth among independent draws of the posterior is uniform, whatever is
ranked (Talts et al. 2018, arXiv:1804.06788). The log likelihood is ranked too: it sees a posterior
that takes too little from the data, which no parameter may show (Modrák et al. 2023,
10.1214/23-BA1404). Studies are kept as they come: a stopped run goes on where it was.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

import bmco_pymc as bmco
from bmco_pymc.diagnostics.scalars import scalar_parameters
from bmco_pymc.diagnostics.verdict import diagnose
from bmco_pymc.fit import Fit
from bmco_pymc.models.prior_draws import draw_prior
from bmco_pymc.posterior.density import log_likelihood
from bmco_pymc.posterior.tree import label
from validation import calibration_report as report
from validation import pool
from validation.calibration_cells import CELLS, CHAINS, DRAWS, RANKED, TUNE, Cell
from validation.simulate import softmax

HERE = Path(__file__).parent


def model_of(cell: Cell, table: pd.DataFrame) -> bmco.BGLM | bmco.BGLMM:
    """Return the model of a table with its priors."""
    names = [f"y{k + 1}" for k in range(cell.outcomes)]
    start = bmco.Priors.bmco()
    model: bmco.BGLM | bmco.BGLMM
    if cell.random is None:
        model = bmco.BGLM(bmco.Study(table, names, "arm", "old", "new"), "arm * x", priors=start)
    else:
        study = bmco.Study(table, names, "arm", "old", "new", cluster="site")
        model = bmco.BGLMM(study, "arm * x", cell.random, priors=start)
    return model.with_priors(cell.priors(model))


def simulate(cell: Cell, rng: np.random.Generator) -> tuple[bmco.BGLM | bmco.BGLMM, dict[str, Any]]:
    """Return the model of a study simulated from its prior, and the parameters it has."""
    if cell.random is None:
        n, site = 70, np.zeros(70, dtype=int)
    else:
        site = np.repeat(np.arange(10), rng.integers(5, 11, 10))
        n = len(site)
    arm = rng.permutation(np.arange(10) % 2)[site] if cell.whole else rng.permutation(n) % 2
    table = pd.DataFrame({"arm": np.where(arm, "new", "old"), "x": rng.normal(size=n)})
    table["site"] = [f"s{place}" for place in site]
    K = cell.outcomes
    names = [f"y{k + 1}" for k in range(K)]
    blank = model_of(cell, table.assign(**dict.fromkeys(names, rng.integers(0, 2, n))))
    truth = draw_prior(blank, 1, rng)
    X, Z = blank.terms.matrices(blank.cells.frame, blank.cells.arm)
    eta = np.zeros((len(X), 2**K - 1))
    if X.shape[1]:
        eta += X @ truth["beta"][0]
    if Z.shape[1]:
        eta += np.einsum("np,npl->nl", Z, truth["gamma_cluster"][0][blank.cells.cluster])
    phi = softmax(eta)[blank.cells.cell]  # of each row of the table, (n, Q)
    pattern = (rng.random(n)[:, None] > phi.cumsum(axis=1)[:, :-1]).sum(axis=1)
    success = 1 - (pattern[:, None] >> np.arange(K)[::-1] & 1)  # all successes first
    return model_of(cell, table.assign(**dict(zip(names, success.T, strict=True)))), truth


def quantities(model: bmco.BGLM | bmco.BGLMM, draws: Mapping[str, Any]) -> pd.DataFrame:
    """Return what is ranked, a column each and a row for each draw."""
    named = {name: (("chain", "draw", *dims), draws[name][None])
             for name, dims in model.parameters.items()}  # fmt: skip
    tree = label(model, named, {}, {"sampler": "kept", "seed": 0, "draws": RANKED + 1})
    fit = Fit(model, tree, diagnose(tree, model.blocks, exact=True))
    clustered = bool(model.terms.random)
    questions: dict[str, dict[str, Any]] = {"": {}}
    if clustered:
        questions = {f" {clusters}": {"clusters": clusters} for clusters in ("observed", "new")}
    columns: dict[str, Any] = {}

    def add(variable: xr.DataArray, name: str) -> None:
        labels, values = scalar_parameters(variable.rename(name))
        columns.update(zip(labels, values.reshape(len(labels), -1), strict=True))

    for kind, question in questions.items():
        effect = fit.effect(bmco.Empirical(), **question)
        add(effect.delta, f"delta{kind}")
        add(effect.theta, f"theta{kind}")
    posterior = tree["posterior"].to_dataset()
    for name in ("beta", "gamma", "Sigma"):
        if name in posterior:
            add(posterior[name], name)
    if clustered:
        add(posterior["gamma_cluster"].isel(cluster=[0]), "gamma_cluster")
    columns["log likelihood"] = log_likelihood(model, draws)
    return pd.DataFrame(columns)


def study(seed: int, name: str, number: int) -> pd.DataFrame:
    """Simulate and fit one study, and rank its truth.

    Returns
    -------
    pandas.DataFrame
        A row for each quantity: its ``rank`` among `RANKED` draws, 0 to `RANKED`; and of the fit
        the largest ``rhat``, smallest ``ess``, ``divergences`` and ``seconds`` of processor time.
    """
    streams = np.random.SeedSequence([seed, list(CELLS).index(name), number]).spawn(3)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        model, truth = simulate(CELLS[name], np.random.default_rng(streams[0]))
        seed = int(streams[1].generate_state(1)[0])
        settings: dict[str, Any] = {"draws": DRAWS, "tune": TUNE, "chains": CHAINS, "cores": 1}
        fit = model.fit(**settings, seed=seed, progress=False)
        posterior = fit.idata["posterior"].to_dataset().stack(sample=("chain", "draw"))
        place = np.linspace(0, posterior.sizes["sample"] - 1, RANKED).round().astype(int)
        both = {}
        for parameter, true in truth.items():
            kept = posterior[parameter].isel(sample=place).transpose("sample", ...).values
            both[parameter] = np.concatenate([true, kept])
        table = quantities(model, both)
    below, tied = (table[1:] < table.iloc[0]).sum(), (table[1:] == table.iloc[0]).sum()
    rng = np.random.default_rng(streams[2])
    rows = pd.DataFrame({"cell": name, "study": number, "quantity": table.columns,
                         "rank": below.to_numpy() + rng.integers(0, tied + 1)})  # fmt: skip
    return rows.assign(
        rhat=fit.diagnostics.max_rhat,
        ess=fit.diagnostics.min_ess,
        divergences=fit.diagnostics.divergences or 0,
        seconds=time.process_time() - start,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the calibration as the command line says; return 1 if a rank is not uniform."""
    asked = pool.options("calibration", __doc__, list(CELLS), 300, HERE / "calibration")
    options = asked.parse_args(arguments)
    wanted = [(name, number) for number in range(options.studies) for name in options.cells]
    store = options.store / str(options.seed)
    limits = options.jobs, options.seconds
    rows = pool.run(partial(study, options.seed), wanted, store, options.part, *limits)
    if rows.empty:
        print("no study yet")
        return 0
    table = report.uniformity(rows)
    print(report.by_cell(rows, table).to_string(index=False))
    options.out.mkdir(parents=True, exist_ok=True)
    report.write(rows, table, options.out, options.seed)
    return int((~table["uniform"]).any())


if __name__ == "__main__":
    sys.exit(main())
