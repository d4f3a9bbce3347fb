"""What print() and summary() show of a result: bmco's items in bmco's order, and what they lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bmco_pymc.columns import text
from bmco_pymc.decision import Decision
from bmco_pymc.patterns import bits
from bmco_pymc.probability import shown
from bmco_pymc.problems import rounded_up
from bmco_pymc.render import as_html, as_text

if TYPE_CHECKING:
    from bmco_pymc.rstyle.result import Result

type Section = tuple[str, list[list[str]], list[str]]  # a title, a table with a header, sentences

TITLES = {
    "bmvb": "Bayesian analysis of multivariate binary outcomes (bmvb)",
    "bglm": "Bayesian multivariate logistic regression (bglm)",
    "bglmm": "Bayesian multilevel multivariate logistic regression (bglmm)",
}
BLOCKS = {"b": "fixed", "g": "random", "tau": "variance"}
EFFECTS = {"b": "Fixed effects", "g": "Random effects", "tau": "Variance components"}


class Text(str):
    """Text that shows itself as it reads, and as HTML where that can be shown."""

    html: str

    def __new__(cls, sections: Sequence[Section]) -> Text:
        """Render sections, each a title, a table and sentences."""
        made = super().__new__(cls, "\n\n".join(as_text(*section) for section in sections))
        made.html = "".join(as_html(*section) for section in sections)
        return made

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return self.html


def overview(result: Result) -> Text:
    """Return what print() shows: the groups, the rule's probability, the verdict."""
    names = _outcomes(result)
    table = [["Group", *(part for k in names for part in (f"mean {k}", "95% interval"))]]
    for label, letter in zip(result.info["groups"], "ab", strict=True):
        known = result.estimates
        table.append(
            [label, *_with_intervals(known[f"mean_{letter}"], known[f"interval_{letter}"])]
        )
    difference = _with_intervals(result.delta["mean_delta"], result.delta["interval"])
    table.append([_difference(result), *difference])
    sentences = [_sizes(result), *result.fit.model.left_out, *_probabilities(result)]
    if "marg_method" in result.info:
        method, whom = _marginalization(result)
        sentences.append(f"Marginalization: {method} {whom}")
    sentences += _estimands(result)
    if result.fit.diagnostics.mpsrf:
        factors = (f"{block} = {factor}" for _, block, factor in _scale_reduction(result))
        sentences.append(f"MPSRF: {', '.join(factors)}")
    sentences += [*_verdicts(result), "summary() shows all estimates, priors and diagnostics."]
    return Text([(TITLES[result.call], table, sentences)])


def summary(result: Result) -> Text:
    """Return what summary() shows: every estimate, the priors and the diagnostics."""
    return Text(
        [
            (TITLES[result.call], [], [_sizes(result), *result.fit.model.left_out]),
            _groups(result),
            _treatment_effect(result),
            *_coefficients(result),
            *_variances(result),
            *_priors(result),
            _question(result),
            *_convergence(result),
        ]
    )


def _groups(result: Result) -> Section:
    names = _outcomes(result)
    header = (part for k in names for part in (f"mean {k}", f"sd {k}", "95% interval"))
    table = [["Group", *header]]
    for label, letter in zip(result.info["groups"], "ab", strict=True):
        mean, sd, limits = (
            result.estimates[f"{what}_{letter}"] for what in ("mean", "sd", "interval")
        )
        row = [label]
        for m, s, pair in zip(mean, sd, limits, strict=True):
            row += [f"{m:z.3f}", f"{s:z.3f}", _interval(pair)]
        table.append(row)
    return "Group estimates", table, []


def _treatment_effect(result: Result) -> Section:
    delta = result.delta
    table = [
        ["", *_outcomes(result)],
        ["delta mean", *(f"{value:z.3f}" for value in delta["mean_delta"])],
        ["delta SE (Monte Carlo)", *(f"{value:z.4f}" for value in delta["delta_mcse"])],
        ["delta SD (posterior)", *(f"{value:z.3f}" for value in delta["delta_sd"])],
        ["95% interval", *(_interval(pair) for pair in delta["interval"])],
    ]
    return f"Treatment effect, {_difference(result)}", table, _probabilities(result)


