"""Progress bars: one fit, compiling and then draws of all chains; several fits; a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec
from typing import Any, Protocol

from bmco_pymc.arguments import flag

# The display of several fits, while there is one: the bar of each fit joins it.
_DISPLAY: ContextVar[Any] = ContextVar("display", default=None)


class Reporter(Protocol):
    """What a long computation tells about itself."""

    def stage(self, text: str) -> None:
        """Say what is being done now."""

    def chains(self, states: Sequence[Any]) -> None:
        """Say how far each chain is."""

    def count(self, text: str, done: int, total: int) -> None:
        """Say what is being done and how many of its parts are."""


class Silent:
    """Shows nothing."""

    def stage(self, text: str) -> None:
        """Ignore the stage."""

    def chains(self, states: Sequence[Any]) -> None:
        """Ignore the chains."""

    def count(self, text: str, done: int, total: int) -> None:
        """Ignore the count."""


class Bar:
    """A rich progress bar, in a terminal or a notebook."""

    def __init__(self, progress: Any, task: Any) -> None:
        self._progress = progress
        self._task = task
        self._stage = ""

    def stage(self, text: str) -> None:
        """Put the stage before the bar."""
        self._stage = text
        self._progress.update(self._task, description=text)

    def chains(self, states: Sequence[Any]) -> None:
        """Move the bar; called from the sampler's own thread."""
        done = sum(state.finished_draws for state in states)
        total = sum(state.total_draws for state in states)
        divergent = sum(state.divergences for state in states)
        text = self._stage + (f", {divergent} divergences" if divergent else "")
        self.count(text, done, total)

    def count(self, text: str, done: int, total: int) -> None:
        """Move the bar and put the text before it."""
        self._progress.update(self._task, completed=done, total=total, description=text)


@contextmanager
def reporting(show: bool) -> Iterator[Reporter]:
    """Give a reporter that is a progress bar, or silent; it joins the display of several fits."""
    shared = _DISPLAY.get()
    if not flag("progress", show):
        yield Silent()
    elif shared is not None:
        task = shared.add_task("Preparing", total=None)
        try:
            yield Bar(shared, task)
        finally:
            shared.remove_task(task)
    else:
        with _display() as progress:
            yield Bar(progress, progress.add_task("Preparing", total=None))


@contextmanager
def counting(names: Sequence[str], show: bool) -> Iterator[Iterator[str]]:
    """Give the names one after the other, with a bar that says at which of them the work is.

    Parameters
    ----------
    names : sequence of str
        What is worked at; a bar of `reporting` that starts meanwhile is shown below this one.
    show : bool
        Whether to show anything.

    Examples
    --------
    >>> with counting(["weak", "skeptical"], show=False) as steps:
    ...     print(list(steps))
    ['weak', 'skeptical']
    """
    if not flag("progress", show):
        yield iter(names)
        return
    with _display() as progress:
        token = _DISPLAY.set(progress)
        task = progress.add_task("", total=len(names))

        def steps() -> Iterator[str]:
            for done, name in enumerate(names):
                text = f"{name} ({done + 1} of {len(names)})"
                progress.update(task, completed=done, description=text)
                yield name
            progress.update(task, completed=len(names))

        try:
            yield steps()
        finally:
            _DISPLAY.reset(token)


def _display() -> Any:
    """Return a rich display of progress bars."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
    )
    console, can_show = _console()
    return Progress(*columns, console=console, disable=not can_show)


def tracked[T](items: Sequence[T], text: str, show: bool) -> Iterator[T]:
    """Give the items one by one, and show how far they are; the bar goes away at the end."""
    if not flag("progress", show):
        yield from items
        return
    from rich.progress import track

    console, can_show = _console()
    yield from track(items, text, console=console, transient=True, disable=not can_show)


def _console() -> tuple[Any, bool]:
    """Return where progress goes, and whether it can be shown: in a notebook ipywidgets does it."""
    from rich.console import Console

    # standard error: the printed result stays clean when it goes to a file
    console = Console(stderr=True)
    return console, not console.is_jupyter or find_spec("ipywidgets") is not None
