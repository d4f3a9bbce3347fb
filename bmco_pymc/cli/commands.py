"""The commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

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
COLUMN, COLUMNS = "COLUMN", "COLUMN,..."

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


@app.callback(epilog=CODES)
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Bayesian decisions on several correlated binary outcomes, flat or in clusters."""


@app.command(epilog=CODES)
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("bmco-demo"),
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
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
        typer.Argument(help="CSV file: a header, then a row per subject.", metavar="DATA.CSV"),
    ],
    outcomes: Annotated[
        str,
        typer.Option(help="Outcome columns, each 0 or 1, separated by commas.", metavar=COLUMNS),
    ],
    group: Annotated[str, typer.Option(help="Column of the groups.", metavar=COLUMN)],
    control: Annotated[str, typer.Option(help="The group to compare with.", metavar="LABEL")],
    treatment: Annotated[str, typer.Option(help="The group to judge.", metavar="LABEL")],
    cluster: Annotated[
        str | None, typer.Option(help="Column of the clusters, such as schools.", metavar=COLUMN)
    ] = None,
    counts: Annotated[
        str | None,
        typer.Option(help="Column of how many subjects a row stands for.", metavar=COLUMN),
    ] = None,
    analysis: Annotated[
        str,
        typer.Option(
            help="auto, bmvb, bglm or bglmm. auto: bglmm with --cluster, else bglm with --fixed, "
            "else bmvb.",
            metavar="NAME",
        ),
    ] = "auto",
    fixed: Annotated[
        str | None,
        typer.Option(
            help='Formula of the terms, such as "method * age". Default: the group.',
            metavar="FORMULA",
        ),
    ] = None,
    random: Annotated[
        str | None,
        typer.Option(
            help="bglmm: formula of the terms that vary between clusters. Default: 1.",
            metavar="FORMULA",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            help="Both groups at this value of a covariate. May be repeated.", metavar="NAME=VALUE"
        ),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            help="Subjects in this range of a covariate. May be repeated; 40: has no upper end.",
            metavar="NAME=LOW:HIGH",
        ),
    ] = None,
    analytical: Annotated[
        bool,
        typer.Option(
            "--analytical",
            help="Both groups over a normal distribution of one covariate, truncated to --range.",
        ),
    ] = False,
    standardise: Annotated[
        str | None,
        typer.Option(
            help="pooled: both groups over the same subjects. own: each over its own.",
            metavar="HOW",
        ),
    ] = None,
    clusters: Annotated[
        str | None,
        typer.Option(
            help="bglmm: new clusters like these, or the observed ones. Default: new.",
            metavar="WHICH",
        ),
    ] = None,
    cluster_weights: Annotated[
        str | None,
        typer.Option(help="How observed clusters are weighed: size or equal.", metavar="HOW"),
    ] = None,
    rule: Annotated[str, typer.Option(help="all, any or comp.", metavar="RULE")] = "all",
    direction: Annotated[
        str, typer.Option(help="right, left or two-sided.", metavar="SIDE")
    ] = "right",
    margins: Annotated[
        str,
        typer.Option(
            help="Margin of every outcome, or one each, separated by commas.", metavar="NUMBERS"
        ),
    ] = "0",
    weights: Annotated[
        str | None,
        typer.Option(help="comp: weights of the outcomes, separated by commas.", metavar="NUMBERS"),
    ] = None,
    alpha: Annotated[float, typer.Option(help="Error rate of the decision.")] = 0.05,
    ci: Annotated[float, typer.Option(help="Probability in the intervals.")] = 0.95,
    draws: Annotated[
        int | None,
        typer.Option(
            help="Draws in each chain. Default: 1000, more if these are too few; of bmvb 2500."
        ),
    ] = None,
    tune: Annotated[
        int | None,
        typer.Option(help="Tuning steps in each chain. Default: 1000, more if these are too few."),
    ] = None,
    chains: Annotated[int, typer.Option(help="Number of chains.")] = 4,
    target_accept: Annotated[
        float | None,
        typer.Option(
            help="Acceptance rate: nearer 1 is slower and more careful. "
            "Default: 0.9, more after divergences."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all randomness. Default: a new one, which is told.")
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show a progress bar.")] = True,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for summary.txt, estimates.csv and effect.png."),
    ] = None,
) -> None:
    """Analyse a CSV file.

    Without --at, --range and --analytical, the result is about the whole sample. All options are
    checked before anything is computed or written. Files are in UTF-8; every row of estimates.csv
    has R-hat, ESS and the verdict on the draws.
    """
    from bmco_pymc.cli import options, report
    from bmco_pymc.cli.table import read_table
    from bmco_pymc.settings import Settings
    from bmco_pymc.study import Study

    with speaking() as notes:
        named = options.names("--outcomes", outcomes)
        labels = [group] if cluster is None else [group, cluster]
        table = read_table(data, labels, [text for text in (fixed, random) if text])
        study = Study(table, named, group, control, treatment, cluster, counts)
        model = options.make_model(study, analysis, fixed, random)
        options.note_ignored_clusters(model)
        how = {
            "clusters": clusters,
            "standardise": standardise,
            "cluster_weights": cluster_weights,
        }
        question = options.Question(
            options.read_population(at or [], ranges or [], analytical, study.data, model),
            {name: value for name, value in how.items() if value is not None},
            {
                "rule": rule,
                "direction": direction,
                "margins": options.numbers("--margins", margins),
                "w": None if weights is None else options.numbers("--weights", weights),
                "alpha": alpha,
            },
            ci,
        )
        question.check(model)
        settings: dict[str, Any] = {"chains": chains, "seed": seed}
        choice = {"draws": draws, "tune": tune, "target_accept": target_accept}
        settings |= {name: value for name, value in choice.items() if value is not None}
        Settings(**settings)  # says what is wrong with them
        folder = None if out is None else report.writable(out)

        text = report.Report()
        text.add(study)
        text.show()
        fitted = model.fit(**settings, progress=progress)
        text.add(fitted)
        effect = fitted.effect(question.population, **question.options)
        text.add(effect.text(ci))
        decision = effect.decide(**question.decision)
        text.add(decision)
        report.finish(text, notes, folder, effect, [decision], ci)
