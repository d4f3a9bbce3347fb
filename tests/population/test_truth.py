"""Subjects of simulated trials: their moments are those asked for, within Monte Carlo error."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc import Covariates, Scenario, patterns
from bmco_pymc.population.pilot import PilotTruth
from bmco_pymc.population.truth import Truth, drawn_each, drawn_of

CLUSTERS, EACH = 6000, 8  # subjects of each group in each cluster

type Array = np.ndarray


def trial(truth: Truth | PilotTruth, seed: int = 1) -> tuple[pd.DataFrame, Array]:
    """Return covariates (n,) and responses (group, cluster, subject, K) of a large trial."""
    arm = np.repeat(np.array([0, 1], np.int8), CLUSTERS * EACH)
    cluster = np.tile(np.arange(CLUSTERS, dtype=np.intp).repeat(EACH), 2)
    frame, pattern = truth.draw(np.random.default_rng(seed), arm, cluster)
    assert pattern.dtype == np.intp
    assert len(frame) == len(pattern) == len(arm)
    k = truth.phi.shape[1].bit_length() - 1
    return frame, patterns.decode(pattern, k).reshape(2, CLUSTERS, EACH, k).astype(float)


def covariances(first: Array, second: Array) -> tuple[Array, Array]:
    """Return the covariance of two subjects of a cluster, and its standard error.

    Of responses (J, m, K) and (J, m', K); within one group of different subjects.
    """
    first, second = (own - own.mean(axis=(0, 1)) for own in (first, second))
    products = np.einsum("jak,jbl->jkl", first, second)
    number = first.shape[1] * second.shape[1]
    if first.shape == second.shape and np.array_equal(first, second):
        products -= np.einsum("jak,jal->jkl", first, first)
        number -= first.shape[1]
    products /= number
    return products.mean(axis=0), products.std(axis=0) / np.sqrt(len(products))


def check(scenario: Scenario, seed: int = 1) -> tuple[pd.DataFrame, Array]:
    """Compare φ and ICCs of simulated subjects with those of a scenario, and return them."""
    truth = scenario.truth(0)
    frame, y = trial(truth, seed)
    k = y.shape[-1]
    for group in range(2):
        pattern = patterns.encode(y[group].reshape(-1, k).astype(int)).reshape(CLUSTERS, EACH)
        shares = (pattern[..., None] == np.arange(2**k)).mean(axis=1)  # (J, Q)
        error = np.maximum(shares.std(axis=0) / np.sqrt(CLUSTERS), 1e-12)
        assert np.all(np.abs(shares.mean(axis=0) - scenario.phi[0, group]) < 4.5 * error)
        asked = np.eye(k) * (0 if scenario.icc is None else scenario.icc[0, group])
        if scenario.icc_between is not None:
            for place, (i, j) in enumerate(patterns.pairs(k)):
                asked[i, j] = asked[j, i] = scenario.icc_between[0, group, place]
        sd = np.sqrt(scenario.theta[0, group] * (1 - scenario.theta[0, group]))
        found, error = covariances(y[group], y[group])
        assert np.all(np.abs(found - asked * np.outer(sd, sd)) < 4.5 * error)
    return frame, y


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(0.3, 0.45, icc=0.1),
        Scenario([0.3, 0.5], [0.6, 0.4], 0.2, icc=[[0.05, 0.12]], icc_between=0.03),
        Scenario([0.3, 0.5, 0.4], [0.6, 0.4, 0.4], 0.2, icc={"control": 0.02, "treatment": 0.15}),
        Scenario([0.3, 0.5], [0.6, 0.4], -0.2, icc=0.08, group_correlation=0.3),
        Scenario(0.3, 0.45, icc=0.1, between="dirichlet"),
        Scenario([0.3, 0.5], [0.6, 0.4], 0.3, icc=0.1, between="dirichlet", group_correlation=0.0),
        Scenario([0.3, 0.5], [0.3, 0.5], 0.3, icc=0.1, between="dirichlet"),
        Scenario([0.3, 0.5], [0.6, 0.4], 0.3, icc=0.05),
    ],
    ids=range(8),
)  # fmt: skip
def test_moments(scenario: Scenario) -> None:
    check(scenario)


@pytest.mark.parametrize("between", ["logit-normal", "dirichlet"])
def test_one_cluster_in_both_groups(between: str) -> None:
    def tie(r: float, treatment: list[float]) -> tuple[float, float]:
        scenario = Scenario(
            [0.4, 0.3], treatment, 0.2, icc=0.1, between=between, group_correlation=r
        )
        _, y = trial(scenario.truth(0))
        found, error = covariances(y[0], y[1])
        return found[0, 0] / 0.024, error[0, 0] / 0.024

    same, error = tie(1, [0.4, 0.3])
    assert abs(same - 1) < 4 * error  # as within a group
    none, error = tie(0, [0.4, 0.3])
    assert abs(none) < 4 * error
    half, error = tie(0.5, [0.4, 0.3])
    assert abs(half - 0.5) < 4 * error + 0.03  # of the scores: of the rates nearly so
    other, _ = tie(1, [0.6, 0.5])
    assert 0.85 < other < 1.1


@pytest.mark.parametrize("icc", [None, 0.08])
def test_covariates(icc: float | None) -> None:
    covariates = Covariates(
        {"age": stats.norm(50, 10), "sex": {"f": 0.3, "m": 0.7}, "site": {"a/b": 0.5, "$c$": 0.5}},
        log_odds={
            "age": {"control": 0.05, "treatment": [0.08, -0.04]},
            "sex": {"m": [0.5, 1]},
        },
    )
    scenario = Scenario([0.3, 0.5], [0.6, 0.4], 0.2, icc=icc, covariates=covariates)
    frame, y = check(scenario)
    assert list(frame) == ["age", "sex", "site"]
    n = CLUSTERS * EACH
    assert abs(frame["age"].mean() - 50) < 4 * 10 / np.sqrt(2 * n)
    assert abs((frame["sex"] == "m").mean() - 0.7) < 4 * np.sqrt(0.21 / (2 * n))
    # Log odds of an outcome given the other are linear in the covariates, within a cluster.
    if icc is None:
        own, young = y[1].reshape(n, 2), frame["age"].to_numpy()[n:] < 50
        for other in (0, 1):
            here = own[:, 1] == other
            x = frame["age"].to_numpy()[n:][here]
            z = (frame["sex"].to_numpy()[n:][here] == "m").astype(float)
            slope, error = logistic(np.column_stack([np.ones(len(x)), x - 50, z]), own[here, 0])
            assert np.all(np.abs(slope[1:] - [0.08, 0.5]) < 4 * error[1:])
        assert own[young, 1].mean() > own[~young, 1].mean()


def logistic(X: Array, y: Array) -> tuple[Array, Array]:
    """Return the maximum-likelihood coefficients and their standard errors."""
    beta = np.zeros(X.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(-X @ beta))
        information = X.T @ (X * (p * (1 - p))[:, None])
        beta = beta + np.linalg.solve(information, X.T @ (y - p))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


def test_reproducible_and_picklable() -> None:
    frame = pd.DataFrame({"x": np.arange(12.0), "g": ["a", "b", "c"] * 4})
    truth = Scenario(
        [0.4, 0.4], [0.6, 0.5], 0.3, icc=0.05, covariates=Covariates(frame, {"x": 0.1})
    ).truth(0)
    arm = (np.arange(50) % 2).astype(np.int8)
    cluster = np.arange(50, dtype=np.intp) // 5
    first = truth.draw(np.random.default_rng(3), arm, cluster)
    again = pickle.loads(pickle.dumps(truth)).draw(np.random.default_rng(3), arm, cluster)
    pd.testing.assert_frame_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert first[0].index.equals(pd.RangeIndex(50))
    assert truth.covariate_names == ("x", "g")
    first[0]["new"] = 1  # a frame of one's own
    assert list(truth.draw(np.random.default_rng(3), arm, cluster)[0]) == ["x", "g"]


def test_without_clusters_each_subject_is_of_its_own() -> None:
    arm = np.zeros(100_000, np.int8)
    plain = Scenario([0.4, 0.3], [0.6, 0.5], 0.2)
    clustered = Scenario([0.4, 0.3], [0.6, 0.5], 0.2, icc=0.2)
    assert not plain.truth(0).clustered
    assert clustered.truth(0).clustered
    for scenario in (plain, clustered):
        frame, pattern = scenario.truth(0).draw(np.random.default_rng(1), arm)
        assert frame.shape == (100_000, 0)
        shares = np.bincount(pattern, minlength=4) / 100_000
        assert np.all(np.abs(shares - scenario.phi[0, 0]) < 4 * np.sqrt(0.25 / 100_000))
    # clusters that do not differ may be given
    same = plain.truth(0).draw(np.random.default_rng(1), arm, np.zeros(100_000, np.intp))[1]
    np.testing.assert_array_equal(same, plain.truth(0).draw(np.random.default_rng(1), arm)[1])


def test_small_cluster_codes_do_not_wrap_around() -> None:
    truth = Scenario(0.4, 0.5, icc=0.1).truth(0)
    cluster = np.arange(127, dtype=np.int8)
    pattern = truth.draw(np.random.default_rng(1), np.ones(127, np.int8), cluster)[1]  # type: ignore[arg-type]
    assert set(pattern.tolist()) == {0, 1}


def test_dirichlet_clusters_that_are_nearly_all_success_or_failure() -> None:
    scenario = Scenario(0.001, 0.5, icc=0.9, between="dirichlet")
    arm = np.tile(np.array([0, 1], np.int8), 50_000)
    pattern = scenario.truth(0).draw(np.random.default_rng(1), arm, np.arange(100_000) // 2)[1]
    assert abs((pattern[arm == 1] == 0).mean() - 0.5) < 4 * np.sqrt(0.25 / 50_000)
    none = Scenario(0.3, 0.5, icc={"control": 0, "treatment": 0.1}, between="dirichlet")
    check(none)


def test_drawing_never_takes_the_impossible() -> None:
    class Highest:
        """Random numbers that are all the largest below one."""

        def random(self, n: int) -> Array:
            return np.full(n, np.nextafter(1, 0))

    phi = np.array([[0.3, 0.7, 0.0], [0.1, 0.2, 0.7], [0.7, 0.2, 0.1]])
    rng: np.random.Generator = Highest()  # type: ignore[assignment]
    drawn = drawn_of(phi, np.array([0, 1, 2]), rng)
    assert drawn.tolist() == [1, 2, 2]
    with np.errstate(divide="ignore"):
        assert drawn_each(np.log(phi), rng).tolist() == [1, 2, 2]


@pytest.mark.samples
def test_of_a_regression_with_clusters(multisite_fit: bmco.Fit) -> None:
    scenario = multisite_fit.scenario(draws=5)
    assert scenario.clustered
    assert scenario.covariate_names == ("x",)
    truth = scenario.truth(2)
    frame, y = trial(truth)
    assert set(frame["x"]) <= set(multisite_fit.model.study.data["x"])
    icc = scenario.icc
    assert icc is not None
    for group in range(2):
        rates = y[group].mean(axis=1)
        error = rates.std(axis=0) / np.sqrt(CLUSTERS)
        assert np.all(np.abs(rates.mean(axis=0) - scenario.theta[2, group]) < 4 * error + 1e-3)
        found, error = covariances(y[group], y[group])
        variance = scenario.theta[2, group] * (1 - scenario.theta[2, group])
        miss = np.abs(np.diag(found) - icc[2, group] * variance)
        assert np.all(miss < 4 * np.diag(error) + 0.003)
    again = Scenario.from_description(scenario.described())
    assert again == scenario
    arm = np.tile(np.array([0, 1], np.int8), 100)
    one, other = (
        pickle.loads(pickle.dumps(s.truth(1))).draw(np.random.default_rng(1), arm, None)
        for s in (scenario, again)
    )
    pd.testing.assert_frame_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert "with x drawn from the pilot, in clusters like its own" in str(scenario)
    assert "ICC of control" in str(scenario)
    assert multisite_fit.scenario(draws=5, clusters="observed").covariate_names == ()


@pytest.mark.samples
def test_of_a_regression_in_a_population(trial_fit: bmco.Fit) -> None:
    at_one = trial_fit.scenario(draws=3, population=bmco.Value(x=1.0)).truth(0)
    arm = np.tile(np.array([0, 1], np.int8), 50_000)
    frame, pattern = at_one.draw(np.random.default_rng(1), arm)
    assert set(frame["x"]) == {1.0}
    own = trial_fit.scenario(draws=3, standardise="own")
    frame, pattern = own.truth(0).draw(np.random.default_rng(1), arm)
    for group in range(2):
        shares = np.bincount(pattern[arm == group], minlength=4) / 50_000
        assert np.all(np.abs(shares - own.phi[0, group]) < 4 * np.sqrt(0.25 / 50_000))
