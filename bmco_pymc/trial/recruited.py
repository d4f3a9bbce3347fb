"""The clusters of a plan in plain values."""

from __future__ import annotations

from bmco_pymc.report.recruited import Recruited
from bmco_pymc.trial.looks import Looks
from bmco_pymc.trial.recruitment import Clusters


def recruited(clusters: Clusters | None, dropout: float, looks: Looks | None) -> Recruited | None:
    """Return how subjects come in clusters, as sentences take it; None where they do not.

    Examples
    --------
    >>> found = recruited(Clusters(20, 15, 0.4), 0.0, Looks([10, 20]))
    >>> found.total, found.by_group, found.mean, found.at
    (20, (10, 10), 15.0, (10, 20))
    """
    if clusters is None:
        return None
    sizes = clusters.size if isinstance(clusters.size, tuple) else (clusters.size,)
    counted = looks is not None and len(looks.n) > 1 and looks.by != "subjects"
    return Recruited(
        total=clusters.total,
        by_group=clusters.by_group,
        sizes=tuple(map(float, sizes)),
        cv=float(clusters.cv),
        dropout=dropout,
        at=tuple(looks.n) if looks is not None and counted else (),
    )
