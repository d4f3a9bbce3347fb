"""The study's results as a page to read."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import pandas as pd

import bmco_pymc
from validation.analyses import ANALYSES
from validation.simulate import PARAMETERS

HEAD = """\
# Recovery: do 95 % intervals hold the truth?

Studies are simulated with a known truth and analysed; an interval is right if it holds the truth.
The parameters of each study are drawn from the same informative prior that the study is then
fitted with, so over many studies a 95 % equal-tailed interval holds the truth in exactly 95 % of
them, for every quantity and whatever the size of the study: what is not 95 % beyond chance is a
mistake. The truths are computed by code of their own (`validation/simulate.py`), which uses nothing
of the package.

Each quantity has a truth of its own:

- *empirical, pooled* and *own*: true probabilities averaged over the same subjects of the sample;
- *value*: those at one age; *analytical*: averaged over the normal distribution with the sample's
  mean and SD, all of it or from age 50 on, as a dense sum;
- *observed clusters*: those of the clusters as drawn, averaged over their subjects; *new clusters*:
  averaged over the distribution of clusters, by a product of Gauss-Hermite rules.

**Coverage** is to lie in the central 99.9 % **band** of a binomial with probability 0.95. Rows of
one analysis come from the same studies and are not independent. **Bias** is √n times the mean,
**spread** the root mean square, of z = (posterior mean − truth) / posterior SD: over the prior
these are about N(0, 1) and about 1.

To run the study again, from the root of the repository:

```sh
python -m validation.run --jobs {jobs}
```

It takes some ten minutes on two idle processors. An interrupted run goes on where it stopped; after
a change of the package, start anew with `--fresh`. `python -m validation.run --help` has the other
options.
"""


def page(results: pd.DataFrame, fits: Mapping[str, pd.DataFrame], seed: int, jobs: int) -> str:
    """Return the report in Markdown.

    Parameters
    ----------
    results : pandas.DataFrame
        Of `validation.coverage.coverage`, with a column ``analysis``.
    fits : mapping of str to pandas.DataFrame
        For each analysis a row per fit: ``divergences``, ``rhat``, ``ess``.
    seed, jobs : int
        Of the run.
    """
    outside = results[~results["inside"]]
    verdict = (
        f"All {len(results)} quantities are inside their bands."
        if outside.empty
        else f"**{len(outside)} of {len(results)} quantities are outside their bands.**"
    )
    parts = [HEAD.format(jobs=jobs), "## Result\n", verdict + "\n", _fits(fits)]
    for name, rows in results.groupby("analysis", sort=False):
        parts += [f"## {ANALYSES[str(name)].title}\n", _table(rows)]
    packages = ["pymc", "nutpie", "numba", "numpy", "scipy", "pandas"]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    parts += [
        "## Made with\n",
        f"bmco_pymc {bmco_pymc.__version__}, Python {platform.python_version()}, {versions}; "
        f"seed {seed}.\n",
    ]
    return "\n".join(parts)


def _fits(fits: Mapping[str, pd.DataFrame]) -> str:
    lines = [
        "| analysis | studies | draws | with divergences | R-hat above 1.01 | above 1.05 "
        "| median of largest R-hat | smallest ESS | median of smallest ESS |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for name, fit in fits.items():
        rhat, ess = fit["rhat"], fit["ess"]
        cells = [
            ANALYSES[name].title,
            len(fit),
            f"4 × {ANALYSES[name].draws}",
            (fit["divergences"] > 0).sum(),
            (rhat > 1.01).sum(),
            (rhat > 1.05).sum(),
            f"{rhat.median():.3f}",
            f"{ess.min():.0f}",
            f"{ess.median():.0f}",
        ]
        lines.append(_row(cells))
    remark = (
        "The chains are short, to make many studies: then the largest R-hat of all parameters of a "
        "fit,\nthose of the clusters among them, now and then exceeds 1.01. No fit was left out."
    )
    return "\n".join([*lines, "", remark]) + "\n"


def _table(rows: pd.DataFrame) -> str:
    lines = [
        "| population | quantity | truths held | coverage | band | inside | bias | spread |",
        "| --- | --- | --: | --: | --- | --- | --: | --: |",
    ]
    # What a study is for comes first, its parameters after it.
    parameters = rows["population"] == PARAMETERS
    for row in pd.concat([rows[~parameters], rows[parameters]]).to_dict("records"):
        n = row["replicates"]
        cells = [
            row["population"],
            f"`{row['quantity']}`",
            f"{row['covered']} of {n}",
            f"{row['coverage']:.3f}",
            f"{row['band_low'] / n:.3f} to {row['band_high'] / n:.3f}",
            "yes" if row["inside"] else "**no**",
            f"{row['bias_z']:+.2f}",
            f"{row['spread']:.2f}",
        ]
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
