"""Convergence numbers against hand computation and ArviZ, and the verdict drawn from them."""

import warnings

import arviz as az
import numpy as np
import pytest
import xarray as xr
from scipy.stats import f as f_distribution

from bmco_pymc.diagnostics.verdict import Diagnostics, diagnose, mpsrf, potential_scale_reduction
from bmco_pymc.errors import ConvergenceWarning, InputError

CHAINS, DRAWS = 4, 500
COORDS = {
    "term": ["arm", "baseline ability"],
    "logit": ["11", "10", "01"],
    "random_term": ["Intercept", "arm"],
    "cluster": ["school 1", "school 2", "school 3"],
}
COORDS |= {"random_term_bis": COORDS["random_term"], "logit_bis": COORDS["logit"]}
DIMS = {
    "beta": ["term", "logit"],
    "gamma": ["random_term", "logit"],
    "gamma_cluster": ["cluster", "random_term", "logit"],
    "Sigma": ["logit", "random_term", "random_term_bis"],
}
BLOCKS = {
    "fixed": ["beta"],
    "random": ["gamma"],
    "variance": ["Sigma"],
    "clusters": ["gamma_cluster"],
}
LABELS_OF_SIGMA = [
    f"Sigma[{logit}, {pair}]"
    for logit in COORDS["logit"]
    for pair in ("Intercept, Intercept", "arm, Intercept", "arm, arm")
]


def posterior() -> dict[str, np.ndarray]:
    """Return independent draws of every parameter."""
    rng = np.random.default_rng(11)
    root = rng.normal(size=(CHAINS, DRAWS, 3, 2, 2))
    return {
        "beta": rng.normal(size=(CHAINS, DRAWS, 2, 3)),
        "gamma": rng.normal(size=(CHAINS, DRAWS, 2, 3)),
        "gamma_cluster": rng.normal(size=(CHAINS, DRAWS, 3, 2, 3)),
        "Sigma": root @ np.swapaxes(root, -1, -2),
    }


def sample_stats() -> dict[str, np.ndarray]:
    """Return what nutpie records of a run without trouble."""
    return {
        "diverging": np.zeros((CHAINS, DRAWS), dtype=bool),
        "maxdepth_reached": np.zeros((CHAINS, DRAWS), dtype=bool),
        "depth": np.full((CHAINS, DRAWS), 3),
        "energy": np.random.default_rng(12).normal(size=(CHAINS, DRAWS)),
    }


def as_tree(draws: dict[str, np.ndarray], stats: dict[str, np.ndarray] | None) -> xr.DataTree:
    groups = {"posterior": draws} | ({} if stats is None else {"sample_stats": stats})
    return az.from_dict(groups, coords=COORDS, dims=DIMS)


@pytest.fixture(scope="module")
def well() -> Diagnostics:
    return diagnose(as_tree(posterior(), sample_stats()), BLOCKS)


def autocorrelated(rng: np.random.Generator, rho: float, shape: tuple[int, ...]) -> np.ndarray:
    x = rng.normal(size=shape)
    for t in range(1, shape[1]):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * x[:, t]
    return x


# --- the numbers -----------------------------------------------------------------------------


def test_table_holds_arviz_numbers_of_every_distinct_entry(well):
    tree = as_tree(posterior(), None)
    rhat, bulk = az.rhat(tree), az.ess(tree, method="bulk")
    tail = az.ess(tree, method="tail", prob=(0.05, 0.95))
    assert len(well.table) == 6 + 6 + 9 + 18
    assert list(well.table.index[well.table["block"] == "variance"]) == LABELS_OF_SIGMA
    for label, name, where in [
        ("beta[baseline ability, 10]", "beta", (1, 1)),
        ("gamma[arm, 01]", "gamma", (1, 2)),
        ("Sigma[10, arm, Intercept]", "Sigma", (1, 1, 0)),
        ("Sigma[01, arm, arm]", "Sigma", (2, 1, 1)),
        ("gamma_cluster[school 3, Intercept, 10]", "gamma_cluster", (2, 0, 1)),
    ]:
        row = well.table.loc[label]
        numbers = [group[name].values[where] for group in (rhat, bulk, tail)]
        assert row[["rhat", "ess_bulk", "ess_tail"]].tolist() == pytest.approx(numbers, rel=1e-9)


