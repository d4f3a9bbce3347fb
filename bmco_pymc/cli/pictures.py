"""The pictures of a fit, by their names, and which options each of them has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from bmco_pymc.cli.declared import Deciding, Whom
from bmco_pymc.cli.options import Question, names
from bmco_pymc.decision.rule import Rule
from bmco_pymc.errors import InputError
from bmco_pymc.fit import Fit
from bmco_pymc.population.target import Target

WHOM = frozenset(field.name for field in fields(Whom))
RULE = frozenset(field.name for field in fields(Deciding))
SIDE = frozenset({"direction", "margins", "weights"})
CLUSTERS = frozenset({"clusters", "cluster_weights"})
BY = CLUSTERS | {"standardise"}

type Draw = Callable[[Fit, Question, Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Picture:
    """One kind of picture.

    Attributes
    ----------
    draw : callable
        From a fit, a question and the options of this picture alone, those given: a figure.
    options : frozenset of str
        What it has a use for, by the names of the command's parameters.
    needed : str
        What must be given.
    without_rule : bool
        Whether it can be drawn without a rule, and is unless one is given.
    """

    draw: Draw
    options: frozenset[str]
    needed: str = ""
    without_rule: bool = False


def _effect(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    from bmco_pymc.plots.effect import plot_effect

    return plot_effect(asked.effect(fit), *_side(asked.rule))


def _theta(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    return asked.effect(fit).plot_theta(asked.ci_prob)


def _delta(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    return asked.effect(fit).plot_delta(*_side(asked.rule), ci_prob=asked.ci_prob)


def _joint(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    text = more.get("outcomes")
    chosen = {} if text is None else {"outcomes": names("--outcomes", text)}
    return asked.effect(fit).plot_joint(asked.rule, **chosen)


def _of_chains(kind: str) -> Draw:
    def draw(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
        return getattr(fit, f"plot_{kind}")(**more)

    return draw


def _check(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    return fit.plot_check(**more, clusters=asked.how.get("clusters"), ci_prob=asked.ci_prob)


def _clusters(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    return fit.plot_clusters(**more, ci_prob=asked.ci_prob)


def _shrinkage(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    return fit.plot_shrinkage(**more, ci_prob=asked.ci_prob)


def _missing(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    return fit.plot_missing()


def _sensitivity(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    text = more.get("scale")
    chosen = {} if text is None else {"scale": names("--scale", text)}
    return fit.sensitivity(asked.population, rule=asked.rule, **chosen, **asked.how).plot()


def _tipping(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    return fit.tipping_point(rule=asked.rule, **asked.how).plot()


def _curve(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    along = fit.curve(more["covariate"], **asked.how, progress=more["progress"])
    return along.plot(asked.rule, ci_prob=asked.ci_prob)


def _subgroups(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    text = more.get("bins")
    bins = None if text is None else _bins(text)
    found = fit.effects_by(more["by"], bins, **asked.how, progress=more["progress"])
    return found.plot(asked.rule, ci_prob=asked.ci_prob)


def _overlap(fit: Fit, asked: Question, more: Mapping[str, Any]) -> Any:
    assert isinstance(asked.population, Target)
    return fit.overlap(asked.population).plot()


PICTURES = {
    "effect": Picture(_effect, WHOM | SIDE),
    "theta": Picture(_theta, WHOM | {"ci"}),
    "delta": Picture(_delta, WHOM | SIDE | {"ci"}),
    "joint": Picture(_joint, WHOM | RULE | {"outcomes"}, without_rule=True),
    **{
        kind: Picture(_of_chains(kind), frozenset({"which"}))
        for kind in ("trace", "density", "autocorr", "rank")
    },
    "check": Picture(_check, frozenset({"kind", "draws", "seed", "clusters", "ci"})),
    "clusters": Picture(_clusters, frozenset({"what", "most", "ci"})),
    "shrinkage": Picture(_shrinkage, frozenset({"most", "ci"})),
    "missing": Picture(_missing, frozenset()),
    "sensitivity": Picture(_sensitivity, WHOM | RULE | {"scale"}),
    "tipping": Picture(_tipping, BY | RULE),
    "curve": Picture(_curve, CLUSTERS | RULE | {"covariate", "ci"}, "covariate", True),
    "subgroups": Picture(_subgroups, BY | RULE | {"by", "bins", "ci"}, "by", True),
    "overlap": Picture(_overlap, frozenset({"target", "target_weights"}), "target"),
}


def check_options(name: str, given: Mapping[str, Any]) -> Picture:
    """Return the picture of a name, if it has a use for what was given, and all that it needs.

    Parameters
    ----------
    name : str
    given : mapping
        Options that were given, by the names of the command's parameters; others are not in it.
    """
    kind = name.strip().lower()
    if kind not in PICTURES:
        raise InputError("picture", name, "there is no such picture", PICTURES)
    picture = PICTURES[kind]
    for option, value in given.items():
        if option not in picture.options:
            known = sorted(map(_spelt, picture.options))
            raise InputError(_spelt(option), value, f"picture {kind} has no use for it", known)
    if picture.needed and picture.needed not in given:
        raise InputError(_spelt(picture.needed), None, f"picture {kind} needs it")
    return picture


def _spelt(name: str) -> str:
    return "--range" if name == "ranges" else f"--{name.replace('_', '-')}"


def _side(rule: Rule) -> tuple[str, Any, Any]:
    return rule.direction, rule.margins, rule.w


def _bins(text: str) -> int | list[float]:
    try:
        return [float(edge) for edge in text.split(":")] if ":" in text else int(text)
    except ValueError:
        problem = "must be a number of bins or their edges, as in 3 or 18:40:65"
        raise InputError("--bins", text, problem) from None
