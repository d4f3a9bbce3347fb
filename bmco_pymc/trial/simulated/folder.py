"""The folder in which analysed trials are kept: chunks of trials, in a subfolder for each study.

What is in it is arrays and JSON, so nothing that is read is ever executed. A chunk gets its name
when it is whole on disk, and a zip has checksums: what is cut short or changed is known as such.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from bmco_pymc.errors import InputError, short, warn_user
from bmco_pymc.store.write import write
from bmco_pymc.trial.simulated.analysed import NAMES, Analysed

DESCRIPTION = "study.json"
# Of these, another version may give other numbers: its trials are not mixed with these.
PACKAGES = ("numpy", "scipy", "numba", "pymc", "nutpie")

_CHUNK = re.compile(r"(laplace|nuts)-(\d{8,})-(\d{8,})\.npz")
_STUDY = re.compile(r"[0-9a-f]{16}")
_EXACT = 2**53  # whole numbers below are floats without loss


class Folder:
    """The analysed trials of one study in a folder.

    How many trials are asked for, and where they begin, is no part of the description: whoever asks
    for more goes on from where the work is. Two folders are joined by copying files.

    Parameters
    ----------
    path : str or path-like
        The folder of all studies, made if need be.
    description : mapping
        What decides the numbers of each trial: numbers, text, None, arrays, lists and mappings of
        them. The versions of the software are added.

    Raises
    ------
    InputError
        If there can be no such folder, or it cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as path:
    ...     folder = Folder(path, {"n": 100, "theta": [0.3, 0.5]})
    ...     print(folder.place.name == folder.key, len(folder.done("laplace")))
    True 0
    """

    def __init__(self, path: str | os.PathLike[str], description: Mapping[str, Any]) -> None:
        self.description = {**description, "versions": versions()}
        text = canonical(self.description)
        self.key = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.place = _made(Path(path).expanduser() / self.key)
        told = self.place / DESCRIPTION
        content = (json.dumps(json.loads(text), indent=1) + "\n").encode()
        if not told.exists() or _read(told) != content:  # the name says what must be in it
            write(content, told, _same(content, told))

    def done(self, method: str) -> Analysed:
        """Return all trials that a method has analysed, see `kept`."""
        return kept(self.place, method)

    def store(self, method: str, chunk: Analysed) -> None:
        """Keep a chunk of trials with consecutive numbers."""
        start, stop = int(chunk.trial[0]), int(chunk.trial[-1]) + 1
        buffer, arrays = io.BytesIO(), chunk.arrays()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # for the stubs, any may be a flag
        file = self.place / f"{method}-{start:08d}-{stop:08d}.npz"
        write(buffer.getvalue(), file.resolve(), _same(buffer.getvalue(), file))


def kept(place: Path, method: str) -> Analysed:
    """Return all trials of a study's folder that a method has analysed, sorted by number.

    Warns
    -----
    InputWarning
        If a chunk cannot be read: it is as if it was not there.

    Raises
    ------
    InputError
        If two chunks say different things about one trial.
    """
    found = {name: chunk for name, chunk in _chunks(place, method) if chunk is not None}
    sizes = Counter(chunk.sizes for chunk in found.values())
    usual = sizes.most_common(1)[0][0] if sizes else None
    for name in [name for name, chunk in found.items() if chunk.sizes != usual]:
        _ignored(place / name, "is of another shape than the other chunks")
        del found[name]
    try:
        return Analysed.joined(list(found.values()))
    except InputError as error:
        problem = (
            f"holds {method} chunks that differ: trial {error.value} {error.problem}. They are "
            "of machines that compute differently: remove the chunks of one of them"
        )
        raise InputError("path", str(place), problem) from None


def _chunks(place: Path, method: str) -> Iterator[tuple[str, Analysed | None]]:
    """Give each chunk of a method by its name; None for one that cannot be read."""
    for name in _listed(place):
        matched = _CHUNK.fullmatch(name)
        if matched and matched[1] == method:
            yield name, _loaded(place / name, range(int(matched[2]), int(matched[3])))


def studies(path: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """Return the descriptions of the studies in a folder, by the name of their subfolder.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """
    place = Path(path).expanduser()
    found = {}
    for name in filter(_STUDY.fullmatch, _listed(place)):
        try:
            described = json.loads(_read(place / name / DESCRIPTION))
            if not isinstance(described, dict):
                raise ValueError("no mapping")
        except (ValueError, InputError, RecursionError) as error:
            _ignored(place / name / DESCRIPTION, f"cannot be read: {short(str(error))}")
            continue
        found[name] = described
    return found


def canonical(description: Mapping[str, Any]) -> str:
    """Return a description as JSON: the same text for equal values, however they are written.

    Raises
    ------
    InputError
        If there is a value that JSON cannot hold.

    Examples
    --------
    >>> canonical({"n": np.int64(3), "low": -np.inf, "at": (0.0, 0.5)})
    '{"at":[0,0.5],"low":"-inf","n":3}'
    """
    return json.dumps(_plain(description), sort_keys=True, separators=(",", ":"), allow_nan=False)


@cache
def versions() -> dict[str, str]:
    """Return the versions of this package and of those that numbers come from."""
    from bmco_pymc import __version__

    found = {"bmco_pymc": __version__}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # not installed by pip, as in a frozen application
            continue
    return found


def _plain(value: Any) -> Any:
    """Return what JSON holds, with 1 for 1.0, so that both describe the same study."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        if not np.isfinite(value):
            return str(value)
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if value is None or isinstance(value, bool | int | str):
        return value
    raise InputError("description", value, "must be of numbers, text, lists and mappings")


def _made(place: Path) -> Path:
    """Return a folder that is there and can be listed."""
    try:
        place.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InputError("path", str(place.parent), "is a file, or in one: name a folder") from None
    except (OSError, ValueError) as error:
        problem = f"cannot be made a folder: {_reason(error)}"
        raise InputError("path", str(place.parent), problem) from None
    return place


def _listed(place: Path) -> list[str]:
    """Return the names in a folder, sorted."""
    try:
        return sorted(os.listdir(place))
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {_reason(error)}"
        raise InputError("path", str(place), problem) from None


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError("path", str(file), f"cannot be read: {_reason(error)}") from None


def _loaded(file: Path, trials: range) -> Analysed | None:
    """Return the trials in a file; None, after a warning, if it does not hold them."""
    try:
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
            found = Analysed.from_arrays({name: arrays[name] for name in NAMES if name in arrays})
        if not np.array_equal(found.trial, np.arange(trials.start, trials.stop)):
            raise ValueError("it does not hold the trials of its name")
    except Exception as error:  # anything at all may be in a file
        _ignored(file, f"cannot be read: {short(str(error))}")
        return None
    return found


def _same(content: bytes, file: Path) -> Any:
    """Return a check that what is on disk is what was written."""

    def check(found: bytes) -> None:
        if found != content:
            raise InputError("path", str(file), "cannot be written: the disk returns other bytes")

    return check


def _ignored(file: Path, problem: str) -> None:
    warn_user(f"{file} {problem}. It is ignored, and its trials are analysed again.")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
