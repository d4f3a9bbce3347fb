"""A community of priors: one model as weak, skeptical and optimistic readers would have it."""

from __future__ import annotations

from bmco_pymc.arguments import of_kind
from bmco_pymc.errors import InputError
from bmco_pymc.models.base import Model
from bmco_pymc.priors import InverseWishart, Normal, Priors


def community_of_priors(model: Model, effect: float = 0.5) -> dict[str, Model]:
    r"""Return a regression under three priors that pull in different directions.

    ========== ========================== ===================================================
    name       coefficients               covariance between clusters
    ========== ========================== ===================================================
    weak       N(0, 10)                   InverseWishart(p, 0.1)
    skeptical  N(0, 1): against large     InverseWishart(p + 4, 0.05): for clusters that are
               effects in any direction   alike
    optimistic N(0, 1), but N(effect, 1)  as under weak
               for the group's term
    ========== ========================== ===================================================

    The numbers in brackets are means and variances, of each coefficient and logit, on the raw scale
    of the covariates; p is the number of random terms.

    Parameters
    ----------
    model : Model
        A BGLM or BGLMM in which the group has a term of its own; its own priors are not used.
    effect : float, optional
        Log odds by which the optimist expects the treatment to raise each pattern over the
        pattern of all failures.

    Returns
    -------
    dict of str to Model
        For `bmco_pymc.compare`.

    Raises
    ------
    InputError
        If the model has no term of the group alone.

    Warns
    -----
    InputWarning
        If one of the priors overrules the scale of a covariate: standardise it for these.

    References
    ----------
    Spiegelhalter, Freedman & Parmar (1994), https://doi.org/10.2307/2983527

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> three = community_of_priors(bmco.BGLM(study, "arm * x"))
    >>> for name, model in three.items():
    ...     print(name, model.priors.beta)
    weak Normal(mean=0, covariance=10)
    skeptical Normal(mean=0, covariance=1)
    optimistic Normal(mean=[0.0, 0.5, 0.0, 0.0], covariance=1)
    """
    design = of_kind("model", model, Model, "must be a BGLM or BGLMM").design
    group = model.study.group
    if design is None or group not in (*design.terms, *design.random_terms):
        what = f"has no term of the group ({group!r}) alone, on which the optimist could set hopes"
        raise InputError("model", type(model).__name__, what)
    p = len(design.random_terms)

    def mean(terms: tuple[str, ...]) -> float | list[float]:
        return [effect if term == group else 0.0 for term in terms] if group in terms else 0.0

    weak = {"beta": Normal(0, covariance=10), "gamma": Normal(0, covariance=10)}
    skeptical = {"beta": Normal(0, covariance=1), "gamma": Normal(0, covariance=1)}
    optimistic = {
        "beta": Normal(mean(design.terms), covariance=1),
        "gamma": Normal(mean(design.random_terms), covariance=1),
    }
    start, spread = Priors.bmco(), InverseWishart()
    return {
        "weak": model.with_priors(start, **weak, Sigma=spread),
        "skeptical": model.with_priors(start, **skeptical, Sigma=InverseWishart(p + 4, scale=0.05)),
        "optimistic": model.with_priors(start, **optimistic, Sigma=spread),
    }
