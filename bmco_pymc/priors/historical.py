"""The meta-analytic-predictive prior: what historical controls say of the next one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc.arguments import real
from bmco_pymc.errors import InputError
from bmco_pymc.priors.betas import closest_betas
from bmco_pymc.priors.dirichlet import Dirichlet
from bmco_pymc.priors.mixture import Mixture, Pairs
from bmco_pymc.priors.numbers import finite
from bmco_pymc.priors.predictive import predictive

Array = NDArray[np.float64]


def map_prior(
    r: ArrayLike,
    n: ArrayLike,
    robust: float = 0.0,
    treatment: Dirichlet | Mixture | Pairs | None = None,
    tau: float = 1.0,
    beta_sd: float = 2.0,
) -> Mixture:
    r"""Return the meta-analytic-predictive prior of a control from historical controls.

    For one outcome. Historical success probabilities vary on the logit scale,
    :math:`\mathrm{logit}\,\theta_j \sim N(\beta, \tau^2)`, with :math:`\beta \sim N(0,
    \mathrm{beta\_sd}^2)` and :math:`\tau \sim \mathrm{HalfNormal}(\mathrm{tau})`, and the trial's
    control is one more study (Neuenschwander et al. 2010, 10.1177/1740774509356002; Schmidli et
    al. 2014, 10.1111/biom.12242). The predictive distribution is computed by quadrature, and the
    prior is the mixture of Beta distributions that is closest to it: cumulative probabilities of
    the two differ by less than 0.0001, or as little as eight components can do: seldom by more
    than 0.001.

    Parameters
    ----------
    r, n : array_like of int, shape (J,)
        Successes and subjects of J historical controls, two or more.
    robust : float
        Weight, from 0 to below 1, of an added uniform component: it takes over where the trial's
        control is unlike the historical ones.
    treatment : Dirichlet, Mixture or sequence of (weight, component), optional
        The treatment's prior; ``None`` means the concentration 2/Q = 1, which is uniform.
    tau : float
        Scale of the half-normal prior of the SD between studies, in log odds, from 0.001 to 5.
    beta_sd : float
        SD of the normal prior of the mean between studies, in log odds, from 0.001 to 10.

    Returns
    -------
    Mixture
        The components of the control, largest weight first, the uniform one last; patterns are
        success and failure.

    Raises
    ------
    InputError
        If r and n are not counts of two or more studies with no r above its n, or a number is
        out of its range.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> prior = bmco.map_prior([23, 12, 19, 9, 39, 6, 9, 10], [107, 44, 51, 39, 139, 20, 78, 35])
    >>> weights, alphas = prior.components("phi", ["1", "0"])[0]
    >>> round(float(weights @ (alphas[:, 0] / alphas.sum(axis=1))), 4)
    0.2583
    """
    successes, subjects = _counts("r", r), _counts("n", n)
    if len(successes) != len(subjects):
        raise InputError("n", n, f"has {len(subjects)} studies, r has {len(successes)}")
    if len(subjects) < 2:
        raise InputError("n", n, "needs two or more studies: one says nothing of how they vary")
    if (subjects < 1).any():
        raise InputError("n", n, "must be 1 or more in each study")
    if (successes > subjects).any():
        raise InputError("r", r, f"must not be above n={subjects.astype(int).tolist()}")
    if not 0 <= real(robust) < 1:
        raise InputError("robust", robust, "must be a number from 0 to below 1")
    for name, value, most in (("tau", tau, 5), ("beta_sd", beta_sd, 10)):
        if not 0.001 <= real(value) <= most:
            raise InputError(name, value, f"must be a number from 0.001 to {most}")
    Mixture([(1, 1)], treatment)  # refuses what is no prior before the work
    weights, a, b = closest_betas(*predictive(successes, subjects, real(tau), real(beta_sd)))
    weights *= 1 - real(robust)
    control: list[tuple[float, Any]] = [
        (float(w), Dirichlet([float(x), float(y)])) for w, x, y in zip(weights, a, b, strict=True)
    ]
    if robust:
        control.append((real(robust), Dirichlet([1.0, 1.0])))
    return Mixture(control, treatment)


def _counts(argument: str, value: ArrayLike) -> Array:
    """Return whole numbers, one for each study."""
    array = finite(argument, value, max_ndim=1)
    if array.ndim != 1:
        raise InputError(argument, value, "must be a list of counts, one for each study")
    if (array < 0).any() or (array > 1e6).any() or (array != np.round(array)).any():
        raise InputError(argument, value, "must be whole numbers from 0 to 1,000,000")
    return array
