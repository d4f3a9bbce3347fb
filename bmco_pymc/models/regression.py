"""What the two regressions share: NUTS, which goes on until the draws are good."""

from __future__ import annotations

from typing import Any, final

from bmco_pymc.fit import Fit
from bmco_pymc.models.continuing import sample_until_good
from bmco_pymc.models.logit import MultinomialLogit
from bmco_pymc.models.settings import Settings


class Regression(MultinomialLogit):
    """A multinomial logit that NUTS samples."""

    @final
    def fit(
        self,
        draws: int | None = None,
        tune: int | None = None,
        chains: int = 4,
        seed: int | None = None,
        *,
        cores: int | None = None,
        target_accept: float | None = None,
        progress: bool = True,
    ) -> Fit:
        """Sample the posterior with NUTS (nutpie).

        Settings that are not given are the package's to choose. When the diagnostics, or those of
        θ and δ in the whole sample, ask for more draws or a longer warm-up, it samples again with
        twice of both, up to 16,000 draws in all; after a handful of divergences (2 % of the draws,
        at most) again with `target_accept` .97, then .99. The last run is the fit, and every result
        says that there were several (``fit.diagnostics.continued``). What is given is kept.

        Ctrl-C ends the sampling and keeps the draws: those of the chains that have enough of them,
        cut to one length, or those of the last complete run.

        Parameters
        ----------
        draws, tune : int, optional
            Draws kept, and tuning steps before them, in each chain. If not given, 1000, and more
            where that is too few.
        chains : int
            Independent chains; diagnostics need at least two.
        seed : int, optional
            Seed of all randomness. The same seed gives the same draws on one machine with the same
            versions of the package, numba and nutpie; on others they differ by Monte Carlo error.
        cores : int, optional
            Chains sampled at a time; the default is the number of processors, at most `chains`.
        target_accept : float, optional
            Acceptance rate that the step size aims at; closer to 1 is slower and more careful. If
            not given, 0.9, and more after divergences.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Fit
            The posterior and its diagnostics.

        Raises
        ------
        InputError
            If a setting cannot be used; nothing was sampled.
        SamplingError
            If the sampler gives up.

        Warns
        -----
        ConvergenceWarning
            Once, if any diagnostic is not as it should be, with the reason and what to do; and
            after Ctrl-C, with what is kept.

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), "y1", "arm", "ctl", "trt")
        >>> fit = bmco.BGLM(study, "arm * x").fit(draws=1000, chains=2, seed=1, progress=False)
        >>> fit.diagnostics.ok
        True
        >>> dict(fit.idata["posterior"]["beta"].sizes)
        {'chain': 2, 'draw': 1000, 'term': 4, 'logit': 1}
        >>> fit.effect(bmco.Value(x=0)).delta.mean().round(1).item()
        0.1
        """
        choice = {"draws": draws, "tune": tune, "target_accept": target_accept}
        given: dict[str, Any] = {name: value for name, value in choice.items() if value is not None}
        first = Settings(chains=chains, seed=seed, cores=cores, **given)
        return sample_until_good(self, first, frozenset(choice.keys() - given), progress=progress)
