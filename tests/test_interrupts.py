"""Ctrl-C loses no draws, leaves no module half imported, and is obeyed at once."""

import os
import re
import signal
import subprocess
import sys
import threading
import warnings
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bmco_pymc as bmco
from bmco_pymc import fit, interrupts
from bmco_pymc.interrupts import ALL_KEPT, deferred, unbroken
from bmco_pymc.models import continuing
from bmco_pymc.models import nuts as sampling
from bmco_pymc.models.nuts import kept_draws
from bmco_pymc.progress import Silent

pytestmark = pytest.mark.samples


def press_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def press_twice() -> None:
    press()
    press()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=8))
def test_what_is_kept(made):
    chains, n_draws = kept_draws(np.array(made))
    best = max((k + 1) * n for k, n in enumerate(sorted(made, reverse=True)))
    assert 2 * len(chains) * n_draws >= best
    assert n_draws == min(made[i] for i in chains)
    out = [n for i, n in enumerate(made) if i not in chains]
    assert all(2 * (len(chains) + 1) * n < best for n in out)  # none too many is left out
    assert chains == sorted(set(chains))


class Pressing(Silent):
    """Presses Ctrl-C once two chains of four have thousands of draws and no other has begun."""

    pressed = False

    def chains(self, states):
        *_, second, first = sorted(state.finished_draws for state in states)
        if not self.pressed and 2000 < first < 1.5 * second:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def pressing(monkeypatch):
    monkeypatch.setattr(sampling, "reporting", lambda show: nullcontext(Pressing()))


@pytest.mark.usefixtures("pressing")
def test_chains_that_have_draws_are_kept(trial_model):
    with pytest.warns(bmco.ConvergenceWarning) as caught:
        found = trial_model.fit(150_000, 50, chains=4, cores=2, seed=1)
    said = str(caught[0].message)
    sizes = found.idata["posterior"].sizes
    assert sizes["chain"] == 2
    assert 10 < sizes["draw"] < 150_000
    kept = f"Interrupted: {sizes['draw']} of 150000 draws of 2 chains are kept; of 4, without "
    assert re.fullmatch(re.escape(kept) + r"\d \(0 draws\), \d \(0 draws\)\.", said)
    assert caught[0].filename == __file__
    assert found.idata.attrs["interrupted"] == said
    assert np.isfinite(found.idata["posterior"]["beta"]).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_diagnostics_run_keeps_the_draws(trial_model, monkeypatch):
    def slow(*args):
        press()
        return diagnose(*args)

    diagnose = fit.diagnose
    monkeypatch.setattr(fit, "diagnose", slow)
    with pytest.warns(bmco.ConvergenceWarning) as caught:
        found = trial_model.fit(tune=200, seed=1, chains=2, progress=False)
    assert str(caught[0].message) == ALL_KEPT
    assert caught[0].filename == __file__
    assert found.idata["posterior"].sizes["draw"] == 1000  # it does not go on either
    assert found.idata.attrs["interrupted"] == ALL_KEPT
    assert found.diagnostics.table["ess_bulk"].notna().all()


def test_an_interrupt_before_going_on_keeps_the_draws(trial_model, monkeypatch):
    asked = []

    def sample(*args, **kwargs):
        asked.append(args)
        return once(*args, **kwargs)

    def reported(verdict):
        press()
        return verdict.diagnostics

    once = continuing.sample
    monkeypatch.setattr(continuing, "sample", sample)
    monkeypatch.setattr(continuing, "_of_reported", reported)
    with pytest.warns(bmco.ConvergenceWarning, match=ALL_KEPT):
        trial_model.fit(tune=500, seed=1, progress=False)
    assert len(asked) == 1


def test_a_comparison_stops_after_an_interrupt(trial_model, trial_study, monkeypatch):
    def slow(*args):
        press()
        return diagnose(*args)

    diagnose = fit.diagnose
    monkeypatch.setattr(fit, "diagnose", slow)
    models = {"first": bmco.BMVB(trial_study), "second": bmco.BMVB(trial_study)}
    with pytest.warns(bmco.ConvergenceWarning, match="second"):
        found = bmco.compare(models, seed=1, progress=False)
    assert found.not_fitted == ("second",)


def test_an_interrupt_is_noted_and_repeated_is_raised(monkeypatch):
    with deferred() as interrupt:
        assert not interrupt
        press()
        press()
        assert interrupt
    with deferred() as interrupt:
        assert not interrupt
    monkeypatch.setattr(interrupts, "PATIENCE", -1.0)
    with pytest.raises(KeyboardInterrupt), deferred():
        press_twice()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_handler_of_the_program_is_called(monkeypatch):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    try:
        with deferred() as interrupt:
            press()
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [1]
    assert not interrupt


def test_other_threads_have_nothing_to_defer():
    def work():
        with deferred() as interrupt:
            seen.append(bool(interrupt))
        seen.append(unbroken(threading.current_thread) is threading.current_thread())

    seen: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, True]


def test_work_goes_on_after_an_interrupt():
    def work():
        started.set()
        go_on.wait(10)
        done.append(1)

    started, go_on = threading.Event(), threading.Event()
    done: list[int] = []
    press_after(0.05)
    with pytest.raises(KeyboardInterrupt):
        unbroken(work)
    assert started.is_set()
    assert not done
    go_on.set()
    assert unbroken(lambda: [*done, 2]) == [1, 2]  # waits for the work before
    with pytest.raises(ZeroDivisionError):
        unbroken(lambda: 1 / 0)


SCRIPT = """
import os, signal, sys, threading, time
import bmco_pymc as bmco

def fit():
    study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    bmco.BGLM(study, "arm * x").fit(200, 200, seed=1, progress=False).effect().decide("all")

pressed = []
def press():
    pressed.append(time.monotonic())
    os.kill(os.getpid(), signal.SIGINT)

threading.Timer(float(sys.argv[1]), press).start()
try:
    fit()
except KeyboardInterrupt:
    print(round(time.monotonic() - pressed[0], 3))
if sys.argv[2] == "again":
    fit()
    print("fitted")
"""


def in_a_new_process(seconds: float, then: str, **environment: str) -> list[str]:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(seconds), then]
    ran = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | environment
    )
    assert "Traceback" not in ran.stderr, ran.stderr
    assert ran.returncode == 0
    return ran.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.05, 0.25, 0.5])
def test_the_next_fit_works_after_an_interrupt_while_modules_are_imported(seconds):
    waited, fitted = in_a_new_process(seconds, "again")
    assert float(waited) < 0.5
    assert fitted == "fitted"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3, 8])
def test_an_interrupt_while_code_is_compiled_is_obeyed(seconds, tmp_path):
    (waited,) = in_a_new_process(seconds, "end", NUMBA_CACHE_DIR=str(tmp_path))
    assert float(waited) < 1


@pytest.mark.usefixtures("pressing")
def test_settings_of_an_interrupted_fit_are_those_asked_for(trial_model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)
        cut = trial_model.fit(150_000, 50, chains=4, cores=2, seed=1)
        again = cut.update(draws=50, progress=False)
    assert cut.idata.attrs["chains"] == 4
    assert again.idata["posterior"].sizes["chain"] == 4
    assert "interrupted" not in again.idata.attrs
