"""Error rates of decisions in trials with few clusters: ``python -m validation.clusters``.

Every rule by every analysis, with whole clusters or subjects randomised, under a truth without the
effect that the rule claims. Trials are kept in a folder as they are analysed: a stopped run goes on
where it was. The page and the table are written from what there is.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

import bmco_pymc as bmco
from validation.calibration_report import markdown, software

HERE = Path(__file__).parent
LEVEL, SIZE, ICC, RHO = 0.05, 15, 0.1, 0.3
CLUSTERS = (6, 10, 20, 40)
NONE = [0.5, 0.5]
# Of All, the error is largest where the other effect is as good as certain.
RULES: dict[str, tuple[dict[str, Any], list[float], list[float]]] = {
    "All": ({"rule": "All"}, [0.5, 0.2], [0.5, 0.8]),
    "Any": ({"rule": "Any"}, NONE, NONE),
    "Comp": ({"rule": "Comp", "w": [0.5, 0.5]}, NONE, NONE),
}
MODELS: dict[str, dict[str, Any]] = {
    "BMVB": {},
    "BGLM": {"fixed": "group"},
    "BGLMM": {"fixed": "group", "random": "1"},
}
SIMULATIONS = {"BMVB": 20_000, "BGLM": 10_000, "BGLMM": 2_000}
AUDIT = {"BMVB": 0, "BGLM": 40, "BGLMM": 80}
CALIBRATED = (6, 20)


@dataclass(frozen=True)
class Cell:
    """One analysis of one kind of trial."""

    model: str
    randomised: str
    clusters: int
    rule: str
    between: str = "logit-normal"
    priors: str = "recommended"

    @property
    def design(self) -> bmco.Design:
        """The planned trial."""
        rule = bmco.Rule(**RULES[self.rule][0], alpha=LEVEL)
        priors = bmco.Priors.bmco() if self.priors == "bmco" else bmco.Priors()
        analysis = bmco.Analysis(self.model, rule, **MODELS[self.model], priors=priors)
        return bmco.Design(
            clusters=self.clusters, size=SIZE, randomised=self.randomised, analysis=analysis
        )

    @property
    def truth(self) -> bmco.Scenario:
        """A truth without the effect."""
        _, control, treatment = RULES[self.rule]
        return bmco.Scenario(control, treatment, rho=RHO, icc=ICC, between=self.between)


CELLS = [
    Cell(model, randomised, clusters, rule)
    for model, randomised, clusters, rule in product(
        MODELS, ("clusters", "subjects"), CLUSTERS, RULES
    )
]
# Clusters that are not those of the model, for the analysis that depends on it.
CELLS += [Cell("BGLMM", "clusters", clusters, "All", "dirichlet") for clusters in CLUSTERS]
CELLS += [Cell("BGLMM", "clusters", clusters, "All", priors="bmco") for clusters in CLUSTERS]


def evaluated(cell: Cell, jobs: int, path: Path) -> dict[str, Any]:
    """Return the error rate of a cell, as a row."""
    engine = bmco.Engine(SIMULATIONS[cell.model], jobs=jobs, path=path, audit=AUDIT[cell.model])
    found = cell.design.evaluate(cell.truth, engine=engine, progress=False)
    data = found.data.isel(scenario=0)
    row = {
        "model": cell.model,
        "randomised": cell.randomised,
        "clusters": cell.clusters,
        "rule": cell.rule,
        "between": cell.between,
        "priors": cell.priors,
        "error": float(data["success"]),
        "mcse": float(data["mcse"]),
        "trials": int(data["trials"]),
        "audited": int(data["audited"]),
        "disagreement": float(data["disagreement"]),
        "failed": float(data["failed"]),
    }
    for name in ("claim", "claim_mcse", "bias", "coverage"):
        if name in data:
            row[name] = float(data[name][0])
    return row


def calibrated(clusters: int, jobs: int, path: Path) -> dict[str, Any]:
    """Return the cut-off with which BGLMM holds the level, and the error with it."""
    cell = Cell("BGLMM", "clusters", clusters, "All")
    engine = bmco.Engine(SIMULATIONS["BGLMM"], jobs=jobs, path=path, audit=AUDIT["BGLMM"])
    design = cell.design.calibrate(LEVEL, truths=cell.truth, engine=engine, progress=False)
    fresh = replace(engine, first=10 * SIMULATIONS["BGLMM"])
    data = design.evaluate(cell.truth, engine=fresh, progress=False).data.isel(scenario=0)
    return {
        "clusters": clusters,
        "cut-off": float(design.analysis.rule.cut or 0),
        "error": float(data["success"]),
        "mcse": float(data["mcse"]),
    }


HEAD = f"""\
# Error rates in trials with clusters

