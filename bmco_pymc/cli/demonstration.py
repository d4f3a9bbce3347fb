"""The demonstration: the school study from data to decisions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from bmco_pymc.cli.report import Report, finish, writable
from bmco_pymc.data.examples import load_schools
from bmco_pymc.data.study import Study
from bmco_pymc.models.bglmm import BGLMM

SEED = 2025


def demonstrate(out: Path, notes: Sequence[str], *, progress: bool) -> None:
    """Analyse the school study with the defaults; print the result and write the files."""
    folder = writable(out)
    study = Study(
        load_schools(),
        outcomes=["math_pass", "reading_pass"],
        group="method",
        control="traditional",
        treatment="new_method",
        cluster="school_id",
    )
    model = BGLMM(study, fixed="method * baseline_ability", random="1")
    report = Report()
    report.add("THE STUDY", study)
    report.show()
    fit = model.fit(seed=SEED, progress=progress)
    report.add("THE FIT", fit)
    report.show()

    typer.echo("\nAveraging over schools and pupils ...", err=True)
    new = fit.effect(clusters="new")
    decisions = [new.decide(rule) for rule in ("All", "Any", "Comp")]
    report.add("IN NEW SCHOOLS LIKE THESE: is the new method better?", new)
    report.add(*decisions)

    observed = fit.effect(clusters="observed", standardise="own")
    report.add(
        "IN THE SCHOOLS OBSERVED, each group over its own pupils (as bmco reports)", observed
    )
    report.add(observed.decide("All"))
    report.add(
        "The two answers differ because few schools were randomised: how the new method does in "
        "other schools is less certain than how these pupils did."
    )
    finish(report, notes, folder, new, decisions, 0.95)
