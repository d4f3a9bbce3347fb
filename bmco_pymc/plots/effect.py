"""The picture of an effect: the posterior of δ, and where the decision rules hold."""

from __future__ import annotations

from matplotlib.figure import Figure

from bmco_pymc.arguments import of_kind, whole
from bmco_pymc.decision.outcomes import PerOutcome
from bmco_pymc.decision.rule import Rule
from bmco_pymc.plots.joint import joint
from bmco_pymc.plots.marks import all_and_any
from bmco_pymc.plots.ridges import separate
from bmco_pymc.posterior.differences import Differences


def plot_effect(
    effect: Differences,
    direction: str = "right",
    margins: PerOutcome = 0.0,
    w: PerOutcome | None = None,
    *,
    points: int = 2000,
) -> Figure:
    """Draw the posterior of δ and where the decision rules hold.

    For two outcomes: their joint posterior, with the areas where All and Any hold. In the area of
    All, and in each where one outcome alone is beyond its margin, stands the probability of that
    area; that of Any, their sum, is in the legend. For one outcome, or three and more: the density
    of each, with the probability that it is beyond its margin.

    Parameters
    ----------
    effect : Differences
        What to draw.
    direction : {"right", "left"}
        Whether the rules look at δ or at −δ.
    margins : float, sequence or mapping
        Margin of each outcome, as in `Effect.decide`.
    w : sequence or mapping, optional
        Weights of the outcomes: of two, the boundary of the rule Comp is then drawn too.
    points : int
        How many draws to show as points, at most; they are taken at equal steps.

    Returns
    -------
    matplotlib.figure.Figure
        Not known to pyplot: notebooks show it, ``figure.savefig("effect.png")`` keeps it.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing was drawn.

    Examples
    --------
    >>> import bmco_pymc as bmco
    >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", control="ctl", treatment="trt")
    >>> figure = bmco.plot_effect(bmco.BMVB(study).fit(seed=1).effect())
    >>> figure.axes[0].get_xlabel().splitlines()
    ['δ of y1', '(trt − ctl)']
    """
    of_kind("effect", effect, Differences, "must be what fit.effect() returns")
    whole("points", points, least=0)
    rules = all_and_any(effect, Rule(None, direction, margins, w))
    draw = joint if len(effect.delta["outcome"]) == 2 else separate
    return draw(effect, rules, points)
