"""How subjects come to a planned trial in clusters, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recruited:
    """Clusters of a planned trial as plain values, for sentences about them.

    Attributes
    ----------
    total : int
        All clusters at the end.
    by_group : pair of int or None
        Those of the control and of the treatment; None where each has subjects of both.
    sizes : tuple of float
        Analysed subjects of each cluster where these are given, or their mean alone.
    cv : float
        Coefficient of variation of the sizes, where they are drawn anew in each trial.
    dropout : float
        Share of the enrolled subjects without outcome.
    at : tuple of int
        Clusters that have come by each look; empty where looks count subjects, or there is one.
    """

    total: int
    by_group: tuple[int, int] | None
    sizes: tuple[float, ...]
    cv: float = 0.0
    dropout: float = 0.0
    at: tuple[int, ...] = ()

    @property
    def mean(self) -> float:
        """Analysed subjects of a cluster, on average."""
        return sum(self.sizes) / len(self.sizes)

    @property
    def varied(self) -> bool:
        """Whether the number of subjects differs between trials."""
        return bool(self.cv or self.dropout) or any(size % 1 for size in self.sizes)


def how(clusters: Recruited) -> str:
    """Return how many clusters there are, how large they are and what is randomised.

    Examples
    --------
    >>> how(Recruited(20, (10, 10), (15,)))
    '20 clusters, 10 of each group, with 15 subjects each; whole clusters are randomised'
    """
    return f"{many(clusters)}, {large(clusters)}; {randomised(clusters)}"


def many(clusters: Recruited) -> str:
    """Return how many clusters there are.

    Examples
    --------
    >>> many(Recruited(24, (8, 16), (15,))), many(Recruited(20, None, (15,)))
    ('24 clusters, 8 of the control and 16 of the treatment', '20 clusters')
    """
    text = f"{clusters.total} clusters"
    if clusters.by_group is None:
        return text
    control, treatment = clusters.by_group
    if control == treatment:
        return f"{text}, {control} of each group"
    return f"{text}, {control} of the control and {treatment} of the treatment"


def large(clusters: Recruited) -> str:
    """Return how many subjects of a cluster are analysed.

    Examples
    --------
    >>> large(Recruited(20, None, (15,))), large(Recruited(3, None, (10, 12, 20)))
    ('with 15 subjects each', 'with from 10 to 20 subjects, 14 on average')
    >>> large(Recruited(20, None, (15,), 0.4))
    'with 15 subjects on average (coefficient of variation 0.4)'
    """
    mean = f"{clusters.mean:.4g}"
    if min(clusters.sizes) < max(clusters.sizes):
        least, most = f"{min(clusters.sizes):g}", f"{max(clusters.sizes):g}"
        return f"with from {least} to {most} subjects, {mean} on average"
    if clusters.varied:
        text = f"with {mean} subjects on average"
        return text + f" (coefficient of variation {clusters.cv:g})" * bool(clusters.cv)
    return f"with {mean} subject{'s' * (clusters.mean != 1)} each"


def randomised(clusters: Recruited) -> str:
    """Return what is randomised."""
    if clusters.by_group is None:
        return "half of the subjects of each cluster are in each group"
    return "whole clusters are randomised"
