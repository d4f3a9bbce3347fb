"""bmco's arguments in terms of the classes, without sampling: terms, priors, covariates, names."""

import inspect
from itertools import permutations
from math import inf

import numpy as np
import pandas as pd
import polars as pl
import pytest
import rstyle_calls as calls

import bmco_pymc as bmco
from bmco_pymc.rstyle import bglm, bglmm, bmvb

# bmco's names of the four terms, by the classes' names
LABELS = {"Intercept": "Intercept", "arm": "arm", "x": "x", "arm:x": "arm_x"}
TERMS = tuple(LABELS.values())


def described(function):
    """The arguments of a function: name and default, required ones alone."""
    return [
        name if p.default is p.empty else (name, p.default)
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is not p.KEYWORD_ONLY
    ]


def test_arguments_are_bmcos_in_their_order():
    rule = [("test", "right_sided"), ("rule", "All"), ("w", None)]
    range_ = [("x_method", "Empirical"), ("x_def", (-inf, inf))]
    returns = [
        ("return_diagnostics", True),
        ("return_diagnostic_plots", False),
        ("return_samples", False),
    ]
    assert described(bmvb) == [
        *("data", "grp", "grp_a", "grp_b", "y_vars", *rule),
        *(("prior_a", 0.5), ("prior_b", 0.5), ("n_it", 10000), ("return_samples", False)),
    ]
    assert described(bglm) == [
        *("data", "grp", "grp_a", "grp_b", "x_var", "y_vars", *range_, *rule),
        *(("b_mu0", None), ("b_sigma0", None), ("n_burn", 1000), ("n_it", 1000), ("n_thin", 1)),
        *(("n_chain", 4), ("start", None), *returns),
    ]
    names = [part if isinstance(part, str) else part[0] for part in described(bglmm)]
    assert " ".join(names) == (
        "data grp grp_a grp_b id_var x_var y_vars x_method x_def test rule w n_burn n_it start "
        "fixed random b_mu0 b_sigma0 g_mu0 g_sigma0 nu0 tau0 n_chain return_thinned n_thin "
        "return_diagnostics return_diagnostic_plots return_samples"
    )
    same = set(described(bglm)) & set(described(bglmm))
    assert {*range_, *rule, *returns, ("n_burn", 1000), ("n_it", 1000), ("n_chain", 4)} <= same
    for function in (bmvb, bglm, bglmm):
        parameters = inspect.signature(function).parameters
        kinds = {parameters["seed"].kind, parameters["progress"].kind}
        assert kinds == {inspect.Parameter.KEYWORD_ONLY}
        assert (parameters["seed"].default, parameters["progress"].default) == (None, True)


# terms and priors


def test_defaults_are_the_classes_with_bmcos_priors():
    plan = calls.plan("bglm")
    assert type(plan.model).__name__ == "BGLM"
    assert plan.model.terms.fixed == ("Intercept", "arm", "x", "arm:x")
    assert str(plan.model.priors.beta) == str(bmco.Priors.bmco().beta)
    plan = calls.plan("bglmm")
    assert type(plan.model).__name__ == "BGLMM"
    assert plan.model.terms.fixed == ("x", "arm:x")
    assert plan.model.terms.random == ("Intercept", "arm")
    assert plan.parts["fixed"].terms.labels == ("x", "arm_x")
    assert plan.parts["random"].terms.labels == ("Intercept", "arm")
    nu, scale = plan.model.priors.Sigma.resolve("Sigma", ["Intercept", "arm"])
    assert (nu, scale.tolist()) == (2.0, [[0.1, 0.0], [0.0, 0.1]])


def splits():
    """Every order of every split of the four terms, some left out; a sixth of them."""
    for order in permutations(TERMS):
        for n_fixed in range(4):
            for left_out in ((), ("x",), ("Intercept",)):
                fixed = [term for term in order[:n_fixed] if term not in left_out]
                random = [term for term in order[n_fixed:] if term not in left_out]
                if random:
                    yield fixed, random