def _coefficients(result: Result) -> Iterator[Section]:
    """Give the tables of fixed effects and of the means of random effects."""
    for name, what in (("b", "mean [SD]"), ("g", "population mean [SD]")):
        if name not in result.estimates:
            continue
        means, sds = result.estimates[name], result.estimates[f"{name}_sd"]
        table = [["", *(f"{name}{logit}" for logit in means.columns)]]
        for term in means.index:
            pairs = zip(means.loc[term], sds.loc[term], strict=True)
            table.append([term, *(f"{mean:z.3f} [{sd:z.3f}]" for mean, sd in pairs)])
        yield f"{EFFECTS[name]} ({what})", table, []


def _variances(result: Result) -> Iterator[Section]:
    """Give the covariance of the random effects of each logit."""
    names = _outcomes(result)
    patterns = bits(len(names))
    for place, (logit, matrix) in enumerate(result.estimates.get("tau", {}).items()):
        pattern = ", ".join(f"{k} = {bit}" for k, bit in zip(names, patterns[place], strict=True))
        rows = [[term, *(f"{v:z.6g}" for v in matrix.loc[term])] for term in matrix.index]
        title = f"{EFFECTS['tau']} (posterior mean), g{logit} ({pattern})"
        yield title, [["", *matrix.columns], *rows], []


def _priors(result: Result) -> Iterator[Section]:
    known = result.info["priors"]
    if "prior_a" in known:
        rows = [
            [label, *map(_short, known[f"prior_{letter}"])]
            for label, letter in zip(result.info["groups"], "ab", strict=True)
        ]
        logits = result.fit.model.study.patterns
        yield "Prior of the pattern probabilities: Dirichlet", [["Group", *logits], *rows], []
    for letter, part in (("b", "fixed"), ("g", "random")):
        if f"{letter}_mu0" not in known:
            continue
        covariance = np.linalg.inv(known[f"{letter}_sigma0"])
        terms = result.info["terms"][part]
        table = [
            ["", *terms],
            ["mean", *map(_short, known[f"{letter}_mu0"])],
            ["variance", *map(_short, covariance.diagonal())],
        ]
        yield f"Prior of the {EFFECTS[letter].lower()}: Normal", table, _covariances(covariance)
    if "nu0" in known:
        terms = result.info["terms"]["random"]
        scale = zip(terms, known["tau0"], strict=True)
        table = [["scale T", *terms], *([term, *map(_short, row)] for term, row in scale)]
        title = f"Prior of the covariance: inverse-Wishart, df nu = {_short(known['nu0'])}"
        yield title, table, []


def _covariances(covariance: Any) -> list[str]:
    """Return a pointer to the prior covariances if there are any."""
    size = np.sqrt(np.outer(covariance.diagonal(), covariance.diagonal()))
    apart = abs(covariance - np.diag(covariance.diagonal())) > 1e-8 * size
    return ["with covariances, see info['priors']"] if apart.any() else []


def _question(result: Result) -> Section:
    info = result.info
    table = [["Decision rule", "test"], [info["rule"], info["test"]]]
    if "marg_method" in info:
        header, row = ["Marginalization", "(sub)population"], list(_marginalization(result))
        table = [[*header, *table[0]], [*row, *table[1]]]
    if info["w"] is not None:
        table[0].append("weights")
        table[1].append(", ".join(map(_short, info["w"])))
    return "What was asked", table, _estimands(result)