def test_joint_covariance_counts_its_lower_triangle_once():
    dims = ("chain", "draw", "logit", "random_term", "logit_bis", "random_term_bis")
    root = np.random.default_rng(3).normal(size=(2, 50, 6, 6))
    Sigma = (root @ np.swapaxes(root, -1, -2)).reshape(2, 50, 3, 2, 3, 2)
    data = xr.Dataset({"Sigma": (dims, Sigma)}, coords={d: COORDS[d] for d in dims[2:]})
    labels = diagnose(data, {"variance": ["Sigma"]}).table.index
    assert len(set(labels)) == 6 * 7 // 2
    assert "Sigma[01, Intercept, 10, arm]" in labels
    assert "Sigma[10, arm, 01, Intercept]" not in labels
    shuffled = data.transpose("random_term_bis", "draw", "logit", "random_term", "logit_bis", ...)
    assert len(diagnose(shuffled, {"variance": ["Sigma"]}).table) == 6 * 7 // 2


def test_scale_reduction_of_two_short_chains_by_hand():
    chains = np.array([[1.0, 2, 3, 4], [2, 4, 6, 8]])
    # Means 2.5, 5; variances 5/3, 20/3: W = 25/6, B/n = 25/8, V = 3/4 W + 3/2 B/n = 125/16.
    W, between, V = 25 / 6, 1.5 * 25 / 8, 125 / 16
    # var(W) = (5² / 2) / 2; with two chains s² and (mean - grand mean)² do not covary.
    var_W = 25 / 4
    f = 2 * V**2 / ((3 / 4) ** 2 * var_W + 2 * between**2)
    d = (f + 3) / (f + 1)
    quantile = f_distribution.ppf(0.975, 1, 2 * W**2 / var_W)
    point, upper = potential_scale_reduction(chains)
    assert point == pytest.approx(np.sqrt(d * V / W), rel=1e-12)
    assert upper == pytest.approx(np.sqrt(d * (3 / 4 + quantile * between / W)), rel=1e-12)
    assert mpsrf(chains[..., None]) == pytest.approx(np.sqrt(V / W), rel=1e-12)


def test_scale_reduction_with_covarying_means_and_variances():
    rng = np.random.default_rng(7)
    x = np.array([[100], [100.5], [102]]) + rng.normal(size=(3, 50)) * [[1], [1.5], [0.7]]
    m, n = x.shape
    s2, mean = x.var(axis=1, ddof=1), x.mean(axis=1)
    W, B = s2.mean(), n * mean.var(ddof=1)
    V = (n - 1) / n * W + (m + 1) / (m * n) * B
    cov = n / m * (np.cov(s2, mean**2)[0, 1] - 2 * mean.mean() * np.cov(s2, mean)[0, 1])
    var_V = ((n - 1) / n) ** 2 * s2.var(ddof=1) / m
    var_V += ((m + 1) / (m * n)) ** 2 * 2 / (m - 1) * B**2
    var_V += 2 * (m + 1) * (n - 1) / (m * n**2) * cov
    f = 2 * V**2 / var_V
    point, upper = potential_scale_reduction(x)
    assert point == pytest.approx(np.sqrt((f + 3) / (f + 1) * V / W), rel=1e-9)
    between = (m + 1) / (m * n) * B / W
    quantile = f_distribution.ppf(0.975, m - 1, 2 * W**2 / (s2.var(ddof=1) / m))
    share = (f + 3) / (f + 1) * ((n - 1) / n + quantile * between)
    assert upper == pytest.approx(np.sqrt(share), rel=1e-9)
    assert upper > point > 1.5
    twice, _ = potential_scale_reduction(np.stack([x, 1e-9 * x - 5], axis=-1))
    assert twice == pytest.approx(np.full(2, float(point)), rel=1e-6)