@pytest.mark.parametrize(("fixed", "random"), list(splits())[::6])
@pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning")
def test_priors_go_to_the_terms_they_were_given_for(fixed, random):
    rng = np.random.default_rng(3)

    def definite(size):
        root = rng.normal(size=(size, size))
        return root @ root.T + np.eye(size)

    given = {"random": (rng.normal(size=len(random)), definite(len(random)))}
    changes = {"g_mu0": given["random"][0], "g_sigma0": given["random"][1]}
    if fixed:
        given["fixed"] = rng.normal(size=len(fixed)), definite(len(fixed))
        changes |= {"b_mu0": given["fixed"][0], "b_sigma0": given["fixed"][1]}
    tau0 = definite(len(random))
    plan = calls.plan("bglmm", fixed=fixed, random=random, **changes, nu0=5, tau0=tau0)

    terms, priors = plan.model.terms, plan.model.priors
    assert sorted(LABELS[term] for term in terms.fixed) == sorted(fixed)
    assert sorted(LABELS[term] for term in terms.random) == sorted(random)
    scale = priors.Sigma.resolve("Sigma", terms.random)[1]
    expected = {"fixed": (priors.beta, terms.fixed), "random": (priors.gamma, terms.random)}
    for part, (mean, precision) in given.items():
        prior, terms = expected[part]
        asked = {"fixed": fixed, "random": random}[part]
        known_mean, known_covariance = prior.resolve(part, terms)
        for i, first in enumerate(terms):
            row = asked.index(LABELS[first])
            assert known_mean[i] == mean[row]
            for j, second in enumerate(terms):
                column = asked.index(LABELS[second])
                covariance = np.linalg.inv(precision)[row, column]
                assert known_covariance[i, j] == pytest.approx(covariance, rel=1e-9, abs=1e-12)
                if part == "random":
                    assert scale[i, j] == tau0[row, column]
        assert plan.parts[part].prior.mean.tolist() == mean.tolist()
        assert np.array_equal(plan.parts[part].prior.precision, precision)


def test_scalars_and_diagonals_keep_their_form_and_follow_the_terms():
    with pytest.warns(bmco.InputWarning, match=r"overrules the scale of arm:x \(0.471\)"):
        plan = calls.plan("bglm", b_mu0=[0, 0.5, 0, 0], b_sigma0=[1, 2, 3, 4])
    mean, covariance = plan.model.priors.beta.resolve("beta", plan.model.terms.fixed)
    assert mean.tolist() == [0, 0.5, 0, 0]
    assert covariance.diagonal() == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    plan = calls.plan("bglmm", fixed=["arm_x", "x"], b_sigma0=[4, 1], g_sigma0=2, nu0=2.5, tau0=3)
    _, covariance = plan.model.priors.beta.resolve("beta", ("x", "arm:x"))
    assert covariance.diagonal() == pytest.approx([1, 1 / 4])
    assert str(plan.model.priors.gamma) == "Normal(mean=0, precision=2)"
    assert str(plan.model.priors.Sigma) == "InverseWishart(nu=2.5, scale=3)"


def test_one_name_is_one_term_and_terms_left_out_are_announced():
    with pytest.warns(
        bmco.InputWarning, match="^'Intercept' and 'arm': in neither fixed nor random"
    ):
        plan = calls.plan("bglmm", fixed="arm_x", random="x")
    assert plan.model.terms.fixed == ("arm:x",)
    assert plan.model.terms.random == ("x",)
    with pytest.warns(bmco.InputWarning, match="The group 'arm' is in no term"):
        plan = calls.plan("bglmm", fixed="x", random="Intercept")
    assert plan.model.terms.fixed == ("x",)
    assert calls.plan("bglmm", fixed=[], random=TERMS).model.terms.fixed == ()


def test_dirichlet_parameters_are_of_group_a_and_b():
    plan = calls.plan("bmvb", prior_a=[1, 2, 3, 4], prior_b=0.25)
    alpha = plan.model.priors.phi.resolve("phi", ("11", "10", "01", "00"))
    assert alpha.tolist() == [[1, 2, 3, 4], [0.25] * 4]
    assert plan.alpha.tolist() == alpha.tolist()


