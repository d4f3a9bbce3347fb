"""A run of a command: what it says on both outputs, the files it leaves, the code it ends with."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from bmco_pymc.cli.declared import Talk
from bmco_pymc.cli.document import document, failure, of_error
from bmco_pymc.cli.speech import (
    BAD_INPUT,
    INTERRUPTED,
    SAME,
    UNEXPECTED,
    in_options,
    spell_out,
)
from bmco_pymc.errors import ConvergenceWarning, InputError, InputWarning, SamplingError
from bmco_pymc.escapes import visible

WIDTH = 100
NOTHING = "Interrupted before there was a result: nothing was written."


@dataclass
class Run:
    """What a command has found so far.

    Attributes
    ----------
    command : str
        Its name.
    talk : Talk
        How much it says, and to whom.
    notes : list of str
        What was said on standard error, once each.
    content : dict
        What the JSON document holds, by its keys.
    code : int
        What it ends with.
    """

    command: str
    talk: Talk
    notes: list[str] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)
    code: int = 0
    _sections: list[str] = field(default_factory=list)
    _n_shown: int = 0
    _files: list[Path] = field(default_factory=list)
    _told: list[str] = field(default_factory=list)

    @property
    def progress(self) -> bool:
        """Whether to show a progress bar."""
        return self.talk.progress and not self.talk.quiet

    @property
    def text(self) -> str:
        """All sections."""
        return "\n\n".join(self._sections) + "\n"

    @property
    def summary(self) -> str:
        """All sections, and at the end the notes."""
        remarks = [_wrapped(f"Note: {note}") for note in self.notes]
        return "\n\n".join([*self._sections, *remarks]) + "\n"

    def add(self, *parts: object) -> None:
        """Add a section: parts as they print, long sentences on several lines."""
        lines = (_wrapped(line) for part in parts for line in str(part).splitlines())
        self._sections.append("\n".join(lines))

    def add_as_it_is(self, text: str) -> None:
        """Add a section whose lines stay as they are."""
        self._sections.append(text.rstrip("\n"))

    def show(self) -> None:
        """Print the sections that have not been printed yet."""
        if self.talk.json:
            return
        for section in self._sections[self._n_shown :]:
            typer.echo(("\n" if self._n_shown else "") + section)
            self._n_shown += 1

    def note(self, text: str) -> None:
        """Say something on standard error, unless it was said before."""
        if text in self.notes:
            return
        self.notes.append(text)
        self.say(f"Note: {text}")

    def say(self, text: str) -> None:
        """Say on standard error what no file or document need hold."""
        if not self.talk.quiet:
            typer.echo(text, err=True)

    def write(self, folder: Path, files: dict[str, Callable[[Path], object]]) -> None:
        """Write files by their names; what goes wrong is said, and costs nothing but them."""
        try:
            for name, how in files.items():
                how(folder / name)
                self._files.append(folder / name)
        except OSError as error:
            problem = f"could not be written: {error.strerror or error}"
            self._failed(str(folder), problem)
        except InputError as error:  # from what writes a file in one step
            if error.argument != "path":
                raise
            self._failed(str(folder / name), error.problem)
        else:
            where = visible(str(folder / name) if len(files) == 1 else str(folder))
            what = "" if len(files) == 1 else f": {', '.join(files)}"
            self._told.append(f"Written to {where}{what}")

    def tell(self, text: str) -> None:
        """Say where something is, after the result."""
        self._told.append(text)

    def fail(self, code: int, text: str, error: dict[str, Any]) -> None:
        """Say that something went wrong, and end with its code."""
        typer.echo(f"Error: {text}", err=True)
        self.code = code
        self.content["error"] = error

    def end(self) -> None:
        """Print what is left to print."""
        self.show()
        if self.talk.json:
            known: dict[str, Any] = {
                "files": [str(path) for path in self._files],
                "notes": self.notes,
                "text": self.text if self._sections else None,
            }
            typer.echo(document(self.command, self.code, **known | self.content))
        elif self._told and not self.talk.quiet:
            typer.echo("\n".join([*[""] * bool(self._sections), *self._told]))

    def _failed(self, path: str, problem: str) -> None:
        self.fail(UNEXPECTED, f"{visible(path)} {problem}", failure("path", path, problem))


@contextmanager
def running(
    command: str, talk: Talk, *, same: Collection[str] = SAME, interrupted: str = NOTHING
) -> Iterator[Run]:
    """Say warnings as notes, once each, and end with the code that an error has.

    Files come first, then what is left to print: a closed pipe or terminal costs no file, and a
    full disk no result.

    Parameters
    ----------
    command : str
    talk : Talk
    same : collection of str
        Arguments that options are called like.
    interrupted : str
        What to say of an interrupt before there was a result.
    """
    run = Run(command, talk)
    otherwise = warnings.showwarning
    spell_out()

    def show(message: Any, category: type[Warning], *where: Any, **more: Any) -> None:
        if issubclass(category, InputWarning | ConvergenceWarning):
            run.note(str(message))
        else:
            otherwise(message, category, *where, **more)

    with warnings.catch_warnings():
        for category in (InputWarning, ConvergenceWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = show
        try:
            yield run
        except InputError as error:
            of_option = in_options(error, same)
            run.fail(BAD_INPUT, str(of_option), of_error(of_option))
        except SamplingError as error:
            run.fail(UNEXPECTED, str(error), failure(None, None, str(error)))
        except KeyboardInterrupt:
            said = interrupted
            if run._files:
                kept = ", ".join(visible(str(path)) for path in run._files)
                said = f"Interrupted before all was done; written: {kept}."
            typer.echo(said, err=True)
            run.code, run.content["error"] = INTERRUPTED, failure(None, None, said)
        except Exception as error:
            run.code = UNEXPECTED
            run.content["error"] = failure(None, None, f"{type(error).__name__}: {error}")
            run.end()
            raise
        run.end()
    if run.code:
        raise typer.Exit(run.code)


def _wrapped(line: str) -> str:
    """Return a long sentence on several lines; tables, which have double spaces, as they are."""
    if len(line) <= WIDTH or "  " in line.strip():
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
