"""One question for several kept fits."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from bmco_pymc.cli.declared import Whom
from bmco_pymc.cli.document import records
from bmco_pymc.cli.output import DPI, writable
from bmco_pymc.cli.populations import check_population, read_whom
from bmco_pymc.cli.run import Run
from bmco_pymc.cli.speech import NOT_GOOD
from bmco_pymc.cli.tables import of_predictions
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import ConvergenceWarning, InputError
from bmco_pymc.fit import Fit
from bmco_pymc.models.community import compare
from bmco_pymc.posterior.likelihood import check_unit

ENDINGS = (".zip", ".zarr")


def named_fits(paths: Sequence[Path]) -> dict[str, Path]:
    """Return what each file is called: its name without its ending, or all of its path.

    Examples
    --------
    >>> list(named_fits([Path("weak.zarr.zip"), Path("strong.zarr.zip")]))
    ['weak', 'strong']
    >>> list(named_fits([Path("a/fit.zip"), Path("b/fit.zip")]))
    ['a/fit.zip', 'b/fit.zip']
    """
    if len(paths) < 2:
        raise InputError("fits", [str(path) for path in paths], "must be two or more")
    whole = [path.as_posix() for path in paths]
    if twice := [path for path in whole if whole.count(path) > 1]:
        raise InputError("fits", twice[0], "was given twice")
    short = [_bare(path.name) for path in paths]
    return dict(zip(short if len(set(short)) == len(short) else whole, paths, strict=True))


def compared(
    run: Run,
    fits: Mapping[str, Fit],
    whom: Whom,
    rule: Rule,
    ci_prob: float,
    unit: str | None,
    out: Path | None,
) -> None:
    """Compare fits; say and write what comes of it."""
    clustered = [fit for fit in fits.values() if fit.model.terms and fit.model.terms.random]
    first = next((fit for fit in fits.values() if fit.model.terms), next(iter(fits.values())))
    population, how = read_whom(whom, (clustered or [first])[0].model)
    if how.get("clusters") is not None and not clustered:
        raise InputError("clusters", how["clusters"], "no fit here has clusters")
    for fit in fits.values():
        check_population(fit.model, population, _applicable(how, fit))
    if unit is not None:
        for fit in fits.values():
            _check_unit(fit, unit)
    folder = None if out is None else writable(out)
    try:
        with warnings.catch_warnings():
            # what is wrong with a fit stands in what is printed
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = compare(fits, population, rule=rule, ci_prob=ci_prob, progress=False, **how)
    except InputError as error:
        if error.argument.startswith("models"):
            name = error.argument.replace("models", "fit", 1)
            raise InputError(name, error.value, error.problem, error.choices) from None
        raise
    run.add(found)
    tables: dict[str, Any] = {"comparison": records(found.table)}
    if unit is not None:
        predictions = _predictions(fits, unit, run.progress)
        run.add(of_predictions(predictions, unit))
        tables["loo"] = records(predictions, "fit")
    estimands = {effect.estimand for effect in found.effects.values()}
    run.content |= {
        "converged": all(effect.diagnostics.ok for effect in found.effects.values()),
        "verdict": " ".join(found.problems) or None,
        "problems": [
            {"kind": one.kind, "reason": f"{name}: {one.reason}", "advice": one.advice}
            for name, effect in found.effects.items()
            for one in effect.diagnostics.problems
        ],
        "estimand": estimands.pop() if len(estimands) == 1 else None,
        "tables": tables,
    }
    if found.problems and not run.code:
        run.code = NOT_GOOD
    if folder is not None:
        table, text = found.table, run.summary
        files: dict[str, Any] = {
            "summary.txt": lambda path: path.write_text(text, encoding="utf-8"),
            "comparison.csv": lambda path: table.to_csv(path, index=False, encoding="utf-8"),
            "comparison.png": lambda path: found.plot().savefig(path, dpi=DPI),
        }
        run.write(folder, files)


def _bare(name: str) -> str:
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name


def _applicable(how: Mapping[str, Any], fit: Fit) -> dict[str, Any]:
    """Return those arguments that mean something for a fit."""
    if fit.model.terms is None:
        return {}
    known = how if fit.model.terms.random else {"standardise": how.get("standardise")}
    return {name: value for name, value in known.items() if value is not None}


def _check_unit(fit: Fit, unit: str) -> None:
    try:
        check_unit(fit, unit)
    except InputError as error:
        raise error.renamed({"by": "--loo"}) from None


def _predictions(fits: Mapping[str, Fit], unit: str, progress: bool) -> pd.DataFrame:
    """Return ArviZ's comparison of leave-one-out predictions."""
    import arviz as az

    estimates = {name: fit.loo(unit, progress=progress) for name, fit in fits.items()}
    return az.compare(estimates, round_to="none")
