"""bmco's four terms: their names, their formulas, and where a model has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bmco_pymc.data.remarks import warn
from bmco_pymc.errors import InputError

# The roles of the terms, and how many variables are in each: a formula's terms are in this order.
DEGREES = {"intercept": 0, "group": 1, "covariate": 1, "interaction": 2}


@dataclass(frozen=True)
class BmcoTerms:
    """Some of the four terms, in the user's order.

    Attributes
    ----------
    names : mapping of str to str
        bmco's name of the term in each of the roles.
    """

    names: Mapping[str, str]

    @property
    def labels(self) -> tuple[str, ...]:
        """As bmco calls them."""
        return tuple(self.names.values())

    @property
    def places(self) -> NDArray[np.intp]:
        """Where the model has each term; by degree, as formulaic orders them."""
        in_model = sorted(self.names, key=DEGREES.__getitem__)
        return np.array([in_model.index(role) for role in self.names], dtype=np.intp)

    def formula(self, group: str, covariate: str) -> str:
        """Return the formula of exactly these terms, for the columns of these names."""
        parts = {
            "intercept": "1",
            "group": f"`{group}`",
            "covariate": f"`{covariate}`",
            "interaction": f"`{group}`:`{covariate}`",
        }
        # The constant is implied in a formula unless it is taken out.
        constant = [] if "intercept" in self.names else ["0"]
        return " + ".join(constant + [parts[role] for role in self.names])


def bmco_terms(grp: Any, x_var: Any) -> BmcoTerms:
    """Return all four terms; a column called Intercept is told from the constant.

    Examples
    --------
    >>> bmco_terms("method", "ability").labels
    ('Intercept', 'method', 'ability', 'method_ability')
    """
    columns = (grp, x_var, f"{grp}_{x_var}")
    labels = ["Intercept", *(f"`{k}`" if k == "Intercept" else k for k in columns)]
    return BmcoTerms(dict(zip(DEGREES, labels, strict=True)))


def read_terms(every: BmcoTerms, fixed: Any, random: Any) -> tuple[BmcoTerms, BmcoTerms]:
    """Return the fixed and the random terms.

    Parameters
    ----------
    every : BmcoTerms
        What there is to choose from.
    fixed, random : str, sequence of str or None
        Names of terms; None for bmco's default: the covariate and the interaction fixed, the
        intercept and the group random.

    Raises
    ------
    InputError
        If a term is unknown, named twice, or both fixed and random, or if none is random.

    Warns
    -----
    InputWarning
        If there is no intercept, or an interaction without a term of the group alone.
    """
    parts = (
        _read("fixed", fixed, every, ("covariate", "interaction")),
        _read("random", random, every, ("intercept", "group")),
    )
    either, random_labels = parts[0].labels, parts[1].labels
    both = [label for label in either if label in random_labels]
    if both:
        problem = f"{both[0]!r} is in random={list(random_labels)} too: a term is either"
        given = list(either) if fixed is None else fixed
        raise InputError("fixed", given, f"{problem} fixed or random")
    if not random_labels:
        problem = "at least one term must differ between clusters; without clusters, use bglm"
        raise InputError("random", random, problem, every.labels)
    used = {**parts[0].names, **parts[1].names}
    # A model without any term of the group has a warning of its own.
    usual = ("intercept", "group") if "interaction" in used else ("intercept",)
    left_out = [repr(every.names[role]) for role in usual if role not in used]
    if left_out:
        warn([f"{' and '.join(left_out)}: in neither fixed nor random, so not in the model"])
    return parts


def _read(argument: str, given: Any, every: BmcoTerms, default: Sequence[str]) -> BmcoTerms:
    if given is None:
        return BmcoTerms({role: every.names[role] for role in default})
    if isinstance(given, set | frozenset) or not np.iterable(given):
        raise InputError(argument, given, "must be a list of terms", every.labels)
    names = [given] if isinstance(given, str) else list(given)
    roles = {label: role for role, label in every.names.items()}
    for name in names:
        if not isinstance(name, str) or name not in roles:
            raise InputError(argument, name, "unknown term", every.labels)
    if len(set(names)) < len(names):
        raise InputError(argument, given, "a term is named twice")
    return BmcoTerms({roles[name]: str(name) for name in names})