def _convergence(result: Result) -> Iterator[Section]:
    """Give ESS and R-hat of every parameter, block by block, and the verdict."""
    title = "MCMC convergence" if result.fit.diagnostics.mpsrf else "Draws"
    for name, _, factor in _scale_reduction(result):
        table = []
        if result.diags is not None:
            known = result.diags[name]
            rows = zip(known["n_eff"].index, known["n_eff"], known["rhat"], strict=True)
            table = [[label, f"{ess:.1f}", f"{rhat:z.4f}"] for label, ess, rhat in rows]
            table.insert(0, ["Parameter", "ESS", "R-hat"])
        yield f"{title}, {EFFECTS[name].lower()}: MPSRF {factor}", table, []
    sizes, attrs = result.fit.idata["posterior"].sizes, result.fit.idata.attrs
    chains = "1 chain" if sizes["chain"] == 1 else f"{sizes['chain']} chains"
    drawn = f"{chains} of {sizes['draw']} draws ({attrs['sampler']}, seed {attrs['seed']})"
    yield f"{title}: {drawn}", [], _verdicts(result)


def _scale_reduction(result: Result) -> list[tuple[str, str, str]]:
    """Return name, block and MPSRF of each block that has one."""
    known = result.fit.diagnostics.mpsrf
    return [
        (name, k, rounded_up(known[k])) for name, k in BLOCKS.items() if name in result.estimates
    ]


def _verdicts(result: Result) -> list[str]:
    """Return the verdict on the draws, and that on new clusters if only they are in doubt."""
    lines = str(result.effect.diagnostics).splitlines()
    new = result.new_effect
    if new is not None and result.effect.diagnostics.ok and not new.diagnostics.ok:
        lines += [f"New clusters: {line}" for line in str(new.diagnostics).splitlines()]
    return lines


def _estimands(result: Result) -> list[str]:
    """Return what was averaged over what, and what a reader must know before deciding."""
    lines = [f"Estimand: {result.effect.estimand}"]
    if result.new_effect is not None:
        lines.append(f"New clusters: {result.new_effect.estimand}")
    return [*lines, *(f"Caveat: {caveat}." for caveat in result.effect.caveats)]


def _probabilities(result: Result) -> list[str]:
    """Return the rule's posterior probability, in the population and for new clusters."""
    head = f"rule {result.decision.rule}"
    lines = [f"Posterior probability {p}" for p in _sides(result, result.decision, head)]
    if result.new_decision is not None:
        head += ", new clusters with pooled covariates"
        lines += [f"Posterior probability {p}" for p in _sides(result, result.new_decision, head)]
    if result.delta["w_delta"] is not None:
        lines.insert(0, f"Weighted delta: {result.delta['w_delta']:z.3f}")
    return lines


def _sides(result: Result, decision: Decision, head: str) -> Iterator[str]:
    a, b = result.info["groups"]
    for side in decision.sides:
        label = f"P({b} > {a})" if side.direction == "right" else f"P({a} > {b})"
        known = shown(side.probability, side.mcse, side.bound)
        yield f"{label}, {head}: {known}"


def _marginalization(result: Result) -> tuple[str, str]:
    """Return the method and, in words, the subpopulation."""
    method, where = result.info["marg_method"], result.info["sub_pop"]
    if method != "Value":
        return method, f"over [{where[0]:g}, {where[1]:g}]"
    levels = result.info["x_levels"]
    label = "" if levels is None else f" ({text(levels[int(where)])})"
    return method, f"at {text(where)}{label}"


def _sizes(result: Result) -> str:
    known = result.sample_sizes
    a, b = result.info["groups"]
    clusters = f"J = {known['J']} clusters, " if "J" in known else ""
    return f"{clusters}n({a}) = {known['n_a']}, n({b}) = {known['n_b']}"


def _difference(result: Result) -> str:
    a, b = result.info["groups"]
    return f"{a} − {b}" if result.info["test"] == "left_sided" else f"{b} − {a}"


def _outcomes(result: Result) -> tuple[str, ...]:
    return result.fit.model.study.outcomes


def _with_intervals(means: Iterable[float], limits: Iterable[Any]) -> Iterator[str]:
    for mean, pair in zip(means, limits, strict=True):
        yield from (f"{mean:z.3f}", _interval(pair))


def _interval(limits: Any) -> str:
    return f"[{limits[0]:z.3f}, {limits[1]:z.3f}]"


def _short(value: float) -> str:
    return f"{value:z.6g}"
