"""Small models, and their log density in textbook form: for the tests of every density."""

import ctypes
import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bmco_pymc as bmco
from bmco_pymc import observed_patterns
from bmco_pymc.kernel import callbacks


def small_study(K=2, J=5, n=6, seed=3, missing=0.0):
    """A share of the outcomes is missing; the next one of the same subject never is."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "site": np.repeat(np.arange(J), n),
            "arm": np.tile(["a", "b"], J * n // 2),
            "age": rng.normal(50, 10, J * n),
        }
    )
    for k in range(K):
        frame[f"y{k}"] = rng.integers(0, 2, J * n)
    if missing:
        gone = rng.random((J * n, K)) < missing
        gone[np.arange(J * n), rng.integers(0, K, J * n)] = False
        for k in range(K):
            frame[f"y{k}"] = frame[f"y{k}"].mask(gone[:, k])
    return frame, [f"y{k}" for k in range(K)]


def make(Sigma, random="1 + arm", K=2, sd=(0.05, 0.02), missing=0.0):
    frame, outcomes = small_study(K, missing=missing)
    study = bmco.Study(frame, outcomes, "arm", "a", "b", cluster="site", missing="mar")
    priors = bmco.Priors(
        beta=bmco.Normal(0.3, sd=sd),
        gamma=bmco.Normal(-0.2, sd=1.5),
        Sigma=Sigma,
        contrasts="reference",
    )
    with warnings.catch_warnings():  # as narrow as finite differences want it, not as data would
        warnings.simplefilter("ignore", bmco.InputWarning)
        return bmco.BGLMM(study, "arm * age", random, priors=priors)


class Map:
    """Unconstrained values of a model, its log-density there, and the raw parameters."""

    def __init__(self, model):
        import pytensor

        self.model = model
        pm_model = model.build()
        self.values = pm_model.value_vars
        start = pm_model.initial_point()
        self.shapes = {v.name: np.shape(start[v.name]) for v in self.values}
        names = list(model.parameters)
        raw = pm_model.replace_rvs_by_values([pm_model[name] for name in names])
        logp = pm_model.logp()
        gradient = pytensor.gradient.grad(logp, self.values)
        mode = "FAST_COMPILE"
        self._logp = pytensor.function(self.values, [logp, *gradient], mode=mode)
        self._raw = pytensor.function(self.values, raw, mode=mode)

    def split(self, x):
        parts, at = [], 0
        for shape in self.shapes.values():
            size = int(np.prod(shape))
            parts.append(x[at : at + size].reshape(shape))
            at += size
        return parts

    @property
    def size(self):
        return sum(int(np.prod(s)) for s in self.shapes.values())

    def logp(self, x):
        return float(self._logp(*self.split(x))[0])

    def gradient(self, x):
        return np.concatenate([np.ravel(g) for g in self._logp(*self.split(x))[1:]])

    def raw(self, x):
        return dict(zip(self.model.parameters, self._raw(*self.split(x)), strict=True))


def free_parameters(raw):
    """The raw parameters as a vector of as many numbers as the sampler has."""
    Sigma = raw["Sigma"]
    if Sigma.ndim == 4:
        L, p = Sigma.shape[:2]
        Sigma = Sigma.reshape(1, L * p, L * p)
    rows, columns = np.tril_indices(Sigma.shape[-1])
    parts = [raw["beta"], raw["gamma"], raw["gamma_cluster"], Sigma[:, rows, columns]]
    return np.concatenate([np.ravel(part) for part in parts])


def textbook(model, raw):
    """Log-density of data and raw parameters, up to the multinomial coefficients."""
    priors, cells = model.priors, model.cells
    beta, gamma, each, Sigma = (raw[k] for k in ("beta", "gamma", "gamma_cluster", "Sigma"))
    L = beta.shape[1]
    total = 0.0
    for prior, value, terms in (
        (priors.beta, beta, model.terms.fixed),
        (priors.gamma, gamma, model.terms.random),
    ):
        mean, covariance = prior.resolve("x", terms)
        total += sum(stats.multivariate_normal(mean, covariance).logpdf(v) for v in value.T)
    if isinstance(priors.Sigma, bmco.InverseWishart):
        nu, scale = priors.Sigma.resolve("Sigma", model.terms.random)
        total += sum(stats.invwishart(nu, scale).logpdf(S) for S in Sigma)
        blocks = [(Sigma[q], each[:, :, q] - gamma[:, q]) for q in range(L)]
    else:
        joint = priors.Sigma.joint
        if joint:
            d = L * gamma.shape[0]
            u = np.moveaxis(each - gamma, 2, 1).reshape(len(each), d)
            blocks = [(Sigma.reshape(d, d), u)]
        else:
            blocks = [(Sigma[q], each[:, :, q] - gamma[:, q]) for q in range(L)]
        for S, _ in blocks:
            total += lkj_logpdf(S, priors.Sigma)
    for S, u in blocks:
        total += stats.multivariate_normal(np.zeros(len(S)), S).logpdf(u).sum()
    X, Z = model.terms.matrices(cells.frame, cells.arm)
    eta = X @ beta + np.einsum("nk,nkl->nl", Z, each[cells.cluster])
    eta = np.column_stack([eta, np.zeros(len(eta))])
    log_phi = eta - np.logaddexp.reduce(eta, axis=1)[:, None]
    return total + float((cells.counts * log_phi).sum()) + partly(cells, log_phi)


def partly(cells, log_phi):
    """The log-likelihood of subjects observed in part, real or complex: subject by subject."""
    if cells.partial is None:
        return 0.0
    K = cells.counts.shape[1].bit_length() - 1
    patterns = ["".join(bits) for bits in itertools.product("10", repeat=K)]
    seen = observed_patterns.labels(K)
    total = 0.0
    for cell, code, count in zip(*vars(cells.partial).values(), strict=True):
        agree = [all(s in ("?", b) for s, b in zip(seen[code], q, strict=True)) for q in patterns]
        total += count * np.log(np.exp(log_phi[cell][agree]).sum())
    return total


def lkj_logpdf(S, prior):
    """Density of Sigma = D R D: LKJ of R, the SDs' prior, and the Jacobian of (D, R) -> Sigma."""
    d = len(S)
    sd = np.sqrt(np.diag(S))
    R = S / np.outer(sd, sd)
    # normalising constant of LKJ from its independent canonical partial correlations
    constant = 0.0
    for column in range(d - 1):
        b = prior.eta + (d - 2 - column) / 2
        rows = d - 1 - column
        # density of one partial correlation on (-1, 1): Beta(b, b) scaled; R's Jacobian cancels
        constant += rows * (-np.log(2) * (2 * b - 1) - 2 * _lgamma(b) + _lgamma(2 * b))
    value = constant + (prior.eta - 1) * np.linalg.slogdet(R)[1]
    match prior.sd:
        case bmco.Exponential(scale):
            value += stats.expon(scale=scale).logpdf(sd).sum()
        case bmco.HalfStudentT(nu, sigma):
            value += (np.log(2) + stats.t(nu, scale=sigma).logpdf(sd)).sum()
        case bmco.HalfNormal(sigma):
            value += stats.halfnorm(scale=sigma).logpdf(sd).sum()
    return value - d * np.log(2) - d * np.log(sd).sum()


