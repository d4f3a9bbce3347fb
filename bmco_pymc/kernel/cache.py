"""Compiled code that is kept on disk, for every process of a machine to share.

numba keeps it, beside the source, in the user's folder or in ``NUMBA_CACHE_DIR``, whichever can be
written first. Three things are added. What a power cut or a full disk has left is found by a
checksum and compiled again, instead of ending each later process. Where nothing can be written but
temporary files, a private folder among these is used. Processes that begin at the same time do not
compile the same thing: one does, and the others wait for it; should it be killed, the system gives
up its lock.

numba has no public way to all of this: its names that are not public are used in this file only.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import stat
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from filelock import FileLock
from numba.core import config, sigutils
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.core.ccallback import CFunc

from bmco_pymc.errors import warn_user

PATIENCE = 300.0  # seconds to wait for another process; then this one compiles, too
_NUMBA = str(Path(numba.__file__).parent) + os.sep
_SEAL = 4  # bytes
_locks: dict[str, FileLock] = {}
_said: set[str] = set()


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function with ``numba.njit``, and keep the code."""

    def decorate(function: Callable[..., Any]) -> Any:
        dispatcher = numba.njit(**options)(function)
        cache = _cache_of(function)
        if cache is not None:
            dispatcher._cache = cache
            dispatcher.compile = cache.around(dispatcher.compile)
        return dispatcher

    return decorate


def cfunc(signature: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function that C can call, as ``numba.cfunc`` does, and keep the code."""

    def decorate(function: Callable[..., Any]) -> Any:
        compiled: Any = CFunc(function, sigutils.normalize_signature(signature), {}, options)
        cache = _cache_of(function)
        if cache is None:
            compiled.compile()
        else:
            compiled._cache = cache
            cache.around(compiled.compile)()
        return compiled

    return decorate


class _Sealed(IndexDataCacheFile):
    """Files that end with a checksum: what was cut short or changed is not read."""

    def _dump(self, obj: Any) -> bytes:
        data: bytes = super()._dump(obj)
        return data + zlib.crc32(data).to_bytes(_SEAL)

    def _load_index(self) -> Any:
        overloads = super()._load_index()
        if overloads:
            version = len(pickle.dumps(self._version, protocol=-1))  # comes before the data
            _check(Path(self._index_path).read_bytes()[version:])
        return overloads

    def load(self, key: Any) -> Any:
        try:
            name = self._load_index().get(key)
            if name is None:
                return None
            _check(Path(self._data_path(name)).read_bytes())
            return self._load_data(name)
        except FileNotFoundError:
            return None
        except Exception:  # whatever pickle makes of damage
            self._begin_anew()
            return None

    def save(self, key: Any, data: Any) -> None:
        try:
            super().save(key, data)
        except OSError as error:
            _say(f"Compiled code cannot be kept in {self._cache_path}: {error.strerror}.")
        except Exception:  # a damaged index
            self._begin_anew()
            super().save(key, data)

    def _begin_anew(self) -> None:
        _say(f"Compiled code in {self._cache_path} is damaged; it is compiled again.")
        with contextlib.suppress(OSError):
            Path(self._index_path).unlink(missing_ok=True)


def _check(data: bytes) -> None:
    """Raise if what was written does not end with its checksum."""
    if zlib.crc32(data[:-_SEAL]).to_bytes(_SEAL) != data[-_SEAL:]:
        raise ValueError("damaged")


class _Shared(FunctionCache):
    """Of the processes that miss a function at once, one compiles it and the others wait."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        base = f"sealed-{self._impl.filename_base}"
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Sealed(self._cache_path, base, stamp)
        self._holding = 0

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = super().load_overload(sig, target_context)
        if found is None and self._lock():
            found = super().load_overload(sig, target_context)  # made while this process waited?
            if found is not None:
                self._unlock()
        return found

    def around(self, compile: Callable[..., Any]) -> Callable[..., Any]:
        """Give the lock back when it is compiled, or when that failed or was interrupted."""

        @functools.wraps(compile)
        def wrapped(*args: Any) -> Any:
            held = self._holding
            try:
                return compile(*args)
            finally:
                while self._holding > held:
                    self._unlock()

        return wrapped

    def _lock(self) -> bool:
        lock = _lock_in(self._cache_path)
        try:
            lock.acquire(timeout=PATIENCE)
        except (OSError, NotImplementedError):  # Timeout is an OSError; some disks have no locks
            return False
        self._holding += 1
        return True

    def _unlock(self) -> None:
        self._holding -= 1
        _lock_in(self._cache_path).release()


def _lock_in(folder: str) -> FileLock:
    """Return this process's lock of a folder, which any of its threads may take several times."""
    if folder not in _locks:
        _locks[folder] = FileLock(Path(folder) / "compiling.lock", thread_local=False)
    return _locks[folder]


def _cache_of(function: Callable[..., Any]) -> _Shared | None:
    """Return where the code of a function is kept; None if nothing can be written."""
    try:
        return _Shared(function)
    except RuntimeError:  # no folder that numba would take
        pass
    usual = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    try:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = str(_private_folder()), ""
        return _Shared(function)
    except (OSError, RuntimeError) as error:
        _say(f"Compiled code cannot be kept ({error}), so that each process compiles it anew.")
        return None
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = usual


def _private_folder() -> Path:
    """Return a folder for temporary files that is this user's alone: code in it is run."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    folder = Path(tempfile.gettempdir()) / f"bmco_pymc-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    others = stat.S_IWGRP | stat.S_IWOTH
    if not stat.S_ISDIR(found.st_mode) or (user != "" and found.st_uid != user):
        raise OSError(f"{folder} is somebody else's")
    if os.name != "nt" and found.st_mode & others:
        raise OSError(f"others can write to {folder}")
    return folder


def _say(what: str) -> None:
    """Warn once in a process."""
    if what not in _said:
        _said.add(what)
        hint = " Set NUMBA_CACHE_DIR to a folder that can be written." if "kept" in what else ""
        warn_user(what + hint, RuntimeWarning, _NUMBA)
