"""Effects in another population than the sample, how far that is, and rows predicted by hand."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from drawn import line, paragraph, row_labels, written
from scipy.special import softmax

import bmco_pymc as bmco
from bmco_pymc.effects import population_average, prediction

EXACT = 1e-10


def prior_fit(model: Any, draws: int = 400) -> Any:
    """Return draws of a model at no cost: what averages them need not know whence they are."""
    return model.prior_effect(draws=draws, seed=4).fit


@pytest.fixture(scope="module")
def trial() -> pd.DataFrame:
    return bmco.load_trial()


@pytest.fixture(scope="module")
def sites() -> pd.DataFrame:
    """The trial in sites, with a covariate of few values."""
    data = bmco.load_multisite()
    return data.assign(x=data["x"].round(), sex=np.resize(["f", "m", "f"], len(data)))


@pytest.fixture(scope="module")
def flat(trial_study) -> Any:
    return prior_fit(bmco.BGLM(trial_study, "arm * x + severity"))


@pytest.fixture(scope="module")
def nested(sites) -> Any:
    study = bmco.Study(sites, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    return prior_fit(bmco.BGLMM(study, "arm * x + sex", "1 + arm"))


@pytest.fixture(scope="module")
def alike(sites) -> Any:
    """The same with an intercept only that varies, and with other priors."""
    study = bmco.Study(sites, ["y1", "y2"], "arm", "ctl", "trt", cluster="site")
    return prior_fit(bmco.BGLMM(study, "arm * sex", "1", bmco.Priors.bmco()))


def theta(effect: bmco.Effect) -> np.ndarray:
    return effect.theta.values


# --- Effects -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("flat", {}),
        ("nested", {}),
        ("nested", {"clusters": "observed"}),
        ("nested", {"clusters": "observed", "cluster_weights": "equal"}),
        ("alike", {}),
        ("alike", {"clusters": "observed"}),
    ],
)
def test_the_studys_own_frame_gives_the_effect_in_the_sample(name, how, request, trial, sites):
    fit = request.getfixturevalue(name)
    own = bmco.Target(trial if name == "flat" else pl.from_pandas(sites))
    assert abs(fit.effect(own, **how).phi - fit.effect(**how).phi).max() < 1e-14


def test_without_covariates_it_is_the_same_and_said(trial_study, trial):
    fit = bmco.BMVB(trial_study).fit(draws=200, seed=1)
    found = fit.effect(bmco.Target(trial[:40]))
    assert (found.phi == fit.effect().phi).all()
    assert "The 40 rows of the target are taken to be like the sample, as BMVB" in found.estimand
    with pytest.raises(bmco.InputError, match="the BMVB has no covariate in which it could differ"):
        fit.overlap(bmco.Target(trial))


def test_post_stratification_is_the_sum_of_cells(alike, flat):
    """A census table: the average of the effects in its cells, by their counts."""
    census = pd.DataFrame({"sex": ["f", "m"], "people": [300, 900]})
    target = bmco.Target(census, weights="people")
    for how in ({}, {"clusters": "new"}):
        each = [theta(alike.effect(bmco.Value(sex=sex), **how)) for sex in ("f", "m")]
        found = theta(alike.effect(target, **how))
        # each is an integral over new clusters by itself
        np.testing.assert_allclose(found, 0.25 * each[0] + 0.75 * each[1], atol=1e-6)

    table = pd.DataFrame(
        {"severity": ["mild", "mild", "severe"], "x": [-1.0, 0.5, 0.5], "n": [5, 1, 2]}
    )
    cells = [
        theta(flat.effect(bmco.Value(severity=row["severity"], x=row["x"])))
        for _, row in table.iterrows()
    ]
    found = theta(flat.effect(bmco.Target(table, "n")))
    expected = sum(n / 8 * cell for n, cell in zip(table["n"], cells, strict=True))
    np.testing.assert_allclose(found, expected, atol=EXACT)


def test_observed_clusters_by_hand(nested, sites):
    """Two people in site 3, one in site 5: their own coefficients, draw by draw."""
    frame = pd.DataFrame({"site": [3, 3, 5], "x": [0.0, 1.0, -1.0], "sex": ["f", "m", "m"]})
    posterior = nested.idata["posterior"].to_dataset()
    beta, gamma = posterior["beta"], posterior["gamma_cluster"]
    phi = []
    for _, row in frame.iterrows():
        per_group = []
        for g in (0, 1):
            x = {"x": row["x"], "sex[T.m]": row["sex"] == "m", "arm:x": g * row["x"]}
            own = gamma.sel(cluster=row["site"], random_term="Intercept")
            eta = own + g * gamma.sel(cluster=row["site"], random_term="arm")
            eta = eta + sum(float(value) * beta.sel(term=term) for term, value in x.items())
            logits = np.concatenate([eta.values, np.zeros((*eta.shape[:2], 1))], axis=-1)
            per_group.append(softmax(logits, axis=-1))
        phi.append(np.stack(per_group, axis=2))
    for weights, share in (("size", [1 / 3, 1 / 3, 1 / 3]), ("equal", [1 / 4, 1 / 4, 1 / 2])):
        found = nested.effect(bmco.Target(frame), clusters="observed", cluster_weights=weights)
        expected = sum(w * one for w, one in zip(share, phi, strict=True))
        np.testing.assert_allclose(found.phi.values, expected, atol=EXACT)


def test_what_is_printed_says_how_far_it_is(flat, trial):
    target: Any = bmco.Target(trial.assign(x=trial["x"] + 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        effect = flat.effect(target)
        again = flat.model.prior_effect(target, draws=400, seed=4)
    np.testing.assert_array_equal(again.delta, effect.delta)
    assert "240 rows of the target (both groups over the same rows)" in str(effect)
    assert "effective sample size" in effect._repr_html_()
    assert effect.estimand.endswith(": the answer rests on the model.")


def test_everything_that_takes_a_population_takes_a_target(trial_fit, trial_study, trial, tmp_path):
    target: Any = bmco.Target(trial[["x"]].iloc[::2])
    effect = trial_fit.effect(target)
    report = effect.report("all")
    assert effect.estimand in report.paragraph
    assert "120 rows of the target" in report.markdown()
    found = trial_fit.sensitivity(target, scale="prior", powers=[0.5, 1, 2])
    assert found.effect.estimand == effect.estimand
    again = bmco.compare(
        {"a": trial_fit, "none": bmco.BMVB(trial_study).fit(seed=1)},
        target,
        progress=False,
    )
    np.testing.assert_array_equal(again.effects["a"].delta, effect.delta)
    assert "taken to be like the sample" in again.effects["none"].estimand
    trial_fit.save(tmp_path / "fit.zarr.zip")
    loaded = bmco.load(tmp_path / "fit.zarr.zip")
    np.testing.assert_array_equal(loaded.effect(target).phi, effect.phi)
    truth = trial_fit.scenario(20, population=target)
    assert truth.covariate_names == ("x",)
    assert "rows of the target" in truth.words
    analysis = bmco.Analysis("BGLM", fixed="arm * x", population=target)
    decision = analysis.run(trial_study, seed=1, progress=False)
    assert "rows of the target" in analysis.effect(trial_study, seed=1, progress=False).estimand
    assert decision.probability == pytest.approx(effect.decide("all").probability, abs=0.05)


def test_a_pilots_subjects_are_those_of_the_target(flat):
    frame = pd.DataFrame({"severity": ["mild", "severe"], "x": [0.25, -0.5], "n": [1, 3]})
    truth = flat.scenario(5, population=bmco.Target(frame, "n"))
    drawn, _ = truth.truth(0).draw(np.random.default_rng(1), np.zeros(4000, dtype=np.int8))
    assert set(zip(drawn["severity"], drawn["x"], strict=True)) == {
        ("mild", 0.25),
        ("severe", -0.5),
    }
    assert (drawn["x"] == 0.25).mean() == pytest.approx(0.25, abs=0.03)


# --- Overlap -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def overlap(flat, trial) -> bmco.Overlap:
    older = trial.assign(x=trial["x"] * 1.5 + 1, n=np.resize([1, 2], len(trial)))
    return flat.overlap(bmco.Target(older[["x", "severity", "n"]], "n"))


def test_the_overlap_is_a_table_with_its_words(overlap, flat, trial):
    assert list(overlap.table["covariate"]) == ["x", "severity", "severity"]
    assert list(overlap.table["level"]) == ["", "mild", "severe"]
    row = overlap.table.iloc[0]
    weight = np.resize([1, 2], len(trial))
    mean = np.average(trial["x"] * 1.5 + 1, weights=weight)
    assert row["target"] == pytest.approx(mean)
    assert row["smd"] == pytest.approx((mean - trial["x"].mean()) / trial["x"].std())
    text = str(overlap)
    assert f"{row['smd']:.2f}" in text.splitlines()[2]
    assert "The 240 rows of the target weighted by 'n', in sum 360, beside 240 analysed" in text
    assert f"to the means of the target: {overlap.ess:,.0f} of 240 subjects." in text
    assert "Differs by more than 0.25 SD: x." in text
    assert "The answer rests on the model" in text
    assert overlap.far
    assert overlap.reached
    severe = flat.overlap(bmco.Target(trial[trial["severity"] == "severe"][:60]))
    assert severe.ess < 120
    shifted = flat.overlap(bmco.Target(trial.assign(x=trial["x"] + 0.4)))
    assert "Where they differ, the answer rests on the model." in str(shifted)
    same = flat.overlap(bmco.Target(trial))
    assert not same.far
    assert same.ess == pytest.approx(240)
    assert "the sample has subjects like the target's" in str(same)


def test_the_picture_has_the_numbers_of_the_table(overlap):
    figure = overlap.plot()
    (axes,) = figure.axes
    assert row_labels(axes) == ["x", "severity = mild", "severity = severe"]
    for label, smd in zip(row_labels(axes), overlap.table["smd"], strict=True):
        assert line(axes, label)[0].tolist() == pytest.approx([smd])
    assert {-0.25, 0.25} <= {float(np.mean(one.get_xdata())) for one in axes.lines}
    words = paragraph(figure)
    assert "The 240 rows of the target" in words
    assert all(note in words for note in overlap.notes)
    shown = written(figure)
    assert f"{overlap.table['smd'][0]:.2f}" in shown
    assert "0.592" in shown


def test_a_target_that_is_far_off_is_drawn_at_the_end(flat, trial):
    off = flat.overlap(bmco.Target(trial.assign(x=trial["x"] - 500)))
    assert not off.reached
    assert "No weights give the sample the means of the target" in str(off)
    figure = off.plot()
    assert "Arrows point to differences beyond the axis." in paragraph(figure)
    (axes,) = figure.axes
    assert line(axes, "x")[0].tolist() == [-3]
    assert f"−{abs(off.table['smd'][0]):.2f}" in written(figure)


def test_an_overlap_says_who_was_left_out(flat, trial):
    with pytest.warns(bmco.InputWarning, match="left out 60 of 240 rows, which miss a value"):
        found = flat.overlap(bmco.Target(trial.assign(x=trial["x"].where(trial.index >= 60))))
    assert found.target == "180 rows of the target"


def test_only_a_target_has_an_overlap(flat, trial):
    with pytest.raises(bmco.InputError, match=r"must be a Target, such as bmco\.Target"):
        flat.overlap(trial)


# --- Predictions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "clusters"), [("flat", None), ("nested", "observed")])
def test_the_mean_over_the_rows_is_the_effect(name, clusters, request, trial, sites):
    fit = request.getfixturevalue(name)
    found = fit.predict(trial if name == "flat" else sites, clusters)
    effect = fit.effect(clusters=clusters)
    for variable in ("phi", "theta"):
        mean = found[variable].mean("row").transpose(*getattr(effect, variable).dims)
        np.testing.assert_allclose(mean, getattr(effect, variable), atol=EXACT)


@pytest.mark.parametrize("name", ["nested", "alike"])
def test_new_clusters_are_averaged_over_in_each_row(name, request, sites, monkeypatch):
    fit = request.getfixturevalue(name)
    # these draws are a prior's, whose averages are otherwise integrated with few nodes
    monkeypatch.setattr(population_average, "PRIOR_NODES", None)
    rows = sites.drop(columns="site")
    found = fit.predict(rows, progress=False)
    assert found.attrs["clusters"] == "new"
    np.testing.assert_allclose(found["theta"].mean("row"), fit.effect().theta, atol=1e-6)
    one = bmco.Value(x=0.0, sex="f") if name == "nested" else bmco.Value(sex="f")
    place = int(np.flatnonzero((sites["x"] == 0) & (sites["sex"] == "f"))[0])
    value = fit.effect(one)
    np.testing.assert_allclose(found["phi"].isel(row=place), value.phi, atol=1e-6)


def test_predictions_have_labels(flat, trial):
    frame = trial[["x", "severity"]].iloc[[5, 2, 7]].set_axis(["u", "v", "w"])
    found = flat.predict(frame)
    assert found["phi"].dims == ("chain", "draw", "row", "group", "pattern")
    assert found["theta"].dims == ("chain", "draw", "row", "group", "outcome")
    assert found["row"].values.tolist() == ["u", "v", "w"]
    assert found["group"].values.tolist() == ["ctl", "trt"]
    assert found["pattern"].values.tolist() == ["11", "10", "01", "00"]
    posterior = flat.idata["posterior"]
    assert (found["draw"].values == posterior["draw"].values).all()
    np.testing.assert_allclose(found["phi"].sum("pattern"), 1, atol=1e-14)
    y1 = found["phi"].sel(pattern=["11", "10"]).sum("pattern")
    np.testing.assert_allclose(found["theta"].sel(outcome="y1"), y1, atol=1e-14)
    polars = flat.predict(pl.from_pandas(frame))
    assert polars["row"].values.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(polars["phi"], found["phi"])


def test_rows_keep_their_places(flat, trial):
    """Equal rows are worked out once, and every row is at its place."""
    frame = trial[["x", "severity"]].iloc[[9, 0, 9, 4, 0]]
    found = flat.predict(frame)["theta"]
    assert found["row"].values.tolist() == [9, 0, 9, 4, 0]
    for place in range(5):
        alone = flat.predict(frame.iloc[[place]])["theta"]
        np.testing.assert_allclose(found.isel(row=[place]), alone, atol=1e-15)


def test_rows_that_miss_a_covariate_are_left_out(flat, trial):
    frame = trial[["x", "severity"]].iloc[:4].assign(x=[0.1, np.nan, 0.3, 9.0])
    with pytest.warns(bmco.InputWarning) as caught:
        found = flat.predict(frame)
    assert found["row"].values.tolist() == [0, 2, 3]
    says = [str(warning.message) for warning in caught]
    assert says[0] == "left out 1 of 4 rows, which miss a value: 1 in x"
    assert says[1].startswith("x from 0.1 to 9 reaches outside the data")


def test_without_covariates_all_rows_are_alike(trial_study, trial):
    fit = bmco.BMVB(trial_study).fit(draws=200, seed=1)
    found = fit.predict(trial[:3])
    expected = fit.effect().phi
    for row in range(3):
        np.testing.assert_allclose(found["phi"].isel(row=row), expected, rtol=1e-14)
    drawn = fit.predict(trial, kind="outcomes")["outcomes"]
    mean = drawn.mean(("chain", "draw", "row"))
    np.testing.assert_allclose(mean, fit.effect().theta.mean(("chain", "draw")), atol=0.01)


@pytest.mark.parametrize("clusters", ["new", "observed"])
def test_outcomes_have_the_probabilities_of_their_rows(clusters, nested, sites):
    rows = pd.concat([sites[["site", "x", "sex"]].iloc[:6]] * 40, ignore_index=True)
    rows = rows.assign(site=np.resize(np.unique(sites["site"]), len(rows)))
    drawn = nested.predict(rows, clusters, kind="outcomes")["outcomes"]
    assert drawn.dims == ("chain", "draw", "row", "group", "outcome")
    assert drawn.dtype == np.int8
    assert set(np.unique(drawn)) == {0, 1}
    expected = nested.predict(rows, clusters, progress=False)["theta"]
    error = drawn.mean(("chain", "draw", "row")) - expected.mean(("chain", "draw", "row"))
    # 400 draws; with new clusters 16 of them in each
    assert abs(error).max() < (0.05 if clusters == "new" else 0.02)


def test_outcomes_are_seeded(nested, sites):
    def draw(**how: Any) -> np.ndarray:
        return nested.predict(sites[:20], kind="outcomes", **how)["outcomes"].values

    np.testing.assert_array_equal(draw(), draw(seed=nested.idata.attrs["seed"]))
    assert (draw() != draw(seed=99)).any()
    assert nested.predict(sites[:2], kind="outcomes", seed=7).attrs["seed"] == 7


def test_rows_of_one_label_share_a_new_cluster():
    """Where clusters differ greatly, those of one cluster have equal outcomes, others do not."""
    data = bmco.load_multisite()
    study = bmco.Study(data, ["y1"], "arm", "ctl", "trt", cluster="site")
    priors = bmco.Priors(
        beta=bmco.Normal(0, sd=0.01),
        gamma=bmco.Normal(0, sd=0.01),
        Sigma=bmco.InverseWishart(400, scale=400 * 400.0),  # SD of 20 on the log odds
    )
    fit = prior_fit(bmco.BGLMM(study, "arm", "1", priors), draws=400)
    labels = ["a", "a", "b"]

    def agree(frame: pd.DataFrame) -> tuple[float, float]:
        drawn = fit.predict(frame, kind="outcomes")["outcomes"].isel(group=0, outcome=0)
        first, second, third = drawn.transpose("row", "chain", "draw").values
        return float((first == second).mean()), float((first == third).mean())

    together, apart = agree(pd.DataFrame({"site": labels}))
    assert together > 0.9
    assert 0.4 < apart < 0.6
    each, _ = agree(pd.DataFrame({"someone": labels}))  # each in a cluster of its own
    assert 0.4 < each < 0.6
    # of a subject under both groups the cluster is one, too
    both = fit.predict(pd.DataFrame({"site": labels}), kind="outcomes")["outcomes"]
    same = both.isel(group=0) == both.isel(group=1)
    assert float(same.mean()) > 0.9


def test_what_cannot_be_predicted(flat, nested, trial, sites, monkeypatch):
    wrong: dict[str, Any] = {
        r"kind='mean': is unknown; choose from 'probabilities', 'outcomes'": lambda: flat.predict(
            trial, kind="mean"
        ),
        "clusters='new': BGLM has no clusters": lambda: flat.predict(trial, "new"),
        "clusters='old': is unknown here": lambda: nested.predict(sites, "old"),
        "seed=-1: must be a whole number": lambda: flat.predict(trial, seed=-1),
        "frame=3: is a int, not a data frame": lambda: flat.predict(3),
        r"frame\['x'\]='a'": lambda: flat.predict(trial.assign(x="a")),
        "frame='site': the frame has no such column": lambda: nested.predict(
            sites.drop(columns="site"), "observed"
        ),
    }
    for says, call in wrong.items():
        with pytest.raises(bmco.InputError, match=says):
            call()
    monkeypatch.setattr(prediction, "MOST_NUMBERS", 100_000)
    says = r"φ and θ of 240 rows in 400 draws take 0 GB: predict at most 20 rows at a time"
    with pytest.raises(bmco.InputError, match=says):
        flat.predict(trial)
    flat.predict(trial, kind="outcomes")


@pytest.mark.filterwarnings("ignore:x = 99 reaches outside:bmco_pymc.InputWarning")
def test_a_term_without_a_value_there_names_the_frame(trial_study, trial):
    fit = prior_fit(bmco.BGLM(trial_study, "arm + bs(x, df=4)"))
    far = trial.assign(x=99.0)
    with pytest.raises(bmco.InputError, match="frame="):
        fit.predict(far)
    with pytest.raises(bmco.InputError, match="population=Target"):
        fit.effect(bmco.Target(far))
