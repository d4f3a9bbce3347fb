"""Run simulated trials that are not kept already, piece by piece, and keep each piece at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.errors import InputError, warn_user
from bmco_pymc.progress import Reporter, reporting
from bmco_pymc.trial.simulated.analysed import Analysed
from bmco_pymc.trial.simulated.chunks import Chunk, missing, runs
from bmco_pymc.trial.simulated.engine import METHODS, Engine
from bmco_pymc.trial.simulated.folder import Folder
from bmco_pymc.trial.simulated.workers import Analyse, analysed

SIZES = {"laplace": 100, "nuts": 10}  # trials in a chunk: seconds of work, tens of kilobytes
PAUSE = 0.5  # seconds between two sayings of how far it is

Told = Callable[[Analysed, Analysed], str]
Choose = Callable[[Analysed, int], NDArray[np.int64]]


def run(
    work: Any,
    description: Mapping[str, Any],
    engine: Engine,
    analyse: Analyse,
    *,
    sizes: Mapping[str, int] = SIZES,
    choose: Choose | None = None,
    before: Callable[[], None] | None = None,
    told: Told | None = None,
    progress: bool = True,
) -> tuple[Analysed, Analysed]:
    """Analyse the trials of an engine, but for those that its folder has.

    The numbers of a trial must depend on the work and the trial's number alone; then they are the
    same for any number of jobs and after any interrupt.

    Parameters
    ----------
    work : object
        What ``analyse`` needs; picklable.
    description : mapping
        What the numbers of a trial depend on, see `Folder`. The seed and the settings of NUTS are
        added.
    engine : Engine
        With a number of simulations.
    analyse : callable
        ``analyse(work, trials, method)`` returns the trials of a range as `Analysed`; a function of
        a module, so that workers find it.
    sizes : mapping of str to int
        Trials in a chunk, for each method.
    choose : callable, optional
        Which of the trials of the fast analysis are audited: of all of them, and how many. By
        default the first.
    before : callable, optional
        Called once before there is work, in this process: to compile what the workers load.
    told : callable, optional
        What the progress bar says of the trials so far, those of the fast analysis and of NUTS.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    fast, nuts : Analysed
        The trials of the fast analysis, none with method "nuts", and those of NUTS: all, or the
        audited ones, with any other trial of the same range that the folder has.

    Raises
    ------
    InputError
        If the folder cannot be used.
    SamplingError
        If workers die again and again.
    KeyboardInterrupt
        After an interrupt (Ctrl-C), where a folder keeps the trials or there are none.

    Warns
    -----
    InputWarning
        After an interrupt: how many trials there are. Without a folder they are returned.
    """
    folder = Folder(engine.path, {**description, **engine.settings}) if engine.path else None
    trials = _Trials(engine, folder)
    stages: list[Callable[[], list[Chunk]]] = [partial(trials.missing, sizes)]
    if engine.n_audit:  # chosen when the fast analysis of all trials is known
        stages.append(partial(trials.to_audit, sizes, choose or first))
    begun = False
    try:
        with reporting(progress) as reporter:
            for stage in stages:
                if not (chunks := stage()):
                    continue
                if before is not None and not begun:
                    reporter.stage("Compiling")
                    before()
                begun = True
                telling = _Telling(reporter, trials, told) if progress else None
                # closed at once after an interrupt, or workers would go on
                with closing(analysed(work, analyse, chunks, engine.jobs)) as done:
                    for chunk, found in done:
                        trials.add(chunk, found)
                        if telling is not None:
                            telling.say()
    except KeyboardInterrupt:
        said = trials.interrupted()
        if folder is not None or not trials.n_done:
            raise KeyboardInterrupt(said) from None
    return trials.found()


def first(fast: Analysed, number: int) -> NDArray[np.int64]:
    """Return the numbers of the first trials."""
    return fast.trial[:number]


@dataclass(eq=False)
class _Trials:
    """The trials that are there by now, of each method."""

    engine: Engine
    folder: Folder | None
    parts: dict[str, list[Analysed]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for method in METHODS:
            here = self.folder.done(method) if self.folder else Analysed.empty()
            self.parts[method] = [here.part(self.engine.trials)]

    @property
    def first_method(self) -> str:
        """What analyses all trials."""
        return self.engine.method

    def missing(self, sizes: Mapping[str, int]) -> list[Chunk]:
        """Return what is to be analysed of all trials."""
        method = self.first_method
        here = self.parts[method][0].trial
        return missing(method, self.engine.trials, here, sizes[method])

    def to_audit(self, sizes: Mapping[str, int], choose: Choose) -> list[Chunk]:
        """Return what NUTS is to analyse of the trials that the fast analysis has done."""
        fast, nuts = self.found()
        asked = np.setdiff1d(choose(fast, self.engine.n_audit), nuts.trial)
        return runs("nuts", asked, sizes["nuts"])

    def add(self, chunk: Chunk, found: Analysed) -> None:
        """Take in an analysed chunk, and keep it if there is a folder."""
        if found.trial.tolist() != list(chunk.trials):
            raise InputError("analyse", found.trial, f"must return the trials of {chunk}")
        if self.folder is not None:
            self.folder.store(chunk.method, found)
        self.parts[chunk.method].append(found)

    def found(self) -> tuple[Analysed, Analysed]:
        """Return the trials of the fast analysis, and those of NUTS, which are among them."""
        self.parts = {method: [Analysed.joined(parts)] for method, parts in self.parts.items()}
        fast, nuts = (self.parts[method][0] for method in METHODS)
        if self.engine.method == "nuts":
            return Analysed.empty(nuts.sizes), nuts
        return fast, nuts.part(fast.trial)

    @property
    def n_done(self) -> int:
        """Trials that the first method has analysed."""
        return sum(map(len, self.parts[self.engine.method]))

    @property
    def steps(self) -> tuple[int, int]:
        """How much is done, and how much there is to do, in trials of either method."""
        wanted = {self.first_method: len(self.engine.trials)}
        if self.engine.n_audit:
            wanted["nuts"] = self.engine.n_audit
        done = sum(min(sum(map(len, self.parts[m])), wanted[m]) for m in wanted)
        return done, sum(wanted.values())

    def interrupted(self) -> str:
        """Say what an interrupt has left, at the user's line, and return the first half of it."""
        said = f"interrupted after {self.n_done} of {len(self.engine.trials)} trials"
        if n_audit := self.engine.n_audit:
            said += f", {min(sum(map(len, self.parts['nuts'])), n_audit)} of {n_audit} audited"
        if self.folder is not None:
            warn_user(f"{said}: they are kept in {self.folder.place}; the same call goes on")
        elif self.n_done:
            warn_user(f"{said}: the answer is that of these; with Engine(path=...) they are kept")
        return said


@dataclass(eq=False)
class _Telling:
    """Says how far the work is, not too often."""

    reporter: Reporter
    trials: _Trials
    told: Told | None
    last: float = -math.inf

    def __post_init__(self) -> None:
        self.say()

    def say(self) -> None:
        now = time.monotonic()
        done, total = self.trials.steps
        if now < self.last + PAUSE and done < total:
            return
        self.last = now
        text = "Simulating trials"
        if self.told is not None and self.trials.n_done:
            text = self.told(*self.trials.found())
        self.reporter.count(text, done, total)
