"""What every analysis must do. A new one passes by being added to `ANALYSES`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bmco_pymc as bmco
from bmco_pymc.models.base import Model

pytestmark = [
    pytest.mark.samples,
    # few draws, and a study that warns of what it is
    pytest.mark.filterwarnings("ignore::bmco_pymc.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning"),
]

ANALYSES: dict[str, Callable[[bmco.Study], Model]] = {
    "BMVB": bmco.BMVB,
    "BGLM": lambda study: bmco.BGLM(study, "`a/rm` * `x $y`"),
    "BGLMM": lambda study: bmco.BGLMM(study, "`a/rm` * `x $y`", random="1"),
}
PRIORS: dict[str, dict[str, Any]] = {
    "phi": {"phi": bmco.Dirichlet(3)},
    "beta": {"beta": bmco.Normal(0, sd=0.7)},
    "gamma": {"gamma": bmco.Normal(0, sd=0.7)},
    "Sigma": {"Sigma": bmco.InverseWishart(nu=4, scale=0.2)},
}
OUTCOMES, SETTINGS = ["pain ✓", "sleep, $"], {"draws": 60, "chains": 2, "seed": 5}


def table() -> pd.DataFrame:
    """Return 120 subjects in 8 sites, with names that are no words of a program."""
    rng = np.random.default_rng(8)
    n = 120
    arm, site = rng.permuted(np.arange(n) % 2), np.arange(n) % 8
    x = rng.integers(-2, 3, n)  # of few values, so that rows repeat
    logit = -0.3 + 0.9 * arm + 0.4 * x + rng.normal(0, 0.5, 8)[site]
    first = rng.uniform(size=n) < 1 / (1 + np.exp(-logit))
    second = rng.uniform(size=n) < np.where(first, 0.7, 0.4)
    columns = {"a/rm": np.where(arm, "new <b>", "old"), "x $y": x, "site": site}
    return pd.DataFrame(columns | {"pain ✓": first, "sleep, $": second}).astype(
        {"pain ✓": int, "sleep, $": int}
    )


def study(frame: pd.DataFrame, **more: Any) -> bmco.Study:
    return bmco.Study(frame, OUTCOMES, "a/rm", "old", "new <b>", cluster="site", **more)


def fitted(model: Model) -> bmco.Fit:
    return model.fit(**SETTINGS, progress=False)


@pytest.fixture(scope="module", params=list(ANALYSES))
def made(request: pytest.FixtureRequest) -> tuple[Callable[[bmco.Study], Model], bmco.Fit]:
    """Return how an analysis is made, and a fit of it."""
    make = ANALYSES[request.param]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make, fitted(make(study(table())))


def posterior(fit: bmco.Fit) -> xr.Dataset:
    return fit.idata["posterior"].to_dataset()


def test_equal_data_in_another_form_give_equal_draws(made):
    make, fit = made
    frame = table()
    keys = [*OUTCOMES, "a/rm", "x $y", "site"]
    counted = frame.groupby(keys, as_index=False).size()
    forms = {
        "shuffled": study(frame.sample(frac=1, random_state=1)),
        "counts": study(counted, counts="size"),
        "small integers": study(frame.astype({"x $y": "int8", OUTCOMES[0]: "uint8"})),
        "booleans": study(frame.astype(dict.fromkeys(OUTCOMES, bool))),
        "another index": study(frame.set_index(frame.index[::-1] + 7)),
    }
    for name, other in forms.items():
        assert posterior(fitted(make(other))).equals(posterior(fit)), name


def test_every_dim_has_the_labels_of_the_study(made):
    _, fit = made
    draws, model = posterior(fit), fit.model
    for name, dims in model.parameters.items():
        assert draws[name].dims == ("chain", "draw", *dims)
        for dim in dims:
            assert list(draws[name].coords[dim].values) == list(model.coords[dim])
    blocks = [name for names in model.blocks.values() for name in names]
    assert sorted(blocks) == sorted(model.parameters)
    assert model.describe_priors()
    effect = fit.effect()
    assert list(effect.theta["group"].values) == ["old", "new <b>"]
    assert list(effect.delta["outcome"].values) == OUTCOMES
    assert (effect.delta == effect.theta.sel(group="new <b>") - effect.theta.sel(group="old")).all()
    assert (effect.theta.groupby("group").mean(...) > 0).all()


def test_it_answers_in_words_tables_and_pictures(made):
    _, fit = made
    effect = fit.effect()
    for text in (str(fit.model), str(fit), str(effect), str(effect.decide("count", m=1))):
        assert text
    for text in (fit.model._repr_html_(), fit._repr_html_(), effect._repr_html_()):
        assert '<b>">' not in text
        assert "new <b>" not in text  # a label is no markup
    assert len(fit.summary()) >= len(fit.model.parameters)
    assert effect.report("any").paragraph.startswith(("We compared", "NOT", "TOO"))
    for figure in (effect.plot_theta(), effect.plot_delta(), bmco.plot_effect(effect)):
        figure.canvas.draw()


def test_a_file_gives_the_same_answers(made, tmp_path):
    _, fit = made
    path = tmp_path / "fit.zarr.zip"
    fit.save(path)
    again = bmco.load(path)
    assert type(again.model) is type(fit.model)
    assert posterior(again).identical(posterior(fit))
    assert str(again.effect().decide("all")) == str(fit.effect().decide("all"))
    assert again.diagnostics.verdict == fit.diagnostics.verdict


def test_a_prior_that_is_swapped_is_used_and_the_others_stay(made):
    _, fit = made
    before = fit.model.describe_priors()
    for name in set(before) & set(PRIORS):
        model = fit.model.with_priors(**PRIORS[name])
        after = model.describe_priors()
        assert after[name] != before[name]
        assert model.study is fit.model.study
        moved = fitted(model)
        assert not posterior(moved).equals(posterior(fit))
        assert posterior(fit.update(priors=PRIORS[name], progress=False)).equals(posterior(moved))
    assert fit.model.describe_priors() == before


def test_predictions_and_leave_one_out(made):
    _, fit = made
    assert fit.loo(progress=False).n_data_points == 120
    observed = fit.check(seed=1).table["observed"]
    assert observed.notna().all()
    total = table().groupby("a/rm")[OUTCOMES[0]].mean()
    assert observed[f"rate[new <b>, {OUTCOMES[0]}]"] == pytest.approx(total["new <b>"])


def test_the_prior_alone_says_so(made):
    _, fit = made
    effect = fit.model.prior_effect(draws=50, seed=1)
    assert "prior" in str(effect).splitlines()[0].lower()
    assert effect.theta.shape == (1, 50, 2, 2)