def _lgamma(x):
    from scipy.special import gammaln

    return float(gammaln(x))


BASIS = [[1, -0.5], [0.2, 1.3]]


def symmetric(joint=True):
    """Every way in which a prior can tie coefficients and logits together."""
    Sigma = bmco.LKJ(1.7, bmco.HalfNormal(0.8), joint=joint, basis=BASIS)
    model = make(bmco.InverseWishart(2.7, 0.3), "1 + arm", sd=0.04)
    rng = np.random.default_rng(5)
    cross = 0.02 * rng.normal(size=(len(model.terms.fixed), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return model.with_priors(Sigma=Sigma, contrasts="symmetric", cross=cross)


def log_density(x, packed, gradient):
    """What the sampler calls, as it calls it."""
    value = np.empty(1)
    pointers = [
        a.ctypes.data_as(ctypes.POINTER(ctypes.c_double)) for a in (x, gradient, value, packed)
    ]
    assert callbacks.log_density.ctypes(x.size, *pointers) == 0
    return value[0]


def flat(contrasts="reference", missing=0.0):
    frame, outcomes = small_study(3, missing=missing)
    study = bmco.Study(frame, outcomes, "arm", "a", "b", missing="mar")
    priors = bmco.Priors(beta=bmco.Normal(0.3, sd=0.2), contrasts=contrasts)
    with pytest.warns(bmco.InputWarning, match="overrules the scale of age"):
        return bmco.BGLM(study, "arm * age", priors=priors)


MODELS = {
    "flat": flat,
    "flat, symmetric": lambda: flat("symmetric"),
    "inverse-Wishart": lambda: make(bmco.InverseWishart(2.7, [[0.3, 0.1], [0.1, 0.5]])),
    "three random terms": lambda: make(bmco.InverseWishart(4.2, 0.3), "1 + arm + age", sd=0.03),
    "half-normal": lambda: make(bmco.LKJ(1.7, sd=bmco.HalfNormal(0.8)), "1 + arm + age", sd=0.03),
    "half-t": lambda: make(bmco.LKJ(0.6, sd=bmco.HalfStudentT(4, 0.8))),
    "one random term": lambda: make(bmco.LKJ(2, sd=bmco.Exponential(0.8)), "1", sd=0.03),
    "joint": lambda: make(bmco.LKJ(1.7, sd=bmco.Exponential(0.5), joint=True)),
    "symmetric contrasts": symmetric,
    "symmetric, a Sigma for each logit": lambda: symmetric(joint=False),
    "three outcomes": lambda: make(bmco.InverseWishart(2.5, 0.3), "1 + arm", 3),
    "observed in part": lambda: make(bmco.InverseWishart(2.5, 0.3), "1 + arm", 3, missing=0.4),
    "flat, observed in part": lambda: flat(missing=0.4),
}
