"""A report of a decision: a paragraph for a paper, and the items of a reporting guideline."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from itertools import groupby

from bmco_pymc.data.missing import AT_RANDOM
from bmco_pymc.decision.decision import Decision
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.escapes import visible
from bmco_pymc.posterior.differences import IN_DOUBT, Differences
from bmco_pymc.printing import html_block, shown
from bmco_pymc.report import sentences as words
from bmco_pymc.report.barg import Item, barg_items

_GUIDELINE = (
    "Bayesian Analysis Reporting Guidelines (Kruschke, 2021, "
    "https://doi.org/10.1038/s41562-021-01177-7)"
)
SAID = IN_DOUBT, AT_RANDOM  # ends of caveats that the paragraph has in other words
_UNRELIABLE = "The numbers that follow cannot be relied on."


@dataclass(frozen=True, repr=False)
class Report:
    """What to write about an effect and a decision; made by ``effect.report()``.

    Attributes
    ----------
    title : str
        What was compared.
    paragraph : str
        A paragraph for the methods and results of a paper.
    items : tuple of Item
        The Bayesian Analysis Reporting Guidelines, item by item; ``item.open`` marks those that
        only the author can fill in.
    """

    title: str
    paragraph: str
    items: tuple[Item, ...]

    def __str__(self) -> str:
        lines = [visible(self.title), "", wrapped(self.paragraph), "", _GUIDELINE]
        for step, items in self._steps():
            lines.append(step)
            lines += [wrapped(f"  {item}", indent="    ") for item in items]
        return "\n".join(lines)

    __repr__ = __str__

    def markdown(self) -> str:
        """Return the report in Markdown; what is still to be filled in has an empty box."""
        lines = [f"## {plain(self.title)}", "", plain(self.paragraph), "", f"### {_GUIDELINE}"]
        for step, items in self._steps():
            lines += ["", f"**{step}**", ""]
            for item in items:
                box, mark = ("[ ]", "*To be filled in:* ") if item.open else ("[x]", "")
                lines.append(f"- {box} **{item.heading}.** {mark}{plain(item.text)}")
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        parts = [f"<b>{shown(self.title)}</b><p>{shown(self.paragraph)}</p>"]
        parts.append(f"<b>{shown(_GUIDELINE)}</b>")
        for step, items in self._steps():
            rows = []
            for item in items:
                mark = "<mark>To be filled in:</mark> " if item.open else ""
                rows.append(f"<li><b>{shown(item.heading)}.</b> {mark}{shown(item.text)}</li>")
            parts.append(f"<p>{shown(step)}</p><ul>{''.join(rows)}</ul>")
        return html_block("".join(parts))

    def _steps(self) -> list[tuple[str, list[Item]]]:
        return [(step, list(items)) for step, items in groupby(self.items, lambda i: i.step)]


def make_report(effect: Differences, rule: Rule, ci_prob: float) -> Report:
    """Decide, and put everything in words; see `Effect.report`."""
    if effect.posterior.idata.attrs.get("sampler") == "prior":
        problem = "is of the prior alone: a report is of what the data say"
        raise InputError("effect", effect.estimand, problem)
    decision = effect.decide(rule)
    control, treatment = effect.groups
    return Report(
        title=f"{treatment} compared with {control}: {decision.verdict}",
        paragraph=_paragraph(effect, decision, ci_prob),
        items=barg_items(effect, decision, ci_prob),
    )


def _paragraph(effect: Differences, decision: Decision, ci_prob: float) -> str:
    model, diagnostics = effect.posterior.model, effect.diagnostics
    control, treatment = effect.groups
    first = [] if diagnostics.ok else [diagnostics.verdict, _UNRELIABLE]
    sentences = [
        *first,
        words.comparison(model),
        words.analysis(model),
        words.priors(model),
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


def wrapped(text: str, indent: str = "") -> str:
    """Return a text on lines of at most 100 characters where it can be broken."""
    return textwrap.fill(
        visible(text),
        width=100,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def plain(text: str) -> str:
    r"""Return a text that Markdown shows as it is.

    Examples
    --------
    >>> print(plain("a*b <i> math_pass _x $5 &lt;"))
    a\*b \<i> math_pass \_x \$5 \&lt;
    """
    text = re.sub(r"([\\`*<|~$^&#])", r"\\\1", visible(text))
    return re.sub(r"(?<!\w)_|_(?!\w)|(?<=\])\(", r"\\\g<0>", text)
