"""Commands that ask something of fits that were kept: effect, check, compare, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bmco_pymc.cli.app import CODES, Grouped, app
from bmco_pymc.cli.blocks import unfolded
from bmco_pymc.cli.declared import (
    CI,
    RESULT,
    Deciding,
    KeptFit,
    OutFolder,
    Talk,
    Tipping,
    Whom,
    option,
)
from bmco_pymc.cli.run import running

CHECK = "Check"


@app.command(cls=Grouped, epilog=CODES)
@unfolded
def effect(
    *,
    fit: KeptFit,
    whom: Whom,
    deciding: Deciding,
    ci: CI = 0.95,
    tipping: Tipping = False,
    out: OutFolder = None,
    talk: Talk,
) -> None:
    """Ask a kept fit for an effect and a decision.

    Nothing is fitted again. Without --value, --range, --analytical and --target, the result is
    about the whole sample.
    """
    from bmco_pymc.cli import kept_fits, options, output
    from bmco_pymc.cli.populations import check_tipping
    from bmco_pymc.population.target import Target

    with running("effect", talk) as run:
        fitted = kept_fits.take_up(fit)
        question = options.read_question(fitted.model, whom, deciding, ci)
        if tipping:
            check_tipping(fitted.model, question.population)
        folder = None if out is None else output.writable(out)

        found = question.effect(fitted)
        run.add(found.text(ci))
        if isinstance(question.population, Target) and fitted.model.cells.frame.shape[1]:
            run.add(fitted.overlap(question.population))
        decision = found.decide(question.rule)
        run.add(decision)
        tip = fitted.tipping_point(rule=question.rule, **question.how) if tipping else None
        if tip is not None:
            run.add(tip)
        output.finish(run, found, [decision], ci, folder, tip, kept=True)


@app.command(cls=Grouped, epilog=CODES)
@unfolded
def check(
    *,
    fit: KeptFit,
    draws: Annotated[int, option(CHECK, "Number of replicates, at most.")] = 2000,
    seed: Annotated[
        int | None, option(CHECK, "Seed of the replicates. Default: that of the fit.")
    ] = None,
    clusters: Annotated[
        str | None,
        option(
            CHECK,
            "bglmm: replicates of the observed clusters, or of new ones. Default: observed.",
            choices=("observed", "new"),
        ),
    ] = None,
    ci: Annotated[float, option(CHECK, "Probability in the intervals.")] = 0.95,
    talk: Talk,
) -> None:
    """Tell whether a kept fit has converged, and fits the data.

    Prints the parameters with R-hat and ESS and the verdict on them, and observed statistics beside
    those of replicated data. The code it ends with is that of the verdict.
    """
    from bmco_pymc.arguments import probability
    from bmco_pymc.cli import kept_fits, output
    from bmco_pymc.cli.document import records
    from bmco_pymc.cli.tables import of_parameters

    with running("check", talk) as run:
        probability("ci_prob", ci)
        fitted = kept_fits.take_up(fit)
        found = fitted.check(draws=draws, seed=seed, clusters=clusters, ci_prob=ci)
        parameters = fitted.summary(ci)
        run.add(fitted)
        run.add(of_parameters(parameters, ci))
        run.add(found)
        run.content |= {
            "estimates": records(parameters, "quantity"),
            "tables": {
                "check": records(found.table, "statistic"),
                "diagnostics": records(fitted.diagnostics.table, "parameter"),
            },
        }
        output.judge(run, fitted, kept=True)


@app.command(cls=Grouped, epilog=CODES)
@unfolded
def compare(
    *,
    fits: Annotated[
        list[Path],
        typer.Argument(help="Fits of the same rows that were kept; two or more.", metavar="FIT..."),
    ],
    whom: Whom,
    deciding: Deciding,
    ci: CI = 0.95,
    loo: Annotated[
        str | None,
        option(
            "Comparison",
            "Also compare how well they predict a subject, or a cluster, that is left out.",
            choices=("subject", "cluster"),
        ),
    ] = None,
    out: Annotated[
        Path | None,
        option(RESULT, "Folder for summary.txt, comparison.csv and comparison.png.", "FOLDER"),
    ] = None,
    talk: Talk,
) -> None:
    """Ask several kept fits of the same data the same question.

    Nothing is fitted again. Each is called like its file. Options about clusters and covariates
    apply to those fits that have some.
    """
    from bmco_pymc.cli import kept_fits, options
    from bmco_pymc.cli.comparing import compared, named_fits

    with running("compare", talk) as run:
        names = named_fits(fits)
        known = {name: kept_fits.take_up(path) for name, path in names.items()}
        rule = options.read_rule(deciding)
        compared(run, known, whom, rule, ci, loo, out)


@app.command(cls=Grouped, epilog=CODES)
@unfolded
def report(
    *,
    fit: KeptFit,
    whom: Whom,
    deciding: Deciding,
    ci: CI = 0.95,
    full: Annotated[
        bool,
        option(
            RESULT,
            "Also check the prior, the fit to the data and what other priors say, where the "
            "report would ask the author to do so; this fits again.",
            name="--full",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        option(
            RESULT,
            "File for the report: .md, .html, .tex, .docx or .txt. Default: print Markdown.",
            "FILE",
        ),
    ] = None,
    talk: Talk,
) -> None:
    """Write what a paper says of an effect and a decision.

    A paragraph, and the items of the Bayesian Analysis Reporting Guidelines (BARG).
    """
    from bmco_pymc.cli import kept_fits, options, output
    from bmco_pymc.cli.document import of_decision
    from bmco_pymc.cli.reports import check_report, write_report

    with running("report", talk) as run:
        check_report(out, "--out")
        fitted = kept_fits.take_up(fit)
        question = options.read_question(fitted.model, whom, deciding, ci)
        found = question.effect(fitted)
        more: dict[str, Any] = {"full": True} if full else {}
        written = found.report(question.rule, ci_prob=ci, **more)
        if out is None:
            run.add_as_it_is(written.markdown())
        else:
            write_report(run, written, out)
        decision = found.decide(question.rule)
        run.content |= {"estimand": found.estimand, "decision": of_decision(decision)}
        output.judge(run, found, kept=True)
