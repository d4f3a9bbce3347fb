"""Do fits converge at default settings? A thousand studies: ``python -m validation.converge``.

Each study has another truth, size, design and prior; it is fitted as a user would, with
``model.fit(seed=...)``, and the verdict is kept. Studies are kept as they come: a stopped run goes
on where it was.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit, logit

import bmco_pymc as bmco
from validation import pool
from validation.calibration_report import markdown, software

HERE = Path(__file__).parent
DESIGNS = {
    "flat": "BGLM",
    "intercept": "BGLMM, subjects randomised, random intercept",
    "slope": "BGLMM, subjects randomised, random intercept and group",
    "whole": "BGLMM, whole clusters randomised, random intercept and group",
}
PRIORS = ("recommended", "bmco", "LKJ")
OUTCOMES = (1, 2, 3)
UNITS = ((50, 10), (170, 9), (37, 0.6), (500, 150), (0, 1))  # mean and SD of a covariate
# without clusters, an LKJ prior has nothing to say
CELLS = {
    f"{design}-{prior}-{K}": (design, prior, K)
    for design, prior, K in product(DESIGNS, PRIORS, OUTCOMES)
    if design != "flat" or prior != "LKJ"
}


def simulate(
    design: str, K: int, own_units: bool, rng: np.random.Generator
) -> tuple[pd.DataFrame, str]:
    """Return a table of subjects and the fixed formula of its analysis.

    Success rates are 0.1 to 0.9, an effect up to one logit, the ICC (on the latent scale) 0 to 0.3,
    6 to 40 clusters of 5 to 30 subjects; half of the studies have a covariate. The default prior
    takes it in its own units; bmco's, which is warned of where these are not near one, takes it
    standardised.
    """
    J = int(rng.integers(6, 41))
    site = np.repeat(np.arange(J), rng.integers(5, 31, J))
    if design == "flat":
        site = np.zeros(int(rng.integers(40, 401)), dtype=int)
    n = len(site)
    whole = design == "whole"
    arm = rng.permutation(np.arange(J) % 2)[site] if whole else rng.permutation(n) % 2
    icc = rng.uniform(0, 0.3) if design != "flat" else 0.0
    spread = np.sqrt(icc / (1 - icc) * np.pi**2 / 3)
    shared, own = rng.normal(size=(2, J, 1)), rng.normal(size=(2, J, K))  # arms, clusters, outcomes
    share = rng.uniform(0, 0.8)  # of the clusters' variance, alike for all outcomes
    deviation = spread * (np.sqrt(share) * shared + np.sqrt(1 - share) * own)
    if design == "intercept":
        deviation[1] = deviation[0]
    eta = logit(rng.uniform(0.1, 0.9, K)) + arm[:, None] * rng.uniform(-1, 1, K)
    eta = eta + deviation[arm, site] + rng.uniform(0, 1) * rng.normal(size=(n, 1))
    table = pd.DataFrame({"arm": np.where(arm, "new", "old"), "site": site})
    fixed = "arm"
    if rng.random() < 0.5:
        fixed = "arm * x"
        white = rng.normal(size=n)
        eta = eta + white[:, None] * (rng.normal(0, 0.4, K) + arm[:, None] * rng.normal(0, 0.3, K))
        mean, sd = UNITS[rng.integers(len(UNITS))]
        table["x"] = mean + sd * white if own_units else white
    table[[f"y{k + 1}" for k in range(K)]] = (rng.random((n, K)) < expit(eta)).astype(int)
    return table, fixed


def study(seed: int, name: str, number: int) -> pd.DataFrame:
    """Simulate one study, fit it at default settings and return the verdict, a row.

    ``settings`` are the attributes that the sampler left, as JSON: if it continued by itself, they
    say so. ``seconds`` are of the processor.
    """
    design, prior, K = CELLS[name]
    streams = np.random.SeedSequence([seed, list(CELLS).index(name), number]).spawn(2)
    with warnings.catch_warnings():
        # A simulated study may well be unusual; convergence is what is counted.
        warnings.simplefilter("ignore", bmco.InputWarning)
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        table, fixed = simulate(
            design, K, prior == "recommended", np.random.default_rng(streams[0])
        )
        clusters: dict[str, Any] = {} if design == "flat" else {"cluster": "site"}
        names = [f"y{k + 1}" for k in range(K)]
        data = bmco.Study(table, names, "arm", "old", "new", **clusters)
        model: bmco.BGLM | bmco.BGLMM
        if design == "flat":
            model = bmco.BGLM(data, fixed, priors=bmco.Priors.bmco())
        else:
            random = "1" if design == "intercept" else "1 + arm"
            model = bmco.BGLMM(data, fixed, random, priors=bmco.Priors.bmco())
        if prior == "recommended":
            model = model.with_priors(bmco.Priors.recommended(model))
        elif prior == "LKJ":
            model = model.with_priors(Sigma=bmco.LKJ(2))
        start = time.process_time()
        fit = model.fit(seed=int(streams[1].generate_state(1)[0]), cores=1, progress=False)
        seconds = time.process_time() - start
    verdict, sizes = fit.diagnostics, fit.idata["posterior"].sizes
    left = {k: v for k, v in fit.idata.attrs.items() if isinstance(v, int | float | str)}
    return pd.DataFrame(
        {
            "cell": [name],
            "study": number,
            "ok": verdict.ok,
            "verdict": verdict.verdict,
            "rhat": verdict.max_rhat,
            "ess": verdict.min_ess,
            "divergences": verdict.divergences or 0,
            "draws": sizes["chain"] * sizes["draw"],
            "parameters": len(verdict.table),
            "subjects": len(table),
            "clusters": table["site"].nunique(),
            "covariate": "x" in table,
            "seconds": seconds,
            "settings": json.dumps({k: v for k, v in left.items() if k != "software"}),
        }
    )


def by_cell(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each design, prior and number of outcomes."""
    cells = rows.groupby("cell", sort=False)
    table = pd.DataFrame(
        {
            "studies": cells["study"].size(),
            "converged": cells["ok"].sum(),
            "continued": cells["draws"].agg(lambda draws: (draws > 4000).sum()),
            "largest R-hat": cells["rhat"].max().round(4),
            "smallest ESS": cells["ess"].min().round(),
            "divergences": cells["divergences"].sum(),
            "seconds, median": cells["seconds"].median().round(1),
            "largest": cells["seconds"].max().round(1),
        }
    )
    table = table.loc[[name for name in CELLS if name in table.index]]
    keys = pd.DataFrame([CELLS[name] for name in table.index], columns=["design", "prior", "K"])
    return pd.concat([keys, table.reset_index(drop=True)], axis=1)


