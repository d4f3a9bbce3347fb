"""What the package raises and warns with: messages name the argument, value and choices."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from bmco_pymc.escapes import visible


class InputError(ValueError):
    """An argument cannot be used; nothing was computed.

    Parameters
    ----------
    argument : str
        Name of the argument, as the user wrote it.
    value : object
        What was given.
    problem : str
        What is wrong with it and, where it helps, what to do.
    choices : iterable, optional
        The values that would have been accepted.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> print(bmco.InputError("rule", "most", "unknown rule", ["All", "Any", "Comp"]))
    rule='most': unknown rule; choose from 'All', 'Any', 'Comp'
    """

    def __init__(
        self, argument: str, value: object, problem: str, choices: Iterable[object] | None = None
    ) -> None:
        self.argument = argument
        self.value = value
        self.problem = problem
        self.choices = None if choices is None else tuple(choices)
        super().__init__(argument, value, problem, self.choices)

    def __str__(self) -> str:
        text = f"{self.argument}={short(self.value)}: {self.problem}"
        if self.choices is not None:
            text += "; choose from " + (", ".join(map(repr, self.choices)) or "(nothing)")
        return visible(text)

    def renamed(self, names: Mapping[str, str]) -> InputError:
        """Return the same error under another vocabulary's argument name.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> print(bmco.InputError("outcomes", 3, "must be names").renamed({"outcomes": "y_vars"}))
        y_vars=3: must be names
        """
        name = names.get(self.argument, self.argument)
        return InputError(name, self.value, self.problem, self.choices)


class SamplingError(RuntimeError):
    """The sampler gave up, and nothing of what it did is kept; the message says what to do.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> try:
    ...     fit = bmco.BMVB(study).fit(seed=1)
    ... except bmco.SamplingError as error:
    ...     print(error)
    >>> fit.diagnostics.ok
    True
    """


class InputWarning(UserWarning):
    """The data or a setting is unusual; the analysis runs, and the message says what it means.

    Examples
    --------
    >>> import warnings
    >>> import bmco_pymc as bmco
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", bmco.InputWarning)
    ...     study = bmco.Study(bmco.load_trial()[:12], "y1", "arm", "ctl", "trt")
    >>> print(caught[0].message)
    few subjects (6 in 'ctl', 6 in 'trt'): the prior carries weight; compare a second one
    """

    def __str__(self) -> str:
        return visible(super().__str__())


class ConvergenceWarning(UserWarning):
    """The sampler has not done its job well enough; the message says what to do about it.

    Examples
    --------
    >>> import warnings
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always", bmco.ConvergenceWarning)
    ...     fit = bmco.BMVB(study).fit(draws=20, seed=1)
    >>> print(str(caught[0].message).partition(";")[0].partition(", ")[0])
    TOO FEW DRAWS: ESS is below 400 for 8 of 8 parameters
    """

    def __str__(self) -> str:
        return visible(super().__str__())


# Frames that are not the user's: this package, and what dataclasses call it from. Each is shorter
# than a file's name: a name that is all of the prefix does not count as beginning with it.
_NOT_THE_USERS = (
    os.path.dirname(__file__) + os.sep,
    dataclasses.__file__.removesuffix(".py"),
    "<string",  # the __init__ that dataclasses write
)


def warn_user(message: str | Warning, category: type[Warning] = InputWarning, *others: str) -> None:
    """Warn at the user's line, the first that is neither the package's nor in folders of others."""
    warnings.warn(message, category, skip_file_prefixes=(*_NOT_THE_USERS, *others))


def short(value: Any, width: int = 80) -> str:
    """Return the value's repr on one line, cut to ``width`` characters."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number of too many digits, an object that cannot say what it is
        text = object.__repr__(value)
    return text if len(text) <= width else text[: width - 1] + "…"
