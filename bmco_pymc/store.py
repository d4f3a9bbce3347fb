"""Keep a fit in a file and take it up again, with the same answers to the last bit."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bmco_pymc.errors import InputError
from bmco_pymc.fit import Fit, make_fit
from bmco_pymc.models.base import Model
from bmco_pymc.priors import Priors
from bmco_pymc.store_file import blamed, packed, unpacked
from bmco_pymc.store_values import (
    decode_priors,
    decode_study,
    decode_value,
    encode_priors,
    encode_study,
    encode_value,
)
from bmco_pymc.store_write import destination, write
from bmco_pymc.versions import software

_STUDY = "bmco_study"  # the group with the study's columns
_DOCUMENT = "bmco_fit"  # the attribute with all that is no array
ROUNDING = 1e-9  # by which a design may differ, of the largest value in each column
_PLAIN = "biufUM"  # kinds of labels that zarr keeps as they are


def save(fit: Fit, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a fit to one file; see `Fit.save`."""
    given = _path(path)
    target = destination(given, overwrite)
    tree = to_tree(fit)

    def check(content: bytes) -> None:
        """See that the file gives back what was saved, before it gets its name."""
        _, idata = from_tree(unpacked(content, target), target)
        if not idata.identical(fit.idata):
            problem = "holds something that does not come back from a file as it was"
            raise InputError("fit.idata", _difference(fit.idata, idata), problem)
        destination(given, overwrite)  # nobody else may have put a file there meanwhile

    try:
        content = packed(tree)
    except (TypeError, ValueError) as error:
        problem = f"holds something that cannot be stored: {error}"
        raise InputError("fit.idata", fit.idata.groups, problem) from None
    write(content, target, check)


def load(path: str | os.PathLike[str]) -> Fit:
    """Return the fit that ``fit.save(path)`` kept.

    Nothing is fitted, and nothing in the file runs: its formulas are read by the same grammar as
    anybody's. Effects, decisions, summaries and plots of the loaded fit have the same numbers as
    those of the fit that was saved, to the last bit on one machine. The design is learnt again from
    the stored study and must come out as it was, but for the rounding of another processor; the
    diagnostics are computed again from the draws.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    Fit

    Raises
    ------
    InputError
        If there is no such file, it is no fit saved by this package, was cut short or changed,
        would take far more memory than its size, has a format that this version cannot read, is of
        an analysis that is not imported, or if the installed software makes another design of the
        study than the draws belong to. Whatever is wrong, the error names the file.

    Warns
    -----
    ConvergenceWarning
        If the diagnostics are not as they should be. What the study and the model warned of when
        they were made is not repeated.

    Examples
    --------
    >>> import tempfile
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> fit = bmco.BMVB(study).fit(seed=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     fit.save(f"{folder}/trial.zarr.zip")
    ...     again = bmco.load(f"{folder}/trial.zarr.zip")
    >>> bool((again.effect().delta == fit.effect().delta).all())
    True
    """
    source = _path(path)
    try:
        if not stat.S_ISREG(source.stat().st_mode) and not source.is_dir():
            raise InputError("path", str(source), "is a device, pipe or socket, not a file")
        content = source.read_bytes()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise InputError("path", str(source), f"cannot be read: {reason}") from None
    model, idata = from_tree(unpacked(content, source), source)
    with blamed(source, quiet=False):  # what the diagnostics warn of is for the user
        fit = make_fit(model, idata)
        str(fit)  # what it says of itself is in the file, too
        return fit


def to_tree(fit: Fit) -> xr.DataTree:
    """Return everything that makes a fit as one DataTree of plain arrays."""
    model = fit.model
    if analyses().get(type(model).__name__) is not type(model):
        problem = "cannot be found again by its name: define its class at the top of a module"
        raise InputError("model", type(model).__name__, problem, analyses())
    covariates = [] if model.design is None else list(model.design.covariates)
    study, arrays = encode_study(model.study, covariates)
    if _STUDY in fit.idata.children:
        raise InputError("fit.idata", _STUDY, "is the name of a group that the store needs")
    tree = fit.idata.copy()
    replaced = list(_odd_labels(tree))
    for group, dim in replaced:
        node = tree[group]
        node.coords[dim] = [str(label) for label in node.coords[dim].values]
    columns = {name: ((f"{name}_place",), array) for name, array in arrays.items()}
    tree[_STUDY] = xr.DataTree(xr.Dataset(columns))
    document = {
        "analysis": type(model).__name__,
        "settings": {name: encode_value(name, value) for name, value in _settings(model).items()},
        "priors": encode_priors(model.priors),
        "study": study,
        "labels": replaced,
        "software": software(),
    }
    tree.attrs[_DOCUMENT] = json.dumps(document)
    return tree