def page(rows: pd.DataFrame, seed: int, asked: int) -> str:
    """Return the report in Markdown; ``asked`` is how many studies there are to be."""
    bad = rows[~rows["ok"]]
    left = (
        f" {asked - len(rows)} of {asked} are still to be made: the command goes on where it was."
    )
    left = left if asked > len(rows) else ""
    designs = "".join(f"- *{name}*: {text};\n" for name, text in DESIGNS.items())
    parts = [
        "# Convergence: a thousand studies at default settings\n",
        "Studies are simulated with success rates from 0.1 to 0.9, effects up to one logit, an ICC "
        "(latent scale) from 0 to 0.3, and 6 to 40 clusters of 5 to 30 subjects, or 40 to 400 "
        "subjects; half of them have a covariate, in its own units under the default prior and "
        "standardised under the others, which are warned of elsewhere. Each is fitted with "
        "`model.fit(seed=...)` and nothing else.\n",
        f"{designs}- *bmco*: N(0, 10) on raw coefficients and inverse-Wishart (p, 0.1 I); *LKJ*: "
        "LKJ(2) by logit instead of the latter.\n",
        "```sh\npython -m validation.converge --jobs 16\n```\n\n## Result\n",
        f"**{rows['ok'].sum()} of {len(rows)} fits converged.**{left}\n",
        markdown(by_cell(rows)),
        "## Not converged\n",
        markdown(bad[["cell", "study", "subjects", "clusters", "verdict"]]),
        f"## Made with\n\n{software()}; seed {seed}.\n",
    ]
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studies as the command line says; return 1 if too few converged."""
    asked = pool.options("converge", __doc__, list(CELLS), 1000, HERE / "convergence")
    options = asked.parse_args(arguments)
    # in turn: study by study through the cells, until there are so many in all
    each = -(-options.studies // len(options.cells))
    wanted = [(name, number) for number in range(each) for name in options.cells]
    wanted = wanted[: options.studies]
    store, limits = options.store / str(options.seed), (options.jobs, options.seconds)
    rows = pool.run(partial(study, options.seed), wanted, store, options.part, *limits)
    if rows.empty:
        print("no study yet")
        return 0
    print(by_cell(rows).to_string(index=False))
    print(f"{rows['ok'].sum()} of {len(rows)} converged")
    options.out.mkdir(parents=True, exist_ok=True)
    columns = [column for column in rows if column not in ("settings", "rows")]
    rows[columns].to_csv(options.out / "convergence.csv", index=False, float_format="%.5g")
    (options.out / "CONVERGENCE.md").write_text(
        page(rows, options.seed, options.studies), encoding="utf-8"
    )
    return int((~rows["ok"]).sum() > len(rows) / 1000)


if __name__ == "__main__":
    sys.exit(main())