def test_mpsrf_against_the_eigenvalue_problem():
    rng = np.random.default_rng(21)
    x = rng.normal(size=(4, 300, 3)) + 0.4 * rng.normal(size=(4, 1, 3))
    W = np.mean([np.cov(chain.T) for chain in x], axis=0)
    B_over_n = np.cov(x.mean(axis=1).T)
    largest = np.linalg.eigvals(np.linalg.solve(W, B_over_n)).real.max()
    expected = np.sqrt(299 / 300 + 5 / 4 * largest)
    assert expected > 1.1
    assert mpsrf(x) == pytest.approx(expected, rel=1e-12)
    # No invertible transformation matters, however badly conditioned.
    x = x @ [[1, 0.9, 0], [0, 0.5, 2], [0, 0, 1e-3]]
    assert mpsrf(x) == pytest.approx(expected, rel=1e-9)
    # Neither units nor parameters that depend on others matter.
    assert mpsrf(x * [1e-6, 1, 1e6] + [0, 1e3, 5]) == pytest.approx(expected, rel=1e-7)
    total = x.sum(axis=-1, keepdims=True)
    constant = np.ones((4, 300, 1))
    assert mpsrf(np.concatenate([x, total, constant], -1)) == pytest.approx(expected, rel=1e-7)
    # It bounds every linear combination.
    combined = x @ rng.normal(size=(3, 200))
    W, between = combined.var(1, ddof=1).mean(0), combined.mean(1).var(0, ddof=1)
    assert np.sqrt(299 / 300 + 5 / 4 * between / W).max() < expected * (1 + 1e-9)


def test_mpsrf_of_agreeing_and_shifted_chains():
    iid = np.random.default_rng(4).normal(size=(4, 1000, 5))
    assert 1 < mpsrf(iid) < 1.02
    iid[0, :, 3] += 3  # W = 1, B/n ≈ 2.25 in one direction
    assert mpsrf(iid) == pytest.approx(np.sqrt(1 + 5 / 4 * 2.25), rel=0.05)


def test_chains_that_stand_still_apart_are_infinitely_far():
    still = np.repeat([[0.1], [0.3]], 20, axis=1)
    assert [float(x) for x in potential_scale_reduction(still)] == [np.inf, np.inf]
    moving = np.random.default_rng(2).normal(size=(2, 20))
    assert mpsrf(np.stack([moving, still], axis=-1)) == np.inf


@pytest.mark.parametrize("shape", [(1, 100, 2), (2, 1, 2), (2, 5, 10)])
def test_mpsrf_is_nan_without_chains_or_draws_enough(shape):
    draws = np.random.default_rng(5).normal(size=shape)
    assert np.isnan(mpsrf(draws))
    if shape[1] < 5 or shape[0] < 2:
        assert np.isnan(potential_scale_reduction(draws)).all()


def test_scale_reduction_of_constants_and_non_finite_draws_is_nan():
    draws = np.random.default_rng(5).normal(size=(2, 50, 3))
    draws[..., 1] = 2
    draws[..., 2] = np.inf
    point, upper = potential_scale_reduction(draws)
    assert np.isnan(point).tolist() == np.isnan(upper).tolist() == [False, True, True]
    assert np.isnan(mpsrf(draws))


def test_draws_need_their_dims():
    with pytest.raises(InputError, match=r"needs the dims \(chain, draw\)"):
        potential_scale_reduction(np.ones(10))
    with pytest.raises(InputError, match=r"needs the dims \(chain, draw, parameter\)"):
        mpsrf(np.ones((2, 10)))


# --- the verdict -----------------------------------------------------------------------------


def test_all_well(well):
    assert well.ok
    assert well.problems == well.notes == ()
    assert (well.divergences, well.tree_depth_reached, well.exact) == (0, 0, False)
    assert list(well.mpsrf) == ["fixed", "random", "variance"]
    assert max(well.mpsrf.values()) < 1.05
    bfmi = az.bfmi(as_tree(posterior(), sample_stats()))["energy"]
    assert well.bfmi == tuple(bfmi.values)
    text = str(well)
    assert text.startswith("Converged: R-hat ≤ 1.0")
    assert f"ESS ≥ {int(well.min_ess)}, no divergences" in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        well.warn()


