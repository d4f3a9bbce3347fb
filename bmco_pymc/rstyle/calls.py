"""bmco's three calls, on the classes BMVB, BGLM and BGLMM."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from bmco_pymc import patterns
from bmco_pymc.models.bmvb import BMVB
from bmco_pymc.priors.priors import Priors
from bmco_pymc.rstyle.answer import Wanted, carry_out
from bmco_pymc.rstyle.columns import read_columns, study_of
from bmco_pymc.rstyle.plan import Plan, plan_regression, read_settings
from bmco_pymc.rstyle.priors import Part, covariance_prior, normal_prior, pattern_prior
from bmco_pymc.rstyle.question import read_question, read_subpopulation
from bmco_pymc.rstyle.result import Result
from bmco_pymc.rstyle.terms import bmco_terms, read_terms

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame


def bmvb(
    data: IntoFrame,
    grp: str,
    grp_a: Any,
    grp_b: Any,
    y_vars: str | Sequence[str],
    test: str = "right_sided",
    rule: str = "All",
    w: Sequence[float] | None = None,
    prior_a: ArrayLike = 0.5,
    prior_b: ArrayLike = 0.5,
    n_it: int = 10000,
    return_samples: bool = False,
    *,
    missing: str = "complete",
    seed: int | None = None,
    progress: bool = True,
) -> Result:
    r"""Compare two groups on several binary outcomes, without covariates or clusters.

    The response patterns of each group are multinomial with a Dirichlet prior; the draws from the
    posterior, :math:`\mathrm{Dirichlet}(\alpha_g + s_g)` for pattern counts :math:`s_g`, are exact
    and independent. The same as `BMVB`, in the words of the R package bmco.

    Parameters
    ----------
    data : data frame, shape (n, columns)
        A row per subject; pandas, polars or any other frame that narwhals knows.
    grp : str
        The column that says which group a subject is in.
    grp_a, grp_b : object
        The control and the treatment, values of ``grp``.
    y_vars : str or sequence of str
        The K outcome columns, 0/1 or bool.
    test : {"right_sided", "left_sided", "two_sided"}
        Whether the treatment should be better, the control, or either.
    rule : {"All", "Any", "Comp"}
        Better on every outcome, on at least one, or on the weighted sum.
    w : sequence of float, length K, optional
        Weights of the outcomes for Comp; equal if not given.
    prior_a, prior_b : float or array_like, shape (2^K,)
        Dirichlet parameters of the control and the treatment, in the order of the patterns: 11,
        10, 01, 00 for two outcomes.
    n_it : int
        Number of draws.
    return_samples : bool
        Whether the result holds the draws of θ and δ.
    missing : {"complete", "mar"}
        Not in bmco: whether subjects need all outcomes, or those with some are kept and the others
        taken to be missing at random, as in `Study`.
    seed : int, optional
        Seed of the draws: the same ones on one machine with the same versions; on others they
        differ by Monte Carlo error.
    progress : bool
        Accepted as in the other calls; the draws take no time.

    Returns
    -------
    Result
        Printed, it shows θ and δ, the probability of the rule and what they are about; see its
        attributes for the numbers, unrounded, and for the fit, the effect and the decision.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was computed.

    Warns
    -----
    InputWarning
        If the data or an argument are unusual.
    ConvergenceWarning
        If there are too few draws.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2020), https://doi.org/10.1177/0962280220922256

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> result = bmco.bmvb(bmco.load_trial(), "arm", "ctl", "trt", ["y1", "y2"], seed=1)
    >>> result.delta["mean_delta"].round(2).tolist(), round(result.delta["pop"], 1)
    ([0.11, 0.08], 0.9)
    """
    columns = read_columns(data, y_vars, grp)
    settings = read_settings(n_it, n_burn=1, n_chain=1, seed=seed)  # independent: no warm-up
    prior, alpha = pattern_prior(prior_a, prior_b, patterns.labels(len(columns.outcomes)))
    question = read_question(test, rule, w, columns.outcomes)
    model = BMVB(study_of(columns, grp_a, grp_b, missing=missing), Priors.bmco().replace(phi=prior))
    plan = Plan("bmvb", columns, model, settings, question, alpha=alpha)
    return carry_out(plan, Wanted(samples=return_samples), progress=progress)


def bglm(
    data: IntoFrame,
    grp: str,
    grp_a: Any,
    grp_b: Any,
    x_var: str,
    y_vars: str | Sequence[str],
    x_method: str = "Empirical",
    x_def: Any = (-inf, inf),
    test: str = "right_sided",
    rule: str = "All",
    w: Sequence[float] | None = None,
    b_mu0: ArrayLike | None = None,
    b_sigma0: ArrayLike | None = None,
    n_burn: int = 1000,
    n_it: int = 1000,
    n_thin: int = 1,
    n_chain: int = 4,
    start: Any = None,
    return_diagnostics: bool = True,
    return_diagnostic_plots: bool = False,
    return_samples: bool = False,
    *,
    missing: str = "complete",
    seed: int | None = None,
    progress: bool = True,
) -> Result:
    r"""Compare two groups on several binary outcomes, given a covariate.

    The response patterns have a multinomial logit with the terms intercept, group, covariate and
    their interaction:

    .. math:: \log(\phi_q / \phi_Q) = x'\beta_q, \qquad \beta_q \sim N(m, V)

    The same as `BGLM` with the formula ``group * covariate``, in the words of the R package bmco.

    Parameters
    ----------
    data : data frame, shape (n, columns)
        A row per subject; pandas, polars or any other frame that narwhals knows.
    grp : str
        The column that says which group a subject is in.
    grp_a, grp_b : object
        The control and the treatment, values of ``grp``.
    x_var : str
        The covariate: numeric, in its own units, or a category of two levels, which are coded 0
        and 1 in their own order (alphabetical for text).
    y_vars : str or sequence of str
        The K outcome columns, 0/1 or bool.
    x_method : {"Empirical", "Analytical", "Value"}
        What is averaged over: each group's own subjects; a normal distribution with the mean and
        the SD of the whole sample, for both groups; or one value.
    x_def : (float, float), or a value
        Range of the covariate, bounds included; for "Value" the value, of a category its code or
        its label.
    test : {"right_sided", "left_sided", "two_sided"}
        Whether the treatment should be better, the control, or either.
    rule : {"All", "Any", "Comp"}
        Better on every outcome, on at least one, or on the weighted sum.
    w : sequence of float, length K, optional
        Weights of the outcomes for Comp; equal if not given.
    b_mu0 : float or array_like, shape (4,), optional
        Prior mean of the coefficients of each logit, in the order intercept, group, covariate,
        interaction; 0 if not given.
    b_sigma0 : float or array_like, shape (4,) or (4, 4), optional
        Prior precision, the inverse of the variance: a number, a diagonal or a matrix; 0.1 if not
        given.
    n_burn, n_it : int
        Tuning steps and draws in each chain; NUTS needs far fewer than bmco's sampler.
    n_thin : int
        Every ``n_thin``-th draw is kept.
    n_chain : int
        Number of chains.
    start : object
        Accepted and ignored, with a warning: NUTS finds its own starting values.
    return_diagnostics, return_diagnostic_plots, return_samples : bool
        Whether the result holds the diagnostics of every parameter, their plots, and the draws.
    missing : {"complete", "mar"}
        Not in bmco: whether subjects need all outcomes, or those with some are kept and the others
        taken to be missing at random, as in `Study`.
    seed : int, optional
        Seed of all randomness: the same draws on one machine with the same versions; on others
        they differ by Monte Carlo error.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Result
        Printed, it shows θ and δ, the probability of the rule and what they are about;
        ``summary()`` adds coefficients, priors and diagnostics. See its attributes for the numbers,
        unrounded, and for the fit, the effect and the decision.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was computed.

    Warns
    -----
    InputWarning
        If the data or an argument are unusual, or the prior overrules the scale of the covariate:
        bmco's default pulls in effects of one that is far from zero in its SDs.
    ConvergenceWarning
        If any diagnostic is not as it should be.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2024), https://doi.org/10.1080/00273171.2024.2337340

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> result = bmco.bglm(bmco.load_trial(), "arm", "ctl", "trt", "x", ["y1", "y2"],
    ...                    x_method="Value", x_def=0, n_it=1000, n_chain=2, seed=1, progress=False)
    >>> result.delta["mean_delta"].round(1).tolist(), result.decision.decision
    ([0.1, 0.1], 'not superior')
    """
    columns = read_columns(data, y_vars, grp, x_var=x_var)
    settings = read_settings(n_it, n_burn, n_chain, seed, n_thin)
    terms = bmco_terms(grp, x_var)
    parts = {"fixed": Part(terms, normal_prior("b", b_mu0, b_sigma0, terms))}
    subpopulation = read_subpopulation(x_method, x_def)
    question = read_question(test, rule, w, columns.outcomes)
    study = study_of(columns, grp_a, grp_b, missing=missing)
    plan = plan_regression(columns, study, parts, settings, n_thin, question, subpopulation)
    wanted = Wanted(return_diagnostics, return_diagnostic_plots, return_samples)
    return carry_out(plan, wanted, start=start, progress=progress)


def bglmm(
    data: IntoFrame,
    grp: str,
    grp_a: Any = None,
    grp_b: Any = None,
    id_var: str | None = None,
    x_var: str | None = None,
    y_vars: str | Sequence[str] | None = None,
    x_method: str = "Empirical",
    x_def: Any = (-inf, inf),
    test: str = "right_sided",
    rule: str = "All",
    w: Sequence[float] | None = None,
    n_burn: int = 1000,
    n_it: int = 1000,
    start: Any = None,
    fixed: str | Sequence[str] | None = None,
    random: str | Sequence[str] | None = None,
    b_mu0: ArrayLike | None = None,
    b_sigma0: ArrayLike | None = None,
    g_mu0: ArrayLike | None = None,
    g_sigma0: ArrayLike | None = None,
    nu0: float | None = None,
    tau0: ArrayLike | None = None,
    n_chain: int = 4,
    return_thinned: bool = True,
    n_thin: int = 1,
    return_diagnostics: bool = True,
    return_diagnostic_plots: bool = False,
    return_samples: bool = False,
    *,
    missing: str = "complete",
    seed: int | None = None,
    progress: bool = True,
) -> Result:
    r"""Compare two groups on several binary outcomes, given a covariate, with subjects in clusters.

    The response patterns have a multilevel multinomial logit:

    .. math::

        \log(\phi_q / \phi_Q) = x'\beta_q + z'\gamma_{jq}, \qquad
        \gamma_{jq} \sim N(\gamma_q, \Sigma_q), \quad \Sigma_q \sim \mathrm{IW}(\nu, T)

    The same as `BGLMM`, in the words of the R package bmco. Its answers are about the observed
    clusters; the printed result adds the probability for new clusters like these, with both groups
    over the same covariate values.

    Parameters
    ----------
    data : data frame, shape (n, columns)
        A row per subject; pandas, polars or any other frame that narwhals knows.
    grp : str
        The column that says which group a subject is in.
    grp_a, grp_b : object, optional
        The control and the treatment, values of ``grp``; if left out, its two levels in their own
        order (alphabetical for text).
    id_var : str
        The column that says which cluster a subject is in.
    x_var : str
        The covariate: numeric, in its own units, or a category of two levels, which are coded 0
        and 1 in their own order.
    y_vars : str or sequence of str
        The K outcome columns, 0/1 or bool.
    x_method : {"Empirical", "Analytical", "Value"}
        What is averaged over: each group's own subjects in their clusters; a normal distribution
        with the mean and the SD of the whole sample, or one value, for both groups in all clusters,
        each with the same weight.
    x_def : (float, float), or a value
        Range of the covariate, bounds included; for "Value" the value, of a category its code or
        its label.
    test : {"right_sided", "left_sided", "two_sided"}
        Whether the treatment should be better, the control, or either.
    rule : {"All", "Any", "Comp"}
        Better on every outcome, on at least one, or on the weighted sum.
    w : sequence of float, length K, optional
        Weights of the outcomes for Comp; equal if not given.
    n_burn, n_it : int
        Tuning steps and draws in each chain; NUTS needs far fewer than bmco's sampler.
    start : object
        Accepted and ignored, with a warning: NUTS finds its own starting values.
    fixed, random : sequence of str, optional
        Exactly the terms of the model: each of ``"Intercept"``, ``grp``, ``x_var`` and
        ``grp + "_" + x_var`` (the interaction) in one of the two, or in neither. A random term has
        a coefficient in each cluster. If left out, ``fixed`` is covariate and interaction,
        ``random`` intercept and group.
    b_mu0, g_mu0 : float or array_like, shape (terms,), optional
        Prior mean of the fixed coefficients and of the means of the random ones, the same for each
        logit, in the order of ``fixed`` and ``random``; 0 if not given.
    b_sigma0, g_sigma0 : float or array_like, shape (terms,) or (terms, terms), optional
        Their prior precisions, the inverse of the variance: a number, a diagonal or a matrix; 0.1
        if not given.
    nu0 : float, optional
        Degrees of freedom ν of the inverse-Wishart prior, above p − 1 for p random terms; p if not
        given.
    tau0 : float or array_like, shape (p,) or (p, p), optional
        Its scale matrix T: a number, a diagonal or a matrix, in the order of ``random``; 0.1 if not
        given.
    n_chain : int
        Number of chains.
    return_thinned : bool
        Whether the samples returned are those kept by ``n_thin``, on which all else rests, or all.
    n_thin : int
        Every ``n_thin``-th draw is kept.
    return_diagnostics, return_diagnostic_plots, return_samples : bool
        Whether the result holds the diagnostics of every parameter, their plots, and the draws.
    missing : {"complete", "mar"}
        Not in bmco: whether subjects need all outcomes, or those with some are kept and the others
        taken to be missing at random, as in `Study`.
    seed : int, optional
        Seed of all randomness: the same draws on one machine with the same versions; on others
        they differ by Monte Carlo error.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Result
        Printed, it shows θ and δ, the probability of the rule and what they are about;
        ``summary()`` adds coefficients, priors and diagnostics. See its attributes for the numbers,
        unrounded, and for the fit, the effect and the decision.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was computed.

    Warns
    -----
    InputWarning
        If the data or an argument are unusual, or the prior overrules the scale of the covariate:
        bmco's default pulls in effects of one that is far from zero in its SDs.
    ConvergenceWarning
        If any diagnostic is not as it should be.

    References
    ----------
    Kavelaars, Mulder & Kaptein (2023), https://doi.org/10.1186/s12874-023-02034-z

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> result = bmco.bglmm(bmco.load_multisite(), "arm", "ctl", "trt", "site", "x", ["y1", "y2"],
    ...                     rule="Any", n_it=1000, n_chain=2, seed=1, progress=False)
    >>> result.delta["mean_delta"].round(1).tolist(), result.decision.decision
    ([0.1, 0.2], 'superior')
    """
    columns = read_columns(data, y_vars, grp, id_var=id_var, x_var=x_var)
    settings = read_settings(n_it, n_burn, n_chain, seed, n_thin)
    fixed_terms, random_terms = read_terms(bmco_terms(grp, x_var), fixed, random)
    g_prior = normal_prior("g", g_mu0, g_sigma0, random_terms)
    tau_prior = covariance_prior(nu0, tau0, random_terms)
    parts = {
        "fixed": Part(fixed_terms, normal_prior("b", b_mu0, b_sigma0, fixed_terms)),
        "random": Part(random_terms, g_prior, tau_prior),
    }
    subpopulation = read_subpopulation(x_method, x_def)
    question = read_question(test, rule, w, columns.outcomes)
    study = study_of(columns, grp_a, grp_b, id_var, missing)
    plan = plan_regression(columns, study, parts, settings, n_thin, question, subpopulation)
    wanted = Wanted(return_diagnostics, return_diagnostic_plots, return_samples, return_thinned)
    return carry_out(plan, wanted, start=start, progress=progress)
