"""The items of the Bayesian Analysis Reporting Guidelines (BARG) for one decision.

The items follow the preamble and the six steps of Kruschke (2021),
https://doi.org/10.1038/s41562-021-01177-7. What the package cannot know is left open and says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from bmco_pymc.decision.decision import Decision
from bmco_pymc.posterior.declaration import Declaration
from bmco_pymc.posterior.differences import Differences
from bmco_pymc.report import priors
from bmco_pymc.report import sentences as words
from bmco_pymc.report.beside import Beside
from bmco_pymc.report.blocks import Entry
from bmco_pymc.report.phrases import symbol

STEPS = {
    "Preamble": ("Why Bayesian", "Goal"),
    "Step 1: the model": (
        "Data",
        "Likelihood and parameters",
        "Priors",
        "Why these priors",
        "Formal specification",
        "Prior predictive check",
    ),
    "Step 2: the computation": ("Software", "Convergence", "Resolution"),
    "Step 3: the posterior": ("Posterior predictive check", "Estimates", "Bayes factors"),
    "Step 4: the decision": ("Why a decision", "Why these margins", "Probabilities", "Decision"),
    "Step 5: sensitivity": ("Other priors",),
    "Step 6: reproducibility": ("Settings", "Script and data"),
}
# what the author should write
_OPEN = {
    "Why Bayesian": "What this analysis gains from it.",
    "Why these priors": "What is known of the parameters beforehand.",
    "Prior predictive check": "Whether data simulated from the priors are such as could be "
    "expected: report(prior=model.prior_effect()) says what the priors claim.",
    "Posterior predictive check": "Whether data simulated from the posterior look like those "
    "observed: report(check=fit.check()) says it.",
    "Why a decision": "What depends on it, and why this rule and level.",
    "Other priors": "How the estimates and the decision change under at least one other "
    "justifiable prior: report(comparison=compare(...)) says it, report(sensitivity=...) how they "
    "move with the strength of this one.",
    "Script and data": "Where they can be found; fit.save(...) keeps the fit itself in a file.",
}
_DEPARTURES = (
    "And how far missing outcomes must depart from missing at random for the decision to change: "
    "fit.tipping_point() says it."
)
_IN_PART = (
    "; a subject observed in part adds log Σ_{q in C} φ_q to the log-likelihood, C being the "
    "patterns that agree"
)
_REGRESSION = "log(φ_q/φ_Q) = x'β_q{random}, q = 1, …, Q − 1, with Q the pattern of all failures"


@dataclass(frozen=True)
class Item:
    """One thing to report.

    Attributes
    ----------
    step : str
        One of `STEPS`.
    heading : str
        What it is about.
    text : str
        What the analysis says of it; or, if open, what the author should write.
    open : bool
        Whether only the author can know it.
    """

    step: str
    heading: str
    text: str
    open: bool = False

    @property
    def entry(self) -> Entry:
        """The same without its step."""
        return Entry(self.heading, self.text, self.open)

    def __str__(self) -> str:
        mark = "TO BE FILLED IN: " if self.open else ""
        return f"{self.heading}. {mark}{self.text}"


def barg_items(
    effect: Differences, decision: Decision, ci_prob: float, beside: Beside
) -> tuple[Item, ...]:
    """Return the items in the order of the guidelines."""
    model = effect.posterior.model
    control, treatment = effect.groups
    goal = f"To decide between {treatment} and {control}, by {words.criterion(decision)}."
    caveats = [f"Caveat: {caveat}." for caveat in decision.caveats]
    known = {
        "Goal": f"{goal} Estimand: {effect.estimand}",
        "Data": _data(model),
        "Likelihood and parameters": _parameters(model),
        "Priors": priors.in_words(model),
        "Formal specification": _specification(model),
        "Software": f"{words.software_of(effect)}.",
        "Convergence": " ".join(str(effect.diagnostics).splitlines()),
        "Resolution": _resolution(effect),
        "Estimates": _table(effect.summary(ci_prob), ci_prob),
        "Bayes factors": "None were computed.",
        "Probabilities": " ".join(words.probabilities(decision)),
        "Decision": " ".join([words.verdict(decision), *caveats]),
        "Settings": _settings(effect),
        **beside.texts(decision, ci_prob),
    }
    texts = {**_OPEN, "Why these margins": _margins(decision), **known}
    if model.cells.partial is not None and "Other priors" not in known:
        texts["Other priors"] += f" {_DEPARTURES}"
    return tuple(
        Item(step, heading, texts[heading], open=heading not in known)
        for step, headings in STEPS.items()
        for heading in headings
    )


def _data(model: Declaration) -> str:
    """Return the variables and what was observed."""
    study = model.study
    sizes = model.cells.subjects.tolist()
    each = zip(study.group_labels, *words.successes(model), strict=True)
    shares = [
        f"under {label}: "
        + words.joined(
            [f"{s} of {n} on {k}" for s, n, k in zip(row, seen, study.outcomes, strict=True)]
        )
        for label, row, seen in each
    ]
    text = f"The groups are in {study.group}. Successes {'; '.join(shares)}."
    if model.terms is not None and model.terms.covariates:
        text += f" Covariates: {words.joined(model.terms.covariates)}."
    if len(model.cells.cluster_labels):
        text += f" {len(model.cells.cluster_labels)} clusters ({study.cluster})."
    n_study, n = int(study.weight.sum()), sum(sizes)
    if n < n_study:
        text += f" {n_study - n} of {n_study} subjects were left out, as they miss a covariate."
    return " ".join([text, *(f"Note: {note}." for note in study.notes)])


def _parameters(model: Declaration) -> str:
    """Return the model, and which parameters are of interest and which ancillary."""
    own = words.joined([f"{name} ({', '.join(dims)})" for name, dims in model.parameters.items()])
    return (
        f"{words.analysis(model)} Of interest are θ, the success probability of each outcome in "
        "each group, and δ, θ of the treatment minus θ of the control, both averaged over the "
        f"population. Parameters of the model: {own}."
    )


def _specification(model: Declaration) -> str:
    """Return likelihood and prior in symbols."""
    prior = priors.in_symbols(model)
    in_part = "" if model.cells.partial is None else _IN_PART
    if model.terms is None:
        return f"Counts s_g ~ Multinomial(n_g, φ_g) for each group g{in_part}. {prior}."
    clustered = bool(model.terms.random)
    line = _REGRESSION.format(random=" + z'γ_jq" if clustered else "")
    if clustered:
        joint = "logit_bis" in model.parameters["Sigma"]
        between = "γ_j ~ N(γ, Σ) over all q jointly" if joint else "γ_jq ~ N(γ_q, Σ_q)"
        line += f", {between} for cluster j"
    return f"{line}{in_part}. Priors: {prior}."


def _resolution(effect: Differences) -> str:
    """Return the ESS of the fit, and of θ and δ, and the largest Monte Carlo error of δ."""
    table = effect.diagnostics.table
    ess = table[["ess_bulk", "ess_tail"]].min(axis=1)
    derived = table["block"].isin(["theta", "delta"])
    mcse = effect.summary()["mcse"].iloc[-effect.delta.sizes["outcome"] :].max()
    words_of = {"parameters": ess[~derived].min(), "θ and δ": ess[derived].min()}
    known = [f"at least {int(value)} for {k}" for k, value in words_of.items() if value == value]
    size = f"The smaller of bulk and tail ESS is {words.joined(known)}. " if known else ""
    return f"{size}The Monte Carlo standard error of the mean of δ is at most {mcse:.2g}."


def _table(table: pd.DataFrame, ci_prob: float) -> str:
    """Return mean, SD and interval of each θ and δ."""
    rows = [
        f"{symbol(str(label))} {row['mean']:.3f} (SD {row['sd']:.3f}) "
        f"[{row['lower']:.3f}, {row['upper']:.3f}]"
        for label, row in table.iterrows()
    ]
    return f"Posterior mean, SD and {100 * ci_prob:g}% equal-tailed interval: {'; '.join(rows)}."


def _margins(decision: Decision) -> str:
    """Return what the author should say about the margins."""
    if not any(decision.margins):
        return "The margins are 0: any improvement counts. Say whether the smallest would matter."
    return "Why differences up to these margins do not matter, or would be accepted."


def _settings(effect: Differences) -> str:
    """Return the seed and settings, and what they make reproducible."""
    apart = {"modeling_interface", "modeling_interface_version", "analysis", "software"}
    apart |= {"default_settings", "continued", "interrupted"}  # said with the verdict
    attrs = effect.posterior.idata.attrs
    left = attrs.get("default_settings", "").split()
    settings = {name: f"{name} {value}" for name, value in attrs.items() if name not in apart}
    text = ", ".join(value for name, value in settings.items() if name not in left)
    if left:
        text += f"; left to the package: {', '.join(settings[name] for name in left)}"
    return (
        f"{text}. With the same software and data, given and left as they are here, they give the "
        "same draws on one machine. Another seed changes the numbers by about their Monte Carlo "
        "standard errors."
    )
