"""The pictures: `plot_effect` here, the others as methods of what they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bmco_pymc.effect import Effect
from bmco_pymc.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_effect(
    effect: Effect,
    direction: str = "right",
    margins: float | Sequence[float] | Mapping[str, float] = 0.0,
    w: Sequence[float] | Mapping[str, float] | None = None,
    *,
    points: int = 2000,
) -> Figure:
    """Draw the posterior of δ and where the decision rules hold.

    For two outcomes: their joint posterior, with the regions where All and Any hold and the
    probability of each. For one outcome, or three and more: the density of each, with the
    probability that it is beyond its margin.

    Parameters
    ----------
    effect : Effect
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
    >>> figure.axes[0].get_xlabel()
    'δ of y1 (trt − ctl)'
    """
    if not isinstance(effect, Effect):
        raise InputError("effect", effect, "must be what fit.effect() returns")
    from bmco_pymc.plots.joint import joint
    from bmco_pymc.plots.marks import check_whole
    from bmco_pymc.plots.separate import separate

    check_whole("points", points, 0)
    rules = {name: effect.decide(name, direction, margins) for name in ("All", "Any")}
    if len(rules["All"].sides) > 1:
        problem = "a picture shows one side; for two-sided decisions draw each"
        raise InputError("direction", direction, problem, ["right", "left"])
    if w is not None:
        rules["Comp"] = effect.decide("Comp", direction, margins, w)
    draw = joint if len(effect.delta["outcome"]) == 2 else separate
    return draw(effect, rules, points)