def test_divergences_are_counted():
    stats = sample_stats()
    stats["diverging"][1, 3:5] = True
    verdict = diagnose(as_tree(posterior(), stats), BLOCKS)
    assert [problem.kind for problem in verdict.problems] == ["divergences"]
    assert verdict.divergences == 2
    assert "2 of 2000 draws diverged" in str(verdict)
    assert "target_accept" in verdict.problems[0].advice


@pytest.mark.parametrize("name", ["maxdepth_reached", "reached_max_treedepth"])
def test_tree_depth_by_nutpie_and_by_pymc(name):
    stats = sample_stats()
    reached = stats.pop("maxdepth_reached")
    reached[3, 499] = True
    verdict = diagnose(as_tree(posterior(), stats | {name: reached}), BLOCKS)
    assert [problem.kind for problem in verdict.problems] == ["tree depth"]
    assert verdict.tree_depth_reached == 1


def test_tree_depth_from_the_depths_alone():
    stats = sample_stats()
    del stats["maxdepth_reached"]
    stats["depth"][0, :7] = 10
    tree = as_tree(posterior(), stats)
    assert diagnose(tree, BLOCKS).tree_depth_reached is None
    assert diagnose(tree, BLOCKS, max_treedepth=10).tree_depth_reached == 7
    assert diagnose(tree, BLOCKS, max_treedepth=11).ok


def test_low_energy_fraction():
    stats = sample_stats()
    stats["energy"][2] = np.cumsum(stats["energy"][2])
    verdict = diagnose(as_tree(posterior(), stats), BLOCKS)
    assert [problem.kind for problem in verdict.problems] == ["energy"]
    assert "below 0.3 in 1 of 4 chains" in verdict.problems[0].reason


def test_chains_that_disagree_name_the_worst_parameter():
    draws = posterior()
    draws["beta"][0, :, 1, 2] += 2
    draws["beta"][1, :, 0, 0] += 1
    verdict = diagnose(as_tree(draws, sample_stats()), BLOCKS)
    assert [problem.kind for problem in verdict.problems] == ["rhat", "mpsrf", "ess"]
    worst = verdict.table.loc["beta[baseline ability, 01]"]
    assert worst["rhat"] == verdict.max_rhat > 1.2
    reason = verdict.problems[0].reason
    assert "2 of 39 parameters" in reason
    assert "(beta[baseline ability, 01])" in reason
    assert list(verdict.table.query("rhat > 1.01")["block"]) == ["fixed", "fixed"]
    assert verdict.mpsrf["fixed"] > 1.3
    assert verdict.mpsrf["random"] < 1.05
    assert "(fixed)" in verdict.problems[1].reason
    assert str(verdict).count("longer warm-up") == 1  # advice is not repeated


def test_slow_chains_have_too_small_an_ess():
    x = autocorrelated(np.random.default_rng(6), 0.95, (4, 500, 2))
    data = xr.Dataset({"beta": (("chain", "draw", "term"), x)}, coords={"term": COORDS["term"]})
    verdict = diagnose(data, {"slow": ["beta"]}, exact=False)
    assert verdict.min_ess == pytest.approx(2000 * 0.05 / 1.95, rel=0.6)
    assert "ess" in [problem.kind for problem in verdict.problems]
    assert f"smallest {int(verdict.min_ess)} (beta[" in str(verdict)


def test_one_warning_joins_reasons_and_advice():
    stats = sample_stats()
    stats["diverging"][0, 0] = True
    stats["maxdepth_reached"][0, 0] = True
    verdict = diagnose(as_tree(posterior(), stats), BLOCKS)
    with pytest.warns(ConvergenceWarning) as caught:
        verdict.warn()
    assert len(caught) == 1
    assert caught[0].filename == __file__
    message = str(caught[0].message)
    assert message.startswith("NOT CONVERGED: 1 of 2000 draws diverged; 1 of 2000 trees")
    assert all(problem.advice in message for problem in verdict.problems)


