"""Options that several commands have, each declared once, in blocks that commands take whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

POPULATION, DECISION, RESULT = "Population", "Decision", "Result"


def option(
    panel: str,
    help: str,
    metavar: str | None = None,
    name: str | None = None,
    choices: Sequence[str] = (),
) -> Any:
    """Return the option of a parameter.

    Parameters
    ----------
    panel : str
        The heading of the help under which it stands.
    help, metavar : str
    name : str, optional
        Another name than the parameter's.
    choices : sequence of str
        For the metavar and for completion; what is given is checked where it is used, so that a
        wrong choice is an error like every other.
    """
    return typer.Option(
        *filter(None, [name]),
        help=help,
        metavar="|".join(choices) if choices else metavar,
        rich_help_panel=panel,
        autocompletion=completing(choices) if choices else None,
    )


def given(**options: Any) -> dict[str, Any]:
    """Return the options that have a value."""
    return {name: value for name, value in options.items() if value is not None}


def completing(choices: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what completes words to one of several.

    Examples
    --------
    >>> completing(["all", "any", "comp"])("a")
    ['all', 'any']
    """

    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete.lower())]

    return complete


KeptFit = Annotated[
    Path, typer.Argument(help="A fit that was kept: fit --save, or Python.", metavar="FIT")
]
CI = Annotated[float, option(DECISION, "Probability in the intervals.")]
Tipping = Annotated[
    bool,
    option(
        DECISION,
        "With --missing mar: how far the unobserved must depart from it for the decision to "
        "change; in --out also tipping.csv and tipping.png.",
        name="--tipping",
    ),
]
OutFolder = Annotated[
    Path | None, option(RESULT, "Folder for summary.txt, estimates.csv and effect.png.", "FOLDER")
]


@dataclass(frozen=True)
class Talk:
    """How much a command says, and to whom."""

    progress: Annotated[bool, option(RESULT, "Show a progress bar.")] = True
    quiet: Annotated[
        bool,
        option(RESULT, "Nothing but the result and errors: no progress bar, no notes.", None,
               "--quiet"),
    ] = False  # fmt: skip
    json: Annotated[
        bool, option(RESULT, "Print one JSON document instead of text.", None, "--json")
    ] = False


@dataclass(frozen=True)
class Whom:
    """Which population a result is about; the whole sample if nothing is given."""

    value: Annotated[
        list[str] | None,
        option(
            POPULATION,
            "Both groups at this value of a covariate, as in age=50. May be repeated.",
            "NAME=VALUE",
        ),
    ] = None
    ranges: Annotated[
        list[str] | None,
        option(
            POPULATION,
            "Subjects in this range of a covariate. May be repeated; age=40: has no upper end.",
            "NAME=LOW:HIGH",
            "--range",
        ),
    ] = None
    analytical: Annotated[
        bool,
        option(
            POPULATION,
            "Both groups over a normal distribution of one covariate, truncated to --range.",
            name="--analytical",
        ),
    ] = False
    target: Annotated[
        Path | None,
        option(
            POPULATION,
            "Both groups over the rows of another file with the same covariates, such as a "
            "registry.",
            "FILE",
        ),
    ] = None
    target_weights: Annotated[
        str | None,
        option(
            POPULATION,
            "Column of that file: how many people, or what weight, a row stands for.",
            "COLUMN",
        ),
    ] = None
    standardise: Annotated[
        str | None,
        option(
            POPULATION,
            "pooled: both groups over the same subjects. own: each over its own.",
            choices=("pooled", "own"),
        ),
    ] = None
    clusters: Annotated[
        str | None,
        option(
            POPULATION,
            "bglmm: new clusters like these, or the observed ones. Default: new.",
            choices=("new", "observed"),
        ),
    ] = None
    cluster_weights: Annotated[
        str | None,
        option(POPULATION, "How observed clusters are weighed.", choices=("size", "equal")),
    ] = None


@dataclass(frozen=True)
class Deciding:
    """What counts as better, at which level."""

    rule: Annotated[
        str,
        option(
            DECISION,
            "Better on all outcomes, any, a weighted sum of them, or so many.",
            choices=("all", "any", "comp", "count"),
        ),
    ] = "all"
    direction: Annotated[
        str,
        option(
            DECISION,
            "Whether the treatment should be above the control, below, or either.",
            choices=("right", "left", "two-sided"),
        ),
    ] = "right"
    margins: Annotated[
        str,
        option(
            DECISION, "Margin of every outcome, or one each, separated by commas.", "NUMBERS"
        ),
    ] = "0"  # fmt: skip
    weights: Annotated[
        str | None,
        option(DECISION, "comp: weights of the outcomes, separated by commas.", "NUMBERS"),
    ] = None
    at_least: Annotated[
        int | None,
        option(DECISION, "count: on how many outcomes the treatment should be better.", "M"),
    ] = None
    alpha: Annotated[float, option(DECISION, "Error rate of the decision.")] = 0.05
    cut_off: Annotated[
        float | None,
        option(DECISION, "What the deciding probability must exceed, instead of 1 - alpha."),
    ] = None
