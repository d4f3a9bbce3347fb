"""The equations that say what clusters a group has, with their derivatives, and their solution."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bmco_pymc import patterns
from bmco_pymc.population.mixture import LogitNormal, Mixture, node_numbers, tensor

type Array = NDArray[np.float64]

SOLVED, NEARLY = 1e-9, 1e-6  # in log odds, and in units of an ICC; with few nodes
CONVERGED = 1e-11
NEWTON, HALVINGS, MARQUARDT = 25, 6, 50  # steps
BLOCK = 2**20  # numbers at a time


@dataclass(frozen=True, eq=False)
class Problem:
    """Equations for the unknowns: intercepts of the possible patterns, then the triangle of R.

    Attributes
    ----------
    phi : ndarray, shape (m, P)
        Of the P possible patterns.
    support : ndarray of intp, shape (P,)
        Their codes.
    bits : ndarray, shape (P, K)
        Their outcomes.
    mixture : Mixture
        Covariates, with offsets of these patterns only.
    covariance : ndarray, shape (K, K), or None
        Of the success rates of clusters; None if they are all alike.
    scale : ndarray, shape (K, K)
        Products of SDs of the outcomes, in which covariances are measured.
    """

    phi: Array
    support: NDArray[np.intp]
    bits: Array
    mixture: Mixture
    covariance: Array | None
    scale: Array

    @staticmethod
    def of(phi: Array, mixture: Mixture, covariance: Array | None) -> Problem:
        """Return the problem of what `bmco_pymc.population.between.solve` is asked."""
        support = np.flatnonzero(phi.min(axis=0) > 0)
        k = phi.shape[1].bit_length() - 1
        kept = replace(mixture, offset=mixture.offset[:, support])
        if covariance is not None and not covariance.any():
            covariance = None
        theta = patterns.theta_from_phi(phi).mean(axis=0)
        sd = np.sqrt(theta * (1 - theta))
        own = patterns.bits(k)[support].astype(float)
        return Problem(phi[:, support], support, own, kept, covariance, np.outer(sd, sd))

    @property
    def _triangle(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The entries of R that are unknown: none without clusters."""
        return np.tril_indices(self.bits.shape[1] if self.covariance is not None else 0)

    def guess(self) -> Array:
        """Return the unknowns from a linear approximation around clusters that are equal."""
        known = self.mixture.given @ self.mixture.offset  # (m, P)
        own = np.log(self.phi) - known
        logits = (own[:, :-1] - own[:, -1:]).ravel()
        if self.covariance is None:
            return logits
        none = np.ones(self.bits.shape[1], dtype=np.intp)
        equal = replace(self, covariance=None)
        logits, _ = equal.found(logits, none)
        ((_, _, first, second),) = self._parts(*equal.split(logits), none)
        m = len(self.phi)
        of_rates = np.diag(first[:m].sum(axis=0)[:, 0]) - second[:m].sum(axis=0)[..., 0]
        slope = self.bits.T @ of_rates @ self.bits  # of the rates in the effects, (K, K)
        least = 0.05 * np.diag(slope).min()
        values, vectors = np.linalg.eigh(slope - self.covariance)  # clusters flatten it
        inverse = np.linalg.inv(vectors * np.maximum(values, least) @ vectors.T)
        values, vectors = np.linalg.eigh(inverse @ self.covariance @ inverse)
        # Rates far from one half grow as exp(u): their variance does faster than that of u.
        effects = vectors * values @ vectors.T
        grown = np.maximum(np.diag(effects), 1e-12)
        scale = np.sqrt(np.log1p(grown) / grown)
        values, vectors = np.linalg.eigh(effects * np.outer(scale, scale))
        # A little of every effect: the derivative by a diagonal entry of R is 0 where that is 0.
        values = np.maximum(values, 1e-3 * values.max())
        root = np.linalg.cholesky(vectors * values @ vectors.T)
        return np.concatenate([logits, root[self._triangle]])

    def answer(self, guess: Array) -> LogitNormal | None:
        """Return what is found from a guess, None if nothing is."""
        coarse = np.ceil(self.sizes(guess) / 2).astype(np.intp)
        guess, miss = self.found(guess, coarse)
        if not miss < NEARLY:
            return None
        for _ in range(4):  # more nodes where the answer needs more than the guess
            sizes = self.sizes(guess)
            guess, miss = self.found(guess, sizes)
            if not miss < SOLVED:
                return None
            if all(self.sizes(guess) <= sizes):
                break
        return self.unpacked(guess, sizes)

    def packed(self, start: LogitNormal) -> Array:
        """Return the unknowns of clusters that are known."""
        logits = start.logits[:, self.support]
        own = logits[:, :-1] - logits[:, -1:]
        return np.concatenate([own.ravel(), start.root[self._triangle]])

    def split(self, unknown: Array) -> tuple[Array, Array]:
        """Return the intercepts (m, P) and R (K, K)."""
        m, n = self.phi.shape
        logits = np.hstack([unknown[: m * (n - 1)].reshape(m, n - 1), np.zeros((m, 1))])
        root = np.zeros((self.bits.shape[1],) * 2)
        root[self._triangle] = unknown[m * (n - 1) :]
        return logits, root

    def unpacked(self, unknown: Array, sizes: NDArray[np.intp]) -> LogitNormal:
        """Return the clusters that the unknowns stand for."""
        logits, root = self.split(unknown)
        every = np.full((len(logits), 2 ** self.bits.shape[1]), -np.inf)
        every[:, self.support] = logits
        # Which of z and -z is meant makes no difference in a group, but it does between two.
        root = root * np.where(np.diag(root) < 0, -1.0, 1.0)
        phi = np.zeros(every.shape[1])
        for weight, _, first, _ in self._parts(logits, root, sizes, average_only=True):
            phi[self.support] += first[0] @ weight
        return LogitNormal(every, root, phi / phi.sum())

    def sizes(self, unknown: Array) -> NDArray[np.intp]:
        """Return how many nodes each direction of the integral needs."""
        return node_numbers(self.bits @ self.split(unknown)[1])

    def found(self, unknown: Array, sizes: NDArray[np.intp]) -> tuple[Array, float]:
        """Return the answer with so many nodes, and how far it is off.

        Newton's method with steps that get closer, then Levenberg-Marquardt, which finds an answer
        with a singular R too, if slowly.
        """
        from scipy.optimize import root

        with np.errstate(all="ignore"):  # a step may be far too long: it is taken back
            off, jacobian, least = self._off(unknown, sizes)
            for _ in range(NEWTON):
                if least < CONVERGED or least == math.inf:
                    break
                step = np.linalg.lstsq(jacobian, off, rcond=1e-12)[0]
                for halvings in range(HALVINGS):
                    nearer = unknown - step / 2**halvings
                    off, jacobian, miss = self._off(nearer, sizes)
                    if miss < least:
                        break
                else:
                    break
                unknown, least = nearer, miss
            if least < SOLVED or least == math.inf:
                return unknown, least
            most = {"maxiter": MARQUARDT}
            found = root(self.equations, unknown, sizes, "lm", True, tol=1e-13, options=most)
            return found.x, self._off(found.x, sizes)[2]

    def _off(self, unknown: Array, sizes: NDArray[np.intp]) -> tuple[Array, Array, float]:
        """Return `equations`, and the largest of them, infinite where they cannot be worked out."""
        off, jacobian = self.equations(unknown, sizes)
        finite = np.all(np.isfinite(off)) and np.all(np.isfinite(jacobian))
        return off, jacobian, float(np.abs(off).max(initial=0.0)) if finite else math.inf

    def equations(self, unknown: Array, sizes: NDArray[np.intp]) -> tuple[Array, Array]:
        """Return what should be zero, and its derivatives."""
        logits, root = self.split(unknown)
        (m, n), k = logits.shape, self.bits.shape[1]
        bits, (low, high) = self.bits, self._triangle
        mean, of_logits = np.zeros((m, n)), np.zeros((m, n, m, n))
        of_root = np.zeros((m, n, k, k))
        theta, square = np.zeros(k), np.zeros((k, k))
        theta_logits, theta_root = np.zeros((k, m, n)), np.zeros((k, k, k))
        square_logits, square_root = np.zeros((k, k, m, n)), np.zeros((k, k, k, k))
        for weight, nodes, first, second in self._parts(logits, root, sizes):
            # H[u] is the derivative of the average u by the logits of a node, (u, P, P, N).
            H = -second
            H[:, np.arange(n), np.arange(n)] += first
            weighted = weight[:, None] * np.column_stack([np.ones(len(nodes)), nodes])  # (N, 1+K)
            mean += first[-m:] @ weight
            moments = H[-m:] @ weighted  # (m, P, P, 1 + K)
            for i in range(m):
                of_logits[i, :, i] += moments[i, ..., 0]
            of_root += np.einsum("iqrl,rk->iqkl", moments[..., 1:], bits)
            if self.covariance is None:
                continue
            rates = first[:m].sum(axis=0).T @ bits  # (N, K)
            theta += weight @ rates
            square += rates.T @ (weight[:, None] * rates)
            B_H = np.einsum("qj,uqrn->ujrn", bits, H[:m])  # (m, K, P, N)
            both = np.concatenate([np.ones((len(nodes), 1)), rates], axis=1) * weight[:, None]
            by_logits = B_H @ both  # (m, K, P, 1 + K)
            theta_logits += by_logits[..., 0].transpose(1, 0, 2)
            square_logits += by_logits[..., 1:].transpose(1, 3, 0, 2)
            G = np.einsum("jrn,rk->jkn", B_H.sum(axis=0), bits)  # (K, K, N)
            theta_root += G @ weighted[:, 1:]
            crossed = (weighted[:, None, 1:] * rates[:, :, None]).reshape(len(nodes), -1)
            square_root += (G @ crossed).reshape(k, k, k, k).transpose(0, 2, 1, 3)
        log_mean = np.log(mean)
        log_given = np.log(self.phi)
        off = (log_mean - log_mean[:, -1:] - log_given + log_given[:, -1:])[:, :-1].ravel()
        by = np.concatenate(
            [of_logits[..., :-1].reshape(m, n, -1), of_root[..., low, high]], axis=2
        )
        by = by / mean[..., None]
        jacobian = (by[:, :-1] - by[:, -1:]).reshape(m * (n - 1), -1)
        if self.covariance is None:
            return off, jacobian
        lower = np.tril_indices(k)
        miss = (square - np.outer(theta, theta) - self.covariance) / self.scale
        by_theta = np.concatenate(
            [theta_logits[..., :-1].reshape(k, -1), theta_root[:, low, high]], axis=1
        )  # (K, unknowns)
        by_square = np.concatenate(
            [square_logits[..., :-1].reshape(k, k, -1), square_root[..., low, high]], axis=2
        )  # (K, K, unknowns): of E[dθ_j θ_i] at [j, i]
        centred = by_square - by_theta[:, None] * theta[None, :, None]
        by_covariance = (centred + centred.transpose(1, 0, 2)) / self.scale[..., None]
        return np.concatenate([off, miss[lower]]), np.vstack([jacobian, by_covariance[lower]])

    def _parts(
        self, logits: Array, root: Array, sizes: NDArray[np.intp], *, average_only: bool = False
    ) -> Iterator[tuple[Array, Array, Array, Array]]:
        """Yield blocks of the integral over clusters.

        Weights (N,) and nodes (N, K), and for weightings u of the covariates the averages of p_q,
        (u, P, N), and of p_q p_r, (u, P, P, N). The first m of u share the population out to the
        intercepts, the last m are those of which φ is given: the same, if it is of all.
        """
        mix = self.mixture
        log_odds = mix.offset + mix.basis @ logits
        odds = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))  # (C, P)
        by = (mix.weight[:, None] * mix.basis).T
        if average_only:
            by = mix.weight[None]
        elif not mix.of_all:
            by = np.vstack([by, mix.given])
        single = (by[:, :, None] * odds).transpose(0, 2, 1)  # (u, P, C)
        n = odds.shape[1]
        double = (single[:, :, None] * odds.T[None, None]).reshape(-1, len(odds))  # (u P P, C)
        nodes, weights = tensor(sizes)
        size = max(BLOCK // max(len(odds), len(by) * n * n), 16)
        for start in range(0, len(nodes), size):
            block = slice(start, start + size)
            effect = self.bits @ root @ nodes[block].T  # (P, N)
            lifted = np.exp(effect - effect.max(axis=0))
            share = 1 / (odds @ lifted)  # (C, P) @ (P, N)
            first = single @ share * lifted
            second = first[:0, None]
            if not average_only:
                second = (double @ share**2).reshape(len(by), n, n, -1)
                second *= lifted[:, None] * lifted[None]
            yield weights[block], nodes[block], first, second
