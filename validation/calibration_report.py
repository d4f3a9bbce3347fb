"""The calibration's results: a table, a page to read and a picture."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

import bmco_pymc
from validation.calibration_cells import CELLS, CHAINS, DRAWS, RANKED, TUNE
from validation.uniform import band, p_value

ERROR = 0.01  # probability that any quantity of a right posterior is found not uniform

HEAD = """\
# Calibration: do posteriors say what the prior and the data say?

A truth is drawn from the prior, a study from the truth, and the study is fitted with that prior.
Then the rank of the truth among independent draws of the posterior is uniform, exactly, for every
quantity and every size of the study (Talts et al. 2018, arXiv:1804.06788). The log likelihood is
ranked too: it sees a posterior that takes too little from the data, even the prior itself, which no
parameter may show (Modrák et al. 2023, 10.1214/23-BA1404).

Studies have 50 to 100 subjects in 10 clusters, or 70 subjects, and a covariate. Each fit has
{chains} chains of {draws} draws after {tune} of tuning; the truth is ranked among {ranked} of them,
evenly spaced. Fits are not left out, whatever their diagnostics.

The p-value of a quantity is that of the largest departure of the ranks' distribution function from
the diagonal (Säilynoja, Bürkner & Vehtari 2022, 10.1007/s11222-022-10090-6). A quantity is called
not uniform if its p-value times the number of quantities ({number}) is below {error}.

```sh
python -m validation.calibration --jobs 16
```

"""


def uniformity(rows: pd.DataFrame) -> pd.DataFrame:
    """Test each quantity of each cell.

    Parameters
    ----------
    rows : pandas.DataFrame
        A row for each study and quantity, with its ``rank``.

    Returns
    -------
    pandas.DataFrame
        A row for each cell and quantity: ``studies``, ``shift`` (√(12 n) times the mean of the
        relative rank minus a half, about standard normal: above 0 the truth is too often large),
        ``p_value``, and ``uniform``, judged at `ERROR` for all rows together.
    """
    found = []
    for (cell, quantity), ranks in rows.groupby(["cell", "quantity"], sort=False)["rank"]:
        value = ranks.to_numpy(dtype=np.int64)
        relative = (value + 0.5) / (RANKED + 1)
        shift = np.sqrt(12 * len(value)) * (relative.mean() - 0.5)
        found.append((cell, quantity, len(value), shift, p_value(value, RANKED)))
    table = pd.DataFrame(found, columns=["cell", "quantity", "studies", "shift", "p_value"])
    return table.assign(uniform=table["p_value"] * len(table) >= ERROR)


def by_cell(rows: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each cell: its quantities, the smallest p-value, and its fits."""
    fits = rows.drop_duplicates(["cell", "study"]).groupby("cell", sort=False)
    each = table.groupby("cell", sort=False)
    worst = table.loc[each["p_value"].idxmin()].set_index("cell")
    likelihood = table[table["quantity"] == "log likelihood"].set_index("cell")
    summary = pd.DataFrame(
        {
            "studies": fits["study"].size(),
            "quantities": each.size(),
            "not uniform": (~table["uniform"]).groupby(table["cell"], sort=False).sum(),
            "smallest p": worst["p_value"],
            "of": worst["quantity"],
            "p of log likelihood": likelihood["p_value"],
            "divergences": fits["divergences"].sum(),
            "R-hat > 1.05": fits["rhat"].agg(lambda rhat: (rhat > 1.05).sum()),
            "median ESS": fits["ess"].median().round(),
            "seconds": fits["seconds"].mean().round(2),
        }
    )
    order = [name for name in CELLS if name in summary.index]
    return summary.loc[order].rename_axis("cell").reset_index()


def write(rows: pd.DataFrame, table: pd.DataFrame, folder: Path, seed: int) -> None:
    """Write ``calibration.csv``, ``CALIBRATION.md`` and ``calibration.png``."""
    table.to_csv(folder / "calibration.csv", index=False, float_format="%.5f")
    bad = table[~table["uniform"]]
    verdict = (
        f"All {len(table)} quantities are uniform."
        if bad.empty
        else f"**{len(bad)} of {len(table)} quantities are not uniform.**"
    )
    head = HEAD.format(chains=CHAINS, draws=DRAWS, tune=TUNE, ranked=RANKED, number=len(table),
                       error=ERROR)  # fmt: skip
    cells = by_cell(rows, table)
    cells["cell"] = [CELLS[name].title for name in cells["cell"]]
    least = table.sort_values("p_value", kind="stable")[:20]
    least = least.assign(cell=[CELLS[name].title for name in least["cell"]])
    parts = [
        head + "## Result\n",
        verdict + "\n",
        markdown(cells),
        "![Distribution functions of the ranks](calibration.png)\n",
        "## The twenty smallest p-values\n\n`calibration.csv` has all quantities.\n",
        markdown(least),
        f"## Made with\n\n{software()}; seed {seed}.\n",
    ]
    (folder / "CALIBRATION.md").write_text("\n".join(parts), encoding="utf-8")
    picture(rows, folder / "calibration.png")


def software() -> str:
    """Return what the results were made with."""
    packages = ["pymc", "nutpie", "numba", "numpy", "scipy", "pandas"]
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"bmco_pymc {bmco_pymc.__version__}, Python {platform.python_version()}, {versions}"


def markdown(table: pd.DataFrame) -> str:
    """Return a table in Markdown."""

    def text(value: object) -> str:
        if isinstance(value, float):
            return f"{value:.4g}"
        return str(value)

    head = [str(column) for column in table.columns]
    lines = [head, ["---"] * len(head), *([text(x) for x in row] for row in table.to_numpy())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def picture(rows: pd.DataFrame, path: Path) -> None:
    """Draw, for each cell, the ranks' distribution functions less the diagonal, with the band."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in CELLS if (rows["cell"] == name).any()]
    columns = min(3, len(names))
    high = -(-len(names) // columns)
    figure = Figure(figsize=(4 * columns, 2.6 * high), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(high, columns, sharex=True, sharey=True, squeeze=False).ravel()
    share = np.arange(1, RANKED + 1) / (RANKED + 1)
    for panel, name in zip(panels, names, strict=False):
        mine = rows[rows["cell"] == name]
        n = mine["study"].nunique()
        low, top = band(n, RANKED)
        panel.fill_between(share, low - share, top - share, color="0.9", step="mid", lw=0)
        for quantity, ranks in mine.groupby("quantity", sort=False)["rank"]:
            at = (ranks.to_numpy()[:, None] < np.arange(1, RANKED + 1)).mean(axis=0)
            likelihood = quantity == "log likelihood"
            style = {"color": "C3", "lw": 1.6, "zorder": 3} if likelihood else {"lw": 0.5}
            panel.plot(share, at - share, **{"color": "C0", **style})
        panel.set_title(f"{CELLS[name].title} ({n})", fontsize=8)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    figure.supxlabel("relative rank")
    figure.supylabel("distribution function less the diagonal")
    what = "A line for each quantity, red the log likelihood; of a right posterior, 19 in 20 lines "
    what += "stay in the grey band"
    figure.suptitle(what, fontsize=9)
    figure.savefig(path, dpi=110)
