"""A DataTree in one file: a zarr store in a zip, whose last bytes are its checksum.

The comment that every zip may end with says what the file is, its format and the SHA-256 of all
bytes before. So a file that was cut short or changed is known before anything in it is read.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import xarray as xr

from bmco_pymc.errors import InputError

FORMAT = 1
_COMMENT = "bmco_pymc {version} fit, format {format}, sha256 "
_END = re.compile(rb"bmco_pymc (\S+) fit, format (\d+), sha256 ([0-9a-f]{64})\Z")
_LONGEST = 256  # bytes, of the comment
_DIGITS = 64  # of the checksum, at its end


def write(content: bytes | bytearray, path: Path, check: Callable[[bytes], None]) -> None:
    """Write a file under a temporary name, check it, and give it its name in one step.

    A process that dies on the way leaves what was at ``path`` as it was, and at most a hidden file
    ``.<name>.<random>.partial`` beside it.

    Parameters
    ----------
    content : bytes
        What `packed` makes.
    path : pathlib.Path
        Replaced if it exists.
    check : callable
        Called with the bytes as they are on disk; what it raises calls the writing off.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    try:
        handle, partial = tempfile.mkstemp(".partial", f".{path.name}.", path.parent)
    except OSError as error:
        problem = f"no file can be written there: {error.strerror}"
        raise InputError("path", str(path), problem) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        check(Path(partial).read_bytes())
        os.chmod(partial, 0o666 & ~_umask())  # a temporary file is the user's alone
        os.replace(partial, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(partial)
        raise
    _sync_folder(path.parent)


def packed(tree: xr.DataTree) -> bytearray:
    """Return a tree as the bytes of a file."""
    from zarr.storage import MemoryStore

    from bmco_pymc import __version__

    kept: dict[str, Any] = {}
    memory: Any = MemoryStore(kept)
    tree.to_zarr(memory, consolidated=False, zarr_format=3)
    comment = _COMMENT.format(version=__version__, format=FORMAT).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # ZIP_STORED: zarr has compressed the arrays already.
        for key, value in sorted(kept.items()):
            archive.writestr(key, value.to_bytes())
        archive.comment = comment + b"0" * _DIGITS
    content = bytearray(buffer.getbuffer())
    content[-_DIGITS:] = _checksum(content).encode()
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
    if found is None and not content.startswith(b"PK\x03\x04"):
        raise InputError("path", str(path), "is no fit saved by bmco_pymc: another kind of file")
    if found is None:
        what = "has no checksum at its end: it was cut short or changed, or is another kind of zip"
        raise InputError("path", str(path), what)
    version, form, checksum = (part.decode() for part in found.groups())
    if int(form) != FORMAT:
        from bmco_pymc import __version__

        what = f"has format {form}, written by bmco_pymc {version}; this is bmco_pymc {__version__}"
        raise InputError("path", str(path), f"{what}, which reads format {FORMAT}")
    actual = _checksum(content)
    if actual != checksum:
        what = f"is damaged: its SHA-256 should be {checksum[:12]}… and is {actual[:12]}…"
        raise InputError("path", str(path), f"{what}; take another copy, or fit again")
    return _tree(content)


def _tree(content: bytes) -> xr.DataTree:
    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    as_buffer = default_buffer_prototype().buffer.from_bytes
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        store = {name: as_buffer(archive.read(name)) for name in archive.namelist()}
    memory: Any = MemoryStore(store)
    # Format 3 only: in the one before, an array might ask for a codec that runs code.
    tree = xr.open_datatree(memory, engine="zarr", consolidated=False, zarr_format=3).load()
    for node in tree.subtree:  # how it was stored is no part of what it is
        node.encoding = {}
        for variable in node.variables.values():
            variable.encoding = {}
    return tree


def _checksum(content: bytes | bytearray) -> str:
    """Return the SHA-256 of a file's bytes but for its last, which hold it."""
    return hashlib.sha256(memoryview(content)[:-_DIGITS]).hexdigest()


def _umask() -> int:
    """Return the permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
