"""What a design is worth: the probabilities of its decisions, as a table, picture and words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import xarray as xr

from bmco_pymc.arguments import of_kind, one_of, probability
from bmco_pymc.errors import InputError
from bmco_pymc.printing import Facts, Printed
from bmco_pymc.report import findings, planned
from bmco_pymc.report.findings import sentence
from bmco_pymc.report.fitted import as_lines
from bmco_pymc.report.planned import Planned
from bmco_pymc.report.protocol import VERBS, Protocol, Result, make_protocol, paragraph, table
from bmco_pymc.report.tables import MOST
from bmco_pymc.trial.plan import Plan
from bmco_pymc.trial.tables import FRAMES
from bmco_pymc.trial.wording import compared, in_words, told

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "power": "Power",
    "assurance": "Assurance",
    "type_one": "Type I error",
    "size": "Sample size",
    "prediction": "Prediction",
}
_VARIABLES = {  # of each property, by kind
    "power": {"power": "success", "assurance": "success", "size": "power"},
    "probability": {"power": "success", "assurance": "success", "prediction": "success"},
    "error": {"type_one": "error"},
    "first": {"size": "first"},
    "stable": {"size": "stable"},
    "bias": {"power": "bias", "assurance": "bias"},
    "coverage": {"power": "coverage", "assurance": "coverage"},
    "failed": {"power": "failed", "assurance": "failed", "type_one": "failed", "size": "failed"},
}
_PICTURES = {  # of each kind, the first is drawn unless another is asked for
    "power": ("power",),
    "assurance": ("power",),
    "type_one": ("type_one",),
    "size": ("size",),
    "prediction": ("stopping",),
}


@dataclass(frozen=True, eq=False, repr=False)
class OperatingCharacteristics(Printed):
    """The probabilities of a design's decisions; made by the verbs of `bmco_pymc.Design`.

    Attributes
    ----------
    design : Design
        The plan.
    data : xarray.Dataset
        The numbers, unrounded, with dims scenario, look, outcome, group as far as they have them:

        - all kinds but size: ``n`` and ``cut``, the subjects and the cut-off at each look;
        - power: ``success``, with ``mcse``, its Monte Carlo standard error, 0 where it is exact;
          ``effect``, whether the rule's claim is true (then success is power, else Type I error);
          ``claim`` of each outcome by itself; ``stop_success`` and ``stop_futility`` by look;
          ``expected_n``, ``median_n`` and ``n90``; ``theta``; two-sided also ``inferior``;
        - assurance: the same without scenarios, ``effect`` being the probability a priori that the
          rule's claim is true, with ``effect_given_success`` and ``success_without_effect``;
        - type_one: ``error``, its bound ``error_bound``, ``theta`` where it is, the ``level``; of
          each outcome the ``claim``, its ``claim_rate`` and the ``curve`` over the control's rate;
        - size: ``power`` by scenario and n, the subjects of the smaller group; ``first``,
          ``stable``, the power there, the ``formula``, ``sizes`` of both groups, those enrolled;
        - prediction: ``success``, ``stop_success``, ``stop_futility`` and ``if_analysed`` of the
          looks to come, the subjects ``seen``.

        Where trials are simulated and analysed one by one (`bmco_pymc.Engine`), power and assurance
        also have, each with ``_mcse``: ``bias``, ``rmse`` and ``coverage`` by outcome, of the
        posterior mean of δ and of its 95 % interval when the trial stops; ``failed``, the share of
        trials whose fit failed or did not converge, which count as no success. ``trials`` is how
        many there are, ``audited`` those of them that NUTS has analysed beside the fast analysis,
        ``disagreement`` the share of these that it decides otherwise, ``disagreement_high`` the
        upper bound of its 95 % interval, ``shift`` the mean of NUTS minus fast; where ``refused``,
        the fast analysis is not used. ``attrs`` says the engine, the trials and the seed.
    kind : {"power", "assurance", "type_one", "size", "prediction"}
        Which question they answer.
    words : str
        Where the truths are from, in a sentence.
    notes : tuple of str
        What there is to say of the numbers.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> truth = bmco.Scenario([0.4, 0.4], [0.6, 0.6], rho=[-0.3, 0.3])
    >>> oc = bmco.Design(105, bmco.Analysis(bmco.BMVB)).evaluate(truth)
    >>> oc.table()[["scenario", "success", "claim[y1]"]].round(4)
         scenario  success  claim[y1]
    0  rho = -0.3   0.8203     0.9091
    1   rho = 0.3   0.8368     0.9091
    >>> oc.method
    'Exact: sums over all counts of both groups.'

    >>> oc.power.round(2).values.tolist(), oc.probability.round(2).values.tolist()
    ([0.82, 0.84], [0.82, 0.84])

    Sizes, error rates, and what only simulated trials have:

    >>> size, error = oc.design.size_for(truth), oc.design.type_one()
    >>> size.first.values.tolist(), size.stable.values.tolist(), round(error.error, 3)
    ([103, 100], [109, 100], 0.056)
    >>> engine = bmco.Engine(200, audit=0)
    >>> simulated = oc.design.evaluate(truth, engine=engine, progress=False)
    >>> bool(abs(simulated.bias).max() < 0.05), bool(simulated.coverage.min() > 0.9)
    (True, True)
    >>> simulated.failed.values.tolist()
    [0.0, 0.0]
    """

    design: Plan
    data: xr.Dataset
    kind: str
    words: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return as_lines(*self._facts())

    __repr__ = __str__

    @property
    def power(self) -> xr.DataArray:
        """Probability of success, dims (scenario,): Type I error where there is no effect.

        Of an assurance it is the average over the design prior, without dims; of a sample size,
        dims (scenario, n).
        """
        return self._variable("power")

    @property
    def probability(self) -> xr.DataArray:
        """Probability that the trial ends in success, dims (scenario,) or none."""
        return self._variable("probability")

    @property
    def error(self) -> float:
        """The largest Type I error rate over the null hypothesis of the rule."""
        return float(self._variable("error"))

    @property
    def first(self) -> xr.DataArray:
        """The first n of the smaller group that reaches the power, dims (scenario,)."""
        return self._variable("first")

    @property
    def stable(self) -> xr.DataArray:
        """The n of the smaller group from which on the power is reached, dims (scenario,)."""
        return self._variable("stable")

    @property
    def bias(self) -> xr.DataArray:
        """Bias of the posterior mean of δ, dims (scenario, outcome); of simulated trials."""
        return self._variable("bias")

    @property
    def coverage(self) -> xr.DataArray:
        """How often the 95 % interval holds the true δ, dims (scenario, outcome); simulated."""
        return self._variable("coverage")

    @property
    def failed(self) -> xr.DataArray:
        """Share of simulated trials whose fit failed or did not converge, dims (scenario,)."""
        return self._variable("failed")

    @property
    def method(self) -> str:
        """Whether the numbers are exact, or simulated with which Monte Carlo error."""
        return findings.method(self.data)

    def table(self) -> pd.DataFrame:
        """Return the numbers, unrounded.

        Returns
        -------
        pandas.DataFrame
            Of power and sample size a row for each scenario, of a prediction for each look, of an
            assurance for each quantity, of the Type I error for the rule and each outcome. What
            differs by outcome, look or group has a column each, such as ``claim[y1]``. Where looks
            count clusters, it says how many there are when the trial stops.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> looks = bmco.Looks([30, 60])
        >>> design = bmco.Design(analysis=bmco.Analysis(bmco.BMVB), looks=looks)
        >>> truths = bmco.Scenario([0.4, 0.4], [[0.6, 0.6], [0.65, 0.65]])
        >>> oc = design.evaluate(truths)
        >>> oc.table()[["scenario", "success", "stop_success[1]"]].round(2)
                           scenario  success  stop_success[1]
        0    treatment = (0.6, 0.6)     0.47             0.03
        1  treatment = (0.65, 0.65)     0.73             0.09
        """
        return FRAMES[self.kind](self._told)

    def plot(self, what: str | None = None, *, target: float | None = None) -> Figure:
        """Draw the characteristics.

        Parameters
        ----------
        what : {"power", "size", "boundary", "stopping", "type_one"}, optional
            - "power": the probability of success by scenario, and of the claim of each outcome;
            - "size": power over n, with the first and the stable n;
            - "boundary": what it takes to stop at each look, as probabilities;
            - "stopping": the probabilities to stop at each look, by scenario;
            - "type_one": the error of the claim of each outcome by the control's true rate.

            By default the first of these that there is. Those of looks need a design that has some.
        target : float, optional
            A power to be marked in "power".

        Returns
        -------
        matplotlib.figure.Figure
            Not known to pyplot: notebooks show it, ``figure.savefig("power.png")`` keeps it.

        Raises
        ------
        InputError
            If there is no such picture of these numbers.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> truth = bmco.Scenario(control=[0.4, 0.4], treatment=[0.65, 0.6])
        >>> figure = design.evaluate(truth).plot(target=0.8)
        >>> figure.axes[0].get_xlabel()
        'probability'
        """
        from bmco_pymc.plots.looks import plot_boundary, plot_stopping
        from bmco_pymc.plots.planning import plot_power, plot_size, plot_type_one

        pictures = self._pictures()
        problem = f"is no picture of this kind ({self.kind})"
        what = one_of("what", pictures[0] if what is None and pictures else what, pictures, problem)
        mark = None if target is None else probability("target", target)
        plan = self._planned
        kind = "Looks" if what == "boundary" else TITLES[self.kind]
        title = f"{kind}: {planned.criterion(plan)}"
        shape = planned.shape(plan, sizes=self.kind != "size")
        design = ", ".join(filter(None, [plan.model, shape]))
        words = " ".join(filter(None, [f"{design}.", self.method, self._truths]))
        data, alpha = self._told, plan.rule.alpha
        if what == "boundary":
            by = plan.futility_by
            return plot_boundary(
                plan.sizes, plan.cuts, plan.futility, by, title, planned.looks(plan)
            )
        if what == "size":
            return plot_size(data, title, words)
        if what == "type_one":
            return plot_type_one(data, title, words, 1 - float(plan.cuts[-1]))
        if what == "stopping":
            return plot_stopping(data, title, words)
        return plot_power(data, title, words, alpha / len(plan.rule.sides), mark)

    def paragraph(self) -> str:
        """Return a paragraph for a protocol, with marks where only the author knows what to say.

        Returns
        -------
        str

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> truth = bmco.Scenario(control=[0.4, 0.4], treatment=[0.65, 0.6])
        >>> print(design.evaluate(truth).paragraph()[:77])
        The trial is to decide whether the treatment has higher success probabilities
        """
        return paragraph(self._planned, {self.kind: self._result})

    def report(
        self,
        *,
        power: OperatingCharacteristics | None = None,
        assurance: OperatingCharacteristics | None = None,
        type_one: OperatingCharacteristics | None = None,
        size: OperatingCharacteristics | None = None,
    ) -> Protocol:
        """Return a report of the planned trial in twelve sections.

        Parameters
        ----------
        power, assurance, type_one, size : OperatingCharacteristics, optional
            Further results of the same design, for the sections that these numbers leave open.

        Returns
        -------
        Protocol
            It prints as text and shows as HTML; ``.markdown()`` gives Markdown. What only the
            author can know, or no result has given, is marked.

        Raises
        ------
        InputError
            If a result is of another kind, or of another design.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> design = bmco.Design(60, bmco.Analysis(bmco.BMVB))
        >>> truth = bmco.Scenario(control=[0.4, 0.4], treatment=[0.65, 0.6])
        >>> report = design.evaluate(truth).report(size=design.size_for(truth))
        >>> [section.heading for section in report.sections if section.open][:3]
        ['Objective and estimand', 'Design', 'Success criterion']
        """
        given = {"power": power, "assurance": assurance, "type_one": type_one, "size": size}
        results: dict[str, Result] = {}
        for kind, value in given.items():
            other = self if value is None and kind == self.kind else value
            if other is not None:
                results[kind] = self._checked(kind, other)._result
        if self.kind not in results:  # a prediction
            results[self.kind] = self._result
        return make_protocol(self._planned, results)

    def _checked(self, kind: str, other: OperatingCharacteristics) -> OperatingCharacteristics:
        """Return another result if it is of this kind and of the same design."""
        problem = f"must be what {VERBS[kind]} returns"
        of_kind(kind, other, OperatingCharacteristics, problem)
        if other.kind != kind:
            raise InputError(kind, other.kind, problem)
        searched = "size" in (kind, self.kind)
        ours, theirs = (compared(plan, searched=searched) for plan in (self.design, other.design))
        for name, value in ours.items():
            if theirs[name] != value:
                differ = f"is of a design with another {name} than {value!s}"
                raise InputError(kind, theirs[name], differ)
        return other

    def _variable(self, name: str) -> xr.DataArray:
        kinds = _VARIABLES[name]
        if self.kind not in kinds:
            verbs = [VERBS[kind] for kind in kinds]
            problem = f"there is no {name} in results of this kind; these verbs give it"
            raise InputError("kind", self.kind, problem, verbs)
        if kinds[self.kind] not in self.data:
            problem = f"there is no {name} in these results: trials must be simulated one by one"
            choices = ["design.evaluate(truth, engine=bmco_pymc.Engine())"]
            raise InputError("kind", self.kind, problem, choices)
        return self.data[kinds[self.kind]]

    def _pictures(self) -> list[str]:
        """Return what can be drawn."""
        found = list(_PICTURES[self.kind])
        if self.kind == "type_one" and "curve" not in self.data:  # a weighted sum decides
            found.clear()
        if self.kind != "size" and self.design.looks is not None:
            found += [] if len(self.design.looks_at) < 2 else ["boundary"]
            looks = self.kind in ("power", "assurance") and self.data.sizes["look"] > 1
            found += ["stopping"] if looks else []
        return found

    @property
    def _truths(self) -> str:
        said = "" if self.kind in ("assurance", "prediction") else "Truths: "
        return f"{said}{sentence(self.words)}" if self.words else ""

    @property
    def _result(self) -> Result:
        return Result(self.kind, self._told, self.words, self.notes)

    @property
    def _told(self) -> xr.Dataset:
        return told(self.design, self.data)

    @property
    def _planned(self) -> Planned:
        return in_words(self.design, self.data.sizes.get("outcome"))

    def _facts(self) -> Facts:
        plan = self._planned
        data = self._told
        rows = table(self.kind, data)
        sentences = [self.method]
        if len(rows) > MOST + 1:
            sentences.insert(0, f"{len(rows) - 1 - MOST} more rows are in .table().")
            rows = rows[: MOST + 1]
        sentences = [*findings.BESIDE[self.kind](data), *sentences]
        sentences += [planned.success(plan), planned.level(plan)]
        if self.kind == "type_one" and plan.at_papers_level:
            sentences.append(planned.PAPERS)
        if plan.sequential:
            sentences.append(planned.looks(plan))
            if self.kind == "size":
                sentences.append("The looks of other sizes are in proportion.")
        sentences += filter(None, [self._truths, *map(sentence, self.notes)])
        if plan.clusters is not None and self.kind != "size":
            sentences.append(planned.groups(plan))
        sizes = self.kind != "size"
        return f"{TITLES[self.kind]}: {planned.head(plan, sizes=sizes)}", rows, sentences
