"""The study of the verdict as a page to read, and what the page claims."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version

import pandas as pd

import bmco_pymc

ALARMS = 0.01  # at most, of good fits
FOUND = 0.99  # at least, of fits with a fault
ENOUGH = 800  # effective draws from which on the faults below are found
GROSS = (
    "one chain stuck at the end for 10% of it",
    "one chain stuck at the end for 50% of it",
    "two modes, 4 SD apart",
    "one chain shifted by 1 SD",
    "one chain shifted by 1.5 SD",
    "one chain 2 times as wide",
    "one chain 3 times as wide",
    "all chains drift by 2 SD",
    "all chains drift by 3 SD",
)

HEAD = """\
# Is the verdict on a fit right?

A fit says "Converged", "TOO FEW DRAWS" or "NOT CONVERGED". Here draws are made up, so that it is
known which is right: four chains of autocorrelated draws, AR(1), of 10 to 5,000 parameters. What
they are *worth* is the effective number of draws of all chains together. The verdict is that of
`fit.diagnostics`: R-hat judged against what chance gives, see `bmco_pymc/diagnostics/ranks.py`.

The claims, which a test checks against the numbers below:

- **Good chains** are called not converged in at most 1 % of fits, whatever their length,
  autocorrelation and number of parameters. A fixed limit of 1.01 would do so for all whose
  `largest R-hat` is above it.
- **Bad chains**, in a single parameter among 10 or among 5,000, are called not converged in at
  least 99 % of fits whose draws are worth {enough} or more: one of four chains stuck for a tenth of
  its length, shifted by 1 posterior SD or twice as wide, two modes, or all chains drifting by 2 SD.
- With fewer effective draws some of these are only called too few draws; at most 1 % are called
  converged.

Chains of 500 draws or more that are worth fewer than 3 each (12 in all) hardly move: nobody can say
whether they agree, so they are called not converged as well. None of the good ones here is as slow.

To run the study again, from the root of the repository:

```sh
python -m validation.verdict
```

It takes about {minutes} minutes on two idle processors; `--fraction 0.05` is a small part of it.
"""

REMARK = """\
Smaller faults are found less often, and more often called too few draws or, where they do not
matter much, converged: one chain of four that is shifted by 0.25 SD moves the mean of all draws by
0.06 SD. `fit.diagnostics.table` has R-hat and the probability of one as large by chance (`chance`)
of every parameter.
"""


def broken(table: pd.DataFrame) -> list[str]:
    """Return the claims of the page that do not hold of the results, in words.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `validation.verdict.study`.
    """
    from scipy.stats import binom

    wrong = []
    good = table[table["fault"] == "none"]
    too_many = good["not_converged"] > binom.ppf(0.999, good["fits"], ALARMS)
    wrong += [f"false alarms, {one}" for one in good[too_many].to_dict("records")]
    for n, rows in good.groupby("parameters"):
        fits, alarms = int(rows["fits"].sum()), int(rows["not_converged"].sum())
        if alarms > ALARMS * fits:
            wrong.append(f"false alarms: {alarms} of {fits} fits of {n} parameters")
    gross = table[table["fault"].isin(GROSS)]
    missed = (gross["worth"] >= ENOUGH) & (gross["not_converged"] < FOUND * gross["fits"])
    wrong += [f"found, {one}" for one in gross[missed].to_dict("records")]
    passed = gross["fits"] - gross["not_converged"] - gross["too_few"]
    let_through = passed > (1 - FOUND) * gross["fits"]
    wrong += [f"not called converged, {one}" for one in gross[let_through].to_dict("records")]
    return wrong


def page(table: pd.DataFrame, seed: int, minutes: int = 10) -> str:
    """Return the report in Markdown.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `validation.verdict.study`.
    seed, minutes : int
        Of the run.
    """
    sizes = table.loc[table["fault"] != "none", "parameters"].unique()
    wrong = broken(table)
    verdict = f"**{len(wrong)} claims do not hold.**" if wrong else "All claims hold."
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas"))
    parts = [
        HEAD.format(enough=ENOUGH, minutes=minutes),
        f"## Result\n\n{verdict}\n",
        "## Good chains\n",
        _good(table[table["fault"] == "none"]),
        "## Bad chains\n",
        "Percentage of fits called not converged / called converged; the rest are called too few "
        "draws.\n",
        *(_bad(table[(table["fault"] != "none") & (table["parameters"] == n)], n) for n in sizes),
        REMARK,
        "## Made with\n",
        f"bmco_pymc {bmco_pymc.__version__}, Python {platform.python_version()}, {packages}; "
        f"seed {seed}.\n",
    ]
    return "\n".join(parts)


def _good(rows: pd.DataFrame) -> str:
    """Return the table of false alarms, by length and number of parameters."""
    from scipy.stats import beta

    lines = [
        "| parameters | draws | fits | not converged | largest R-hat above 1.01 |",
        "| --: | --: | --: | --: | --: |",
    ]
    for (n, draws), some in rows.groupby(["parameters", "draws"]):
        fits = some["fits"].sum()
        above = f"{some['rhat_above'].sum() / fits:.0%}"
        lines.append(row([n, f"4 × {draws}", fits, some["not_converged"].sum(), above]))
    total = rows.groupby("parameters")[["fits", "not_converged"]].sum()
    limits = beta.ppf(0.95, total["not_converged"] + 1, total["fits"] - total["not_converged"])
    least = "\n".join(
        f"- {n} parameters: {alarms} of {fits}, below {limit:.2%}"
        for (n, (fits, alarms)), limit in zip(
            zip(total.index, total.to_numpy(), strict=True), limits, strict=True
        )
    )
    rho = ", ".join(f"{value:g}" for value in sorted(rows["autocorrelation"].unique()))
    remark = (
        f"Autocorrelations {rho} together; half of the parameters have Cauchy tails. The\nfits of "
        "different sizes are made of the same draws. All lengths together, with the upper 95 % "
        f"limit:\n\n{least}"
    )
    return "\n".join([*lines, "", remark]) + "\n"


def _bad(rows: pd.DataFrame, n: int) -> str:
    """Return the table of faults in one of n parameters, with what the draws are worth across."""
    worth = rows.sort_values("worth").drop_duplicates(["draws", "autocorrelation"])
    kinds: Sequence[tuple[int, float, int]] = [
        *worth[["draws", "autocorrelation", "worth"]].itertuples(index=False, name=None)
    ]
    heads = [f"{w} (4 × {d}, {r:g})" for d, r, w in kinds]
    lines = [
        f"### In one of {n} parameters\n",
        row(["worth (draws, autocorrelation)", *heads]),
        row(["---", *["--:"] * len(heads)]),
    ]
    for fault, some in rows.groupby("fault", sort=False):
        cells = {(one["draws"], one["autocorrelation"]): one for one in some.to_dict("records")}
        shares = []
        for draws, rho, _ in kinds:
            one = cells[draws, rho]
            passed = one["fits"] - one["not_converged"] - one["too_few"]
            found, passed = (100 * count / one["fits"] for count in (one["not_converged"], passed))
            shares.append(f"{found:.0f} / {passed:.0f}")
        lines.append(row([fault, *shares]))
    return "\n".join(lines) + "\n"


def row(cells: Sequence[object]) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(map(str, cells))} |"