# populations


@pytest.mark.parametrize(
    ("call", "changes", "population", "averaging"),
    [
        ("bglm", {}, bmco.Empirical(), {"standardise": "own"}),
        ("bglm", {"x_method": "Analytical", "x_def": [-0.5, 1]}, bmco.Analytical(x=(-0.5, 1)), {}),
        ("bglm", {"x_method": "value", "x_def": 0.8}, bmco.Value(x=0.8), {}),
        ("bglmm", {}, bmco.Empirical(), {"standardise": "own", "clusters": "observed"}),
        (
            "bglmm",
            {"x_def": np.array([-0.5, 1])},
            bmco.Empirical(x=(-0.5, 1)),
            {"standardise": "own", "clusters": "observed"},
        ),
        (
            "bglmm",
            {"x_method": "Value", "x_def": [0]},
            bmco.Value(x=0),
            {"clusters": "observed", "cluster_weights": "equal"},
        ),
        (
            "bglmm",
            {"x_method": "Analytical"},
            bmco.Analytical(x=(-inf, inf)),
            {"clusters": "observed", "cluster_weights": "equal"},
        ),
    ],
)
def test_populations_are_bmcos(call, changes, population, averaging):
    plan = calls.plan(call, **changes)
    assert repr(plan.population) == repr(population)
    assert plan.averaging == averaging


def test_weights_are_equal_and_announced_or_as_given():
    with pytest.warns(bmco.InputWarning, match=r"w=None: for rule Comp .* equal weights \(0.5, 0"):
        plan = calls.plan("bmvb", rule="comp")
    assert (plan.question.rule, plan.question.weights) == ("Comp", (0.5, 0.5))
    plan = calls.plan("bmvb", rule="Comp", w=(0.75, 0.25), test="LEFT-SIDED")
    assert (plan.question.test, plan.question.weights) == ("left_sided", (0.75, 0.25))
    with pytest.warns(bmco.InputWarning, match="does not sum to 1"):
        assert calls.plan("bmvb", rule="Comp", w=(3, 1)).question.weights == (0.75, 0.25)
    with pytest.warns(bmco.InputWarning, match="not used"):
        assert calls.plan("bmvb", w=(0.75, 0.25)).question.weights is None


# covariates and groups


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (["severe", "mild", None], ("mild", "severe")),
        ([True, False, True], (False, True)),
        (pd.Categorical(["lo", "hi", "hi"], ["lo", "mid", "hi"]), ("lo", "hi")),
        (pd.array([True, None, False], dtype="boolean"), (False, True)),
        (pd.array(["b", "a", None], dtype="string"), ("a", "b")),
    ],
)
@pytest.mark.filterwarnings("ignore:dropped 80 of 240 rows")
def test_categories_are_coded_in_their_own_order(values, levels):
    trial = bmco.load_trial()
    kinds = pd.Series(values).take(np.arange(240) % 3).reset_index(drop=True)
    data = trial.assign(x=kinds)
    before = data.copy()
    plan = calls.plan("bglm", data, x_method="Value", x_def=1)
    assert plan.columns.levels == levels
    coded = plan.columns.frame["x"]
    expected = [np.nan if pd.isna(value) else levels.index(value) for value in kinds]
    np.testing.assert_array_equal(coded, expected)
    assert plan.population == bmco.Value(x=1)
    assert calls.plan("bglm", data, x_method="Value", x_def=levels[0]).population.values == (
        ("x", 0),
    )
    pd.testing.assert_frame_equal(data, before)


def test_polars_frames_and_enums_with_their_order():
    kinds = pl.Enum(["treated", "control"])
    trial = pl.from_pandas(bmco.load_trial()).with_columns(
        pl.Series("x", ["control", "treated", "treated"] * 80, dtype=kinds)
    )
    plan = calls.plan("bglm", trial, x_method="Value", x_def="control")
    assert plan.columns.levels == ("treated", "control")
    assert plan.population == bmco.Value(x=1)


