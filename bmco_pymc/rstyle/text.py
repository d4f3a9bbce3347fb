"""What print() and summary() show of a result: bmco's items in bmco's order, and what they lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bmco_pymc.data.frames import text
from bmco_pymc.decision.probability import shown
from bmco_pymc.diagnostics.findings import rounded_up
from bmco_pymc.diagnostics.verdict import Diagnostics
from bmco_pymc.patterns import bits
from bmco_pymc.printing import as_html, as_text
from bmco_pymc.rstyle.question import claim
from bmco_pymc.rstyle.values import BLOCKS, Values

type Section = tuple[str, list[list[str]], list[str]]  # a title, a table with a header, sentences

TITLES = {
    "bmvb": "Bayesian analysis of multivariate binary outcomes (bmvb)",
    "bglm": "Bayesian multivariate logistic regression (bglm)",
    "bglmm": "Bayesian multilevel multivariate logistic regression (bglmm)",
}
EFFECTS = {"b": "Fixed effects", "g": "Random effects", "tau": "Variance components"}
HEADS = {"mean": "mean {}", "sd": "sd {}", "interval": "95% interval"}


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


def overview(result: Values) -> Text:
    """Return what print() shows: the groups, the rule's probability, the verdict."""
    table = _groups(result, "mean", "interval")
    delta = map(_shown, (result.delta["mean_delta"], result.delta["interval"]))
    table.append([_difference(result), *_by_outcome(delta)])
    sentences = [_sizes(result), *result.fit.model.sample_notes, *_probabilities(result)]
    if "marg_method" in result.info:
        sentences.append(f"Marginalization: {' '.join(_marginalization(result))}")
    sentences += _estimands(result)
    if factors := _scale_reduction(result):
        mpsrf = (f"{BLOCKS[name]} = {factor}" for name, factor in factors.items())
        sentences.append(f"MPSRF: {', '.join(mpsrf)}")
    sentences += [*_verdicts(result), "summary() shows all estimates, priors and diagnostics."]
    return Text([(TITLES[result.call], table, sentences)])


def summary(result: Values) -> Text:
    """Return what summary() shows: every estimate, the priors and the diagnostics."""
    return Text(
        [
            (TITLES[result.call], [], [_sizes(result), *result.fit.model.sample_notes]),
            ("Group estimates", _groups(result, "mean", "sd", "interval"), []),
            _treatment_effect(result),
            *_coefficients(result),
            *_variances(result),
            *_priors(result),
            _question(result),
            *_convergence(result),
        ]
    )


def verdict(result: Values) -> Diagnostics:
    """Return the diagnostics to warn with: those of new clusters if only they are in doubt."""
    new, known = result.new_effect, result.effect.diagnostics
    return known if new is None or not known.ok else new.diagnostics


def _groups(result: Values, *what: str) -> list[list[str]]:
    """Return a table of θ, with these columns for each outcome."""
    names = result.fit.model.study.outcomes
    table = [["Group", *_by_outcome([HEADS[k].format(name) for name in names] for k in what)]]
    for label, letter in zip(result.info["groups"], "ab", strict=True):
        columns = (_shown(result.estimates[f"{k}_{letter}"]) for k in what)
        table.append([label, *_by_outcome(columns)])
    return table


def _treatment_effect(result: Values) -> Section:
    delta = result.delta
    table = [
        ["", *result.fit.model.study.outcomes],
        ["delta mean", *_shown(delta["mean_delta"])],
        ["delta SE (Monte Carlo)", *(f"{value:z.4f}" for value in delta["delta_mcse"])],
        ["delta SD (posterior)", *_shown(delta["delta_sd"])],
        ["95% interval", *_shown(delta["interval"])],
    ]
    return f"Treatment effect, {_difference(result)}", table, _probabilities(result)


def _coefficients(result: Values) -> Iterator[Section]:
    """Give the tables of fixed effects and of the means of random effects."""
    for name, what in (("b", "mean [SD]"), ("g", "population mean [SD]")):
        if name in result.estimates:
            means, sds = (result.estimates[k].map("{:z.3f}".format) for k in (name, f"{name}_sd"))
            table = _table((means + " [" + sds + "]").add_prefix(name))
            yield f"{EFFECTS[name]} ({what})", table, []


def _variances(result: Values) -> Iterator[Section]:
    """Give the covariance of the random effects of each logit."""
    names = result.fit.model.study.outcomes
    covariances = result.estimates.get("tau", {})
    for pattern, (logit, matrix) in zip(bits(len(names)), covariances.items(), strict=False):
        where = ", ".join(f"{k} = {bit}" for k, bit in zip(names, pattern, strict=True))
        title = f"{EFFECTS['tau']} (posterior mean), g{logit} ({where})"
        yield title, _table(matrix.map(_short)), []


def _priors(result: Values) -> Iterator[Section]:
    known, terms = result.info["priors"], result.info.get("terms")
    if terms is None:
        table = [["Group", *result.fit.model.study.patterns]]
        for label, letter in zip(result.info["groups"], "ab", strict=True):
            table.append([label, *map(_short, known[f"prior_{letter}"])])
        yield "Prior of the pattern probabilities: Dirichlet", table, []
        return
    for letter, part in (("b", "fixed"), ("g", "random")):
        if f"{letter}_mu0" not in known:
            continue
        covariance = np.linalg.inv(known[f"{letter}_sigma0"])
        variances = covariance.diagonal()
        table = [
            ["", *terms[part]],
            ["mean", *map(_short, known[f"{letter}_mu0"])],
            ["variance", *map(_short, variances)],
        ]
        apart = abs(covariance - np.diag(variances)) > 1e-8 * np.sqrt(
            np.outer(variances, variances)
        )
        pointer = ["with covariances, see info['priors']"] if apart.any() else []
        yield f"Prior of the {EFFECTS[letter].lower()}: Normal", table, pointer
    if "nu0" in known:
        scale = pd.DataFrame(known["tau0"], terms["random"], terms["random"]).map(_short)
        title = f"Prior of the covariance: inverse-Wishart, df nu = {_short(known['nu0'])}"
        yield title, _table(scale, "scale T"), []


