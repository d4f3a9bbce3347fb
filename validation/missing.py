"""Calibration with outcomes missing at random: ``python -m validation.missing``.

A truth is drawn from the prior, a study from the truth, and some of its outcomes are lost by the
group, the covariate and the other outcomes. The study is analysed twice, with what was observed of
everybody (``missing="mar"``) and with complete cases. The rank of the truth among draws of the
first posterior is uniform (Talts et al. 2018, arXiv:1804.06788); of the second it is not, as being
complete says something. Studies are kept as they come: a stopped run goes on where it was.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import bmco_pymc as bmco
from bmco_pymc import patterns
from bmco_pymc.models.prior_draws import draw_prior
from bmco_pymc.posterior.density import log_likelihood
from validation import calibration, pool
from validation import missing_report as report
from validation.missing_cells import CELLS, CHAINS, DRAWS, RANKED, TUNE, Cell, Model, gone
from validation.simulate import softmax

HERE = Path(__file__).parent
MAR, COMPLETE = "mar", "complete"


def outcomes(cell: Cell) -> list[str]:
    """Return the names of the outcomes."""
    return [f"y{k + 1}" for k in range(cell.outcomes)]


def simulate(cell: Cell, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return a table of subjects with outcomes missing, and the parameters it comes from."""
    n, K, names = cell.subjects, cell.outcomes, outcomes(cell)
    clusters = max(cell.clusters, 1)
    site, arm = np.arange(n) % clusters, np.arange(n) // clusters % 2
    table = pd.DataFrame({"arm": np.where(arm, "new", "old"), "x": rng.normal(size=n)})
    table["site"] = [f"s{place:02}" for place in site]
    anything = np.repeat(np.arange(n)[:, None] // 3 % 2, K, axis=1)  # of which no prior knows
    blank = cell.model(table.assign(**dict(zip(names, anything.T, strict=True))), names, MAR)
    truth = draw_prior(blank, 1, rng)
    if blank.terms is None:
        phi = truth["phi"][0]
    else:
        X, Z = blank.terms.matrices(blank.cells.frame, blank.cells.arm)
        eta = X @ truth["beta"][0]
        if blank.cells.cluster is not None:
            eta += np.einsum("np,npl->nl", Z, truth["gamma_cluster"][0][blank.cells.cluster])
        phi = softmax(eta)
    own = phi[blank.cells.cell]  # of each row of the table, (n, Q)
    pattern = (rng.random(n)[:, None] > own.cumsum(axis=1)[:, :-1]).sum(axis=1)
    success = 1 - (pattern[:, None] >> np.arange(K)[::-1] & 1)  # all successes first
    seen = np.where(gone(cell, arm, table["x"].to_numpy(), success, rng), np.nan, success)
    return table.assign(**dict(zip(names, seen.T, strict=True))), truth


def quantities(model: Model, draws: dict[str, Any]) -> pd.DataFrame:
    """Return what is ranked, a column each and a row for each draw."""
    if not isinstance(model, bmco.BMVB):
        return calibration.quantities(model, draws)
    phi, names = draws["phi"], model.study.outcomes  # (S, 2, Q)
    theta = patterns.theta_from_phi(phi)  # (S, 2, K)
    pairs = [f"{names[i]}, {names[j]}" for i, j in patterns.pairs(len(names))]
    delta = (theta[:, 1] - theta[:, 0]).T  # (K, S)
    columns = {f"delta[{name}]": own for name, own in zip(names, delta, strict=True)}
    for name, value, labels in (
        ("theta", theta, names),
        ("rho", patterns.rho_from_phi(phi), pairs),
        ("phi", phi, model.study.patterns),
    ):
        for g, group in enumerate(model.study.group_labels):
            inside = [f"{name}[{group}, {label}]" for label in labels]
            columns |= dict(zip(inside, value[:, g].T, strict=True))
    return pd.DataFrame(columns | {"log likelihood": log_likelihood(model, draws)})


def ranked(
    model: Model, truth: dict[str, Any], labels: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.Series]:
    """Fit a model, and return draws of each quantity, and the truth.

    Parameters
    ----------
    model : Model
    truth : dict of str to ndarray, shape (1, ...)
    labels : sequence of str
        The clusters that the truth has.
    seed : int

    Returns
    -------
    drawn : pandas.DataFrame, shape (RANKED, quantities)
        With the diagnostics of the fit in ``attrs``.
    true : pandas.Series
    """
    settings: dict[str, Any] = {"draws": DRAWS, "tune": TUNE, "chains": CHAINS, "cores": 1}
    if isinstance(model, bmco.BMVB):  # whose draws are independent
        settings = {"draws": RANKED, "chains": 1}
    fit = model.fit(**settings, seed=seed, progress=False)
    posterior = fit.idata["posterior"].to_dataset().stack(sample=("chain", "draw"))
    place = np.linspace(0, posterior.sizes["sample"] - 1, RANKED).round().astype(int)
    both = {}
    for parameter, true in truth.items():
        kept = posterior[parameter].isel(sample=place).transpose("sample", ...).values
        if parameter == "gamma_cluster":  # a cluster may be without complete cases
            true = true[:, [labels.index(label) for label in model.cells.cluster_labels]]
        both[parameter] = np.concatenate([true, kept])
    table = quantities(model, both)
    drawn = table[1:].reset_index(drop=True)
    drawn.attrs = {
        "rhat": fit.diagnostics.max_rhat,
        "ess": fit.diagnostics.min_ess,
        "divergences": fit.diagnostics.divergences or 0,
    }
    return drawn, table.iloc[0]


def study(seed: int, name: str, number: int) -> pd.DataFrame:
    """Simulate one study, analyse it twice, and rank its truth.

    Returns
    -------
    pandas.DataFrame
        A row for each treatment of missing outcomes (``missing``) and quantity: the ``rank`` of
        the truth among `RANKED` draws, 0 to `RANKED`; posterior mean minus truth (``error``) and
        SD; of the study the shares of ``values`` and ``subjects`` not, or not wholly, observed; of
        the fit the largest ``rhat``, the smallest ``ess``, ``divergences`` and ``seconds`` of
        processor time.
    """
    cell, names = CELLS[name], outcomes(CELLS[name])
    streams = np.random.SeedSequence([seed, list(CELLS).index(name), number]).spawn(3)
    rng = np.random.default_rng(streams[2])
    parts, of_all = [], pd.Series(dtype=float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        table, truth = simulate(cell, np.random.default_rng(streams[0]))
        labels = sorted(table["site"].unique())
        for missing in (MAR, COMPLETE):
            start = time.process_time()
            model = cell.model(table, names, missing)
            drawn, true = ranked(model, truth, labels, int(streams[1].generate_state(1)[0]))
            if missing == MAR:
                of_all = true[true.index.str.match("theta|delta")]
            true.update(of_all)  # averages over all subjects, whoever is analysed
            below, tied = (drawn < true).sum(), (drawn == true).sum()
            part = {
                "quantity": drawn.columns,
                "rank": below.to_numpy() + rng.integers(0, tied + 1),
                "error": (drawn.mean() - true).to_numpy(),
                "sd": drawn.std().to_numpy(),
                "missing": missing,
                "seconds": time.process_time() - start,
            }
            parts.append(pd.DataFrame(part | drawn.attrs))
    rows = pd.concat(parts)
    rows.insert(0, "cell", name)
    rows.insert(1, "study", number)
    absent = table[names].isna()
    return rows.assign(values=absent.to_numpy().mean(), subjects=absent.any(axis=1).mean())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study as the command line says; return 1 if a rank is not uniform that must be."""
    most = max(cell.studies for cell in CELLS.values())
    asked = pool.options("missing", __doc__, list(CELLS), most, HERE / "missing")
    options = asked.parse_args(arguments)
    wanted = [
        (name, number)
        for number in range(options.studies)
        for name in options.cells
        if number < CELLS[name].studies
    ]
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
    return int((report.must_be_uniform(table) & ~table["uniform"]).any())


if __name__ == "__main__":
    sys.exit(main())
