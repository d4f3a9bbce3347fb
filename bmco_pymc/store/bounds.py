"""What a file says of its own size, checked before any of it is unpacked.

A few bytes can declare gigabytes: chunks that are left out stand for a fill value, and compressed
ones for any length. So every array is compared with the chunks that are there, every chunk with the
length it unpacks to, and all of them with the size of the file.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

MOST_PER_BYTE, MOST_IN_ANY_FILE = 200, 2**26  # bytes that a file may unpack to
_MOST_CHUNKS = 100_000
_NUMBERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_NUMBERS |= {"bool", "float16", "float32", "float64", "complex64", "complex128"}

type Files = Mapping[str, bytes]


def members(content: bytes) -> dict[str, bytes]:
    """Return the members of a zip file whose members are as long as they are in the file.

    Raises
    ------
    ValueError, zipfile.BadZipFile
        If it is another kind of zip, or damaged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = archive.infolist()
        if len({info.filename for info in found}) < len(found):
            raise ValueError("two members have the same name")
        for info in found:
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError("it was packed again by another program")
        if sum(info.file_size for info in found) > len(content):
            raise ValueError("its members overlap")
        return {info.filename: archive.read(info) for info in found}


def check(files: Files, size: int, *, every_chunk: bool) -> None:
    """Raise an error if the arrays in a zarr hierarchy declare more than is there.

    Parameters
    ----------
    files : dict of str to bytes
        The members by name.
    size : int
        The size of the file that they are from.
    every_chunk : bool
        Whether no chunk may be left out.

    Raises
    ------
    ValueError
    """
    known: set[str] = set()
    total = 0
    for name, text in files.items():
        if name.rpartition("/")[2] != "zarr.json":
            continue
        known.add(name)
        folder = name.removesuffix("zarr.json")
        parent = folder.rstrip("/").rpartition("/")[0]
        if folder and f"{parent}/zarr.json".lstrip("/") not in files:
            raise ValueError(f"{name} is in no group")
        about = json.loads(text)
        match about["node_type"]:
            case "group" if about.get("consolidated_metadata") is None:
                pass
            case "array":
                total += _array(folder, about, files, known, every_chunk)
            case _:
                raise ValueError(f"{name} is of a kind that is not written")
        if total > MOST_IN_ANY_FILE + MOST_PER_BYTE * size:
            raise ValueError(f"it would unpack to more than {MOST_PER_BYTE} times its size")
    if (odd := sorted(files.keys() - known)) or "zarr.json" not in known:
        raise ValueError(f"parts of it are missing or do not belong there: {odd[:3]}")


def _array(folder: str, about: Any, files: Files, known: set[str], every_chunk: bool) -> int:
    """Check one array, note the names of its chunks and return the bytes that it unpacks to."""
    shape, grid = about["shape"], about["chunk_grid"]
    chunk = grid["configuration"]["chunk_shape"]
    codecs = [codec["name"] for codec in about["codecs"]]
    item = _item_size(about["data_type"])
    serialised = "vlen-utf8" if item is None else "bytes"
    layout = (grid["name"], about["chunk_key_encoding"], about.get("storage_transformers") or [])
    if layout != ("regular", {"name": "default", "configuration": {"separator": "/"}}, []):
        raise ValueError(f"the array {folder} is laid out in another way")
    if codecs not in ([serialised], [serialised, "zstd"]):
        raise ValueError(f"the array {folder} is encoded in another way: {codecs}")
    sizes = [*shape, *chunk]
    if len(shape) != len(chunk) or not all(type(n) is int and 0 <= n < 2**40 for n in sizes):
        raise ValueError(f"the array {folder} has an impossible shape")
    if any(not 1 <= c <= max(s, 1) for s, c in zip(shape, chunk, strict=True)):
        raise ValueError(f"the array {folder} has impossible chunks")
    steps = [range(-(-s // c)) for s, c in zip(shape, chunk, strict=True)]
    if math.prod(map(len, steps)) > _MOST_CHUNKS:
        raise ValueError(f"the array {folder} has too many chunks")
    items, total = math.prod(chunk), 0
    for place in itertools.product(*steps):
        name = folder + "/".join(["c", *map(str, place)])
        total += items * (item or 8)
        if name not in files:
            if every_chunk or item is None:
                raise ValueError(f"{name} is missing")
            continue
        known.add(name)
        length = _length(files[name]) if "zstd" in codecs else len(files[name])
        if item is None:
            _check_texts(name, files[name], items, length, "zstd" in codecs)
            total += length
        elif length != items * item:
            raise ValueError(f"{name} has {length} bytes instead of {items * item}")
    return total


def _item_size(kind: Any) -> int | None:
    """Return the bytes of one item of a data type; None for text of any length."""
    if kind == "string":
        return None
    if isinstance(kind, str) and kind in _NUMBERS:
        return np.dtype(kind).itemsize
    name = kind["name"] if isinstance(kind, dict) else None
    if name in ("fixed_length_utf32", "null_terminated_bytes"):
        size = kind["configuration"]["length_bytes"]
        if type(size) is int and 0 < size < 2**31:
            return size
    if name in ("numpy.datetime64", "numpy.timedelta64"):
        return 8
    raise ValueError(f"there is an array of {kind!r}")


def _length(frame: bytes) -> int:
    """Return the length that a Zstandard frame unpacks to (RFC 8878, section 3.1.1.1)."""
    if len(frame) < 6 or frame[:4] != b"\x28\xb5\x2f\xfd":
        raise ValueError("a chunk is no Zstandard frame")
    flag, single, dictionary = frame[4] >> 6, frame[4] >> 5 & 1, frame[4] & 3
    width = (1 if single else 0, 2, 4, 8)[flag]
    start = 5 + (not single) + (0, 1, 2, 4)[dictionary]
    if not width or len(frame) < start + width:
        raise ValueError("a chunk does not say how long it is")
    return int.from_bytes(frame[start : start + width], "little") + 256 * (width == 2)


def _check_texts(name: str, chunk: bytes, items: int, length: int, packed: bool) -> None:
    """Check a chunk of texts, whose first bytes say how many there are."""
    from numcodecs import Zstd

    if length > MOST_IN_ANY_FILE:
        raise ValueError(f"{name} is too long a chunk of texts")
    content = bytes(Zstd().decode(chunk)) if packed else chunk
    if int.from_bytes(content[:4], "little") != items:
        raise ValueError(f"{name} does not have {items} texts")
