"""The results of the calibration with outcomes missing: a table, a page to read and a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from validation import muscatine
from validation.calibration_report import ERROR, markdown, software
from validation.missing_cells import CELLS, CHAINS, DRAWS, RANKED, TUNE
from validation.uniform import band, p_value

BINS = 20
OUTSIDE = (RANKED + 1) // 40  # ranks below this many, or as many at the other end: 5 % in all
SHOWN = r"(theta|delta)( new)?\["

HEAD = """\
# Outcomes missing at random: are posteriors right, and what do complete cases say?

A truth is drawn from the prior, a study from the truth, and some of its outcomes are lost: in the
treatment group more often beside a success on the other outcomes, in the control group beside a
failure, and in both where x is large. They are missing at random, as the risk depends only on what
is observed of whoever is at risk. Every subject keeps an outcome. About a quarter of the values are
lost, and half of the subjects are no complete cases. Each study is analysed twice, with one seed:

- **mar**: `Study(..., missing="mar")`. The rank of the truth among independent draws of the
  posterior is uniform, exactly, for every quantity and every size of the study (Talts et al. 2018,
  arXiv:1804.06788), and the posterior mean is right on average.
- **complete**: `missing="complete"`, the default. Neither is so, as who is complete says something.

BGLM has 200 subjects, BGLMM 180 in 12 clusters, BMVB 120 or 160. θ and δ of the truth are averages
over all subjects. With *robust mixtures* as priors, {most} of the values are lost. *Not at random*
must go wrong: there the risk depends on the lost outcome itself, which nothing that was observed
can tell. It shows that these ranks can fail.

Each fit has {chains} chains of {draws} draws after {tune} of tuning, or {ranked} independent draws
of BMVB; the truth is ranked among {ranked} of them, evenly spaced. **p** is twice the smaller of
two p-values: that of the largest departure of the ranks' distribution function from the diagonal
(Säilynoja, Bürkner & Vehtari 2022, 10.1007/s11222-022-10090-6), and that of χ² over {bins} bins. A
quantity is called not uniform if p times {number}, the number of quantities that have to be
uniform, is below {error}. **Coverage** is of the interval between the 5th smallest and the 5th
largest of {ranked} draws, which holds the truth in exactly 95 % of studies. **Bias** is that of the
posterior mean. Both are followed by their Monte Carlo standard errors.

```sh
python -m validation.missing --jobs 2
```

It takes about twenty minutes of one processor. A stopped run goes on where it was.

"""


def must_be_uniform(table: pd.DataFrame) -> pd.Series:
    """Return which rows are of a right analysis of outcomes missing at random."""
    own = [name for name, cell in CELLS.items() if cell.own]
    return (table["missing"] == "mar") & ~table["cell"].isin(own)


def uniformity(rows: pd.DataFrame) -> pd.DataFrame:
    """Test each quantity of each cell, with either treatment of missing outcomes.

    Parameters
    ----------
    rows : pandas.DataFrame
        A row for each study, treatment and quantity, with its ``rank`` and ``error``.

    Returns
    -------
    pandas.DataFrame
        A row for each cell, treatment and quantity: ``studies``; ``shift`` (√(12 n) times the mean
        of the relative rank minus a half, about standard normal: above 0 the truth is too often
        large); ``p_band``, ``p_chi2`` and ``p_value``, twice the smaller; ``uniform``, judged at
        `ERROR` for all that have to be; ``bias`` and ``coverage`` with their standard errors.
    """
    found = []
    for key, own in rows.groupby(["cell", "missing", "quantity"], sort=False):
        ranks, n = own["rank"].to_numpy(), len(own)
        shift = np.sqrt(12 * n) * ((ranks.mean() + 0.5) / (RANKED + 1) - 0.5)
        counts = np.bincount(ranks * BINS // (RANKED + 1), minlength=BINS)
        p_band, p_chi2 = p_value(ranks, RANKED), float(stats.chisquare(counts).pvalue)
        inside = ((ranks >= OUTSIDE) & (ranks <= RANKED - OUTSIDE)).mean()
        found.append(
            {
                **dict(zip(("cell", "missing", "quantity"), key, strict=True)),
                "studies": n,
                "shift": shift,
                "p_band": p_band,
                "p_chi2": p_chi2,
                "p_value": min(1.0, 2 * min(p_band, p_chi2)),
                "bias": own["error"].mean(),
                "bias_se": own["error"].std() / np.sqrt(n),
                "coverage": inside,
                # of the right coverage, so that it is not 0 where all intervals hold the truth
                "coverage_se": np.sqrt(max(inside * (1 - inside), 0.95 * 0.05) / n),
            }
        )
    table = pd.DataFrame(found)
    number = int(must_be_uniform(table).sum())
    return table.assign(uniform=table["p_value"] * number >= ERROR)


def by_cell(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell and treatment: its quantities, the least p, and its fits."""
    found = []
    for name, cell in CELLS.items():
        for missing in ("mar", "complete"):
            own = table[(table["cell"] == name) & (table["missing"] == missing)]
            if own.empty:
                continue
            fits = rows[(rows["cell"] == name) & (rows["missing"] == missing)]
            fits = fits.drop_duplicates("study")
            worst = own.sort_values("p_value").iloc[0]
            found.append(
                {
                    "cell": cell.title,
                    "analysis": missing,
                    "studies": len(fits),
                    "values lost": f"{fits['values'].mean():.2f}",
                    "subjects with a loss": f"{fits['subjects'].mean():.2f}",
                    "quantities": len(own),
                    "not uniform": int((~own["uniform"]).sum()),
                    "smallest p": small(worst["p_value"]),
                    "of": worst["quantity"],
                    "divergences": int(fits["divergences"].sum()),
                    "R-hat > 1.05": int((fits["rhat"] > 1.05).sum()),
                    "seconds": f"{fits['seconds'].mean():.2f}",
                }
            )
    return pd.DataFrame(found)


