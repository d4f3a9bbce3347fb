"""The plan of a trial as a value: how many subjects, which analysis, which looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Self, cast

import numpy as np

from bmco_pymc import patterns
from bmco_pymc.arguments import of_kind, real, texts, whole
from bmco_pymc.data.study import Study
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.printing import Facts, Printed
from bmco_pymc.priors.priors import Dirichlet
from bmco_pymc.report.recruited import how
from bmco_pymc.trial.analysis import Analysis
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.recruited import recruited
from bmco_pymc.trial.recruitment import Clusters, InClusters, OneByOne
from bmco_pymc.trial.setting import Setting, outcomes_of
from bmco_pymc.trial.stages import Stages

GROUPS = ("control", "treatment")
MOST = 20_000  # subjects in a group: some seconds for each outcome

_ASKED_FOR: Any = None  # as the number of subjects may be left out, which comes first


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Printed):
    """The plan of a trial with two groups: a `bmco_pymc.Design` without its verbs.

    Attributes
    ----------
    n : mapping
        Subjects of the control and of the treatment who are analysed at the end.
    analysis : Analysis
        How the trial will be analysed, rule and level included.
    looks : Looks or None
        Interim analyses.
    dropout : float
        Share of the enrolled subjects without outcome.
    outcomes : int, tuple of str or None
        How many outcomes, or their names, where the design says so.
    clusters, size, size_cv, randomised
        How subjects come in clusters, see `bmco_pymc.Design`.
    group, cluster : str
        What the columns of the group and of the cluster are called in the data.
    """

    n: int | Mapping[str, int] | None = None
    analysis: Analysis = _ASKED_FOR
    looks: Looks | None = None
    dropout: float = 0.0
    outcomes: int | Sequence[str] | None = None
    clusters: int | Mapping[str, int] | None = None
    size: float | Sequence[int] | None = None
    size_cv: float = 0.0
    randomised: str | None = None
    group: str = "group"
    cluster: str = "cluster"

    def __post_init__(self) -> None:
        problem = "must be a bmco_pymc.Analysis: how the trial will be analysed"
        of_kind("analysis", self.analysis, Analysis, problem)
        of_kind("looks", self.looks, Looks | None, "must be bmco_pymc.Looks")
        if not 0 <= real(self.dropout) < 1:
            raise InputError("dropout", self.dropout, "must be a share, from 0 to below 1")
        for name in ("group", "cluster"):
            of_kind(name, getattr(self, name), str, "must be the name of a column")
        if self.clusters is not None:
            self._check_clusters()
        else:
            self._check_subjects()
        if isinstance(self.outcomes, int | np.integer) and not isinstance(self.outcomes, bool):
            whole("outcomes", self.outcomes, least=1, most=10)
        elif self.outcomes is not None:
            names = tuple(texts("outcomes", self.outcomes, "must be how many, or names"))
            object.__setattr__(self, "outcomes", names)
        if self.looks is not None and len(self.rule.sides) > 1:
            problem = "looks are for one-sided rules: plan each side by itself"
            raise InputError("looks", self.looks, problem)
        if self.looks is not None and self.rule.cut is not None:
            cuts = self.looks.cuts
            if cuts is None or cuts[-1] != self.rule.cut:
                problem = "looks have cut-offs of their own: Looks(..., cuts=...)"
                raise InputError("cut", self.rule.cut, problem)
        if (known := self._known_outcomes()) is not None:  # say what does not fit
            self.setting(known) if self.exact else self.rule_of(known)

    @property
    def rule(self) -> Rule:
        """The rule of the analysis."""
        return self.analysis.rule

    @property
    def exact(self) -> bool:
        """Whether the probabilities of its decisions can be worked out: BMVB, without clusters."""
        return self.analysis.name == "BMVB" and self.clusters is None

    @property
    def in_clusters(self) -> Clusters | None:
        """How subjects come in clusters; None where they come one by one."""
        if self.clusters is None:
            return None
        return Clusters(self.clusters, self.size, self.size_cv, self.randomised or "clusters")

    @property
    def recruitment(self) -> OneByOne | InClusters:
        """How subjects come, look by look."""
        if (clusters := self.in_clusters) is None:
            return OneByOne(self.looks_at)
        at, by = np.array([clusters.total], dtype=float), "clusters"
        if self.looks is not None:
            at, by = np.array(self.looks.n, dtype=float), self.looks.by or "clusters"
        at = at / at[-1] if by == "subjects" else at
        return InClusters(clusters, at, by, float(self.dropout))

    @property
    def sizes(self) -> tuple[int, int]:
        """Subjects of the control and of the treatment who are analysed at the end."""
        assert isinstance(self.n, Mapping)
        return self.n["control"], self.n["treatment"]

    @property
    def enrolled(self) -> tuple[int, int]:
        """How many are enrolled in each group, for so many to be left after dropout."""
        stay = 1 - Fraction(repr(float(self.dropout)))
        control, treatment = (int(-(-size // stay)) for size in self.sizes)
        return control, treatment

    @property
    def looks_at(self) -> np.ndarray:
        """Subjects of the control and of the treatment at each look, shape (looks, 2)."""
        if self.looks is None:
            return np.array([self.sizes])
        if (clusters := self.in_clusters) is not None and self.looks.by != "subjects":
            if clusters.by_group is None:
                return np.array([[round(n * clusters.mean_size / 2)] * 2 for n in self.looks.n])
            came = [np.bincount(clusters.groups[:n], minlength=2) for n in self.looks.n]
            return np.round(np.array(came) * clusters.mean_size).astype(np.int64)
        smaller = min(self.sizes)
        return np.array(
            [[round(size * Fraction(n, smaller)) for size in self.sizes] for n in self.looks.n]
        )

    def rule_of(self, n_outcomes: int | None) -> Rule:
        """Return the rule for so many outcomes, on which design and truth must agree.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> design.rule_of(2).margins
        (0.0, 0.0)
        """
        return self.rule.for_outcomes(self.names(self._agreed(n_outcomes)))

    def cuts_of(self, rule: Rule) -> np.ndarray:
        """Return the cut-off at each look of a rule for given outcomes, shape (looks,).

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> looks = bmco.Looks([30, 60])
        >>> design = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), looks=looks)
        >>> design.cuts_of(design.rule_of(2)).round(3).tolist()
        [0.994, 0.952]
        """
        return np.array([rule.threshold()]) if self.looks is None else self.looks.thresholds(rule)

    def stages(self, n_outcomes: int | None) -> Stages:
        """Return what the probabilities of the design's decisions depend on.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> looks = bmco.Looks([30, 60])
        >>> design = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), looks=looks)
        >>> design.stages(2).cuts.round(3).tolist()
        [0.994, 0.952]
        """
        setting = self.setting(self._agreed(n_outcomes))
        rule, looks = setting.rule, self.looks
        cuts = self.cuts_of(rule)
        if looks is None:
            return Stages(setting, self.looks_at, cuts)
        return Stages(setting, self.looks_at, cuts, looks.futility, looks.futility_by)

    def setting(self, n_outcomes: int) -> Setting:
        """Return the rule and the priors for so many outcomes.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> design.setting(2).rule.outcomes
        ('y1', 'y2')
        """
        analysis = self.analysis
        if not self.exact:
            problem = "its decisions are simulated, for which this is not possible"
            raise InputError("analysis", analysis.name, problem, ["BMVB, without clusters"])
        rule = analysis.rule.for_outcomes(self.names(n_outcomes))
        prior = analysis.priors.phi or Dirichlet()
        components = prior.components("phi", patterns.labels(n_outcomes))
        return Setting(rule, components)

    def names(self, n_outcomes: int) -> tuple[str, ...]:
        """Return what the outcomes are called.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> design.names(2)
        ('y1', 'y2')
        """
        if isinstance(self.outcomes, tuple):
            return self.outcomes
        margins, w = self.rule.margins, self.rule.w
        named = next((given for given in (margins, w) if isinstance(given, Mapping)), None)
        if named is not None:
            return tuple(map(str, named))
        return tuple(f"y{k + 1}" for k in range(n_outcomes))

    def check_study(self, study: Study) -> None:
        """Refuse data of other outcomes, or without clusters where the plan has them.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB), outcomes=["y2", "y1"])
        >>> try:
        ...     design.check_study(study)
        ... except bmco.InputError as error:
        ...     print(error)
        study=('y1', 'y2'): has other outcomes, or in another order, than the plan: ('y2', 'y1')
        """
        of_kind("study", study, Study, "must be a bmco_pymc.Study: the data of the trial")
        if isinstance(self.outcomes, tuple) and self.outcomes != study.outcomes:
            problem = f"has other outcomes, or in another order, than the plan: {self.outcomes}"
            raise InputError("study", study.outcomes, problem)

    def with_clusters(self, number: int | None = None, size: float | None = None) -> Self:
        """Return the same design with another number of clusters, or mean size of these.

        Parameters
        ----------
        number : int, optional
            How many clusters in all.
        size : float, optional
            Mean number of subjects of a cluster.

        Returns
        -------
        Design
            Its looks are in proportion.

        Raises
        ------
        InputError
            If the design has no clusters.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), clusters=10, size=20)
        >>> design.with_clusters(number=16).sizes, design.with_clusters(size=30).sizes
        ((160, 160), (150, 150))
        """
        clusters = self.in_clusters
        if clusters is None:
            raise InputError("design", self.n, "has no clusters: use with_sizes")
        old = clusters
        if number is not None:
            clusters = clusters.with_number(number)
        if size is not None:
            clusters = clusters.with_size(size)
        looks = self.looks
        if looks is not None:
            by_clusters = looks.by != "subjects"
            last = clusters.total if by_clusters else min(clusters.subjects)
            of = old.total if by_clusters else min(old.subjects)
            looks = replace(looks, n=tuple(round(Fraction(n * last, of)) for n in looks.n))
        return replace(
            self, n=None, clusters=clusters.number, size=clusters.size, size_cv=clusters.cv,
            looks=looks,
        )  # fmt: skip

    def with_sizes(self, control: int, treatment: int) -> Self:
        """Return the same design with other numbers of subjects, its looks in proportion.

        Parameters
        ----------
        control, treatment : int
            Subjects of each group who are analysed at the end.

        Returns
        -------
        Design

        Raises
        ------
        InputError
            If a number cannot be used.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> looks = bmco.Looks([30, 60])
        >>> design = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), looks=looks)
        >>> design.with_sizes(100, 100).looks_at.tolist()
        [[50, 50], [100, 100]]
        """
        sizes = {"control": control, "treatment": treatment}
        if self.looks is None:
            return replace(self, n=sizes)
        old, new = min(self.sizes), min(control, treatment)
        at = tuple(round(Fraction(n * new, old)) for n in self.looks.n)
        return replace(self, n=sizes, looks=replace(self.looks, n=at))

    def _check_subjects(self) -> None:
        """Check how many subjects there are in each group."""
        if self.analysis.name == "BGLMM":
            problem = "is an analysis of subjects in clusters: say how many, and their size"
            raise InputError("analysis", self.analysis.name, problem, ["clusters=, size="])
        for name, without in (("size", None), ("size_cv", 0.0), ("randomised", None)):
            value = getattr(self, name)
            if not (value is without or (isinstance(value, int | float) and value == without)):
                raise InputError(name, value, "is for designs with clusters: give `clusters` too")
        if self.looks is not None and self.looks.by == "clusters":
            raise InputError("looks", self.looks, "count clusters, which this design has not")
        if self.n is None and self.looks is None:
            raise InputError("n", None, "a design needs the number of subjects in each group")
        object.__setattr__(self, "n", _sizes(self.n, self.looks))

    def _check_clusters(self) -> None:
        """Check how subjects come in clusters, and derive about how many there are."""
        clusters = self.in_clusters
        assert clusters is not None
        sizes = dict(zip(GROUPS, clusters.subjects, strict=True))
        if self.n is not None and self.n != sizes:
            raise InputError("n", self.n, "follows from clusters and their size: leave it out")
        object.__setattr__(self, "n", sizes)
        if self.looks is None:
            return
        by_subjects = self.looks.by == "subjects"
        last = min(sizes.values()) if by_subjects else clusters.total
        if self.looks.n[-1] != last:
            what = "subjects in each group" if by_subjects else "clusters"
            problem = f"the last look must be at the end, with {last} {what}"
            raise InputError("looks", self.looks, problem)
        if by_subjects:
            return
        first = self.looks.n[0]
        groups = 2 if clusters.by_group is None else len(np.unique(clusters.groups[:first]))
        if first < 2 or groups < 2:
            problem = "at the first look there must be two clusters, one of each group at least"
            raise InputError("looks", self.looks, problem)

    def _known_outcomes(self) -> int | None:
        """How many outcomes the design itself says that there are."""
        if isinstance(self.outcomes, tuple):
            return len(self.outcomes)
        if self.outcomes is not None:
            return int(cast(int, self.outcomes))
        rule = self.rule
        for given in (rule.margins, rule.w):
            if not rule.criterion.values and isinstance(given, Mapping | Sequence):
                return len(given)
        if isinstance(rule.u, Mapping):
            return len(next(iter(rule.u), ""))
        if isinstance(rule.u, Sequence):
            return len(rule.u).bit_length() - 1
        return None if (prior := self.analysis.priors.phi) is None else outcomes_of(prior)

    def _agreed(self, n_outcomes: int | None) -> int:
        """Return the number of outcomes, on which design and truth must agree."""
        known = self._known_outcomes()
        if n_outcomes is None:
            if known is None and self.rule.rule not in ("All", None):
                problem = f"say how many there are: rule {self.rule.words} depends on it"
                raise InputError("outcomes", None, problem)
            return 2 if known is None else known
        if known is not None and known != n_outcomes:
            problem = f"is about {n_outcomes} outcomes, the design about {known}"
            raise InputError("truth", n_outcomes, problem)
        return n_outcomes

    def _facts(self) -> Facts:
        analysis, rule = self.analysis, self.rule
        cut = "" if rule.cut is None else f", cut-off {rule.cut:.6g}"
        sided = rule.direction if rule.direction == "two-sided" else f"{rule.direction}-sided"
        title = f"Design: {analysis.name}, rule {rule.words}, {sided}, level {rule.alpha:g}{cut}"
        sizes = self.looks_at.tolist()
        table = [["", *(f"look {i + 1}" for i in range(len(sizes) - 1)), "end"]]
        table += [[group, *(str(n[g]) for n in sizes)] for g, group in enumerate(GROUPS)]
        sentences = []
        clusters = recruited(self.in_clusters, float(self.dropout), self.looks)
        if clusters is not None:
            at = clusters.at or ("",) * (len(sizes) - 1) + (clusters.total,)
            table.append(["clusters", *map(str, at)])
            sentences.append(f"{how(clusters)}.")
        if self.dropout:
            both = "about " * (clusters is not None) + " and ".join(map(str, self.enrolled))
            sentences.append(f"With {self.dropout:.4g} of them lost, {both} are to be enrolled.")
        if self.looks is not None and self.looks.futility is not None:
            sentences.append(
                f"Given up where the {self.looks.futility_by} probability of success is below "
                f"{self.looks.futility:g} (not binding)."
            )
        return title, table, sentences


def _sizes(n: Any, looks: Looks | None) -> Mapping[str, int]:
    """Return the subjects of each group."""
    if n is None and looks is not None:
        n = looks.n[-1]
    if isinstance(n, Mapping):
        if set(n) != set(GROUPS):
            raise InputError("n", n, "must have both groups, and no other", GROUPS)
        sizes = {group: whole(f"n[{group!r}]", n[group], 1, MOST) for group in GROUPS}
    else:
        sizes = dict.fromkeys(GROUPS, whole("n", n, 1, MOST))
    if looks is not None and min(sizes.values()) != looks.n[-1]:
        problem = f"the last look is at {looks.n[-1]}: it must be at the end"
        raise InputError("n", n, problem)
    return sizes
