"""Give a file its content in one step, or leave everything as it was."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bmco_pymc.arguments import flag
from bmco_pymc.errors import InputError

fcntl: Any
try:
    import fcntl
except ImportError:  # on Windows, where an open file cannot be removed in any case
    fcntl = None


def destination(path: Path, overwrite: bool) -> Path:
    """Return where a file goes: what a symbolic link points at, if there is one.

    Raises
    ------
    InputError
        If something is there that may not be replaced: a folder, a device, a pipe, or any file
        without ``overwrite``.
    """
    overwrite = flag("overwrite", overwrite)
    if there := _status(path):
        problem = "" if overwrite else "exists already; overwrite=True replaces it"
        if stat.S_ISDIR(there.st_mode):
            problem = "is a folder; name a file in it"
        elif not stat.S_ISREG(there.st_mode):
            problem = "is a device, pipe or socket, not a file"
        if problem:
            raise InputError("path", str(path), problem)
    return path.resolve()


def write(content: bytes | bytearray, path: Path, check: Callable[[bytes], None]) -> None:
    """Write a file under a temporary name, check it, and give it its name in one step.

    A process that dies on the way leaves what was at ``path`` as it was, and at most a hidden file
    ``.<name>.<random>.partial`` beside it, which the next to write there clears. A file that is
    replaced keeps its mode and, where that is allowed, its owner; a new one gets those of any new
    file.

    Parameters
    ----------
    content : bytes
    path : pathlib.Path
        As `destination` returns it; replaced if it exists.
    check : callable
        Called with the bytes as they are on disk; what it raises calls the writing off.

    Raises
    ------
    InputError
        If nothing can be written there, as on a full disk.
    """
    old = _status(path)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    lock = None
    try:
        _clear(path)
        # The content of a private file is private under any name; else the umask decides.
        handle = os.open(partial, flags, 0o666 if old is None else 0o600)
        with os.fdopen(handle, "wb") as file:
            if fcntl is not None:  # a lock of its own, to last until the file has its name
                lock = os.dup(handle)
                _lock(lock)
            file.write(content)
            file.flush()
            os.fsync(handle)
        check(partial.read_bytes())
        if old is not None:
            with suppress(OSError, AttributeError):  # not on Windows, nor for somebody else's
                os.chown(partial, old.st_uid, old.st_gid)
            os.chmod(partial, stat.S_IMODE(old.st_mode))
        os.replace(partial, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(partial)
        if isinstance(error, OSError):
            problem = f"cannot be written: {error.strerror}; nothing was changed"
            raise InputError("path", str(path), problem) from None
        raise
    finally:
        if lock is not None:
            os.close(lock)
    _sync_folder(path.parent)


def _status(path: Path) -> os.stat_result | None:
    """Return what is at a path, or None."""
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # a link to itself, a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise InputError("path", str(path), f"cannot be a file: {reason}") from None


def _lock(handle: int) -> bool:
    """Mark a file as being written; False if it is already, or its file system has no locks."""
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _clear(path: Path) -> None:
    """Remove what killed processes left when they wrote to this path; not what is being written."""
    leftover = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}\.partial")
    for file in path.parent.iterdir():
        if not leftover.fullmatch(file.name) or file.is_symlink() or not file.is_file():
            continue
        with suppress(OSError):
            with file.open("rb") as opened:
                abandoned = _lock(opened.fileno())
            if abandoned:
                os.unlink(file)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
