"""What a protocol says of a planned trial: a paragraph, and a report in twelve sections.

What only the author can know is marked, and what has not been worked out says which verb does it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import xarray as xr

from bmco_pymc.posterior.tree import software
from bmco_pymc.report import analysed, findings, planned, simulated, sized, tables
from bmco_pymc.report.planned import PAPERS, Planned
from bmco_pymc.report.sections import Protocol, Section

VERBS = {
    "power": "design.evaluate(truth)",
    "assurance": "design.evaluate(prior)",
    "type_one": "design.type_one()",
    "size": "design.size_for(truth, power=0.8)",
    "prediction": "design.predict(study)",
}
_SUBJECTS = "how subjects are randomised"
_CLUSTERS = (
    "how clusters are randomised, and whether their subjects are recruited before or after that"
)
_VALIDATED = (
    "The tests of the package compare these calculations with reference values that were worked "
    "out by other methods, and with simulated trials."
)


@dataclass(frozen=True, eq=False)
class Result:
    """Numbers that a verb of the design has given.

    Attributes
    ----------
    kind : str
        One of `VERBS`.
    data : xarray.Dataset
        The numbers.
    words : str
        Where the truths are from.
    notes : sequence of str
        What there is to say of the numbers.
    """

    kind: str
    data: xr.Dataset
    words: str = ""
    notes: Sequence[str] = ()


def paragraph(plan: Planned, results: Mapping[str, Result]) -> str:
    """Return a paragraph for a protocol; what only the author knows is marked in it."""
    fixed = "size" not in results or len(results) > 1
    who = _CLUSTERS if plan.of_clusters else _SUBJECTS
    sentences = [
        planned.objective(plan),
        f"[To be filled in: population, interventions, and {who}.]",
        planned.groups(plan) if fixed else "",
        planned.estimand(plan),
        planned.success(plan),
        planned.level(plan),
        PAPERS if plan.at_papers_level else "",
        analysed.analysis(plan),
        planned.looks(plan),
    ]
    for result in results.values():
        sentences += [*findings.SENTENCES[result.kind](result.data), findings.method(result.data)]
    if "size" in results:
        sentences.append("[To be filled in: which of these numbers is chosen, and why.]")
    if {"power", "size", "assurance"} & set(results):
        sentences.append("[To be filled in: why these truths are plausible and worth detecting.]")
    return " ".join(filter(None, sentences))


def make_protocol(plan: Planned, results: Mapping[str, Result]) -> Protocol:
    """Return the report of a design from what its verbs have given, by kind."""
    who = _CLUSTERS if plan.of_clusters else _SUBJECTS
    return Protocol(
        title=f"Plan of a trial: {planned.head(plan)}",
        paragraph=paragraph(plan, results),
        sections=(
            Section(
                "Objective and estimand",
                f"{planned.objective(plan)} {planned.estimand(plan)}",
                [],
                "Population, interventions, outcomes and when they are measured; what is done "
                "about events that happen after randomisation.",
            ),
            Section(
                "Design",
                f"{planned.groups(plan)} {planned.looks(plan)}",
                [],
                f"{who[0].upper()}{who[1:]}; who is blinded.",
            ),
            _criterion(plan),
            _scenarios(results),
            Section(
                "Analysis and priors",
                analysed.analysis(plan),
                [],
                "What is known of the outcomes beforehand, and how this prior says it.",
            ),
            Section(
                "Prior sensitivity, and the prior's worth in subjects",
                analysed.worth(plan),
                [],
                "How these numbers change under at least one other justifiable prior: the same "
                "verbs of a design whose analysis has it.",
            ),
            _method(results),
            _numbers("Type I error", "type_one", results, PAPERS if plan.at_papers_level else ""),
            _power(results),
            _numbers("Sample size", "size", results),
            _interim(plan, results),
            _reproducibility(results),
        ),
    )


def _criterion(plan: Planned) -> Section:
    text = f"{planned.success(plan)} {planned.level(plan)}"
    margins = plan.rule.bounds()
    why = "Why this rule and level" + (", and why these margins." if any(margins) else ".")
    return Section("Success criterion", text, [], why)


def _scenarios(results: Mapping[str, Result]) -> Section:
    """Return what is assumed to be true."""
    found = [results[kind] for kind in ("power", "size", "assurance") if kind in results]
    why = "Why these truths are plausible, and why such differences are worth detecting."
    words = " ".join(dict.fromkeys(result.words for result in found if result.words))
    if not found:
        return Section("Scenarios", "", [], f"{VERBS['power']} takes them.")
    tabled = [r.data for r in found if {"scenario", "theta"} <= {*r.data.dims, *r.data}]
    return Section("Scenarios", words, tables.scenario_table(tabled[0]) if tabled else [], why)


def _method(results: Mapping[str, Result]) -> Section:
    each = [f"{_NAMES[r.kind]}: {findings.method(r.data)}" for r in results.values()]
    notes = [findings.sentence(note) for r in results.values() for note in r.notes]
    exact = [_VALIDATED] * any(not simulated.is_simulated(r.data) for r in results.values())
    what = "How good the approximation is for this design: bmco_pymc.Engine(audit=200) tells."
    check = what if any(simulated.unchecked(r.data) for r in results.values()) else ""
    return Section("Method and its validation", " ".join([*each, *notes, *exact]), [], check)


_NAMES = {
    "power": "Power",
    "assurance": "Assurance",
    "type_one": "Type I error",
    "size": "Sample size",
    "prediction": "Prediction",
}


def _numbers(heading: str, kind: str, results: Mapping[str, Result], more: str = "") -> Section:
    """Return the section of one kind of result, or which verb gives it."""
    if kind not in results:
        return Section(heading, "", [], f"{VERBS[kind]} gives it.")
    data = results[kind].data
    text = " ".join(filter(None, [*findings.BESIDE[kind](data), more]))
    return Section(heading, text, table(kind, data))


def table(kind: str, data: xr.Dataset) -> tables.Rows:
    """Return a result's table."""
    if kind == "size" and simulated.is_simulated(data):
        return sized.found_table(data)
    return tables.TABLES[kind](data)