def test_a_factor_just_above_its_limit_is_printed_above_it():
    shifted = np.random.default_rng(1).normal(size=(4, 2000, 1))
    shifted[0] += 0.35
    data = xr.Dataset({"x": (("chain", "draw", "i"), shifted)})
    verdict = diagnose(data, {"fixed": ["x"]}, exact=False)
    assert 1.01 < verdict.max_rhat < 1.03
    printed = float(verdict.problems[0].reason.split("largest ")[1].split()[0])
    assert printed >= verdict.max_rhat


# --- unusual draws ---------------------------------------------------------------------------


def test_draws_that_are_not_finite():
    draws = posterior()
    draws["gamma"][2, 40, 1, 1] = np.nan
    verdict = diagnose(as_tree(draws, sample_stats()), BLOCKS)
    assert [problem.kind for problem in verdict.problems] == ["not finite"]
    assert "gamma[arm, 10]" in verdict.problems[0].reason
    assert np.isnan(verdict.mpsrf["random"])
    assert "no MPSRF for block random" in verdict.notes[0]
    assert verdict.table.loc["gamma[arm, 10]", "state"] == "not finite"


def test_constant_parameters_are_noted_and_a_sampler_that_never_moves_is_a_problem():
    draws = posterior()
    draws["Sigma"][..., 0, 1] = draws["Sigma"][..., 1, 0] = 0
    verdict = diagnose(as_tree(draws, sample_stats()), BLOCKS)
    assert verdict.ok
    assert verdict.notes == (
        "3 constant, so not checked: Sigma[11, arm, Intercept], Sigma[10, arm, Intercept], "
        "Sigma[01, arm, Intercept]",
    )
    still = diagnose(as_tree({"beta": np.ones((4, 500, 2, 3))}, None), {"fixed": ["beta"]})
    assert [problem.kind for problem in still.problems] == ["stuck"]


def test_a_chain_that_stands_still_for_a_while_is_said_and_chains_that_hardly_move():
    draws = posterior()
    draws["beta"][1, 100:150, 1, 2] = draws["beta"][1, 100, 1, 2]
    verdict = diagnose(as_tree(draws, sample_stats()), BLOCKS)
    assert verdict.problems[0].kind == "stuck"
    assert verdict.disagree
    assert verdict.max_rhat < 1.01
    assert str(verdict).startswith(
        "NOT CONVERGED: a chain stands still for a while in 1 of 39 parameters (beta[baseline "
    )
    x = autocorrelated(np.random.default_rng(6), 0.99, (4, 500, 2))  # worth 10
    data = xr.Dataset({"beta": (("chain", "draw", "term"), x)}, coords={"term": COORDS["term"]})
    slow = diagnose(data, {"slow": ["beta"]}, exact=False, mpsrf_blocks=())
    assert [problem.kind for problem in slow.problems] == ["slow", "ess"]
    assert slow.head == "NOT CONVERGED"


def test_chains_stuck_in_different_places():
    draws = np.repeat(np.arange(4.0)[:, None, None], 500, axis=1)
    data = xr.Dataset({"beta": (("chain", "draw", "term"), draws)})
    verdict = diagnose(data, {"fixed": ["beta"]}, exact=False)
    assert verdict.max_rhat > 1e6
    assert verdict.mpsrf["fixed"] == np.inf
    assert [problem.kind for problem in verdict.problems] == ["rhat", "mpsrf", "ess"]


def test_one_chain_compares_its_halves():
    rng = np.random.default_rng(9)
    one = rng.normal(size=(1, 2001, 2))
    data = xr.Dataset({"beta": (("chain", "draw", "term"), one)})
    verdict = diagnose(data, {"fixed": ["beta"]}, exact=False)
    assert verdict.ok
    assert np.isnan(verdict.mpsrf["fixed"])
    assert len(verdict.notes) == 2
    assert "MPSRF" not in verdict.verdict
    halves = xr.DataArray(one[0, [range(1000), range(1001, 2001)], 1], dims=("chain", "draw"))
    assert verdict.table["rhat"].iloc[1] == float(az.rhat(halves))
    one[0, 1000:, 0] += 1  # a drift
    assert not diagnose(data, {"fixed": ["beta"]}, exact=False).ok


