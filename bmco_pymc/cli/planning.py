"""Planning a trial at the shell: ``bmco-pymc power`` and ``bmco-pymc size``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from bmco_pymc.cli.app import CODES, Grouped, app
from bmco_pymc.cli.blocks import unfolded
from bmco_pymc.cli.declared import RESULT, Deciding, Talk, option
from bmco_pymc.cli.run import NOTHING, Run, running
from bmco_pymc.cli.speech import INTERRUPTED, SAME
from bmco_pymc.cli.trial_options import (
    TRIAL,
    Analysed,
    Dropout,
    InClusters,
    Out,
    ReportFile,
    Simulated,
    Truth,
)

EXAMPLE = """\b
For example:
  bmco-pymc power --control .4,.4 --treatment .6,.6 --rho -.3,0,.3 --n 103
  bmco-pymc power --control .4,.4 --treatment .6,.6 --looks 35,70,105 --spending hsd:-4
  bmco-pymc power --control .4,.4 --treatment .6,.6 --icc .05 --clusters 20 --size 15 \\
    --size-cv .4 --jobs 2 --path study/
  bmco-pymc size --control .4,.4 --treatment .6,.6 --rule any --power .8 --dropout .1
"""

# Arguments that options are called like, where others do not have them.
SPELT_SO = SAME | (
    {"size", "size_cv", "randomised", "icc", "icc_between", "between", "model"}
    | {"engine", "simulations", "jobs", "path", "audit", "over", "most"}
)


@app.command(cls=Grouped, epilog=f"{EXAMPLE}\n{CODES}")
@unfolded
def power(
    *,
    truth: Truth,
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
    in_clusters: InClusters,
    analysed: Analysed,
    deciding: Deciding,
    simulated: Simulated,
    type_one: Annotated[
        bool | None,
        option(
            RESULT,
            "Look for the largest Type I error, too. Default: where trials are not simulated.",
            name="--type-one/--no-type-one",
        ),
    ] = None,
    out: Out = None,
    report: ReportFile = None,
    talk: Talk,
) -> None:
    """Tell the power and the Type I error of a trial.

    With two groups and several binary outcomes. Without clusters the numbers are exact where the
    result says so; with them, trials are simulated. A truth without effect gives the Type I error
    there.
    """
    from bmco_pymc.cli import options, output, plans
    from bmco_pymc.cli.reports import check_report
    from bmco_pymc.errors import InputError

    interrupted = _kept(simulated.path)
    with running("power", talk, same=SPELT_SO, interrupted=interrupted) as run:
        if n is None and looks is None and in_clusters.clusters is None:
            raise InputError("--n", None, "needed: the number of subjects in each group")
        rule = options.read_rule(deciding)
        where = plans.read_clusters(**vars(in_clusters), icc=truth.icc)
        scenario = plans.read_truth(**vars(truth))
        analysis = plans.read_analysis(rule, **vars(analysed), clustered=bool(where))
        design = plans.read_design(
            analysis, scenario, where, n=n, looks=looks, spending=spending, futility=futility,
            dropout=dropout, simulated=simulated.engine is not None,
        )  # fmt: skip
        how = plans.read_engine(design, **vars(simulated), beside=("simulations", "seed"))
        check_report(report, "--report")
        folder = None if out is None else output.writable(out)
        found = design.evaluate(scenario, **how, progress=run.progress)
        engine = how.get("engine")
        more = []
        if (engine is None if type_one is None else type_one) and not _interrupted(run.notes):
            more.append(design.type_one(engine=engine, progress=run.progress))
        _finish(run, found, more, folder, report)


@app.command(cls=Grouped, epilog=f"{EXAMPLE}\n{CODES}")
@unfolded
def size(
    *,
    truth: Truth,
    target: Annotated[float, option(TRIAL, "Power to reach.", name="--power")] = 0.8,
    over: Annotated[
        str | None,
        option(
            TRIAL,
            "What is searched for: the number of clusters or their size, the other being as "
            "given. Default: clusters.",
            choices=("clusters", "size"),
        ),
    ] = None,
    most: Annotated[
        int | None,
        option(TRIAL, "Where the search ends. Default: 500 clusters, 2000 in one, 5000 subjects."),
    ] = None,
    ratio: Annotated[float, option(TRIAL, "Subjects of the treatment for one of the control.")] = 1,
    dropout: Dropout = 0.0,
    in_clusters: InClusters,
    analysed: Analysed,
    deciding: Deciding,
    simulated: Simulated,
    out: Out = None,
    report: ReportFile = None,
    talk: Talk,
) -> None:
    """Tell how many subjects it takes, or clusters.

    Without clusters, the first number of subjects with the power, and the stable one. With them,
    their number or their size: --clusters and --size say the other one, and where to begin.
    """
    from bmco_pymc.cli import options, output, plans
    from bmco_pymc.cli.reports import check_report

    with running("size", talk, same=SPELT_SO, interrupted=_kept(simulated.path)) as run:
        rule = options.read_rule(deciding)
        where = plans.read_clusters(**vars(in_clusters), icc=truth.icc)
        scenario = plans.read_truth(**vars(truth))
        analysis = plans.read_analysis(rule, **vars(analysed), clustered=bool(where))
        design = plans.read_design(analysis, scenario, where, ratio=ratio, dropout=dropout)
        how = plans.read_engine(design, **vars(simulated))
        check_report(report, "--report")
        folder = None if out is None else output.writable(out)
        found = design.size_for(
            scenario, target, over=over, most=most, **how, progress=run.progress
        )
        _finish(run, found, [], folder, report)


def _kept(path: Path | None) -> str:
    """Return what to say of an interrupt: trials that are kept are not lost."""
    from bmco_pymc.escapes import visible

    if path is None:
        return NOTHING
    kept = f"the same command goes on with the trials that are kept in {visible(str(path))}"
    return f"Interrupted before there was a result: {kept}."


def _interrupted(notes: list[str]) -> bool:
    """Whether an interrupt has left fewer trials than were asked for, as a note says."""
    return any(note.startswith("interrupted after") for note in notes)


def _finish(
    run: Run, found: Any, more: list[Any], folder: Path | None, report: Path | None
) -> None:
    """Say what was found and write the files, if any; 130 if an interrupt left fewer trials."""
    from bmco_pymc.cli.document import records
    from bmco_pymc.cli.output import DPI
    from bmco_pymc.cli.reports import write_report

    for result in (found, *more):
        run.add(result)
    tables = {"characteristics": records(found.table())}
    run.content["tables"] = tables | {one.kind: records(one.table()) for one in more}
    if _interrupted(run.notes) and not run.code:
        run.code = INTERRUPTED
    if folder is not None or report is not None:
        protocol = found.report(**{one.kind: one for one in more})
    if folder is not None:
        text = run.summary
        files: dict[str, Any] = {
            "protocol.txt": lambda path: path.write_text(f"{protocol}\n", encoding="utf-8"),
            "summary.txt": lambda path: path.write_text(text, encoding="utf-8"),
            "characteristics.csv": lambda path: found.table().to_csv(
                path, index=False, encoding="utf-8"
            ),
            f"{found.kind}.png": lambda path: found.plot().savefig(path, dpi=DPI),
        }
        run.write(folder, files)
    if report is not None:
        write_report(run, protocol, report)