def from_tree(tree: xr.DataTree, path: Path) -> tuple[Model, xr.DataTree]:
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
        wrong = _unlike(model, tree)
        if wrong:
            problem = (
                f"does not fit together: from its data {wrong} came out differently than in its "
                f"draws, which would be misread. Saved with: {document['software']}. "
                f"Now: {software()}"
            )
            raise InputError("path", str(path), problem)
        _keep_design(model, tree)
        for group, dim in document["labels"]:
            tree[group].coords[dim] = model.coords[dim]
        return model, tree


def analyses() -> dict[str, type[Model]]:
    """Return the analyses that can be loaded, by name: the package's, and others once imported."""
    from bmco_pymc import BGLM, BGLMM, BMVB

    found: dict[str, type[Model]] = {}
    kinds = Model.__subclasses__()
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        if dataclasses.is_dataclass(kind):
            found[kind.__name__] = kind
    return {**found, "BMVB": BMVB, "BGLM": BGLM, "BGLMM": BGLMM}


def _settings(model: Model) -> dict[str, Any]:
    """Return what a model is made of besides the study and the priors: its formulas."""
    names = [f.name for f in dataclasses.fields(model) if f.init]  # type: ignore[arg-type]
    return {name: getattr(model, name) for name in names if name not in ("study", "priors")}


def _model(kind: type[Model], document: Mapping[str, Any], arrays: Mapping[str, Any]) -> Model:
    """Return the model, without repeating what it warned of when it was made."""
    settings = {name: decode_value(value) for name, value in document["settings"].items()}
    study = decode_study(document["study"], arrays)
    priors = decode_priors(document["priors"])
    model = kind(study=study, priors=priors, **settings)  # type: ignore[call-arg]
    return _as_recommended_then(model, priors)


def _as_recommended_then(model: Model, stored: Priors) -> Model:
    """Give the model the prior of its draws: what is recommended may change between versions."""
    kept = {name: getattr(stored, name) for name in model.priors.filled if name in stored.filled}
    priors = dataclasses.replace(model.priors, **kept)
    if model.design is not None:
        priors.coefficients(model.design.terms, model.design.random_terms)
        if model.design.random_terms:
            priors.Sigma.resolve("Sigma", model.design.random_terms)
    object.__setattr__(model, "priors", priors)
    return model


def _unlike(model: Model, tree: xr.DataTree) -> str | None:
    """Return what of a model is not as it was when the draws were made."""
    cells = model.cells
    expected: dict[str, NDArray[Any]] = {"arm": cells.arm, "counts": cells.counts}
    stored = {**tree["constant_data"].data_vars, **tree["observed_data"].data_vars}
    if model.design is not None:
        designs = dict(zip("XZ", model.design.matrices(cells.frame, cells.arm), strict=True))
        if not designs["Z"].shape[1]:
            del designs["Z"]
        else:
            expected["cluster_index"] = np.asarray(cells.cluster)
        for name, values in designs.items():
            if name not in stored or not _alike(stored[name].values, values):
                return f"the design {name}"
    for name, values in expected.items():
        if name not in stored or not np.array_equal(stored[name].values, values):
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
            labels = [str(label) for label in model.coords[dim]]
            if [str(label) for label in draws.coords[dim].values] != labels:
                return f"the labels of {dim}"
    return None


def _alike(stored: NDArray[Any], learnt: NDArray[np.float64]) -> bool:
    """Return whether two designs are the same but for the rounding of exp, powers and the like."""
    if stored.shape != learnt.shape or stored.dtype != learnt.dtype:
        return False
    size = np.abs(learnt).max(axis=0, initial=0)
    return bool((np.abs(stored - learnt) <= ROUNDING * size).all())


def _keep_design(model: Model, tree: xr.DataTree) -> None:
    """Give the model the design that its draws belong to, to the last digit."""
    if model.design is None:
        return
    stored = tree["constant_data"]
    X = np.array(stored["X"].values)
    Z = np.array(stored["Z"].values) if "Z" in stored else np.empty((len(X), 0))
    design = model.design.with_matrices(model.cells, X, Z)
    object.__setattr__(model, "_sample", (design, model.cells))


def _odd_labels(tree: xr.DataTree) -> Iterator[tuple[str, str]]:
    """Yield group and dim of labels that only the model can restore, such as dates with a zone."""
    for group, node in tree.children.items():
        for dim, labels in node.to_dataset().coords.items():
            if labels.dtype.kind not in _PLAIN:
                yield group, str(dim)


def _path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise InputError("path", path, "must be the name of a file") from None


def _difference(one: xr.DataTree, other: xr.DataTree) -> list[str]:
    """Return the names of the groups in which two trees differ."""
    left, right = one.children, other.children
    common = [name for name in left if name in right]
    unlike = [name for name in common if not left[name].identical(right[name])]
    return [*unlike, *(set(left) ^ set(right))] or ["attrs"]
