"""A DataTree in one file: a zarr store in a zip, whose comment says what it is.

Every member of a zip has a checksum, so a file that was cut short or changed is known as such. What
it declares is compared with its size before anything is unpacked.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xarray as xr

from bmco_pymc.errors import ConvergenceWarning, InputError
from bmco_pymc.store import bounds as store_bounds

FORMAT = 2
# In format 1, a checksum of the whole file followed, and chunks of zeros were left out.
_END = re.compile(rb"bmco_pymc (\S+) fit, format (\d+)(?:, sha256 [0-9a-f]{64})?\Z")
_LONGEST = 256  # bytes, of the comment


def packed(tree: xr.DataTree) -> bytes:
    """Return a tree as the bytes of a file."""
    files = _zarr(tree, {})
    content = _zipped(files)
    try:
        store_bounds.check(files, len(content), every_chunk=True)
    except ValueError:  # so repetitive that nobody would believe it: not compressed
        plain = {
            node.path: {str(name): {"compressors": ()} for name in node.to_dataset(False).variables}
            for node in tree.subtree
        }
        content = _zipped(_zarr(tree, plain))
    return content


def unpacked(content: bytes, path: Path) -> xr.DataTree:
    """Return the tree in the bytes of a file, loaded into memory.

    Parameters
    ----------
    content : bytes
        All of the file.
    path : pathlib.Path
        To name in errors.

    Raises
    ------
    InputError
        If they are not what `packed` makes, of a format that this version cannot read, or not what
        was written.
    """
    found = _END.search(content[-_LONGEST:])
    if found is None:
        what = "is no fit saved by bmco_pymc: another kind of file"
        if content.startswith(b"PK\x03\x04"):
            what = (
                "does not end as a fit does: it was cut short or changed, or is another kind of zip"
            )
        raise InputError("path", str(path), what)
    version, form = (part.decode(errors="replace") for part in found.groups())
    if form not in ("1", str(FORMAT)):
        from bmco_pymc import __version__

        what = f"has format {form}, written by bmco_pymc {version}; this is bmco_pymc {__version__}"
        raise InputError("path", str(path), f"{what}, which reads formats 1 to {FORMAT}")
    with blamed(path):
        files = store_bounds.members(content)
        store_bounds.check(files, len(content), every_chunk=form != "1")
        return _tree(files)


@contextmanager
def blamed(path: Path, *, quiet: bool = True) -> Iterator[None]:
    """Turn whatever goes wrong with what is in a file into an error that names the file.

    Unless ``quiet`` is false, warnings are not repeated.
    """
    try:
        with warnings.catch_warnings():
            if quiet:
                warnings.simplefilter("ignore")
            yield
    except ConvergenceWarning:
        raise
    except InputError as error:
        if error.argument == "path" and error.value == str(path):
            raise
        problem = f"holds no fit that can be taken up: {error}"
        raise InputError("path", str(path), " ".join(problem.split())) from None
    except Exception as error:  # anything at all may be in a file
        reason = " ".join(str(error).split())[:200]
        problem = f"is damaged, or was not made by bmco_pymc: {reason} ({type(error).__name__})"
        raise InputError("path", str(path), f"{problem}; take another copy, or fit again") from None


def _zarr(tree: xr.DataTree, encoding: Any) -> dict[str, bytes]:
    """Return the files of a zarr hierarchy by name."""
    from zarr.storage import MemoryStore

    kept: dict[str, Any] = {}
    memory: Any = MemoryStore(kept)
    options: dict[str, Any] = {"zarr_format": 3, "write_empty_chunks": True}
    tree.to_zarr(memory, consolidated=False, encoding=encoding, **options)
    return {name: value.to_bytes() for name, value in sorted(kept.items())}


def _zipped(files: dict[str, bytes]) -> bytes:
    from bmco_pymc import __version__

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # ZIP_STORED: zarr has compressed the arrays already.
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = f"bmco_pymc {__version__} fit, format {FORMAT}".encode()
    return buffer.getvalue()


def _tree(files: dict[str, bytes]) -> xr.DataTree:
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    as_buffer = default_buffer_prototype().buffer.from_bytes
    memory: Any = MemoryStore({name: as_buffer(content) for name, content in files.items()})
    # Format 3 only: in the one before, an array might ask for a codec that runs code.
    tree = xr.open_datatree(memory, engine="zarr", consolidated=False, zarr_format=3).load()
    for node in tree.subtree:  # how it was stored is no part of what it is
        node.encoding = {}
        for variable in node.variables.values():
            variable.encoding = {}
    return tree
