"""The study of the verdict: its faults are faults, a part of it is as kept, its claims hold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from validation import verdict
from validation.verdict_report import ENOUGH, FOUND, GROSS, broken, page

pytestmark = pytest.mark.samples

FOLDER = Path(verdict.__file__).parent
CELL = ["draws", "autocorrelation", "fault", "parameters"]
COUNTS = ["fits", "not_converged", "too_few", "rhat_above"]


@pytest.fixture(scope="module")
def kept() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "verdict.csv")


def test_the_kept_results_are_of_the_whole_study(kept: pd.DataFrame) -> None:
    faults = [name.format(size) for name, (_, sizes) in verdict.FAULTS.items() for size in sizes]
    good = {
        (n_draws, rho, "none", n)
        for n_draws in verdict.GOOD
        for rho in verdict.GOOD_CORRELATION
        for n in verdict.PARAMETERS
    }
    bad = {
        (n_draws, rho, fault, n)
        for n_draws in verdict.BAD
        for rho in verdict.BAD_CORRELATION
        for fault in faults
        for n in verdict.BAD_PARAMETERS
    }
    assert set(kept[CELL].itertuples(index=False, name=None)) == good | bad
    assert len(kept) == len(good | bad)
    assert (kept.loc[kept["fault"] != "none", "fits"] == verdict.BAD_FITS).all()
    fits = kept[kept["fault"] == "none"].groupby("parameters")["fits"].sum()
    assert fits.min() >= 300  # with none wrong, below 1 % with a probability of 95 %
    assert set(GROSS) < set(faults)


def test_the_claims_hold(kept: pd.DataFrame) -> None:
    good = kept[kept["fault"] == "none"]
    alarms = good.groupby("parameters")[["not_converged", "fits"]].sum()
    assert (alarms["not_converged"] <= 0.01 * alarms["fits"]).all()
    gross = kept[kept["fault"].isin(GROSS) & (kept["worth"] >= ENOUGH)]
    assert len(gross) == 6 * len(GROSS) * 2  # 6 of 9 kinds of draws
    assert (gross["not_converged"] >= FOUND * gross["fits"]).all()
    assert broken(kept) == []


@pytest.mark.parametrize("fault", ["none", "one chain shifted by 1 SD"])
def test_the_claims_can_fail(kept: pd.DataFrame, fault: str) -> None:
    rows = kept.copy()
    chosen = (rows["fault"] == fault) & (rows["parameters"] == 5000) & (rows["draws"] == 1000)
    wrong = 0.02 if fault == "none" else 0.97
    rows.loc[chosen, "fits"] = 1000
    rows.loc[chosen, "not_converged"] = round(wrong * 1000)
    assert broken(rows)


def test_the_report_is_that_of_the_results(kept: pd.DataFrame) -> None:
    text = (FOLDER / "VERDICT.md").read_text(encoding="utf-8")
    assert "All claims hold." in text
    made = page(kept, verdict.SEED)
    assert made.split("## Made with")[0] == text.split("## Made with")[0]
    assert f"seed {verdict.SEED}" in text


def test_part_of_the_study_computed_anew(kept: pd.DataFrame) -> None:
    """5,000 good parameters; 20 of each fault: no more than chance from what is kept."""
    from scipy.stats import binom

    rng = np.random.default_rng(1)
    good = verdict.good(rng, 250, 0.6, 5000)
    assert good["fits"].tolist() == [500, 50, 5, 1]
    assert (good["not_converged"] <= 0.01 * good["fits"]).all()
    assert good["rhat_above"].tolist()[1:] == [50, 5, 1]  # as a limit of 1.01 would have it
    number = 20
    bad = verdict.bad(rng, 500, 0.6, number).set_index(["fault", "parameters"])
    cell = kept[(kept["draws"] == 500) & (kept["autocorrelation"] == 0.6)]
    known = cell[cell["fault"] != "none"].set_index(["fault", "parameters"])
    assert set(bad.index) == set(known.index)
    share = known["not_converged"] / known["fits"]
    spread = 0.02  # of the share that is kept
    low = binom.ppf(1e-5, number, (share - spread).clip(0, 1))
    high = binom.ppf(1 - 1e-5, number, (share + spread).clip(0, 1))
    anew = bad.loc[known.index, "not_converged"].to_numpy()
    assert ((low <= anew) & (anew <= high)).all()


def test_each_fault_is_in_one_parameter_of_known_size() -> None:
    rng = np.random.default_rng(2)
    x = verdict.stationary(rng, 0.0, (2000, 4, 100))
    changed = {name: change(x.copy(), sizes[0]) for name, (change, sizes) in verdict.FAULTS.items()}
    stuck, modes, shifted, wider, drifting = changed.values()
    # 2,000 × 100 draws: their mean has an SD of .002, their SD one of .0016
    assert (np.ptp(stuck[:, 0, -2:], axis=1) == 0).all()
    assert np.array_equal(stuck[:, 1:], x[:, 1:])
    assert modes.mean(axis=(0, 2)) == pytest.approx([4, 0, 4, 0], abs=0.01)
    assert shifted.mean(axis=(0, 2)) == pytest.approx([0.25, 0, 0, 0], abs=0.01)
    assert wider.std(axis=(0, 2)) == pytest.approx([1.25, 1, 1, 1], abs=0.01)
    ends = drifting.mean(axis=(0, 1))
    assert ends[-10:].mean() - ends[:10].mean() == pytest.approx(0.5 * 90 / 99, abs=0.02)
    heavy = verdict.heavy(x)
    assert np.quantile(heavy, [0.25, 0.5, 0.75]) == pytest.approx([-1, 0, 1], abs=0.01)


def test_a_part_of_the_study_is_only_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdict, "GOOD", {250: 200_000})
    monkeypatch.setattr(verdict, "GOOD_CORRELATION", (0.3,))
    monkeypatch.setattr(verdict, "BAD", (500,))
    monkeypatch.setattr(verdict, "BAD_CORRELATION", (0.0,))
    options = ["--fraction", "0.02", "--jobs", "1", "--out", str(tmp_path)]
    assert verdict.main(options) == 0
    assert "All claims hold." in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
