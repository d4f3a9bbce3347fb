"""Blocks of options of ``bmco-pymc power`` and ``bmco-pymc size``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from bmco_pymc.cli.declared import RESULT, option

TRUTH, TRIAL, CLUSTERS = "Truth", "Trial", "Clusters"
ANALYSIS, SIMULATION = "Analysis", "Simulation"

Dropout = Annotated[
    float, option(TRIAL, "Share of the enrolled subjects who will have no outcome.")
]
Out = Annotated[
    Path | None,
    option(RESULT, "Folder for protocol.txt, characteristics.csv and a picture.", "FOLDER"),
]
ReportFile = Annotated[
    Path | None,
    option(RESULT, "File for the protocol: .md, .html, .tex, .docx or .txt.", "FILE", "--report"),
]


@dataclass(frozen=True)
class Truth:
    """What is true of the two groups."""

    control: Annotated[
        str, option(TRUTH, "Success probability of each outcome under the control.", "NUMBERS")
    ]
    treatment: Annotated[str, option(TRUTH, "The same under the treatment.", "NUMBERS")]
    rho: Annotated[
        str,
        option(
            TRUTH,
            "Correlation of the outcomes; several, separated by commas, are several truths.",
            "NUMBERS",
        ),
    ] = "0"
    icc: Annotated[
        str | None,
        option(
            TRUTH,
            "Correlation of two subjects of a cluster in an outcome; several are several truths.",
            "NUMBERS",
        ),
    ] = None
    icc_between: Annotated[
        str | None,
        option(
            TRUTH,
            "Correlation of one's outcome with another outcome of the other. Default: icc times "
            "rho.",
            "NUMBERS",
        ),
    ] = None
    between: Annotated[
        str | None,
        option(
            TRUTH,
            "How clusters differ. Default: logit-normal.",
            choices=("logit-normal", "dirichlet"),
        ),
    ] = None


@dataclass(frozen=True)
class InClusters:
    """How subjects come in clusters."""

    clusters: Annotated[
        str | None,
        option(CLUSTERS, "How many in all, or CONTROL,TREATMENT; instead of --n.", "NUMBERS"),
    ] = None
    size: Annotated[
        str | None,
        option(
            CLUSTERS, "Analysed subjects of a cluster, on average; or of each cluster.", "NUMBERS"
        ),
    ] = None
    size_cv: Annotated[
        float | None,
        option(CLUSTERS, "Coefficient of variation of the sizes, drawn in each trial. Default: 0."),
    ] = None
    randomised: Annotated[
        str | None,
        option(
            CLUSTERS,
            "Whole clusters, or half of the subjects of each in each group.",
            choices=("clusters", "subjects"),
        ),
    ] = None


@dataclass(frozen=True)
class Analysed:
    """How the trial will be analysed."""

    model: Annotated[
        str | None,
        option(
            ANALYSIS,
            "Default: bglmm with --clusters, else bmvb.",
            choices=("bmvb", "bglm", "bglmm"),
        ),
    ] = None
    prior: Annotated[
        float | None,
        option(ANALYSIS, "bmvb: Dirichlet concentration of each response pattern. Default: 2/2^K."),
    ] = None


@dataclass(frozen=True)
class Simulated:
    """How trials are simulated."""

    engine: Annotated[
        str | None,
        option(
            SIMULATION,
            "What analyses simulated trials: laplace, which is fast, or nuts. Trials are simulated "
            "with clusters or another model than bmvb; given, they are in any case.",
            choices=("laplace", "nuts"),
        ),
    ] = None
    simulations: Annotated[
        int | None,
        option(
            SIMULATION,
            "How many trials. Default: 10000 of bmvb and bglm, 2000 of bglmm, 1000 with nuts.",
        ),
    ] = None
    seed: Annotated[int | None, option(SIMULATION, "Seed of all randomness. Default: 1.")] = None
    jobs: Annotated[
        int | None, option(SIMULATION, "Processes; -1 is one for each processor. Default: 1.")
    ] = None
    path: Annotated[
        Path | None,
        option(
            SIMULATION,
            "Folder in which analysed trials are kept: after an interrupt, or with more trials, "
            "the same command goes on from there.",
            "FOLDER",
        ),
    ] = None
    audit: Annotated[
        int | None,
        option(SIMULATION, "laplace: how many trials nuts analyses, too. Default: 200."),
    ] = None
