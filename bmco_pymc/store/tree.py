"""Keep a fit in a file and take it up again, with the same answers to the last bit."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.errors import InputError
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.posterior.posterior import Posterior
from bmco_pymc.posterior.tree import observed_in_part, software
from bmco_pymc.store import values
from bmco_pymc.store.file import blamed, packed, unpacked
from bmco_pymc.store.write import destination, write

_STUDY = "bmco_study"  # the group with the study's columns
_DOCUMENT = "bmco_fit"  # the attribute with all that is no array
ROUNDING = 1e-9  # by which a design may differ, of the largest value in each column
_PLAIN = "biufUM"  # kinds of labels that zarr keeps as they are


def save(fit: Posterior, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a fit to one file; see `Fit.save`."""
    given = _path(path)
    target = destination(given, overwrite)
    tree = to_tree(fit)

    def check(content: bytes) -> None:
        """See that the file gives back what was saved, before it gets its name."""
        _, idata = from_tree(unpacked(content, target), target)
        if not idata.identical(fit.idata):
            was, is_now = fit.idata.children, idata.children
            differ = [
                name for name in was if name in is_now and not was[name].identical(is_now[name])
            ]
            problem = "holds something that does not come back from a file as it was"
            differ += set(was) ^ set(is_now)
            raise InputError("fit.idata", differ or ["attrs"], problem)
        destination(given, overwrite)  # nobody else may have put a file there meanwhile

    try:
        content = packed(tree)
    except (TypeError, ValueError) as error:
        problem = f"holds something that cannot be stored: {error}"
        raise InputError("fit.idata", fit.idata.groups, problem) from None
    write(content, target, check)


def read[Made](path: str | os.PathLike[str], make: Callable[[Any, xr.DataTree], Made]) -> Made:
    """Return what ``make`` makes of the model and the draws in a file; see `bmco_pymc.load`."""
    source = _path(path)
    try:
        if not stat.S_ISREG(source.stat().st_mode) and not source.is_dir():
            raise InputError("path", str(source), "is a device, pipe or socket, not a file")
        content = source.read_bytes()
    except InputError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError("path", str(source), f"cannot be read: {reason}") from None
    model, idata = from_tree(unpacked(content, source), source)
    with blamed(source, quiet=False):  # what the diagnostics warn of is for the user
        fit = make(model, idata)
        str(fit)  # what it says of itself is in the file, too
        return fit


def to_tree(fit: Posterior) -> xr.DataTree:
    """Return everything that makes a fit as one DataTree of plain arrays."""
    model = fit.model
    if analyses().get(type(model).__name__) is not type(model):
        problem = "cannot be found again by its name: define its class at the top of a module"
        raise InputError("model", type(model).__name__, problem, analyses())
    study, arrays = values.encode_study(model.study, model.terms.covariates if model.terms else [])
    if _STUDY in fit.idata.children:
        raise InputError("fit.idata", _STUDY, "is the name of a group that the store needs")
    tree = fit.idata.copy()
    replaced = [  # labels that only the model can restore, such as dates with a zone
        (group, str(dim))
        for group, node in tree.children.items()
        for dim, labels in node.to_dataset().coords.items()
        if labels.dtype.kind not in _PLAIN
    ]
    for group, dim in replaced:
        tree[group].coords[dim] = [str(label) for label in tree[group].coords[dim].values]
    columns = {name: ((f"{name}_place",), array) for name, array in arrays.items()}
    tree[_STUDY] = xr.DataTree(xr.Dataset(columns))
    settings = values.made_with(model)
    del settings["study"], settings["priors"]
    document = {
        "analysis": type(model).__name__,
        "settings": {name: values.encode_value(name, value) for name, value in settings.items()},
        "priors": values.encode_priors(model.priors),
        "study": study,
        "labels": replaced,
        "software": software(),
    }
    tree.attrs[_DOCUMENT] = json.dumps(document)
    return tree


