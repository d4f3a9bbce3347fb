"""bmco's four terms: their names, their formulas, and where a model has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bmco_pymc.design import Design
from bmco_pymc.errors import InputError
from bmco_pymc.remarks import warn

INTERCEPT, GROUP, COVARIATE, INTERACTION = ROLES = (
    "intercept",
    "group",
    "covariate",
    "interaction",
)
# What a term's column is for the control and the treatment at a covariate value of 2.
_SIGNATURES = {
    (1.0, 1.0): INTERCEPT,
    (0.0, 1.0): GROUP,
    (2.0, 2.0): COVARIATE,
    (0.0, 2.0): INTERACTION,
}


@dataclass(frozen=True)
class Terms:
    """Some of the four terms, in the user's order.

    Attributes
    ----------
    labels : tuple of str
        bmco's names of them.
    roles : tuple of str
        Which of `ROLES` each is.
    """

    labels: tuple[str, ...]
    roles: tuple[str, ...]

    def formula(self, group: str, covariate: str) -> str:
        """Return the formula of exactly these terms, for the columns of these names."""
        parts = {
            INTERCEPT: "1",
            GROUP: f"`{group}`",
            COVARIATE: f"`{covariate}`",
            INTERACTION: f"`{group}`:`{covariate}`",
        }
        # The constant is implied in a formula unless it is taken out.
        return " + ".join(["0"] * (INTERCEPT not in self.roles) + [parts[r] for r in self.roles])

    def places(self, model_roles: Sequence[str]) -> NDArray[np.intp]:
        """Return the place in the model of each term."""
        return np.array([model_roles.index(role) for role in self.roles], dtype=np.intp)


def bmco_labels(grp: str, x_var: str) -> dict[str, str]:
    """Return bmco's name of each role; a column called Intercept is told from the constant.

    Examples
    --------
    >>> bmco_labels("method", "ability")["interaction"]
    'method_ability'
    """
    names = {GROUP: grp, COVARIATE: x_var, INTERACTION: f"{grp}_{x_var}"}
    return {INTERCEPT: "Intercept"} | {
        role: f"`{name}`" if name == "Intercept" else name for role, name in names.items()
    }


def read_terms(labels: dict[str, str], fixed: Any, random: Any) -> tuple[Terms, Terms]:
    """Return the fixed and the random terms.

    Parameters
    ----------
    labels : dict
        See `bmco_labels`.
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
    parts = {
        "fixed": _read("fixed", fixed, labels, (COVARIATE, INTERACTION)),
        "random": _read("random", random, labels, (INTERCEPT, GROUP)),
    }
    both = [label for label in parts["fixed"].labels if label in parts["random"].labels]
    if both:
        problem = f"{both[0]!r} is in random={list(parts['random'].labels)} too: a term is either"
        given = list(parts["fixed"].labels) if fixed is None else fixed
        raise InputError("fixed", given, f"{problem} fixed or random")
    if not parts["random"].roles:
        problem = "at least one term must differ between clusters; without clusters, use bglm"
        raise InputError("random", random, problem, labels.values())
    used = {role for part in parts.values() for role in part.roles}
    # A model without any term of the group has a warning of its own.
    usual = (INTERCEPT, GROUP) if INTERACTION in used else (INTERCEPT,)
    left_out = [repr(labels[role]) for role in usual if role not in used]
    if left_out:
        warn([f"{' and '.join(left_out)}: in neither fixed nor random, so not in the model"])
    return parts["fixed"], parts["random"]


def _read(argument: str, given: Any, labels: dict[str, str], default: Sequence[str]) -> Terms:
    """Return the terms of one part."""
    if given is None:
        return Terms(tuple(labels[role] for role in default), tuple(default))
    if isinstance(given, set | frozenset) or not np.iterable(given):
        raise InputError(argument, given, "must be a list of terms", labels.values())
    names = [given] if isinstance(given, str) else list(given)
    roles_of = {label: role for role, label in labels.items()}
    for name in names:
        if not isinstance(name, str) or name not in roles_of:
            raise InputError(argument, name, "unknown term", labels.values())
    if len(set(names)) < len(names):
        raise InputError(argument, given, "a term is named twice")
    return Terms(tuple(map(str, names)), tuple(roles_of[name] for name in names))


def roles_in(design: Design, covariate: str) -> tuple[list[str], list[str]]:
    """Return the roles of a design's fixed and random columns, in the order of the design."""
    frame = pd.DataFrame({covariate: [2.0, 2.0]})
    X, Z = design.matrices(frame, [0, 1])  # (2, P), (2, p)
    fixed, random = ([_SIGNATURES[tuple(column)] for column in part.T.tolist()] for part in (X, Z))
    return fixed, random
