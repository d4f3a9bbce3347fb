r"""The scale on which a prior treats the response patterns: against a reference, or all alike.

Scores a_q of the Q patterns give the logits :math:`\log(\phi_q/\phi_Q) = a_q - a_Q`. Independent
priors of the logits single out the reference: it has no variance of its own, so all failures and
all successes are not alike. The log-linear contrasts treat them alike,

.. math:: a_q = \sum_{S} b_S \prod_{k \in S} s_{qk}, \qquad s_{qk} = \pm 1,

one b_S for each set S of outcomes but the empty one (its own part of each outcome, and what
outcomes share). To swap success and failure of an outcome changes signs of b, to reorder outcomes
reorders b, and the reference plays no part (Agresti 2013, *Categorical Data Analysis*, ch. 9).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.arguments import one_of

CONTRASTS = ("reference", "symmetric")


def check_contrasts(contrasts: object) -> None:
    """Refuse what is no way to state a prior."""
    one_of("contrasts", contrasts, CONTRASTS, "is no way to state a prior")


def logits_of(contrasts: str, n_patterns: int) -> NDArray[np.float64]:
    """Return T, shape (L, L): the logits are T b for the contrasts b that a prior is about.

    Scaled so that independent b of variance 1 give each logit variance 1. With "symmetric",
    T T' = (I + 11') / 2: every two logits have correlation ½, whichever pattern is the reference.

    Examples
    --------
    >>> T = logits_of("symmetric", 4)
    >>> (T @ T.T).round(3).tolist()
    [[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]]
    """
    check_contrasts(contrasts)
    if contrasts == "reference":
        return np.eye(n_patterns - 1)
    n_outcomes = int(np.log2(n_patterns))
    sign = 2.0 * patterns.bits(n_outcomes) - 1  # (Q, K)
    sets = [np.flatnonzero([code >> k & 1 for k in range(n_outcomes)])
            for code in range(1, n_patterns)]  # fmt: skip
    scores = np.stack([sign[:, members].prod(axis=1) for members in sets], axis=1)  # (Q, L)
    return (scores[:-1] - scores[-1]) / np.sqrt(2 * n_patterns)
