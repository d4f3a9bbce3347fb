"""Ctrl-C where it would do harm: in the middle of an import, or while draws are gathered."""

from __future__ import annotations

import importlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bmco_pymc.errors import ConvergenceWarning, warn_user

if TYPE_CHECKING:
    import xarray as xr

INTERRUPTED = "interrupted"  # attribute of draws: what an interrupt has left
ALL_KEPT = "Interrupted after the sampling: all draws are kept."
PATIENCE = 10.0  # seconds after which a second Ctrl-C is obeyed at once
_ONE_AT_A_TIME = threading.Lock()


@dataclass
class Interrupt:
    """Whether the user has pressed Ctrl-C; true when it was."""

    since: float | None = None

    def __bool__(self) -> bool:
        return self.since is not None


@contextmanager
def deferred() -> Iterator[Interrupt]:
    """Note a Ctrl-C instead of raising KeyboardInterrupt; what it means is for the caller to say.

    One that is repeated after ten seconds is raised: whoever waits that long means it. A handler
    of the program's own is called as ever. Python interrupts the main thread only, so in another
    one there is nothing to do.

    Examples
    --------
    >>> with deferred() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    >>> bool(interrupt)
    True
    """
    interrupt = Interrupt()
    usual: Any = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield interrupt
        return

    def note(number: int, frame: Any) -> None:
        try:
            usual(number, frame)
        except KeyboardInterrupt:
            now = time.monotonic()
            if interrupt.since is not None and now > interrupt.since + PATIENCE:
                raise
            interrupt.since = interrupt.since or now

    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, usual)


def unbroken[T](work: Callable[[], T]) -> T:
    """Return what a piece of work gives; a Ctrl-C ends the waiting at once, not the work.

    For imports and compilation. Broken off, they leave modules behind that are half there, so that
    the next try fails; and compiled code does not look for a Ctrl-C. So they are done in a thread
    of their own, which goes on after a Ctrl-C. The next piece of work waits for it.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()  # Python interrupts the main thread only
    done: Future[T] = Future()

    def finish() -> None:
        with _ONE_AT_A_TIME:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

    threading.Thread(target=finish, name="bmco-pymc", daemon=True).start()
    while not done.done():
        wait([done], timeout=0.1)  # an endless wait cannot be interrupted on every system
    return done.result()


def load(module: str) -> None:
    """Import a module that takes its time, whole: see `unbroken`."""
    unbroken(lambda: importlib.import_module(module))


def tell(draws: xr.DataTree, what: str) -> None:
    """Say what an interrupt has left, at the user's line and in the draws' attributes."""
    draws.attrs[INTERRUPTED] = what
    warn_user(what, ConvergenceWarning)
