"""A fit that is not good enough goes on by itself, in the settings that nobody gave."""

import dataclasses
import warnings

import numpy as np
import pytest

import bmco_pymc as bmco
from bmco_pymc.diagnostics import findings
from bmco_pymc.models import continuing
from bmco_pymc.models import nuts as sampling
from bmco_pymc.models.continuing import sample_until_good
from bmco_pymc.models.settings import Settings
from bmco_pymc.posterior.tree import label

pytestmark = pytest.mark.samples

FREE = frozenset({"draws", "tune", "target_accept"})


@dataclasses.dataclass
class Sampler:
    """Makes up draws: of an autocorrelation, shifted in one chain, with divergences, by the try."""

    model: bmco.BGLM
    rho: float = 0.0
    shift: tuple[float, ...] = (0.0,)
    divergences: tuple[int, ...] = (0,)
    cut: int = 0  # the try that is interrupted
    keeps: int = 0  # draws that it has by then
    asked: list[Settings] = dataclasses.field(default_factory=list)

    def __call__(self, model, settings, *, progress, stage="Sampling"):
        self.asked.append(settings)
        number = len(self.asked)
        n_draws = settings.draws
        if number == self.cut:
            if not self.keeps:
                raise KeyboardInterrupt
            n_draws = self.keeps
            warnings.warn("Interrupted: fewer draws.", bmco.ConvergenceWarning, stacklevel=1)
        rng = np.random.default_rng(settings.seed)
        noise = rng.normal(size=(settings.chains, n_draws, *(len(model.coords[d]) for d in DIMS)))
        for t in range(1, n_draws):
            noise[:, t] = self.rho * noise[:, t - 1] + np.sqrt(1 - self.rho**2) * noise[:, t]
        noise[0] += self.of(self.shift, number)
        diverging = np.zeros((settings.chains, n_draws), dtype=bool)
        diverging[0, : self.of(self.divergences, number)] = True
        return label(
            model,
            {"beta": (("chain", "draw", *DIMS), noise / 5)},
            {"diverging": (("chain", "draw"), diverging)},
            {**dataclasses.asdict(settings), "sampler": "nutpie"},
        )

    @staticmethod
    def of(values, number):
        return values[min(number, len(values)) - 1]

    @property
    def sizes(self):
        return [(each.draws, each.tune, each.target_accept) for each in self.asked]


DIMS = ("term", "logit")


@pytest.fixture
def sampler(monkeypatch, trial_model):
    def make(**how) -> Sampler:
        made = Sampler(trial_model, **how)
        monkeypatch.setattr(continuing, "sample", made)
        return made

    return make


def test_draws_enough_are_sampled_once(sampler, trial_model):
    made = sampler()
    fit = trial_model.fit(seed=5, progress=False)
    assert made.sizes == [(1000, 1000, 0.9)]
    assert made.asked[0].seed == fit.idata.attrs["seed"] == 5
    assert fit.diagnostics.continued == ""
    assert "continued" not in fit.idata.attrs


def test_too_few_draws_are_doubled_and_every_result_says_so(sampler, trial_model, tmp_path):
    made = sampler(rho=0.87)  # 4 × 1000 draws are worth about 280, twice as many 560
    fit = trial_model.fit(seed=5, progress=False)
    assert made.sizes == [(1000, 1000, 0.9), (2000, 2000, 0.9)]
    said = "Continued to 4 × 2000 draws after 4 × 1000 (too few draws)."
    assert fit.diagnostics.ok
    assert fit.diagnostics.continued == said
    effect = fit.effect()
    fit.save(tmp_path / "fit.zarr.zip")
    again = bmco.load(tmp_path / "fit.zarr.zip")
    compared = bmco.compare({"weak": fit}, progress=False)
    for result in (fit, effect, effect.report().paragraph, again, again.effect(), compared):
        assert str(result).replace("\n", " ").count(said) == 1


def test_it_ends_at_16000_draws_with_a_warning(sampler, trial_model):
    made = sampler(rho=0.97)  # 16,000 are worth 240
    with pytest.warns(bmco.ConvergenceWarning, match="TOO FEW DRAWS: ESS is below 400") as caught:
        fit = trial_model.fit(seed=5, progress=False)
    assert [draws for draws, *_ in made.sizes] == [1000, 2000, 4000]
    assert len(caught) == 1
    assert "Continued to 4 × 4000 draws after 4 × 1000 (" in str(caught[0].message)
    assert fit.diagnostics.too_few
    assert not fit.diagnostics.disagree
    needed = (400 / fit.diagnostics.min_ess - 1) * 4000
    assert needed <= fit.diagnostics.more_draws <= 1.1 * needed


def test_chains_that_disagreed_get_a_longer_warm_up(sampler, trial_model):
    made = sampler(shift=(1.0, 0.0))
    fit = trial_model.fit(seed=5, progress=False)
    assert made.sizes == [(1000, 1000, 0.9), (2000, 2000, 0.9)]
    assert fit.diagnostics.ok
    assert "(chains that disagreed)" in fit.diagnostics.continued


