"""The options of ``bmco-pymc power`` and ``bmco-pymc size``, under the headings of their help.

And those of ``bmco-pymc fit`` about outcomes that were not observed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

TRUTH, TRIAL, CLUSTERS = "Truth", "Trial", "Clusters"
ANALYSIS, SIMULATION, RESULT = "Analysis", "Simulation", "Result"


class Grouped(TyperCommand):
    """A command whose help has options under headings, their panels."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options, panel by panel."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                panel = getattr(param, "rich_help_panel", None) or "Options"
                panels.setdefault(panel, []).append(record)
        for panel, records in panels.items():
            with formatter.section(panel):
                formatter.write_dl(records)


def option(panel: str, help: str, metavar: str | None = None, name: str | None = None) -> Any:
    """Return the option of a parameter, by another name than the parameter's if one is given."""
    names = filter(None, [name])
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel=panel)


Missing = Annotated[
    str,
    typer.Option(
        help="complete: a subject needs all outcomes. mar: those with some are kept, and what they "
        "lack is taken to be missing at random.",
        metavar="HOW",
    ),
]
Tipping = Annotated[
    bool,
    typer.Option(
        "--tipping",
        help="With --missing mar: how far the unobserved must depart from it for the decision to "
        "change; in --out also tipping.csv and tipping.png.",
    ),
]
Control = Annotated[
    str, option(TRUTH, "Success probability of each outcome under the control.", "NUMBERS")
]
Treatment = Annotated[str, option(TRUTH, "The same under the treatment.", "NUMBERS")]
Rho = Annotated[
    str,
    option(
        TRUTH,
        "Correlation of the outcomes; several, separated by commas, are several truths.",
        "NUMBERS",
    ),
]
ICC = Annotated[
    str | None,
    option(
        TRUTH,
        "Correlation of two subjects of a cluster in an outcome; several are several truths.",
        "NUMBERS",
    ),
]
ICCBetween = Annotated[
    str | None,
    option(
        TRUTH,
        "Correlation of one's outcome with another outcome of the other. Default: icc times rho.",
        "NUMBERS",
    ),
]
Between = Annotated[
    str | None,
    option(TRUTH, "How clusters differ: logit-normal or dirichlet. Default: logit-normal.", "HOW"),
]
Dropout = Annotated[
    float, option(TRIAL, "Share of the enrolled subjects who will have no outcome.")
]
InClusters = Annotated[
    str | None,
    option(CLUSTERS, "How many in all, or CONTROL,TREATMENT; instead of --n.", "NUMBERS"),
]
Size = Annotated[
    str | None,
    option(CLUSTERS, "Analysed subjects of a cluster, on average; or of each cluster.", "NUMBERS"),
]
SizeCV = Annotated[
    float | None,
    option(CLUSTERS, "Coefficient of variation of the sizes, drawn in each trial. Default: 0."),
]
Randomised = Annotated[
    str | None,
    option(CLUSTERS, "clusters: whole ones. subjects: half in each group.", "WHAT"),
]
Model = Annotated[
    str | None,
    option(ANALYSIS, "bmvb, bglm or bglmm. Default: bglmm with --clusters, else bmvb.", "NAME"),
]
RuleName = Annotated[str, option(ANALYSIS, "all, any, comp or count.", "RULE")]
Direction = Annotated[str, option(ANALYSIS, "right, left or two-sided.", "SIDE")]
Margins = Annotated[
    str,
    option(ANALYSIS, "Margin of every outcome, or one each, separated by commas.", "NUMBERS"),
]
Weights = Annotated[
    str | None,
    option(ANALYSIS, "comp: weights of the outcomes, separated by commas.", "NUMBERS"),
]
AtLeast = Annotated[
    int | None,
    option(ANALYSIS, "count: on how many outcomes the treatment should be better.", "M"),
]
Alpha = Annotated[float, option(ANALYSIS, "Error rate of the decision.")]
CutOff = Annotated[
    float | None,
    option(ANALYSIS, "What the posterior probability must exceed, instead of the level's."),
]
Prior = Annotated[
    float | None,
    option(ANALYSIS, "bmvb: Dirichlet concentration of each response pattern. Default: 2/2^K."),
]
EngineName = Annotated[
    str | None,
    option(
        SIMULATION,
        "What analyses simulated trials: laplace, which is fast, or nuts. Trials are simulated "
        "with clusters or another model than bmvb; given, they are in any case.",
        "METHOD",
    ),
]
Simulations = Annotated[
    int | None,
    option(
        SIMULATION,
        "How many trials. Default: 10000 of bmvb and bglm, 2000 of bglmm, 1000 with nuts.",
    ),
]
Seed = Annotated[int | None, option(SIMULATION, "Seed of all randomness. Default: 1.")]
Jobs = Annotated[
    int | None, option(SIMULATION, "Processes; -1 is one for each processor. Default: 1.")
]
Kept = Annotated[
    Path | None,
    option(
        SIMULATION,
        "Folder in which analysed trials are kept: after an interrupt, or with more trials, the "
        "same command goes on from there.",
        "FOLDER",
    ),
]
Audit = Annotated[
    int | None,
    option(SIMULATION, "laplace: how many trials nuts analyses, too. Default: 200."),
]
Progress = Annotated[bool, option(RESULT, "Show a progress bar.")]
Out = Annotated[
    Path | None, option(RESULT, "Folder for protocol.txt, characteristics.csv and a picture.")
]
