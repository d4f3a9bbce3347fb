"""The rows about size: the gradient, and large studies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.row import OURS, PLAIN, Quantity, Row, Run, Target


def gradient(quick: bool) -> Row:
    """Return the row of the gradient."""
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
            "nanoseconds per cell: the C functions that nutpie's sampler gets, in a compiled "
            "loop. Group, age, their product, and a random intercept; 3 logits."
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


def discrete(quick: bool, short: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    """Return the row of a large study with few cells."""
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


def continuous(quick: bool, short: Mapping[str, Any], few: Mapping[str, Any]) -> Row:
    """Return the row of a large study whose subjects are cells."""
    sizes, clusters = ((500, 1000, 2000), 20) if quick else ((50_000, 100_000, 200_000), 1000)
    limit = 10.0 if quick else 120.0
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
