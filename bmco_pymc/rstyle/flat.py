"""bmco's calls for subjects without clusters: bmvb and bglm, on the classes BMVB and BGLM."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from bmco_pymc.rstyle.answer import Wanted, carry_out
from bmco_pymc.rstyle.plan import plan_bmvb, plan_regression
from bmco_pymc.rstyle.result import Result

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
    seed : int, optional
        Seed of the draws.
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
    plan = plan_bmvb(
        data,
        grp=grp,
        grp_a=grp_a,
        grp_b=grp_b,
        y_vars=y_vars,
        test=test,
        rule=rule,
        w=w,
        prior_a=prior_a,
        prior_b=prior_b,
        n_it=n_it,
        seed=seed,
    )
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
    seed : int, optional
        Seed of all randomness.
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
    ...                    x_method="Value", x_def=0.8, seed=1)  # doctest: +SKIP
    """
    plan = plan_regression(
        data,
        grp=grp,
        grp_a=grp_a,
        grp_b=grp_b,
        x_var=x_var,
        y_vars=y_vars,
        x_method=x_method,
        x_def=x_def,
        test=test,
        rule=rule,
        w=w,
        b_mu0=b_mu0,
        b_sigma0=b_sigma0,
        n_burn=n_burn,
        n_it=n_it,
        n_thin=n_thin,
        n_chain=n_chain,
        seed=seed,
    )
    wanted = Wanted(return_diagnostics, return_diagnostic_plots, return_samples)
    return carry_out(plan, wanted, start=start, progress=progress)