def test_numbers_in_a_column_of_objects_are_numbers():
    data = bmco.load_trial().astype({"x": object})
    assert calls.plan("bglm", data).columns.levels is None


def test_groups_left_out_are_the_two_levels_in_their_order():
    plan = calls.plan("bglmm", grp_a=None, grp_b=None)
    assert plan.model.study.group_labels == ("ctl", "trt")
    sites = bmco.load_multisite()
    sites["arm"] = pd.Categorical(sites["arm"], ["trt", "ctl"])
    plan = calls.plan("bglmm", sites, grp_a=None, grp_b=None)
    assert plan.model.study.group_labels == ("trt", "ctl")
    assert calls.plan("bglmm", grp_a="trt", grp_b=None).model.study.group_labels == ("trt", "ctl")
    assert calls.plan("bglmm", grp_a=None, grp_b="trt").model.study.group_labels == ("ctl", "trt")


# names of columns


@pytest.mark.parametrize(
    ("grp", "x_var"),
    [
        ("group", "value"),
        ("x", "arm"),
        ("treatment arm", "base line"),
        ("it's", 'said "so"'),
        ("Intercept", "x"),
        ("arm", "Intercept"),
        ("arm", "arm_x"),
        ("a:b", "a*b"),
        ("C(arm)", "log(x)"),
        ("treat.arm", "age.years"),
        ("a`b", "x`"),
        ("1", "0"),
        ("arm", ""),
        ("site 1", "µ {x}"),
    ],
)
def test_any_column_name_works(grp, x_var):
    sites = bmco.load_multisite()
    data = sites.set_axis([{"arm": grp, "x": x_var}.get(k, k) for k in sites.columns], axis=1)
    labels = ["Intercept", *(f"`{k}`" if k == "Intercept" else k for k in (grp, x_var))]
    interaction = f"{grp}_{x_var}"
    plan = calls.plan(
        "bglmm",
        data,
        grp=grp,
        x_var=x_var,
        fixed=[interaction, labels[2]],
        b_mu0=[1, 2],
        g_mu0=[3, 4],
        x_method="Value",
        x_def=0.25,
    )
    terms = plan.model.terms
    X, Z = terms.matrices(pd.DataFrame({plan.columns.covariate: [7.0]}), [1])
    mean, _ = plan.model.priors.beta.resolve("beta", terms.fixed)
    assert X[0] @ mean == 7 * 1 + 7 * 2
    X, Z = terms.matrices(pd.DataFrame({plan.columns.covariate: [7.0]}), [0])
    assert X[0] @ mean == 7 * 2
    mean, _ = plan.model.priors.gamma.resolve("gamma", terms.random)
    assert Z[0] @ mean == 3
    assert plan.parts["fixed"].terms.labels == (interaction, labels[2])
    assert plan.parts["random"].terms.labels == ("Intercept", labels[1])


def test_the_estimand_has_the_users_names():
    data = bmco.load_trial().rename(columns={"x": "age.years"})
    plan = calls.plan("bglm", data, x_var="age.years")
    assert plan.columns.covariate == "age_years"
    sentence = "Both groups at age_years = 50, unlike age_years_2."
    expected = "Both groups at age.years = 50, unlike age_years_2."
    assert plan.columns.in_user_names(sentence) == expected


@pytest.mark.parametrize("call", ["bmvb", "bglm", "bglmm"])
def test_subjects_with_some_outcomes_can_be_kept(call):
    data = calls.DATA[call]()
    data["y2"] = data["y2"].astype(float).mask(data.index % 4 == 0)
    kept = calls.plan(call, data, missing="mar").model
    assert kept.cells.weight.sum() == len(data)
    assert kept.cells.partial.count.sum() == len(data) / 4
    with pytest.warns(bmco.InputWarning, match='missing="mar" uses what was observed'):
        assert calls.plan(call, data).model.cells.partial is None
    with pytest.raises(bmco.InputError, match="missing='mnar': is no way to treat missing"):
        calls.plan(call, data, missing="mnar")