def from_tree(tree: xr.DataTree, path: Path) -> tuple[Declaration, xr.DataTree]:
    """Return the model and the draws in a DataTree of `to_tree`.

    Raises
    ------
    InputError
        If the analysis is not known, or its cells or design do not come out as they were.
    """
    with blamed(path):
        document = json.loads(tree.attrs.pop(_DOCUMENT))
        arrays = {str(name): v.values for name, v in tree[_STUDY].data_vars.items()}
        del tree[_STUDY]
        kind = analyses().get(document["analysis"])
        if kind is None:
            what = f"is of analysis {document['analysis']}, which is not known: import its module"
            raise InputError("path", str(path), what, analyses())
        model = _model(kind, document, arrays)
        if wrong := _unlike(model, tree):
            problem = (
                f"does not fit together: from its data {wrong} came out differently than in its "
                f"draws, which would be misread. Saved with: {document['software']}. "
                f"Now: {software()}"
            )
            raise InputError("path", str(path), problem)
        if model.terms is not None:  # the design that the draws belong to, to the last digit
            stored = tree["constant_data"]
            X = np.array(stored["X"].values)
            Z = np.array(stored["Z"].values) if "Z" in stored else np.empty((len(X), 0))
            terms = model.terms.with_matrices(model.cells, X, Z)
            object.__setattr__(model, "_sample", (terms, model.cells))
        for group, dim in document["labels"]:
            tree[group].coords[dim] = model.coords[dim]
        return model, tree


def analyses() -> dict[str, type[Declaration]]:
    """Return the analyses that can be loaded, by name: those imported, the package's before all."""
    found: list[type[Declaration]] = []
    kinds = Declaration.__subclasses__()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if dataclasses.is_dataclass(kind):
            found.append(kind)
    found.sort(key=lambda kind: kind.__module__.startswith("bmco_pymc."))
    return {kind.__name__: kind for kind in found}


def _model(
    kind: type[Declaration], document: Mapping[str, Any], arrays: values.Arrays
) -> Declaration:
    """Return the model, without repeating what it warned of when it was made.

    It has the priors of its draws: what is recommended may change between versions.
    """
    settings = {name: values.decode_value(item) for name, item in document["settings"].items()}
    study = values.decode_study(document["study"], arrays)
    stored = values.decode_priors(document["priors"])
    model = kind(study=study, priors=stored, **settings)  # type: ignore[call-arg]
    kept = {name: getattr(stored, name) for name in model.priors.filled if name in stored.filled}
    priors = dataclasses.replace(model.priors, **kept)
    if model.terms is not None:
        priors.coefficients(model.terms.fixed, model.terms.random)
        if model.terms.random:
            priors.Sigma.resolve("Sigma", model.terms.random)
    object.__setattr__(model, "priors", priors)
    return model


def _unlike(model: Declaration, tree: xr.DataTree) -> str | None:
    """Return what of a model is not as it was when the draws were made."""
    cells = model.cells
    expected: dict[str, Any] = {"arm": cells.arm, "counts": cells.counts}
    expected |= {name: values for name, (_, values) in observed_in_part(cells).items()}
    stored = {**tree["constant_data"].data_vars, **tree["observed_data"].data_vars}
    if model.terms is not None:
        for name, learnt in zip("XZ", model.terms.matrices(cells.frame, cells.arm), strict=True):
            if learnt.shape[1] or name == "X":
                if name not in stored or not _alike(stored[name].values, learnt):
                    return f"the design {name}"
                if name == "Z":
                    expected["cluster_index"] = cells.cluster
    for name, array in expected.items():
        if name not in stored or not np.array_equal(stored[name].values, array):
            return f"the cells' {name}"
    posterior = tree["posterior"].to_dataset()
    for name, dims in model.parameters.items():
        draws = posterior[name]
        if draws.dims != ("chain", "draw", *dims) or draws.dtype.kind != "f":
            return f"the shape of {name}"
        if not np.isfinite(draws.values).all():
            return f"finite values of {name}"
        if "chain" not in draws.coords or "draw" not in draws.coords:
            return "the labels of chain and draw"
        for dim in dims:
            if [*map(str, draws.coords[dim].values)] != [*map(str, model.coords[dim])]:
                return f"the labels of {dim}"
    return None


def _alike(stored: NDArray[Any], learnt: NDArray[np.float64]) -> bool:
    """Return whether two designs are the same but for the rounding of exp, powers and the like."""
    if stored.shape != learnt.shape or stored.dtype != learnt.dtype:
        return False
    size = np.abs(learnt).max(axis=0, initial=0)
    return bool((np.abs(stored - learnt) <= ROUNDING * size).all())


def _path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise InputError("path", path, "must be the name of a file") from None