How often does a decision at level {LEVEL:g} claim what is not true? Trials have clusters of {SIZE}
subjects, an ICC of {ICC:g} and outcomes that correlate by {RHO:g}; control rates are .5. *All*: one
δ is 0, the other as good as certain, which is where its error is largest; it is then that of the
claim of one outcome. *Any*, *Comp*: both δ are 0. *Clusters* are in all; where whole clusters are
randomised half of them are in each group. BGLMM (random intercept, recommended priors) decides
about new clusters. BMVB and BGLM do not know of the clusters.

```sh
python -m validation.clusters --jobs 2
```

Each number is followed by its Monte Carlo standard error. Those of BGLM and BGLMM are of NUTS, with
a fast approximation as control variate (`Engine`).

- An analysis that ignores the clusters errs three times as often as it may where whole clusters are
  randomised, however many there are. More clusters do not help, only a model that has them.
- BGLMM keeps its level, also with six clusters. It is careful there: its priors leave it open how
  much clusters differ, and few clusters cannot say. What that costs in power, a calibrated
  cut-off brings back.
- Where subjects are randomised, each cluster is its own control. BMVB and BGLM are careful there,
  as they take differences between clusters for noise.
"""


def page(table: pd.DataFrame, cuts: pd.DataFrame) -> str:
    """Return the study as a page to read."""
    shown = table.assign(
        error=[f"{e:.3f} ± {s:.3f}" for e, s in zip(table["error"], table["mcse"], strict=True)]
    )
    usual = shown["priors"] == "recommended"
    plain = shown[usual & (shown["between"] == "logit-normal")]
    parts = [HEAD]
    for randomised, title in (
        ("clusters", "Whole clusters randomised"),
        ("subjects", "Subjects randomised within clusters"),
    ):
        own = plain[plain["randomised"] == randomised]
        wide = own.pivot_table(
            index=["rule", "model"], columns="clusters", values="error", aggfunc="first", sort=False
        )
        parts += [f"## {title}\n", markdown(wide.reset_index())]
    other = shown[shown["between"] == "dirichlet"][["clusters", "error"]]
    parts += [
        "## Clusters that are not those of the model\n",
        "BGLMM, rule All, whole clusters randomised; φ of a cluster is Dirichlet.\n",
        markdown(other),
        "## Other priors\n",
        "The same with `Priors.bmco()`: N(0, 10) on the raw coefficients, inverse-Wishart(1, 0.1) "
        "of the variance of each logit.\n",
        markdown(shown[~usual][["clusters", "error"]]),
    ]
    if len(cuts):
        parts += [
            "## A cut-off that holds the level\n",
            "BGLMM, rule All, whole clusters randomised: `design.calibrate(0.05, truths=...)`, and "
            "the error with that cut-off in fresh trials.\n",
            markdown(cuts.round(4)),
        ]
    parts.append(software())
    return "\n".join(parts) + "\n"


def main() -> None:
    """Run what is missing and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--path", type=Path, default=HERE / "clusters")
    given = parser.parse_args()
    rows = []
    for cell in CELLS:
        rows.append(evaluated(cell, given.jobs, given.path))
        print(rows[-1], flush=True)
    pd.DataFrame(rows).to_csv(HERE / "clusters.csv", index=False)
    cuts = pd.DataFrame([calibrated(n, given.jobs, given.path) for n in CALIBRATED])
    cuts.to_csv(HERE / "clusters_cutoffs.csv", index=False)
    text = page(pd.read_csv(HERE / "clusters.csv"), cuts)
    (HERE / "CLUSTERS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
