"""Planning a trial at the shell: ``bmco-pymc power`` and ``bmco-pymc size``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from bmco_pymc.cli.commands import CODES, app
from bmco_pymc.cli.declared import (
    ICC,
    RESULT,
    TRIAL,
    Alpha,
    AtLeast,
    Audit,
    Between,
    Control,
    CutOff,
    Direction,
    Dropout,
    EngineName,
    Grouped,
    ICCBetween,
    InClusters,
    Jobs,
    Kept,
    Margins,
    Model,
    Out,
    Prior,
    Progress,
    Randomised,
    Rho,
    RuleName,
    Seed,
    Simulations,
    Size,
    SizeCV,
    Treatment,
    Weights,
    option,
)
from bmco_pymc.cli.speech import INTERRUPTED, UNEXPECTED, speaking

EXAMPLE = """\b
For example:
  bmco-pymc power --control .4,.4 --treatment .6,.6 --rho -.3,0,.3 --n 103
  bmco-pymc power --control .4,.4 --treatment .6,.6 --looks 35,70,105 --spending hsd:-4
  bmco-pymc power --control .4,.4 --treatment .6,.6 --icc .05 --clusters 20 --size 15 \\
    --size-cv .4 --jobs 2 --path study/
  bmco-pymc size --control .4,.4 --treatment .6,.6 --rule any --power .8 --dropout .1