def _power(results: Mapping[str, Result]) -> Section:
    """Return power by scenario, averaged power beside it."""
    kinds = [kind for kind in ("power", "assurance") if kind in results]
    if not kinds:
        return Section("Power", "", [], f"{VERBS['power']} gives it.")
    texts = findings.BESIDE[kinds[0]](results[kinds[0]].data)
    if len(kinds) > 1:  # there is room for one table
        texts += findings.SENTENCES["assurance"](results["assurance"].data)
    data = results[kinds[0]].data
    rows, more = tables.TABLES[kinds[0]](data), simulated.accuracy_table(data)
    heading = " and ".join(_NAMES[kind] for kind in kinds)
    return Section(heading, " ".join(texts), rows, second=more)


def _interim(plan: Planned, results: Mapping[str, Result]) -> Section:
    """Return when the trial stops."""
    heading, text = "Interim behaviour", planned.looks(plan)
    if not plan.sequential:
        return Section(heading, text, [])
    kinds = [kind for kind in ("power", "assurance") if kind in results]
    if not kinds:
        return Section(heading, text, [], f"{VERBS['power']} gives when the trial stops.")
    rows = tables.interim_table(results[kinds[0]].data)
    return Section(heading, text, rows, "Who sees the interim results and who acts on them.")


def _reproducibility(results: Mapping[str, Result]) -> Section:
    """Return the versions of the software, and the seed of what was simulated."""
    simulated = [r.data for r in results.values() if not findings.exact(r.data)]
    seeds = sorted({str(data.attrs["seed"]) for data in simulated if "seed" in data.attrs})
    given = "No number depends on a seed."
    if simulated:
        given = f"Seed of what was simulated: {', '.join(seeds) or 'as given to the verb'}."
    where = "Where the script can be found."
    return Section("Reproducibility", f"{software()}. {given}", [], where)