def _question(result: Values) -> Section:
    info = result.info
    facts = {"Decision rule": info["rule"], "test": info["test"]}
    if "marg_method" in info:
        method, where = _marginalization(result)
        facts = {"Marginalization": method, "(sub)population": where, **facts}
    if info["w"] is not None:
        facts["weights"] = ", ".join(map(_short, info["w"]))
    return "What was asked", [[*facts], [*facts.values()]], _estimands(result)


def _convergence(result: Values) -> Iterator[Section]:
    """Give ESS and R-hat of every parameter, block by block, and the verdict."""
    factors = _scale_reduction(result)
    title = "MCMC convergence" if factors else "Draws"
    for name, factor in factors.items():
        table = []
        if result.diags is not None:
            known = result.diags[name]
            columns = {"ESS": known["n_eff"].map("{:.1f}".format)}
            columns["R-hat"] = known["rhat"].map("{:z.4f}".format)
            table = _table(pd.DataFrame(columns), "Parameter")
        yield f"{title}, {EFFECTS[name].lower()}: MPSRF {factor}", table, []
    sizes, attrs = result.fit.idata["posterior"].sizes, result.fit.idata.attrs
    chains = "1 chain" if sizes["chain"] == 1 else f"{sizes['chain']} chains"
    drawn = f"{chains} of {sizes['draw']} draws ({attrs['sampler']}, seed {attrs['seed']})"
    yield f"{title}: {drawn}", [], _verdicts(result)


def _scale_reduction(result: Values) -> dict[str, str]:
    """Return the MPSRF of each block that has one, by bmco's name of it."""
    known = result.fit.diagnostics.mpsrf
    return {k: rounded_up(known[BLOCKS[k]]) for k in BLOCKS if k in result.estimates}


def _verdicts(result: Values) -> list[str]:
    """Return the verdict on the draws, and that on new clusters if only they are in doubt."""
    lines, chosen = str(result.effect.diagnostics).splitlines(), verdict(result)
    if result.effect.diagnostics.ok and not chosen.ok:
        lines += [f"New clusters: {line}" for line in str(chosen).splitlines()]
    return lines


def _estimands(result: Values) -> list[str]:
    """Return what was averaged over what, and what a reader must know before deciding."""
    lines = [f"Estimand: {result.effect.estimand}"]
    if result.new_effect is not None:
        lines.append(f"New clusters: {result.new_effect.estimand}")
    return [*lines, *(f"Caveat: {caveat}." for caveat in result.effect.caveats)]


def _probabilities(result: Values) -> list[str]:
    """Return the rule's posterior probability, in the population and for new clusters."""
    weighted = result.delta["w_delta"]
    lines = [] if weighted is None else [f"Weighted delta: {weighted:z.3f}"]
    new = ", new clusters with pooled covariates"
    for decision, where in ((result.decision, ""), (result.new_decision, new)):
        for side in () if decision is None else decision.sides:
            head = f"{claim(side.direction, result.info['groups'])}, rule {result.info['rule']}"
            known = shown(side.probability, side.mcse, side.bound)
            lines.append(f"Posterior probability {head}{where}: {known}")
    return lines


def _marginalization(result: Values) -> tuple[str, str]:
    """Return the method and, in words, the subpopulation."""
    method, where = result.info["marg_method"], result.info["sub_pop"]
    if method != "Value":
        return method, f"over [{where[0]:g}, {where[1]:g}]"
    levels = result.info["x_levels"]
    label = "" if levels is None else f" ({text(levels[int(where)])})"
    return method, f"at {text(where)}{label}"


def _sizes(result: Values) -> str:
    known = result.sample_sizes
    a, b = result.info["groups"]
    clusters = f"J = {known['J']} clusters, " if "J" in known else ""
    return f"{clusters}n({a}) = {known['n_a']}, n({b}) = {known['n_b']}"


def _difference(result: Values) -> str:
    a, b = result.info["groups"]
    return f"{a} − {b}" if result.info["test"] == "left_sided" else f"{b} − {a}"


def _by_outcome(columns: Iterable[Sequence[str]]) -> list[str]:
    """Return the entries of several columns for the first outcome, then for the second, ..."""
    return [entry for entries in zip(*columns, strict=True) for entry in entries]


def _shown(values: Any) -> list[str]:
    """Return numbers, or pairs of limits, as texts."""
    numbers = (f"[{v[0]:z.3f}, {v[1]:z.3f}]" if np.ndim(v) else f"{v:z.3f}" for v in values)
    return list(numbers)


def _table(frame: pd.DataFrame, corner: str = "") -> list[list[str]]:
    """Return a data frame of texts as a table with a header."""
    rows = zip(frame.index, frame.to_numpy().tolist(), strict=True)
    return [[corner, *frame.columns], *([label, *row] for label, row in rows)]


def _short(value: float) -> str:
    return f"{value:z.6g}"