"""

# Arguments that options are called like, where `speaking` does not know them.
SPELT_SO = frozenset(
    {"n", "clusters", "size", "size_cv", "randomised", "icc", "icc_between", "between", "model"}
    | {"engine", "simulations", "seed", "jobs", "path", "audit", "over", "most"}
)


@app.command(cls=Grouped, epilog=f"{EXAMPLE}\n{CODES}")
def power(
    control: Control,
    treatment: Treatment,
    rho: Rho = "0",
    icc: ICC = None,
    icc_between: ICCBetween = None,
    between: Between = None,
    n: Annotated[
        str | None, option(TRIAL, "Subjects in each group, or CONTROL,TREATMENT.", "NUMBERS")
    ] = None,
    dropout: Dropout = 0.0,
    looks: Annotated[
        str | None,
        option(
            TRIAL,
            "Subjects in the smaller group at each look, the end included; with --clusters how "
            "many clusters have come.",
            "NUMBERS",
        ),
    ] = None,
    spending: Annotated[
        str,
        option(TRIAL, "How looks spend the level: hsd:GAMMA, pocock or obrien-fleming.", "HOW"),
    ] = "hsd:-4",
    futility: Annotated[
        float | None,
        option(
            TRIAL,
            "Give up where the predictive probability of success is below this; in simulated "
            "trials, the posterior probability.",
        ),
    ] = None,
    clusters: InClusters = None,
    size: Size = None,
    size_cv: SizeCV = None,
    randomised: Randomised = None,
    model: Model = None,
    rule: RuleName = "all",
    direction: Direction = "right",
    margins: Margins = "0",
    weights: Weights = None,
    at_least: AtLeast = None,
    alpha: Alpha = 0.05,
    cut_off: CutOff = None,
    prior: Prior = None,
    engine: EngineName = None,
    simulations: Simulations = None,
    seed: Seed = None,
    jobs: Jobs = None,
    path: Kept = None,
    audit: Audit = None,
    type_one: Annotated[
        bool | None,
        option(
            RESULT,
            "Look for the largest Type I error, too. Default: where trials are not simulated.",
            name="--type-one/--no-type-one",
        ),
    ] = None,
    progress: Progress = True,
    out: Out = None,
) -> None:
    """Tell the power and the Type I error of a trial with two groups and several binary outcomes.

    Without clusters the numbers are exact where the result says so; with them, trials are
    simulated. A truth without effect gives the Type I error there.
    """
    from bmco_pymc.cli import plans, report
    from bmco_pymc.errors import InputError

    with _planning(path) as notes:
        if n is None and looks is None and clusters is None:
            raise InputError("--n", None, "needed: the number of subjects in each group")
        asked = plans.read_rule(rule, direction, margins, weights, at_least, alpha, cut_off)
        where = plans.read_clusters(clusters, size, size_cv, randomised, icc)
        truth = plans.read_truth(control, treatment, rho, icc, icc_between, between)
        analysis = plans.read_analysis(asked, model, prior, clustered=bool(where))
        design = plans.read_design(
            analysis, truth, where, n=n, looks=looks, spending=spending, futility=futility,
            dropout=dropout, simulated=engine is not None,
        )  # fmt: skip
        how = plans.read_engine(
            design, engine, simulations=simulations, seed=seed, jobs=jobs, path=path, audit=audit,
            beside=("simulations", "seed"),
        )  # fmt: skip
        folder = None if out is None else report.writable(out)
        found = design.evaluate(truth, **how, progress=progress)
        simulated = how.get("engine")
        more = []
        if (simulated is None if type_one is None else type_one) and not _interrupted(notes):
            more.append(design.type_one(engine=simulated, progress=progress))
        _finish(found, more, notes, folder)


@app.command(cls=Grouped, epilog=f"{EXAMPLE}\n{CODES}")
def size(
    control: Control,
    treatment: Treatment,
    rho: Rho = "0",
    icc: ICC = None,
    icc_between: ICCBetween = None,
    between: Between = None,
    target: Annotated[float, option(TRIAL, "Power to reach.", name="--power")] = 0.8,
    over: Annotated[
        str | None,
        option(
            TRIAL,
            "What is searched for: the number of clusters or their size, the other being as "
            "given. Default: clusters.",
            "clusters|size",
        ),
    ] = None,
    most: Annotated[
        int | None,
        option(TRIAL, "Where the search ends. Default: 500 clusters, 2000 in one, 5000 subjects."),
    ] = None,
    ratio: Annotated[float, option(TRIAL, "Subjects of the treatment for one of the control.")] = 1,
    dropout: Dropout = 0.0,
    clusters: InClusters = None,
    size: Size = None,
    size_cv: SizeCV = None,
    randomised: Randomised = None,
    model: Model = None,
    rule: RuleName = "all",
    direction: Direction = "right",
    margins: Margins = "0",
    weights: Weights = None,
    at_least: AtLeast = None,
    alpha: Alpha = 0.05,
    cut_off: CutOff = None,
    prior: Prior = None,
    engine: EngineName = None,
    simulations: Simulations = None,
    seed: Seed = None,
    jobs: Jobs = None,
    path: Kept = None,
    audit: Audit = None,
    progress: Progress = True,
    out: Out = None,
) -> None:
    """Tell how many subjects it takes, or clusters.

    Without clusters, the first number of subjects with the power, and the stable one. With them,
    their number or their size: --clusters and --size say the other one, and where to begin.
    """
    from bmco_pymc.cli import plans, report

    with _planning(path) as notes:
        asked = plans.read_rule(rule, direction, margins, weights, at_least, alpha, cut_off)
        where = plans.read_clusters(clusters, size, size_cv, randomised, icc)
        truth = plans.read_truth(control, treatment, rho, icc, icc_between, between)
        analysis = plans.read_analysis(asked, model, prior, clustered=bool(where))
        design = plans.read_design(analysis, truth, where, ratio=ratio, dropout=dropout)
        how = plans.read_engine(
            design, engine, simulations=simulations, seed=seed, jobs=jobs, path=path, audit=audit
        )
        folder = None if out is None else report.writable(out)
        found = design.size_for(truth, target, over=over, most=most, **how, progress=progress)
        _finish(found, [], notes, folder)


@contextmanager
def _planning(path: Path | None) -> Iterator[list[str]]:
    """Speak of arguments as options, and after an interrupt of the trials that are kept."""
    from bmco_pymc.errors import InputError
    from bmco_pymc.escapes import visible

    with speaking() as notes:
        try:
            yield notes
        except InputError as error:
            name, bracket, group = error.argument.partition("[")
            spelt = f"--{name.replace('_', '-')}{bracket}{group}"
            raise error.renamed({error.argument: spelt} if name in SPELT_SO else {}) from None
        except KeyboardInterrupt:
            if path is None:
                raise
            kept = f"the same command goes on with the trials that are kept in {visible(str(path))}"
            typer.echo(f"Interrupted before there was a result: {kept}.", err=True)
            raise typer.Exit(INTERRUPTED) from None


def _interrupted(notes: list[str]) -> bool:
    """Whether an interrupt has left fewer trials than were asked for, as a note says."""
    return any(note.startswith("interrupted after") for note in notes)


def _finish(found: Any, more: list[Any], notes: list[str], folder: Path | None) -> None:
    """Write the files, if any, then print; end with 130 if an interrupt has left fewer trials."""
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
    if _interrupted(notes):
        raise typer.Exit(INTERRUPTED)