def test_a_handful_of_draws_says_so():
    data = xr.Dataset({"beta": (("chain", "draw"), np.random.default_rng(1).normal(size=(2, 3)))})
    verdict = diagnose(data, {"fixed": ["beta"]}, exact=False)
    assert [problem.kind for problem in verdict.problems] == ["ess"]
    assert "too few draws to compute" in str(verdict)


def test_exact_draws_are_judged_by_their_number_only():
    phi = np.random.default_rng(2).dirichlet(np.ones(4), size=(1, 5000))
    data = xr.Dataset({"phi": (("chain", "draw", "pattern"), phi)})
    verdict = diagnose(data, {"fixed": ["phi"]})
    assert verdict.ok
    assert verdict.exact
    assert verdict.mpsrf == {}
    assert verdict.divergences is None
    assert verdict.notes == ()
    assert str(verdict) == "Independent draws: ESS ≥ 5000."
    few = diagnose(data.isel(draw=slice(200)), {"fixed": ["phi"]})
    assert str(few).startswith("TOO FEW DRAWS: ")
    assert "ESS is below 400 for 4 of 4 parameters" in str(few)
    assert "warm-up" not in str(few)


# --- input and output ------------------------------------------------------------------------


def test_extra_variables_are_blocks_of_their_own():
    rng = np.random.default_rng(14)
    delta = (("chain", "draw", "outcome"), rng.normal(size=(CHAINS, DRAWS, 2)))
    extra = xr.Dataset({"delta": delta}, coords={"outcome": ["maths", "reading"]})
    verdict = diagnose(as_tree(posterior(), sample_stats()), BLOCKS, extra=extra)
    assert list(verdict.table.query("block == 'delta'").index) == ["delta[maths]", "delta[reading]"]
    assert list(verdict.mpsrf) == ["fixed", "random", "variance", "delta"]
    tree = as_tree(posterior(), sample_stats())
    named = diagnose(tree, {"effect": ["delta"]}, extra=extra, mpsrf_blocks=["effect"])
    assert list(named.mpsrf) == ["effect"]


def test_joined_verdicts_keep_the_sampler_of_the_fit(well):
    shifted = np.random.default_rng(15).normal(size=(CHAINS, DRAWS, 1))
    shifted[0] += 3
    data = xr.Dataset({"delta": (("chain", "draw", "outcome"), shifted)})
    derived = diagnose(data, {"delta": ["delta"]}, exact=False)
    both = well.joined(derived)
    assert not both.ok
    assert both.divergences == 0
    assert len(both.table) == len(well.table) + 1
    assert list(both.mpsrf) == ["fixed", "random", "variance", "delta"]
    assert both.max_rhat == derived.max_rhat
    assert well.joined(diagnose(data.isel(chain=[1, 2, 3]), {"delta": ["delta"]})).ok


@pytest.mark.parametrize("blocks", [{"fixed": ["alpha"]}, {"fixed": []}, {}])
def test_blocks_must_name_variables_that_are_there(blocks):
    with pytest.raises(InputError, match=r"blocks=.*'beta'"):
        diagnose(as_tree(posterior(), None), blocks)


def test_html_escapes_labels():
    draws = np.random.default_rng(1).normal(size=(2, 100, 1))
    data = xr.Dataset(
        {"beta": (("chain", "draw", "term"), draws)}, coords={"term": ["<script>alert(1)</script>"]}
    )
    page = diagnose(data, {"fixed": ["beta"]}, exact=False)._repr_html_()
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 2  # in the reason and in the table


def test_verdicts_are_frozen(well):
    with pytest.raises(AttributeError):
        well.exact = True
