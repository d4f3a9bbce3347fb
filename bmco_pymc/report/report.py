"""A report of a decision: a paragraph for a paper, and the items of a reporting guideline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from bmco_pymc.data.missing import AT_RANDOM
from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.posterior.differences import IN_DOUBT, Differences
from bmco_pymc.report import priors, results
from bmco_pymc.report import sentences as words
from bmco_pymc.report.barg import Item, barg_items
from bmco_pymc.report.beside import Beside
from bmco_pymc.report.blocks import Block, Checklist, Grid, Heading, Paragraph
from bmco_pymc.report.document import Document

_GUIDELINE = (
    "Bayesian Analysis Reporting Guidelines (Kruschke, 2021, "
    "https://doi.org/10.1038/s41562-021-01177-7)"
)
SAID = IN_DOUBT, AT_RANDOM  # ends of caveats that the paragraph has in other words
_UNRELIABLE = "The numbers that follow cannot be relied on."


@dataclass(frozen=True, repr=False)
class Report(Document):
    """What to write about an effect and a decision; made by ``effect.report()``.

    Attributes
    ----------
    title : str
        What was compared.
    paragraph : str
        A paragraph for the methods and results of a paper.
    table : Grid
        The results as a table; ``effect.table()`` is the same to be styled.
    items : tuple of Item
        The Bayesian Analysis Reporting Guidelines, item by item; ``item.open`` marks those that
        only the author can fill in.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
    >>> report = bmco.BMVB(study).fit(seed=1).effect().report("any")
    >>> report.title
    'trt compared with ctl: not superior'
    >>> print(report.paragraph[:59])
    We compared trt (120 subjects) with ctl (120 subjects) on 2
    >>> report.items[0].heading, report.items[0].open
    ('Why Bayesian', True)
    """

    title: str
    paragraph: str
    table: Grid
    items: tuple[Item, ...]

    def blocks(self) -> Sequence[Block]:
        """Return title, paragraph, table and the items of the guidelines.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> report = bmco.BMVB(study).fit(seed=1).effect().report("any")
        >>> [type(block).__name__ for block in report.blocks()][:4]
        ['Heading', 'Paragraph', 'Grid', 'Heading']
        """
        found: list[Block] = [Heading(self.title), Paragraph(self.paragraph), self.table]
        found.append(Heading(_GUIDELINE, 2))
        for step, items in groupby(self.items, lambda item: item.step):
            found += [Heading(step, 3), Checklist(tuple(item.entry for item in items))]
        return found


def make_report(effect: Differences, rule: Rule, ci_prob: float, beside: Beside) -> Report:
    """Decide, and put everything in words; see `Effect.report`."""
    if effect.posterior.is_prior:
        problem = "is of the prior alone: a report is of what the data say"
        raise InputError("effect", effect.estimand, problem)
    beside.suits(effect)
    decision = effect.decide(rule)
    control, treatment = effect.groups
    return Report(
        title=f"{treatment} compared with {control}: {decision.verdict}",
        paragraph=_paragraph(effect, decision, ci_prob),
        table=results.grid(effect, decision, ci_prob),
        items=barg_items(effect, decision, ci_prob, beside),
    )


def _paragraph(effect: Differences, decision: Decision, ci_prob: float) -> str:
    model, diagnostics = effect.posterior.model, effect.diagnostics
    control, treatment = effect.groups
    first = [] if diagnostics.ok else [diagnostics.verdict, _UNRELIABLE]
    sentences = [
        *first,
        words.comparison(model),
        words.analysis(model),
        priors.in_words(model),
        words.computation(effect),
        *([diagnostics.verdict] if diagnostics.ok else []),
        *(f"Note: {note}." for note in diagnostics.notes),
        f"Estimand: {effect.estimand}",
        *words.estimates(effect, effect.summary(ci_prob), ci_prob),
        f"With δ the success probability under {treatment} minus that under {control}:",
        *words.probabilities(decision),
        words.verdict(decision),
        # that the draws are in doubt has been said first
        *(f"Caveat: {caveat}." for caveat in decision.caveats if not caveat.endswith(SAID)),
    ]
    return " ".join(sentences)