def test_a_handful_of_divergences_gets_smaller_steps(sampler, trial_model):
    made = sampler(divergences=(8, 1, 0))
    fit = trial_model.fit(seed=5, progress=False)
    assert made.sizes == [(1000, 1000, 0.9), (1000, 1000, 0.97), (1000, 1000, 0.99)]
    assert fit.diagnostics.continued == (
        "Continued to 4 × 1000 draws at target_accept 0.99 after 4 × 1000 at target_accept 0.9 "
        "(8 divergences), 4 × 1000 at target_accept 0.97 (1 divergence)."
    )
    assert fit.diagnostics.divergences == 0


def test_many_divergences_are_not_sampled_away(sampler, trial_model):
    made = sampler(divergences=(500,))
    with pytest.warns(bmco.ConvergenceWarning, match="500 of 4000 draws diverged"):
        trial_model.fit(seed=5, progress=False)
    assert len(made.asked) == 1


@pytest.mark.parametrize("given", ["draws", "tune", "target_accept"])
def test_what_is_given_is_kept(sampler, trial_model, given):
    made = sampler(rho=0.87, divergences=(8, 0))
    values = {"draws": 900, "tune": 800, "target_accept": 0.85}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.ConvergenceWarning)  # the draws given may be too few
        trial_model.fit(seed=5, progress=False, **{given: values[given]})
    assert len(made.asked) == 2
    assert {getattr(each, given) for each in made.asked} == {values[given]}
    others = FREE - {given} - ({"tune"} if given == "draws" else set())
    for name in others:  # only a longer warm-up would not make too few draws enough
        assert len({getattr(each, name) for each in made.asked}) == 2


def test_all_given_is_one_run(sampler, trial_model):
    made = sampler(rho=0.97, divergences=(8,))
    with pytest.warns(bmco.ConvergenceWarning, match="NOT CONVERGED"):
        trial_model.fit(1000, 1000, target_accept=0.9, seed=5, progress=False)
    assert len(made.asked) == 1


def test_seeds_follow_from_the_first(sampler, trial_model):
    made = sampler(rho=0.87)
    fit = trial_model.fit(seed=5, progress=False)
    first = [each.seed for each in made.asked]
    again = fit.update(progress=False)
    assert [each.seed for each in made.asked] == first * 2
    assert first[0] == again.idata.attrs["seed"] == 5
    assert len(set(first)) == 2
    np.testing.assert_array_equal(fit.idata["posterior"]["beta"], again.idata["posterior"]["beta"])
    given = fit.update(draws=3000, progress=False)
    assert given.idata["posterior"].sizes["draw"] == 3000
    assert "draws" not in given.idata.attrs["default_settings"]


@pytest.mark.parametrize("keeps", [0, 700])
def test_an_interrupt_keeps_the_complete_run(sampler, trial_model, keeps):
    made = sampler(rho=0.87, cut=2, keeps=keeps)
    with pytest.warns(bmco.ConvergenceWarning) as caught:
        fit = trial_model.fit(seed=5, progress=False)
    said = [str(one.message) for one in caught]
    assert len(made.asked) == 2
    assert said[0] == "Interrupted: the complete run of 4 × 1000 draws is kept."
    assert said[1].startswith("TOO FEW DRAWS")
    assert len(said) == 2
    assert {one.filename for one in caught} == {__file__}
    assert fit.idata["posterior"].sizes["draw"] == 1000
    assert fit.diagnostics.continued == ""


def test_an_interrupt_of_the_first_run_is_the_samplers(sampler, trial_model):
    made = sampler(rho=0.87, cut=1, keeps=700)
    with pytest.warns(bmco.ConvergenceWarning) as caught:
        fit = trial_model.fit(seed=5, progress=False)
    assert [str(one.message)[:11] for one in caught] == ["Interrupted", "TOO FEW DRA"]
    assert len(made.asked) == 1
    assert fit.idata["posterior"].sizes["draw"] == 700


def test_the_effect_is_judged_too(sampler, trial_model, monkeypatch):
    """Of a fit whose parameters are good, θ and δ decide."""
    made = sampler()
    few = findings.Problem("ess", "ESS is below 400", "more", 200)
    judged = continuing._of_reported

    def of_reported(fit):
        verdict = judged(fit)
        assert {"theta", "delta"} <= set(verdict.table["block"])
        short = fit.idata["posterior"].sizes["draw"] < 2000
        return dataclasses.replace(verdict, problems=(few,) if short else ())

    monkeypatch.setattr(continuing, "_of_reported", of_reported)
    fit = trial_model.fit(seed=5, progress=False)
    assert [draws for draws, *_ in made.sizes] == [1000, 2000]
    assert "too few draws" in fit.diagnostics.continued


def test_a_real_fit_goes_on(trial_model, monkeypatch):
    """Starting from few draws, NUTS is run again; the first run is what it is alone."""
    runs = []

    def kept(*args, **how):
        runs.append(sampling.sample(*args, **how))
        return runs[-1]

    monkeypatch.setattr(continuing, "sample", kept)
    start = Settings(draws=100, tune=300, seed=4)
    fit = sample_until_good(trial_model, start, FREE, progress=False)
    alone = sampling.sample(trial_model, start, progress=False)
    np.testing.assert_array_equal(runs[0]["posterior"]["beta"], alone["posterior"]["beta"])
    n_draws = fit.idata["posterior"].sizes["draw"]
    assert n_draws == 100 * 2 ** (len(runs) - 1) >= 200
    assert fit.diagnostics.ok
    assert fit.effect().diagnostics.ok
    assert f"Continued to 4 × {n_draws} draws after 4 × 100 (" in str(fit)
