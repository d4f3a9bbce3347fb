"""``bmco-pymc fit``: from a table to a decision."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from bmco_pymc.cli.app import CODES, Grouped, app
from bmco_pymc.cli.blocks import unfolded
from bmco_pymc.cli.declared import (
    CI,
    RESULT,
    Deciding,
    OutFolder,
    Talk,
    Tipping,
    Whom,
    given,
    option,
)
from bmco_pymc.cli.run import running

# \b keeps the lines as they are.
EXAMPLE = """\b
For example:
  bmco-pymc fit data.csv --outcomes math_pass,reading_pass \\
    --group method --control traditional --treatment new_method \\
    --cluster school_id --fixed "method * baseline_ability" \\
    --random 1 --clusters new --rule all --out result/ --save fit.zarr.zip
"""
DATA, MODEL, SAMPLING = "Data", "Model", "Sampling"


@dataclass(frozen=True)
class Data:
    """The table, and which of its columns is what."""

    data: Annotated[
        Path,
        typer.Argument(
            help="A table: a header, then a row per subject. CSV; .tsv, .tab; both with .gz; "
            ".xlsx, .xls, .ods; Parquet, or several of them: 'data/*.parquet', in quotes.",
            metavar="DATA",
        ),
    ]
    outcomes: Annotated[
        str, option(DATA, "Outcome columns, each 0 or 1, separated by commas.", "COLUMN,...")
    ]
    group: Annotated[str, option(DATA, "Column of the groups.", "COLUMN")]
    control: Annotated[str, option(DATA, "The group to compare with.", "LABEL")]
    treatment: Annotated[str, option(DATA, "The group to judge.", "LABEL")]
    cluster: Annotated[
        str | None, option(DATA, "Column of the clusters, such as schools.", "COLUMN")
    ] = None
    counts: Annotated[
        str | None, option(DATA, "Column of how many subjects a row stands for.", "COLUMN")
    ] = None
    missing: Annotated[
        str,
        option(
            DATA,
            "complete: a subject needs all outcomes. mar: those with some are kept, and what they "
            "lack is taken to be missing at random.",
            choices=("complete", "mar"),
        ),
    ] = "complete"
    bins: Annotated[
        list[str] | None,
        option(
            DATA,
            "Cut a covariate into so many bins, or by edges: age=18:40:65. May be repeated.",
            "NAME=NUMBER",
        ),
    ] = None
    sheet: Annotated[
        str | None, option(DATA, "Sheet of a spreadsheet. Default: the first.", "NAME")
    ] = None


@dataclass(frozen=True)
class Model:
    """What is fitted."""

    analysis: Annotated[
        str,
        option(
            MODEL,
            "auto: bglmm with --cluster, else bglm with --fixed, else bmvb.",
            choices=("auto", "bmvb", "bglm", "bglmm"),
        ),
    ] = "auto"
    fixed: Annotated[
        str | None,
        option(
            MODEL, 'Formula of the terms, such as "method * age". Default: the group.', "FORMULA"
        ),
    ] = None
    random: Annotated[
        str | None,
        option(
            MODEL, "bglmm: formula of the terms that vary between clusters. Default: 1.", "FORMULA"
        ),
    ] = None
    priors: Annotated[
        str,
        option(
            MODEL,
            "recommended: neutral about the success probabilities. bmco: those of the R package "
            "bmco.",
            choices=("recommended", "bmco"),
        ),
    ] = "recommended"


@dataclass(frozen=True)
class Sampling:
    """How draws are made."""

    draws: Annotated[
        int | None,
        option(
            SAMPLING,
            "Draws in each chain. Default: 1000, more if these are too few; of bmvb 2500.",
        ),
    ] = None
    tune: Annotated[
        int | None,
        option(SAMPLING, "Tuning steps in each chain. Default: 1000, more if these are too few."),
    ] = None
    chains: Annotated[int, option(SAMPLING, "Number of chains.")] = 4
    target_accept: Annotated[
        float | None,
        option(
            SAMPLING,
            "Acceptance rate: nearer 1 is slower and more careful. "
            "Default: 0.9, more after divergences.",
        ),
    ] = None
    seed: Annotated[
        int | None,
        option(SAMPLING, "Seed of all randomness. Default: a new one, which is told."),
    ] = None


@dataclass(frozen=True)
class Files:
    """What is kept."""

    out: OutFolder = None
    save: Annotated[
        Path | None,
        option(
            RESULT,
            "File to keep the fit in, such as fit.zarr.zip, for effect, check, compare, plot and "
            "report. It holds the analysed rows of the data.",
            "FILE",
        ),
    ] = None
    overwrite: Annotated[bool, option(RESULT, "Let --save replace a file.", name="--overwrite")] = (
        False
    )
    report: Annotated[
        Path | None,
        option(RESULT, "File for a report: .md, .html, .tex, .docx or .txt.", "FILE"),
    ] = None


@app.command(cls=Grouped, epilog=f"{EXAMPLE}\n{CODES}")
@unfolded
def fit(
    *,
    data: Data,
    model: Model,
    whom: Whom,
    deciding: Deciding,
    ci: CI = 0.95,
    tipping: Tipping = False,
    sampling: Sampling,
    files: Files,
    talk: Talk,
) -> None:
    """Analyse a table: from data to a decision.

    Without --value, --range, --analytical and --target, the result is about the whole sample. All
    options are checked before anything is computed or written. Files are in UTF-8; every row of
    estimates.csv has R-hat, ESS and the verdict on the draws.
    """
    from bmco_pymc.cli import kept_fits, options, output
    from bmco_pymc.cli.populations import check_tipping
    from bmco_pymc.cli.reports import check_report, write_report
    from bmco_pymc.cli.source import read_study
    from bmco_pymc.models.settings import Settings
    from bmco_pymc.population.target import Target

    with running("fit", talk) as run:
        study = read_study(
            data.data,
            options.names("--outcomes", data.outcomes),
            (data.group, data.control, data.treatment),
            data.cluster,
            data.counts,
            [formula for formula in (model.fixed, model.random) if formula],
            data.bins or [],
            data.missing,
            data.sheet,
        )
        analysis = options.make_model(study, **vars(model))
        question = options.read_question(analysis, whom, deciding, ci)
        if tipping:
            check_tipping(analysis, question.population)
        settings: dict[str, Any] = {"seed": None, **given(**vars(sampling))}
        Settings(**settings)  # says what is wrong with them
        check_report(files.report, "--report")
        kept_fits.check_place(files.save, files.overwrite)
        folder = None if files.out is None else output.writable(files.out)

        run.add(study)
        run.show()
        fitted = analysis.fit(**settings, progress=run.progress)
        run.add(fitted)
        if files.save is not None:
            kept_fits.keep(run, fitted, files.save, files.overwrite)
        effect = question.effect(fitted)
        run.add(effect.text(ci))
        if isinstance(question.population, Target) and analysis.cells.frame.shape[1]:
            run.add(fitted.overlap(question.population))
        decision = effect.decide(question.rule)
        run.add(decision)
        tip = fitted.tipping_point(rule=question.rule, **question.how) if tipping else None
        if tip is not None:
            run.add(tip)
        if files.report is not None:
            write_report(run, effect.report(question.rule, ci_prob=ci), files.report)
        output.finish(run, effect, [decision], ci, folder, tip)
