"""Planning a trial at the shell: ``bmco-pymc power`` and ``bmco-pymc size``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bmco_pymc.cli.commands import CODES, app, option
from bmco_pymc.cli.speech import UNEXPECTED, speaking

EXAMPLE = """\b
For example:
  bmco-pymc power --control .4,.4 --treatment .6,.6 --rho -.3,0,.3 --n 103
  bmco-pymc power --control .4,.4 --treatment .6,.6 --looks 35,70,105 --spending hsd:-4
  bmco-pymc size --control .4,.4 --treatment .6,.6 --rule any --power .8 --dropout .1
"""

Control = Annotated[
    str, option("Success probability of each outcome under the control.", "NUMBERS")
]
Treatment = Annotated[str, option("The same under the treatment.", "NUMBERS")]
Rho = Annotated[
    str, option("Correlation of the outcomes; several, separated by commas, are several truths.")
]
RuleName = Annotated[str, option("all, any, comp or count.", "RULE")]
Direction = Annotated[str, option("right, left or two-sided.", "SIDE")]
Margins = Annotated[
    str, option("Margin of every outcome, or one each, separated by commas.", "NUMBERS")
]
Weights = Annotated[
    str | None, option("comp: weights of the outcomes, separated by commas.", "NUMBERS")
]
AtLeast = Annotated[
    int | None, option("count: on how many outcomes the treatment should be better.", "M")
]
Alpha = Annotated[float, option("Error rate of the decision.")]
CutOff = Annotated[
    float | None, option("What the posterior probability must exceed, instead of the level's.")
]
Dropout = Annotated[float, option("Share of the enrolled subjects who will have no outcome.")]
Ratio = Annotated[float, option("Subjects of the treatment for one of the control.")]
Prior = Annotated[
    float | None, option("Dirichlet concentration of each response pattern. Default: 2/2^K.")
]
Out = Annotated[Path | None, option("Folder for protocol.txt, characteristics.csv and a picture.")]
Progress = Annotated[bool, option("Show a progress bar.")]


@app.command(epilog=f"{EXAMPLE}\n{CODES}")
def power(
    control: Control,
    treatment: Treatment,
    n: Annotated[
        str | None, option("Subjects in each group, or CONTROL,TREATMENT.", "NUMBERS")
    ] = None,
    rho: Rho = "0",
    rule: RuleName = "all",
    direction: Direction = "right",
    margins: Margins = "0",
    weights: Weights = None,
    at_least: AtLeast = None,
    alpha: Alpha = 0.05,
    cut_off: CutOff = None,
    looks: Annotated[
        str | None, option("Subjects in the smaller group at each look, the end included.")
    ] = None,
    spending: Annotated[
        str, option("How looks spend the level: hsd:GAMMA, pocock or obrien-fleming.", "HOW")
    ] = "hsd:-4",
    futility: Annotated[
        float | None, option("Give up where the predictive probability of success is below this.")
    ] = None,
    dropout: Dropout = 0.0,
    prior: Prior = None,
    type_one: Annotated[bool, option("Look for the largest Type I error, too.")] = True,
    progress: Progress = True,
    out: Out = None,
) -> None:
    """Tell the power and the Type I error of a trial with two groups and several binary outcomes.

    Without covariates and clusters; the numbers are exact where the result says so. A truth without
    effect gives the Type I error there.
    """
    from bmco_pymc.cli import plans, report
    from bmco_pymc.errors import InputError

    with speaking() as notes:
        if n is None and looks is None:
            raise InputError("--n", None, "needed: the number of subjects in each group")
        asked = plans.read_rule(rule, direction, margins, weights, at_least, alpha, cut_off)
        truth = plans.read_truth(control, treatment, rho)
        design = plans.read_design(
            asked, truth, n=n, looks=looks, spending=spending, futility=futility,
            dropout=dropout, prior=prior,
        )  # fmt: skip
        folder = None if out is None else report.writable(out)
        found = design.evaluate(truth, progress=progress)
        more = [design.type_one(progress=progress)] if type_one else []
        _finish(found, more, notes, folder)


@app.command(epilog=f"{EXAMPLE}\n{CODES}")
def size(
    control: Control,
    treatment: Treatment,
    target: Annotated[float, option("Power to reach.", name="--power")] = 0.8,
    rho: Rho = "0",
    rule: RuleName = "all",
    direction: Direction = "right",
    margins: Margins = "0",
    weights: Weights = None,
    at_least: AtLeast = None,
    alpha: Alpha = 0.05,
    cut_off: CutOff = None,
    ratio: Ratio = 1.0,
    dropout: Dropout = 0.0,
    prior: Prior = None,
    progress: Progress = True,
    out: Out = None,
) -> None:
    """Tell how many subjects it takes: the first number with the power, and the stable one."""
    from bmco_pymc.cli import plans, report

    with speaking() as notes:
        asked = plans.read_rule(rule, direction, margins, weights, at_least, alpha, cut_off)
        truth = plans.read_truth(control, treatment, rho)
        design = plans.read_design(asked, truth, ratio=ratio, dropout=dropout, prior=prior)
        folder = None if out is None else report.writable(out)
        found = design.size_for(truth, target, progress=progress)
        _finish(found, [], notes, folder)


def _finish(found: Any, more: list[Any], notes: list[str], folder: Path | None) -> None:
    """Write the files, if any, then print."""
    from bmco_pymc.cli.report import Report
    from bmco_pymc.escapes import visible

    text = Report()
    for result in (found, *more):
        text.add(result)
    try:
        if folder is not None:
            protocol = str(found.report(**{one.kind: one for one in more}))
            (folder / "protocol.txt").write_text(protocol + "\n", encoding="utf-8")
            (folder / "summary.txt").write_text(text.text(notes), encoding="utf-8")
            found.table().to_csv(folder / "characteristics.csv", index=False, encoding="utf-8")
            found.plot().savefig(folder / f"{found.kind}.png", dpi=150)
    except OSError as error:
        problem = f"{visible(str(folder))} could not be written: {error.strerror}"
        typer.echo(f"Error: {problem}", err=True)
        raise typer.Exit(UNEXPECTED) from None
    finally:
        text.show()
    if folder is not None:
        files = f"protocol.txt, summary.txt, characteristics.csv, {found.kind}.png"
        typer.echo(f"\nWritten to {visible(str(folder))}: {files}")
