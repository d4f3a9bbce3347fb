"""A truth to plan a trial with: the pattern probabilities of both groups, or of several truths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import one_of, real, texts, whole
from bmco_pymc.errors import InputError
from bmco_pymc.population import told
from bmco_pymc.population.clusters import KINDS, axes_of_clusters
from bmco_pymc.population.covariates import Covariates
from bmco_pymc.population.generators import (
    Generators,
    Joined,
    Kind,
    generators_from_description,
)
from bmco_pymc.population.pilot import Pilot, PilotTruth
from bmco_pymc.population.truth import Truth
from bmco_pymc.population.truths import (
    GROUPS,
    Axis,
    axes_of_phi,
    axes_of_rates,
    axes_of_rho,
    labels_of,
    on_grid,
    phi_at,
    phi_of,
)
from bmco_pymc.printing import Facts, Printed

UNKNOWN = "there are no such clusters"
AT_ONCE = 50  # truths up to which clusters and covariates are sought when a scenario is made

type Array = NDArray[np.float64]


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Scenario(Printed):
    r"""What is assumed to be true of both groups when a trial is planned: one truth, or several.

    Lists make a grid: every control with every treatment with every correlation, in this order,
    the last one fastest. A flat list of numbers is *one* truth for a group, however long: the rates
    of its K outcomes. A list of such lists is a dimension of the grid; so for one outcome the rates
    .5 and .6 are ``[[.5], [.6]]``, while ``[.5, .6]`` are two outcomes. A list of correlations is
    always a dimension of the grid.

    Subjects may come in clusters that differ (``icc``) and have covariates (``covariates``): the
    rates and correlations are then averages over both.

    Parameters
    ----------
    control, treatment : float, array_like of shape (K,) or (G, K)
        Success probability of each outcome, in (0, 1). A number is that of a single outcome.
    rho : float, array_like of shape (R,), (K, K) or (R, K, K), or mapping, optional
        The correlation of the outcomes within a subject: a number for all pairs, or a symmetric
        matrix; a list of either is a dimension of the grid. ``{"control": .2, "treatment": .4}`` if
        the groups differ, with a dimension of the grid for each that has a list. The default is 0.
    phi : array_like of shape (2, Q) or (S, 2, Q), or mapping, optional
        Instead of all the above the probability of each of the Q = 2^K patterns, from all success
        to all failure: of S truths, the control first; or
        ``{"control": [...], "treatment": [...]}``, where lists of lists make a grid.
    icc : float, array_like of shape (I,) or (I, K), or mapping, optional
        The correlation of two subjects of a cluster in an outcome,
        :math:`\mathrm{Var}_j(\theta_{jk}) / \theta_k (1 - \theta_k)`: a number for all outcomes of
        both groups; a list is a dimension of the grid, of numbers or of lists of one for each
        outcome. ``{"control": ..., "treatment": ...}`` if the groups differ.
    icc_between : float, array_like of shape (B,) or (B, K (K - 1) / 2), or mapping, optional
        The correlation of one's outcome k with the other's outcome l, for all pairs or each, as
        with ``icc``. The default is :math:`\sqrt{icc_k\, icc_l}\,\rho_{kl}`.
    between : {"logit-normal", "dirichlet"}
        How clusters differ: normal effects on the log odds of the outcomes, as in a BGLMM, or
        φ of a cluster is Dirichlet with mean φ and sum 1 / icc - 1, which is another model than
        any that analyses; it has one icc for all outcomes and the default ``icc_between``.
    group_correlation : float
        Where a cluster holds both groups, the correlation of its effects in both, from -1 to 1.
        With 1, the default, they are the same but for their size; below it the effect of the
        treatment differs between clusters.
    covariates : Covariates, optional
        If they give ``theta``, there is neither ``control``, ``treatment`` nor ``phi``.
    names : str or sequence of str, optional
        A name for each truth, in the order of the grid.

    Attributes
    ----------
    phi : ndarray, shape (S, 2, Q)
        Probability of each pattern, the control first, averaged over clusters and covariates.
        Read-only.
    labels : tuple of str
        A name for each truth: what was given, or what varies in the grid.
    averaged : bool
        Whether the truths are draws from a distribution, over which to average.
    words : str
        Where the truths are from, in a sentence.

    Raises
    ------
    InputError
        If an argument cannot be used, a correlation is outside its Fréchet bounds, or, for three
        outcomes and more, no distribution has all these correlations. If no clusters have these
        ICCs; of more than 50 truths, in which that is not looked for beforehand, `truth` says so.

    See Also
    --------
    bmco_pymc.Fit.scenario : Truths from the posterior of a pilot study.

    Notes
    -----
    One outcome needs no correlation, and of two it determines φ
    (`bmco_pymc.phi_from_theta_rho`). For more, φ is the one of largest entropy with these rates and
    correlations, which has no interaction of three or more outcomes:

    .. math:: \phi_q \propto \exp\Bigl(\sum_i \lambda_i b_{qi}
        + \sum_{i<j} \lambda_{ij} b_{qi} b_{qj}\Bigr)

    (Jaynes 1957, https://doi.org/10.1103/PhysRev.106.620). ICCs are of success probabilities, not
    of log odds (Eldridge, Ukoumunne & Carlin 2009,
    https://doi.org/10.1111/j.1751-5823.2009.00092.x). `bmco_pymc.population.between` has the model
    of clusters and covariates.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> bmco.Scenario(control=[0.4, 0.4], treatment=[[0.55, 0.5], [0.6, 0.6]], rho=[-0.3, 0])
    4 truths about 2 outcomes
    scenario                              control  treatment          δ     ρ
    treatment = (0.55, 0.5), rho = -0.3  0.4, 0.4  0.55, 0.5  0.15, 0.1  -0.3
    treatment = (0.55, 0.5), rho = 0     0.4, 0.4  0.55, 0.5  0.15, 0.1     0
    treatment = (0.6, 0.6), rho = -0.3   0.4, 0.4   0.6, 0.6   0.2, 0.2  -0.3
    treatment = (0.6, 0.6), rho = 0      0.4, 0.4   0.6, 0.6   0.2, 0.2     0
    Success probabilities and correlations as given, in all 4 combinations.
    >>> bmco.Scenario(0.4, 0.5, icc=[0.01, 0.05])
    2 truths about 1 outcome
    scenario    control  treatment    δ   ICC
    icc = 0.01      0.4        0.5  0.1  0.01
    icc = 0.05      0.4        0.5  0.1  0.05
    Success probabilities as given.
    Logit-normal clusters; one that holds both groups has the same effect in them.

    >>> truth = bmco.Scenario([0.4, 0.4], [0.6, 0.5], rho=0.2, icc=0.05)
    >>> truth.theta.tolist(), truth.delta.round(2).tolist(), truth.rho.round(2).tolist()
    ([[[0.4, 0.4], [0.6, 0.5]]], [[0.2, 0.1]], [[[0.2], [0.2]]])
    >>> truth.n_outcomes, truth.clustered, truth.between, truth.group_correlation
    (2, True, 'logit-normal', 1.0)
    >>> truth.icc.round(3).tolist(), truth.icc_between.round(3).tolist()
    ([[[0.05, 0.05], [0.05, 0.05]]], [[[0.01], [0.01]]])
    >>> truth.covariates, truth.covariate_names
    (None, ())
    """

    phi: Array
    labels: tuple[str, ...]
    averaged: bool
    words: str
    _generators: Kind

    def __init__(
        self,
        control: ArrayLike | None = None,
        treatment: ArrayLike | None = None,
        rho: ArrayLike | Mapping[str, ArrayLike] | None = None,
        *,
        phi: ArrayLike | Mapping[str, ArrayLike] | None = None,
        icc: ArrayLike | Mapping[str, ArrayLike] | None = None,
        icc_between: ArrayLike | Mapping[str, ArrayLike] | None = None,
        between: str = "logit-normal",
        group_correlation: float = 1.0,
        covariates: Covariates | None = None,
        names: str | Sequence[str] | None = None,
    ) -> None:
        if not isinstance(covariates, Covariates | None):
            raise InputError("covariates", covariates, "must be bmco_pymc.Covariates(...)")
        if between is None or one_of("between", between, KINDS, UNKNOWN) is None:
            raise InputError("between", between, UNKNOWN, KINDS)
        tied = real(group_correlation)
        if not -1 <= tied <= 1:
            raise InputError("group_correlation", group_correlation, "must be from -1 to 1")
        by_value = covariates is not None and covariates.rates is not None
        axes = _axes(control, treatment, rho, phi, covariates)
        k = _n_outcomes(axes)
        if covariates is not None:
            covariates.check_outcomes(k)
        of_clusters = axes_of_clusters(icc, icc_between, k, between)
        if (
            between == "dirichlet"
            and icc is not None
            and covariates is not None
            and covariates.used
        ):
            problem = "Dirichlet clusters have no covariates with effects: take logit-normal ones"
            raise InputError("between", between, problem, KINDS[:1])
        axes += of_clusters
        labels = _named(names, labels_of(axes))
        at = None
        if covariates is not None and covariates.rates is not None:
            at = phi_at(axes, covariates.rates, labels)
            found = at.mean(axis=2)  # until it is known
        else:
            found = phi_of(axes, labels)
        grid = on_grid(of_clusters, axes)
        generators = Generators(
            found, labels, grid.get("icc"), grid.get("icc_between"), between, tied, covariates, at
        )
        if by_value or len(labels) <= AT_ONCE:
            generators = generators.solved()
        words = told.words_of(axes, k)
        if by_value:
            words = words.replace("as given", "by covariate as given", 1)
        self._set(generators, labels, averaged=False, words=words)

    def _set(
        self, generators: Kind, labels: tuple[str, ...], *, averaged: bool, words: str
    ) -> None:
        """Fill in what the constructor and descriptions have found."""
        phi = generators.phi
        phi.flags.writeable = False
        said = {"labels": labels, "averaged": averaged, "words": words}
        vars(self).update(phi=phi, _generators=generators, **said)

    @property
    def theta(self) -> Array:
        """Success probability of each outcome, shape (S, 2, K), the control first."""
        return patterns.theta_from_phi(self.phi)

    @property
    def delta(self) -> Array:
        """θ of the treatment minus θ of the control, shape (S, K)."""
        return self.theta[:, 1] - self.theta[:, 0]

    @property
    def rho(self) -> Array:
        """Correlation of each pair of outcomes, shape (S, 2, K (K - 1) / 2); NaN where θ is 0 or 1.

        The pairs have the order of `bmco_pymc.rho_from_phi`.
        """
        return patterns.rho_from_phi(self.phi)

    @property
    def n_outcomes(self) -> int:
        """The number of outcomes K."""
        return self.phi.shape[-1].bit_length() - 1

    @property
    def icc(self) -> Array | None:
        """ICC of each outcome, shape (S, 2, K); None without clusters."""
        return self._generators.icc

    @property
    def icc_between(self) -> Array | None:
        """ICC of each pair of outcomes, shape (S, 2, K (K - 1) / 2); None without clusters."""
        return self._generators.icc_between

    @property
    def clustered(self) -> bool:
        """Whether subjects come in clusters that differ."""
        return self._generators.clustered

    @property
    def between(self) -> str:
        """How clusters differ."""
        return self._generators.between

    @property
    def group_correlation(self) -> float:
        """Correlation of the effects of a cluster in both groups."""
        return self._generators.group_correlation

    @property
    def covariates(self) -> Covariates | None:
        """The covariates; None without, or where they are those of a pilot's subjects."""
        return self._generators.covariates

    @property
    def covariate_names(self) -> tuple[str, ...]:
        """The columns that subjects have, in every truth."""
        return self._generators.covariate_names

    def truth(self, s: int) -> Truth | PilotTruth:
        """Return one truth, from which the subjects of a simulated trial are drawn.

        Parameters
        ----------
        s : int
            Its place, from 0.

        Returns
        -------
        Truth
            ``draw(rng, arm, cluster)`` returns covariates and codes of response patterns. It can
            be sent to another process.

        Raises
        ------
        InputError
            If there is no such truth, or no clusters have its ICCs.

        Examples
        --------
        >>> import numpy as np
        >>> import bmco_pymc as bmco
        >>> truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], 0.3, icc=0.05).truth(0)
        >>> arm, cluster = np.array([0, 1, 0, 1], np.int8), np.array([0, 0, 1, 1])
        >>> truth.draw(np.random.default_rng(1), arm, cluster)[1].tolist()
        [2, 0, 3, 1]
        """
        if not isinstance(s, int | np.integer) or isinstance(s, bool) or not 0 <= s < len(self):
            raise InputError("s", s, f"must be the place of a truth, from 0 to {len(self) - 1}")
        return self._generators.truth(int(s))

    def part(self, which: Sequence[int]) -> Scenario:
        """Return some of the truths, by their places.

        Parameters
        ----------
        which : sequence of int
            Their places, from 0.

        Returns
        -------
        Scenario
            Of these truths, in this order.

        Raises
        ------
        InputError
            If there is no such place.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Scenario(0.4, [[0.5], [0.6]], icc=0.05).part([1]).labels
        ('treatment = 0.6',)
        """
        chosen = [whole("which", s, 0, len(self) - 1) for s in which]
        labels = tuple(self.labels[s] for s in chosen)
        return _made(self._generators.part(chosen), labels, self.averaged, self.words)

    def described(self) -> dict[str, Any]:
        """Return a description of plain values, such as JSON has; see `from_description`.

        Returns
        -------
        dict

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> bmco.Scenario(0.4, 0.5).described()["words"]
        'Success probabilities as given.'
        """
        return {
            "labels": list(self.labels),
            "averaged": self.averaged,
            "words": self.words,
            "generators": self._generators.described(),
        }

    @classmethod
    def from_description(cls, described: Mapping[str, Any]) -> Scenario:
        """Return the scenario that `described` describes, to the last digit.

        Parameters
        ----------
        described : mapping
            What `described` gave.

        Returns
        -------
        Scenario

        Raises
        ------
        InputError
            If it is no such description.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> scenario = bmco.Scenario(0.4, [[0.5], [0.6]], icc=0.05)
        >>> bmco.Scenario.from_description(scenario.described()) == scenario
        True
        """
        try:
            generators = generators_from_description(described["generators"])
            labels = tuple(map(str, described["labels"]))
            averaged, words = bool(described["averaged"]), str(described["words"])
            if len(labels) != len(generators) or generators.phi.shape[1] != len(GROUPS):
                raise KeyError("labels and truths do not match")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("described", described, f"describes no scenario: {error}") from None
        return _made(generators, labels, averaged, words)

    def __len__(self) -> int:
        return len(self.phi)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scenario):
            return NotImplemented
        said = (self.labels, self.averaged, self.words)
        same = said == (other.labels, other.averaged, other.words)
        if not same or not np.array_equal(self.phi, other.phi):
            return False
        own, others = self._generators, other._generators
        return own is others or own.described() == others.described()

    def __hash__(self) -> int:
        return hash((self.phi.tobytes(), self.labels, self.averaged))

    def _facts(self) -> Facts:
        theta, delta, rho = self.theta, self.delta, self.rho
        labels, n = list(self.labels), len(self)
        outcomes = f"{self.n_outcomes} outcome" + "s" * (self.n_outcomes > 1)
        title = f"{n} truth{'s' * (n > 1)} about {outcomes}"
        sentences = [self.words, *told.on_clusters_and_covariates(self._generators)]
        columns = told.columns_of(theta, delta, rho)
        columns |= told.columns_of_clusters(self._generators)
        if self.averaged:  # nobody looks at single draws
            labels = ["mean"]
            columns = {name: part.mean(axis=0, keepdims=True) for name, part in columns.items()}
            title += ", to be averaged over"
        if len(labels) > told.SHOWN:
            sentences.append(f"{len(labels) - told.SHOWN} more are not shown.")
        return title, told.table_of(labels, columns), sentences


def of_draws(phi: Array, words: str, pilot: Pilot | None = None) -> Scenario:
    """Return truths that are draws from a distribution.

    Parameters
    ----------
    phi : ndarray, shape (S, 2, Q)
    words : str
        Where they are from.
    pilot : Pilot, optional
        What else is known of the subjects in each draw.
    """
    labels = tuple(f"draw {number}" for number in range(1, len(phi) + 1))
    drawn = np.stack(axes_of_phi(phi)[0].values)
    generators = Generators(drawn, labels) if pilot is None else pilot
    return _made(generators, labels, True, words)


def together(parts: Sequence[Scenario], names: Sequence[str]) -> Scenario:
    """Return the truths of several scenarios as one, with a name each."""
    generators = Joined(tuple(part._generators for part in parts))
    said = dict.fromkeys(part.words for part in parts)
    labels = tuple(f"truth {number}" for number in range(1, len(generators) + 1))
    return _made(generators, _named(list(names), labels), False, " ".join(said))


def _made(generators: Kind, labels: tuple[str, ...], averaged: bool, words: str) -> Scenario:
    """Return a scenario of what is known already."""
    made = Scenario.__new__(Scenario)
    made._set(generators, labels, averaged=averaged, words=words)
    return made


def _axes(
    control: Any, treatment: Any, rho: Any, phi: Any, covariates: Covariates | None
) -> list[Axis]:
    """Return the dimensions of the grid, but for clusters."""
    rates: dict[str, Any] = {"control": control, "treatment": treatment}
    if covariates is not None and covariates.rates is not None:
        for name, other in (rates | {"phi": phi}).items():
            if other is not None:
                problem = "cannot be given beside covariates with theta, of which it is the average"
                raise InputError(name, other, problem)
        by_value = Axis("theta", [covariates.rates[0, 0]], [f"theta by {covariates.column}"])
        return [by_value, *axes_of_rho(rho, covariates.rates.shape[2])]
    if phi is None:
        for group, value in rates.items():
            if value is None:
                raise InputError(group, value, "a truth needs control and treatment, or phi")
        return axes_of_rates(control, treatment, rho)
    for name, other in (rates | {"rho": rho}).items():
        if other is not None:
            raise InputError(name, other, "cannot be given beside phi, which has it")
    return axes_of_phi(phi)


def _n_outcomes(axes: Sequence[Axis]) -> int:
    """Return the number of outcomes K."""
    size = int(axes[0].values[0].shape[-1])
    return size.bit_length() - 1 if "phi" in axes[0].name else size


def _named(names: Any, labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that were given, or the labels of the grid."""
    if names is None:
        return labels
    found = tuple(texts("names", names, "must be names"))
    if len(found) != len(labels):
        truths = "there is 1 truth" if len(labels) == 1 else f"there are {len(labels)} truths"
        raise InputError("names", names, f"{truths}, each needs a name")
    if len(set(found)) < len(found):
        raise InputError("names", names, "must differ")
    return found
