"""The table: what is measured, of whom, and what it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OURS, PLAIN, BAMBI, BMCO = "bmco_pymc", "plain PyMC", "bambi", "bmco"
PANDAS = "pandas, xarray"


@dataclass(frozen=True)
class Run:
    """One measurement: who does what, in a fresh process.

    Attributes
    ----------
    peer : str
        Who.
    case : str
        Which study or size; with peer and caches it names the run within its row.
    call : str
        ``module:function`` of `benchmarks`, or the name of an R script.
    arguments : mapping
        Of the function.
    caches : {"warm", "cold"}
        Warm: filled beforehand by the same call with the arguments in `fill`.
    fill : mapping, optional
        What fills the caches; None if nothing worth caching is compiled.
    seeded : bool
        Whether the function takes a ``seed``; each repeat has its own.
    repeats : int, optional
        At most so many, for what takes long.
    """

    peer: str
    case: str
    call: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    caches: str = "warm"
    fill: Mapping[str, Any] | None = None
    seeded: bool = True
    repeats: int | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """The name of the run within its row."""
        return self.case, self.peer, self.caches


@dataclass(frozen=True)
class Quantity:
    """The median over repeats of one measure of a run."""

    measure: str
    case: str
    peer: str = OURS
    caches: str = "warm"


@dataclass(frozen=True)
class Target:
    """What a quantity should be, alone or in relation to another.

    Attributes
    ----------
    words : str
        What is judged.
    ours : Quantity
        What is judged, or the numerator.
    against : Quantity, optional
        The denominator.
    at_most, at_least : float, optional
        The target; one of the two.
    """

    words: str
    ours: Quantity
    against: Quantity | None = None
    at_most: float | None = None
    at_least: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value is as it should be."""
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )

    @property
    def goal(self) -> str:
        """The target in words."""
        bound = f"≤ {self.at_most:g}" if self.at_least is None else f"≥ {self.at_least:g}"
        return bound + (f" × {self.against.peer}" if self.against else "")


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    name, title, note : str
        For the command line, and for the report.
    runs : tuple of Run
        Alternating within a repeat.
    show : tuple of str
        Measures in the report.
    targets : tuple of Target
    repeats : int
        Of each run, unless the run or the command line says otherwise.
    """

    name: str
    title: str
    note: str
    runs: tuple[Run, ...]
    show: tuple[str, ...]
    targets: tuple[Target, ...]
    repeats: int = 5


def rows(*, quick: bool = False) -> dict[str, Row]:
    """Return the table by name; ``quick`` makes everything small, to try the harness itself."""
    nuts = {"draws": 50, "tune": 50} if quick else {"draws": 1000, "tune": 1000}
    short = {"draws": 50, "tune": 50} if quick else {"draws": 500, "tune": 500}
    few = {"draws": 50, "tune": 50}  # compiles what more draws do
    table = [
        _answers("warm", nuts, few),
        _answers("cold", nuts, few),
        _next(nuts, few),
        _questions(nuts, few),
        _sampling(nuts, few),
        _gradient(quick),
        _discrete(quick, short, few),
        _continuous(quick, short, few),
        _imports(quick),
        _exact(),
    ]
    return {row.name: row for row in table}


def _answers(caches: str, nuts: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    school = {"name": "schools", **nuts}
    fill = {**few, "other": True}
    runs = tuple(
        Run(peer, "schools", f"{module}:first_answer", school, caches, fill)
        for peer, module in {OURS: "ours", PLAIN: "plain_tasks", BAMBI: "bambi_tasks"}.items()
    )
    # bmco compiles nothing when it runs, so its caches are neither warm nor cold.
    bmco = Run(BMCO, "schools", "bmco.R", nuts, caches)
    limit = 0.35 if caches == "warm" else 0.5
    mine = Quantity("answer_s", "schools", caches=caches)
    filled = "filled by another study of the same structure" if caches == "warm" else "empty"
    return Row(
        name=f"first-{caches}",
        title=f"First answer, {caches} caches",
        note=(
            "A new process reads the school study, builds and compiles the model, samples "
            f"4 × ({nuts['tune']} + {nuts['draws']}) and prints θ, δ and P(All) for new clusters; "
            f"from the start of the interpreter to the printed answer. The caches of PyTensor and "
            f"numba are {filled}. bambi has the same formula with its own kind of prior for the "
            "intercept (of centred covariates) and for the spread between schools (HalfNormal(1) "
            "of the SD). bmco's time is that of a Gibbs sampler with as many iterations."
        ),
        runs=(*runs, bmco),
        show=("answer_s", "import_s", "fit_s", "effect_s", "peak_mb"),
        targets=tuple(
            Target(
                "time to the printed answer",
                mine,
                Quantity("answer_s", "schools", peer, caches),
                at_most=limit,
            )
            for peer in (PLAIN, BAMBI)
        ),
    )


def _next(nuts: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    run = Run(OURS, "schools", "ours:next_answer", {"name": "schools", **nuts}, fill=few)
    judged = {"prior": "another prior", "counts": "other counts"}
    overhead = tuple(
        Target(
            f"{words}: seconds beyond sampling",
            Quantity(f"{name}_overhead_s", "schools"),
            at_most=0.3,
        )
        for name, words in judged.items()
    )
    compiled = tuple(
        Target(
            f"{words}: passes of the compiler",
            Quantity(f"{name}_compilations", "schools"),
            at_most=0,
        )
        for name, words in judged.items()
    )
    return Row(
        name="next",
        title="Next answer in the same process",
        note=(
            "After a first answer: the same study with another prior of the same families, and "
            "another study of the same structure; from study to printed decision, less the time "
            "inside nutpie. Passes of numba's compiler are counted."
        ),
        runs=(run,),
        show=tuple(f"{q}_{m}" for q in judged for m in ("s", "sampling_s", "overhead_s")),
        targets=(*overhead, *compiled),
    )


def _questions(nuts: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    run = Run(OURS, "300 cells", "ours:questions", nuts, fill=few)
    return Row(
        name="questions",
        title="Another population or rule",
        note=(
            f"4 × {nuts['draws']} draws of the school study, whose 300 pupils are 300 cells, "
            "without clusters (BGLM) and with them (BGLMM, new clusters). One question has been "
            "asked before; then one value, a range, the whole sample and a normal covariate, "
            "each with a decision: the slowest of them is judged."
        ),
        runs=(run,),
        show=(
            *(f"{m}_{p}_s" for m in ("bglm", "bglmm") for p in ("first", "value", "range")),
            *(f"{m}_{p}_s" for m in ("bglm", "bglmm") for p in ("whole", "analytical", "rule")),
        ),
        targets=(
            Target("BGLM, seconds", Quantity("bglm_largest_s", "300 cells"), at_most=0.2),
            Target("BGLMM, new clusters, s", Quantity("bglmm_largest_s", "300 cells"), at_most=1),
        ),
    )


SAMPLED = {
    "schools": ("schools", "InverseWishart"),
    "flat trial": ("trial", "InverseWishart"),
    "multisite, IW": ("multisite", "InverseWishart"),
    "multisite, LKJ": ("multisite", "LKJ"),
}


def _sampling(nuts: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    runs = tuple(
        Run(
            peer,
            case,
            f"{module}:sampling",
            {"name": name, "spread": spread, **nuts},
            fill={**few, "other": True},
        )
        for case, (name, spread) in SAMPLED.items()
        for peer, module in ((OURS, "ours"), (PLAIN, "plain_tasks"))
    )
    return Row(
        name="sampling",
        title="Sampling",
        note=(
            "The smallest bulk ESS of all entries of β, γ, Σ and δ, per second of sampling only "
            "(from the start of the chains to the posterior's draws; no import, no compiling); "
            f"4 × ({nuts['tune']} + {nuts['draws']}), each "
            "sampler at its own default step size (target_accept)."
        ),
        runs=runs,
        show=("ess_per_s", "ess", "sampling_s", "divergences"),
        targets=tuple(
            Target(
                f"{case}: smallest ESS per second",
                Quantity("ess_per_s", case),
                Quantity("ess_per_s", case, PLAIN),
                at_least=3,
            )
            for case in SAMPLED
        ),
        repeats=3,
    )


def _gradient(quick: bool) -> Row:
    sizes = {300: 20} if quick else {300: 20, 10_000: 100, 200_000: 1000}
    seconds = 0.2 if quick else 3.0
    runs = tuple(
        Run(
            peer,
            f"n = {n}",
            f"{module}:gradient",
            {"n": n, "clusters": clusters, "seconds": seconds},
            fill={"n": 200, "clusters": 10, "seconds": 0.1},
            seeded=False,
        )
        for n, clusters in sizes.items()
        for peer, module in ((OURS, "ours"), (PLAIN, "plain_tasks"))
    )
    return Row(
        name="gradient",
        title="Gradient",
        note=(
            "One evaluation of the whole log-posterior and its gradient, on one thread, in "
            "nanoseconds per cell: ours is the function that the sampler calls, the plain model's "
            "is PyTensor's, compiled by numba. Group, age, their product, and a random intercept; "
            "3 logits."
        ),
        runs=runs,
        show=("ns_per_cell", "gradient_us"),
        targets=tuple(
            Target(
                f"n = {n}: ns per cell and evaluation",
                Quantity("ns_per_cell", f"n = {n}"),
                at_most=20,
            )
            for n in sizes
        ),
        repeats=3,
    )


def _discrete(quick: bool, short: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    n, clusters = (10_000, 20) if quick else (1_000_000, 200)
    draws = short if quick else {"draws": 1000, "tune": 1000}
    case = f"n = {n}"
    run = Run(
        OURS,
        case,
        "ours:large",
        {"n": n, "clusters": clusters, "stage": True, **draws},
        fill={"n": n // 50, **few},
        repeats=3,
    )
    return Row(
        name="large-discrete",
        title="Large, discrete",
        note=(
            f"{n} subjects in {clusters} clusters, two groups, one covariate with four levels, "
            f"4 × ({draws['tune']} + {draws['draws']}): from data frame to printed decision for "
            "new clusters, compiling included (warm caches); peak memory of the whole process."
        ),
        runs=(run,),
        show=("answer_s", "study_s", "fit_s", "effect_s", "cells", "peak_mb", "rhat", "min_ess"),
        targets=(
            Target("data frame to decision, seconds", Quantity("answer_s", case), at_most=60),
            Target("peak memory, MB", Quantity("peak_mb", case), at_most=2048),
        ),
    )


def _continuous(quick: bool, short: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    sizes, clusters = ((500, 1000, 2000), 20) if quick else ((50_000, 100_000, 200_000), 1000)
    limit = 10.0 if quick else 600.0
    small, large = f"n = {sizes[0]}", f"n = {sizes[-1]}"
    fill = {"n": 20 * clusters, **few}
    ours = tuple(
        Run(
            OURS,
            f"n = {n}",
            "ours:large",
            {"n": n, "clusters": clusters, "stage": False, **short},
            fill=fill,
            repeats=2,
        )
        for n in sizes
    )
    plain = Run(
        PLAIN,
        large,
        "plain_tasks:large",
        {"n": sizes[-1], "clusters": clusters, "limit": limit, **short},
        fill={**fill, "limit": 60.0},
        repeats=1,
    )
    return Row(
        name="large-continuous",
        title="Large, continuous",
        note=(
            f"Subjects in {clusters} clusters, age as the covariate, so that every subject is a "
            f"cell; 4 × ({short['tune']} + {short['draws']}), from data frame to decision. The "
            f"plain model samples for at most {limit:g} seconds; its time is scaled from the "
            "iterations that it made by then (`iterations_share`) to all, and does not include θ "
            "and δ."
        ),
        runs=(*ours, plain),
        show=(
            *("answer_s", "fit_s", "sampling_s", "effect_s", "steps_per_draw", "us_per_subject"),
            *("measured_s", "iterations_share", "peak_mb", "rhat", "min_ess"),
        ),
        targets=(
            Target(
                "plain PyMC's time to a posterior / ours to a decision",
                Quantity("answer_s", large, PLAIN),
                Quantity("answer_s", large),
                at_least=5,
            ),
            Target(
                f"linear in n: time per subject, {large} / {small}",
                Quantity("us_per_subject", large),
                Quantity("us_per_subject", small),
                at_most=1.25,
            ),
        ),
    )


def _imports(quick: bool) -> Row:
    ours = Run(OURS, "import", "imports:package", seeded=False)
    frames = Run(PANDAS, "import", "imports:frames", seeded=False)
    return Row(
        name="import",
        title="Import",
        note=(
            "`import bmco_pymc` and `import pandas, xarray`, each in new processes. `heavy` counts "
            "which of PyMC, PyTensor, ArviZ, formulaic, matplotlib, nutpie and numba were imported."
        ),
        runs=(ours, frames),
        show=("import_s", "heavy"),
        targets=(
            Target(
                "time to import",
                Quantity("import_s", "import"),
                Quantity("import_s", "import", PANDAS),
                at_most=1.2,
            ),
            Target("heavy packages imported", Quantity("heavy", "import"), at_most=0),
        ),
        repeats=3 if quick else 15,
    )


def _exact() -> Row:
    run = Run(OURS, "flat trial", "ours:exact", {"draws": 10_000})
    return Row(
        name="bmvb",
        title="BMVB",
        note="The flat trial, 10 000 exact draws, from data frame to printed decision.",
        runs=(run,),
        show=("answer_s", "with_imports_s", "draws"),
        targets=(
            Target("imports done, seconds", Quantity("answer_s", "flat trial"), at_most=0.05),
            Target("PyMC imported", Quantity("pymc_imported", "flat trial"), at_most=0),
        ),
    )
