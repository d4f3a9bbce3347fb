"""The table: what is measured, of whom, and what it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks import default_prior, large, simulation, tables
from benchmarks.row import BAMBI, BMCO, OURS, PANDAS, PLAIN, Quantity, Row, Run, Target


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
        default_prior.row(quick, nuts, few),
        large.gradient(quick),
        large.discrete(quick, short, few),
        large.continuous(quick, short, few),
        tables.row(quick, short, few),
        _imports(quick),
        _exact(),
        _planning(quick),
        simulation.row(quick),
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


def _planning(quick: bool) -> Row:
    names = {
        "k2_n103_s": ("power, two outcomes, n = 103: seconds", 0.02),
        "k2_n500_s": ("power, two outcomes, n = 500: seconds", 0.2),
        "k3_n100_s": ("power, three outcomes, n = 100: seconds", 0.5),
        "sizes60_s": ("a search over 60 sizes: seconds", 0.5),
        "comp_n50_s": ("Comp with equal weights, n = 50: seconds", 5.0),
        "weights_n50_s": ("Comp with other weights, n = 50: seconds", 5.0),
    }
    run = Run(OURS, "exact", "planning:exact", {"quick": quick}, seeded=False)
    return Row(
        name="planning",
        title="Planning a trial",
        note=(
            "Operating characteristics of BMVB, exact: from `Design(...)` to the result of "
            "`evaluate`, after one call of another size has imported what is needed."
        ),
        runs=(run,),
        show=(*names, "looks_n105_s", "type_one_n103_s", "calibrate_n103_s"),
        targets=tuple(
            Target(words, Quantity(name, "exact"), at_most=limit)
            for name, (words, limit) in names.items()
        ),
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
