"""The priors of an analysis as a journal prints them: in words, and in symbols."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bmco_pymc import patterns
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.priors.components import Components
from bmco_pymc.priors.neutral import LOGIT_SD
from bmco_pymc.priors.numbers import plain
from bmco_pymc.priors.priors import LKJ, Exponential, HalfNormal, InverseWishart
from bmco_pymc.report.phrases import joined
from bmco_pymc.report.terms import named

type Array = NDArray[np.float64]

MIDDLE = (0.025, 0.975)
_SDS = "the SDs of clusters' coefficients lie between"
GREEK = {"beta": "β", "gamma": "γ"}


def in_words(model: Declaration) -> str:
    """Return the priors, and what they say about θ where that is known, as sentences."""
    if model.terms is None:
        return _of_patterns(model)
    parts = [_of_coefficients(model)]
    if model.terms.random:
        parts.append(_of_clusters(model))
    return " ".join(parts)


def in_symbols(model: Declaration) -> str:
    """Return the priors in symbols."""
    if model.terms is None:
        control, treatment = model.priors.phi.components("phi", model.study.patterns)
        if _same(control, treatment):
            return f"φ_g ~ {_mixture(control)} for each group g"
        return f"φ_C ~ {_mixture(control)} and φ_T ~ {_mixture(treatment)}"
    parts = [_coefficients(model)]
    if model.terms.random:
        parts.append(_covariance(model))
    return "; ".join(parts)


# BMVB: pattern probabilities


def _of_patterns(model: Declaration) -> str:
    control, treatment = model.priors.phi.components("phi", model.study.patterns)
    names = model.study.group_labels
    if _same(control, treatment):
        return (
            f"The prior of the pattern probabilities of each group was {_mixture(control)}"
            f"{_meaning(control, model)}."
        )
    each = [
        f"{_mixture(part)} for {name}{_meaning(part, model)}"
        for name, part in zip(names, (control, treatment), strict=True)
    ]
    return f"The prior of the pattern probabilities was {joined(each)}."


def _same(control: Components, treatment: Components) -> bool:
    pairs = zip(control, treatment, strict=True)
    return all(a.shape == b.shape and np.array_equal(a, b) for a, b in pairs)


def _mixture(part: Components) -> str:
    """Return a Dirichlet distribution, or a weighted sum of several, in symbols."""
    weights, alphas = part
    each = [f"Dirichlet({', '.join(f'{a:.4g}' for a in alpha)})" for alpha in alphas]
    if len(each) == 1:
        return each[0]
    return " + ".join(f"{w:.4g} {text}" for w, text in zip(weights, each, strict=True))


def _meaning(part: Components, model: Declaration) -> str:
    """Return what one Dirichlet distribution says about θ: a beta distribution for each outcome."""
    _, alphas = part
    if len(alphas) > 1:
        return ""
    success = alphas[0] @ patterns.bits(model.study.n_outcomes)  # (K,)
    failure = alphas[0].sum() - success
    betas = list(
        dict.fromkeys(f"Beta({a:.4g}, {b:.4g})" for a, b in zip(success, failure, strict=True))
    )
    what = "each success probability is" if len(betas) == 1 else "the success probabilities are"
    law = "uniform" if betas == ["Beta(1, 1)"] else joined(betas)
    return f" ({what} {law} a priori, worth {alphas[0].sum():.4g} subjects)"


# regressions: coefficients


def _filled(model: Declaration) -> list[str]:
    """Return which of β and γ the model has, and has filled in itself."""
    assert model.terms is not None
    has = {"beta": model.terms.fixed, "gamma": model.terms.random}
    return [name for name, terms in has.items() if terms and name in model.priors.filled]


def _given(model: Declaration) -> list[str]:
    assert model.terms is not None
    has = {"beta": model.terms.fixed, "gamma": model.terms.random}
    return [name for name, terms in has.items() if terms and name not in model.priors.filled]


def _of_coefficients(model: Declaration) -> str:
    assert model.terms is not None
    filled, given = _filled(model), _given(model)
    sentences = [
        f"The {_whose(name, bool(model.terms.random))} had the prior {_normal(model, name)}."
        for name in given
    ]
    if not filled:
        return " ".join(sentences)
    subject = "The coefficients had" if not given else f"The {_whose(filled[0], True)} had"
    s = LOGIT_SD[model.study.n_outcomes - 1]
    both = " and independent between the groups" if model.terms.uses_group() else ""
    where = " at the average of the covariates" if model.terms.covariates else ""
    more = (
        "; the covariates together move a logit by half of the SD of its level"
        if model.terms.covariates
        else ""
    )
    beside = f", given that of the {_whose(given[0], True)}," if given else ""
    sentences.append(
        f"{subject} a normal prior{beside} that is neutral about the success probabilities, "
        f"whatever the units and coding of covariates: each is nearly uniform{where}{both} "
        f"(logits with mean 0 and SD {s:g}){more}."
    )
    return " ".join(sentences)


def _whose(name: str, clustered: bool) -> str:
    if not clustered:
        return "coefficients"
    return {"beta": "fixed coefficients β", "gamma": "means γ of the random coefficients"}[name]


def _normal(model: Declaration, name: str) -> str:
    """Return one normal prior in symbols, its second number a variance."""
    assert model.terms is not None
    labels = model.terms.fixed if name == "beta" else model.terms.random
    mean, covariance = getattr(model.priors, name).resolve(name, labels)
    variance = np.diag(covariance)
    independent = not (covariance - np.diag(variance)).any()
    n_logits = len(model.study.patterns) - 1
    logits = ""
    if n_logits > 1:
        alike = model.priors.contrasts == "symmetric"
        how = "correlation ½ between every two logits" if alike else "independent between logits"
        logits = f" for each logit, {how}"
    if not independent:
        return f"N({plain(mean)}, {plain(covariance)}){logits} (mean and covariance matrix)"
    if np.ptp(mean) == 0 and np.ptp(variance) == 0:
        return f"N({mean[0]:.4g}, {variance[0]:.4g}) (mean, variance){logits}"
    words = named(labels, model.cells.frame)
    words = list(labels) if len(words) != len(labels) else words
    each = [
        f"N({m:.4g}, {v:.4g}) for {label}"
        for m, v, label in zip(mean, variance, words, strict=True)
    ]
    return f"{joined(each)} (mean, variance){logits}"


def _coefficients(model: Declaration) -> str:
    """Return the prior of the coefficients in symbols."""
    assert model.terms is not None
    filled, given = _filled(model), _given(model)
    parts = [f"{GREEK[name]}_q ~ {_normal(model, name)}" for name in given]
    if filled:
        which = ", ".join(f"{GREEK[name]}_q" for name in filled)
        vector = f"({which})" if len(filled) > 1 else which
        beside = f" | {', '.join(f'{GREEK[name]}_q' for name in given)}" if given else ""
        parts.append(f"{vector}{beside} ~ N(0, V){_half(model)}, {_neutral(model, bool(given))}")
    return "; ".join(parts)


def _half(model: Declaration) -> str:
    several = len(model.study.patterns) > 2
    return " with correlation ½ between every two logits" if several else ""


def _neutral(model: Declaration, conditional: bool) -> str:
    """Return the precision matrix of the neutral prior; see `bmco_pymc.priors.neutral`."""
    assert model.terms is not None
    s = LOGIT_SD[model.study.n_outcomes - 1]
    several = bool(model.terms.covariates)
    if model.terms.uses_group():
        level = "(2/s²) m̄m̄' + (1/(2s²)) d̄d̄'"
        spread = " + (4 q_m/s²) Cov(m) + (4 q_d/s²) Cov(d)"
        what = "m and d being mean and difference of both groups' design rows"
        what += ", and q the ranks of their covariance matrices" * several
    else:
        level, spread = "(1/s²) m̄m̄'", " + (4 q_m/s²) Cov(m)"
        what = "m being the design row, and q_m the rank of its covariance matrix"
    whose = "of the joint normal prior " if conditional else ""
    return f"{whose}with V⁻¹ = {level}{spread * several}, s = {s:g}, {what}"


# regressions: the covariance between clusters


def _of_clusters(model: Declaration) -> str:
    assert model.terms is not None
    prior, random = model.priors.Sigma, model.terms.random
    if isinstance(prior, InverseWishart):
        nu, scale = prior.resolve("Sigma", random)
        df = nu - len(random) + 1
        ends = [_sd_of_wishart(df, T) for T in np.diag(scale)]
        freedom = f"{nu:g} degree{'s' * (nu != 1)} of freedom"
        return (
            "The covariance between clusters had an inverse-Wishart prior for each logit, with "
            f"{freedom} and scale matrix {_scale(scale)}: {_SDS} {_between(ends)}."
        )
    whole = "of all logits and random coefficients" if prior.joint else "for each logit"
    correlation = ""
    if prior.joint or len(random) > 1:
        correlation = f"the correlation matrix {whole} had an LKJ({prior.eta:g}) prior and "
    return (
        f"Of the covariance between clusters, {correlation}the SDs had {_sd_law(prior)} priors: "
        f"{_sds(prior, model)} {_between([_sd_of(prior)])}."
    )


def _sds(prior: LKJ, model: Declaration) -> str:
    """Return what the SDs of a prior are of: where it is joint, not of the coefficients."""
    contrasts = _of_contrasts(prior, model)
    if prior.basis is None and not contrasts:
        return _SDS
    of = "symmetric contrasts of clusters' logits" if contrasts else "clusters' logits"
    coding = "" if prior.basis is None else ", in a coding in which these vary alike,"
    return f"the SDs of {of}{coding} lie between"


def _of_contrasts(prior: LKJ, model: Declaration) -> bool:
    """Return whether the covariance is that of contrasts of the patterns, not of the logits."""
    several = len(model.study.patterns) > 2
    return several and prior.joint and model.priors.contrasts == "symmetric"


def _between(ends: Sequence[tuple[float, float]]) -> str:
    low, high = min(a for a, _ in ends), max(b for _, b in ends)
    return f"{low:.2g} and {high:.2g} with probability .95"


def _sd_of_wishart(df: float, scale: float) -> tuple[float, float]:
    """Return the middle 95 % of the SD: a variance of it is inverse-gamma(df/2, scale/2)."""
    low, high = np.sqrt(stats.invgamma.ppf(MIDDLE, df / 2, scale=scale / 2))
    return float(low), float(high)


def _sd_of(prior: LKJ) -> tuple[float, float]:
    match prior.sd:
        case HalfNormal(sigma):
            low, high = stats.halfnorm.ppf(MIDDLE, scale=sigma)
        case Exponential(scale):
            low, high = stats.expon.ppf(MIDDLE, scale=scale)
        case other:
            low, high = other.sigma * stats.t.ppf((1 + np.array(MIDDLE)) / 2, other.nu)
    return float(low), float(high)


def _sd_law(prior: LKJ) -> str:
    match prior.sd:
        case HalfNormal(sigma):
            return f"half-normal({sigma:.3g})"
        case Exponential(scale):
            return f"exponential (mean {scale:.3g})"
        case other:
            return f"half-Student-t({other.nu:g}, {other.sigma:.3g})"


def _scale(scale: Array) -> str:
    """Return a scale matrix, a multiple of the identity as such."""
    if not (scale - scale[0, 0] * np.eye(len(scale))).any():
        return f"{scale[0, 0]:.4g}" + " I" * (len(scale) > 1)
    return plain(scale)


def _covariance(model: Declaration) -> str:
    assert model.terms is not None
    prior, random = model.priors.Sigma, model.terms.random
    if isinstance(prior, InverseWishart):
        nu, scale = prior.resolve("Sigma", random)
        return f"Σ_q ~ inverse-Wishart(ν = {nu:g}, T = {_scale(scale)}) for each logit"
    basis = "" if prior.basis is None else "B"
    what = ""
    if _of_contrasts(prior, model):
        basis, what = f"(T ⊗ {basis or 'I'})", ", T being symmetric contrasts of the patterns"
    around = (f"{basis} ", f" {basis}'") if basis else ("", "")
    laws = f"SDs in D ~ {_sd_law(prior)}"
    if prior.joint or len(random) > 1:
        laws = f"R ~ LKJ({prior.eta:g}) and {laws}"
    where = "over all logits" if prior.joint else "for each logit"
    name = "Σ" if prior.joint else "Σ_q"
    return f"{name} = {around[0]}D R D{around[1]} {where}, {laws}{what}"