def small(p: float) -> str:
    """Return a p-value in words; far out neither of the two is exact."""
    return "< 1e-5" if p < 1e-5 else f"{p:.2g}"


def effects(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return bias, coverage and p of θ and δ of a cell, both treatments side by side."""
    own = table[(table["cell"] == name) & table["quantity"].str.match(SHOWN)]
    columns = {}
    for missing in ("mar", "complete"):
        half = own[own["missing"] == missing].set_index("quantity")
        for what, digits in (("bias", 4), ("coverage", 3)):
            columns[f"{what}, {missing}"] = [
                f"{value:.{digits}f} ± {error:.{digits}f}"
                for value, error in zip(half[what], half[f"{what}_se"], strict=True)
            ]
        columns[f"p, {missing}"] = [small(p) for p in half["p_value"]]
    return pd.DataFrame(columns, index=half.index).reset_index()


def write(rows: pd.DataFrame, table: pd.DataFrame, folder: Path, seed: int) -> None:
    """Write ``missing.csv``, ``MISSING.md`` and ``missing.png``."""
    table.to_csv(folder / "missing.csv", index=False, float_format="%.6g")
    table = pd.read_csv(folder / "missing.csv")  # the page says what the file says, to the digit
    right = must_be_uniform(table)
    bad = int((right & ~table["uniform"]).sum())
    number = int(right.sum())
    verdict = (
        f"All {number} quantities that have to be uniform are."
        if not bad
        else f"**{bad} of the {number} quantities that have to be uniform are not.**"
    )
    few = table[~right & (table["missing"] == "complete")]
    verdict += f" With complete cases {int((~few['uniform']).sum())} of {len(few)} are not."
    one = table[(table["cell"] == "bglm") & (table["quantity"] == "delta[y1]")]
    for missing, bias, held in zip(one["missing"], one["bias"], one["coverage"], strict=True):
        verdict += (
            f"\nδ of y1 by BGLM, {missing}: bias {bias:.3f}; the interval holds the truth in "
            f"{100 * held:.0f} % of studies."
        )
    cells = [name for name in CELLS if (table["cell"] == name).any()]
    lost = rows[rows["cell"] == "bmvb-mixture"]["values"].mean()
    parts = [
        HEAD.format(
            chains=CHAINS, draws=DRAWS, tune=TUNE, ranked=RANKED, bins=BINS, number=number,
            error=ERROR, most=f"{lost:.0%}".replace("%", " %"),
        )
        + "## Result\n",
        verdict + "\n",
        markdown(by_cell(rows, table)),
        "![Distribution functions of the ranks](missing.png)\n",
        "## Success probabilities and differences\n\n`missing.csv` has all quantities.\n",
    ]  # fmt: skip
    for name in cells:
        parts += [f"### {CELLS[name].title}\n", markdown(effects(table, name))]
    parts += [muscatine.page(), f"## Made with\n\n{software()}; seed {seed}.\n"]
    (folder / "MISSING.md").write_text("\n".join(parts), encoding="utf-8")
    picture(rows, folder / "missing.png")


def picture(rows: pd.DataFrame, path: Path) -> None:
    """Draw, for each cell, the ranks' distribution functions less the diagonal, with the band."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in CELLS if (rows["cell"] == name).any()]
    columns = min(4, len(names))
    high = -(-len(names) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.8 * high), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(high, columns, sharex=True, sharey=True, squeeze=False).ravel()
    share = np.arange(1, RANKED + 1) / (RANKED + 1)
    for panel, name in zip(panels, names, strict=False):
        mine = rows[rows["cell"] == name]
        n = mine["study"].nunique()
        low, top = band(n, RANKED)
        panel.fill_between(share, low - share, top - share, color="0.85", step="mid", lw=0)
        for (missing, _), ranks in mine.groupby(["missing", "quantity"], sort=False)["rank"]:
            at = (ranks.to_numpy()[:, None] < np.arange(1, RANKED + 1)).mean(axis=0)
            right = missing == "mar"
            panel.plot(share, at - share, color="C0" if right else "C1", lw=0.6, zorder=2 + right)
        panel.set_title(f"{CELLS[name].title} ({n})".replace("`", ""), fontsize=8)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    figure.supxlabel("relative rank")
    figure.supylabel("distribution function less the diagonal")
    what = "A line for each quantity: blue what was observed of everybody, orange complete cases"
    figure.suptitle(what, fontsize=9)
    figure.savefig(path, dpi=110)
