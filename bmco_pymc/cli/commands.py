"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bmco_pymc.cli.declared import Missing, Tipping
from bmco_pymc.cli.speech import speaking

# \b keeps the lines as they are.
EXAMPLE = """\b
For example:
  bmco-pymc fit data.csv --outcomes math_pass,reading_pass \\
    --group method --control traditional --treatment new_method \\
    --cluster school_id --fixed "method * baseline_ability" \\
    --random 1 --clusters new --rule all --out result/
"""
CODES = """\b
Ends with
  0    the result can be used;
  1    something unexpected went wrong, or the files could not be written;
  2    bad input: nothing was computed;
  3    there is a result, not to be used yet: not converged, or too few draws;
  130  interrupted: if draws were made, the result from them is printed and written, marked so.
"""
app = typer.Typer(
    name="bmco-pymc",
    help="Bayesian decisions on several correlated binary outcomes, flat or in clusters.",
    epilog=CODES,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        from bmco_pymc import __version__

        typer.echo(f"bmco_pymc {__version__}")
        raise typer.Exit


def option(help: str, metavar: str | None = None, name: str | None = None) -> Any:
    """Return the option of a parameter, by another name than the parameter's if one is given."""
    return typer.Option(*filter(None, [name]), help=help, metavar=metavar)


@app.callback(epilog=CODES)
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bayesian decisions on several correlated binary outcomes, flat or in clusters."""


@app.command(epilog=CODES)
def demo(
    out: Annotated[Path, option("Folder for the files.")] = Path("bmco-demo"),
    progress: Annotated[bool, option("Show a progress bar.")] = True,
) -> None:
    """Analyse the school study that comes with the package.

    20 schools were randomised to a traditional or a new teaching method. Did more of their 300
    pupils pass mathematics and reading? Prints the answer and writes summary.txt, estimates.csv
    and effect.png. Takes a minute or two, most of it for compiling.
    """
    from bmco_pymc.cli.demonstration import demonstrate

    with speaking() as notes:
        demonstrate(out, notes, progress=progress)


@app.command(epilog=f"{EXAMPLE}\n{CODES}")
def fit(
    data: Annotated[
        Path,
        typer.Argument(
            help="CSV file: a header, then a row per subject. Or a Parquet file, or several: "
            "'data/*.parquet', in quotes.",
            metavar="DATA",
        ),
    ],
    outcomes: Annotated[
        str, option("Outcome columns, each 0 or 1, separated by commas.", "COLUMN,...")
    ],
    group: Annotated[str, option("Column of the groups.", "COLUMN")],
    control: Annotated[str, option("The group to compare with.", "LABEL")],
    treatment: Annotated[str, option("The group to judge.", "LABEL")],
    cluster: Annotated[
        str | None, option("Column of the clusters, such as schools.", "COLUMN")
    ] = None,
    counts: Annotated[
        str | None, option("Column of how many subjects a row stands for.", "COLUMN")
    ] = None,
    missing: Missing = "complete",
    analysis: Annotated[
        str,
        option(
            "auto, bmvb, bglm or bglmm. auto: bglmm with --cluster, else bglm with --fixed, "
            "else bmvb.",
            "NAME",
        ),
    ] = "auto",
    fixed: Annotated[
        str | None,
        option('Formula of the terms, such as "method * age". Default: the group.', "FORMULA"),
    ] = None,
    random: Annotated[
        str | None,
        option("bglmm: formula of the terms that vary between clusters. Default: 1.", "FORMULA"),
    ] = None,
    bins: Annotated[
        list[str] | None,
        option(
            "Cut a covariate into so many bins, or by edges: age=18:40:65. May be repeated.",
            "NAME=NUMBER",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        option("Both groups at this value of a covariate. May be repeated.", "NAME=VALUE"),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        option(
            "Subjects in this range of a covariate. May be repeated; 40: has no upper end.",
            "NAME=LOW:HIGH",
            "--range",
        ),
    ] = None,
    analytical: Annotated[
        bool,
        option(
            "Both groups over a normal distribution of one covariate, truncated to --range.",
            name="--analytical",
        ),
    ] = False,
    target: Annotated[
        Path | None,
        option(
            "Both groups over the rows of another CSV file, or Parquet files, with the same "
            "covariates, such as a registry.",
            "FILE",
        ),
    ] = None,
    target_weights: Annotated[
        str | None,
        option("Column of that file: how many people, or what weight, a row stands for.", "COLUMN"),
    ] = None,
    standardise: Annotated[
        str | None,
        option("pooled: both groups over the same subjects. own: each over its own.", "HOW"),
    ] = None,
    clusters: Annotated[
        str | None,
        option("bglmm: new clusters like these, or the observed ones. Default: new.", "WHICH"),
    ] = None,
    cluster_weights: Annotated[
        str | None, option("How observed clusters are weighed: size or equal.", "HOW")
    ] = None,
    rule: Annotated[str, option("all, any, comp or count.", "RULE")] = "all",
    direction: Annotated[str, option("right, left or two-sided.", "SIDE")] = "right",
    margins: Annotated[
        str, option("Margin of every outcome, or one each, separated by commas.", "NUMBERS")
    ] = "0",
    weights: Annotated[
        str | None, option("comp: weights of the outcomes, separated by commas.", "NUMBERS")
    ] = None,
    at_least: Annotated[
        int | None, option("count: on how many outcomes the treatment should be better.", "M")
    ] = None,
    alpha: Annotated[float, option("Error rate of the decision.")] = 0.05,
    ci: Annotated[float, option("Probability in the intervals.")] = 0.95,
    tipping: Tipping = False,
    draws: Annotated[
        int | None,
        option("Draws in each chain. Default: 1000, more if these are too few; of bmvb 2500."),
    ] = None,
    tune: Annotated[
        int | None,
        option("Tuning steps in each chain. Default: 1000, more if these are too few."),
    ] = None,
    chains: Annotated[int, option("Number of chains.")] = 4,
    target_accept: Annotated[
        float | None,
        option(
            "Acceptance rate: nearer 1 is slower and more careful. "
            "Default: 0.9, more after divergences."
        ),
    ] = None,
    seed: Annotated[
        int | None, option("Seed of all randomness. Default: a new one, which is told.")
    ] = None,
    progress: Annotated[bool, option("Show a progress bar.")] = True,
    out: Annotated[
        Path | None, option("Folder for summary.txt, estimates.csv and effect.png.")
    ] = None,
) -> None:
    """Analyse a CSV file, or Parquet files of any size.

    Without --at, --range, --analytical and --target, the result is about the whole sample. All
    options are checked before anything is computed or written. Files are in UTF-8; every row of
    estimates.csv has R-hat, ESS and the verdict on the draws.
    """
    from bmco_pymc.cli import options, report
    from bmco_pymc.cli.source import read_study
    from bmco_pymc.decision.rule import Rule
    from bmco_pymc.models.settings import Settings
    from bmco_pymc.population.target import Target

    with speaking() as notes:
        named = options.names("--outcomes", outcomes)
        formulas = [text for text in (fixed, random) if text]
        roles = (group, control, treatment), cluster, counts
        study = read_study(data, named, *roles, formulas, bins or [], missing)
        model = options.make_model(study, analysis, fixed, random)
        population = options.read_population(at or [], ranges or [], analytical, study.data, model)
        if target is not None or target_weights is not None:
            population = options.read_target(
                target, target_weights, population, [] if cluster is None else [cluster], formulas
            )
        how = options.given(
            clusters=clusters, standardise=standardise, cluster_weights=cluster_weights
        )
        numbers = options.numbers("--margins", margins)
        w = None if weights is None else options.numbers("--weights", weights)
        question = Rule(rule, direction, numbers, w, alpha, at_least)
        options.check_question(model, population, how, question, ci)
        if tipping:
            options.check_tipping(model, population)
        choice = options.given(draws=draws, tune=tune, target_accept=target_accept)
        settings: dict[str, Any] = {"chains": chains, "seed": seed, **choice}
        Settings(**settings)  # says what is wrong with them
        folder = None if out is None else report.writable(out)

        text = report.Report()
        text.add(study)
        text.show()
        fitted = model.fit(**settings, progress=progress)
        text.add(fitted)
        effect = fitted.effect(population, **how)
        text.add(effect.text(ci))
        if isinstance(population, Target) and model.cells.frame.shape[1]:
            text.add(fitted.overlap(population))
        decision = effect.decide(question)
        text.add(decision)
        tip = fitted.tipping_point(rule=question, **how) if tipping else None
        if tip is not None:
            text.add(tip)
        report.finish(text, notes, folder, effect, [decision], ci, tip)
