"""The sampled density is exactly the model's: textbook density times Jacobian, and its gradient.

Nothing here samples: the PyMC log-density of unconstrained values is compared with the textbook
density of (beta, gamma, Sigma, gamma_j) on the raw scale, plus the log Jacobian of the map between
the two, taken numerically.
"""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import block_diag

import bmco_pymc as bmco


def small_study(K=2, J=5, n=6, seed=3):
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
    return frame, [f"y{k}" for k in range(K)]


def make(Sigma, random="1 + arm", K=2, sd=(0.05, 0.02)):
    frame, outcomes = small_study(K)
    study = bmco.Study(frame, outcomes, "arm", "a", "b", cluster="site")
    priors = bmco.Priors(
        beta=bmco.Normal(0.3, sd=sd),
        gamma=bmco.Normal(-0.2, sd=1.5),
        Sigma=Sigma,
        contrasts="reference",
    )
    with warnings.catch_warnings():  # as narrow as finite differences want it, not as data would
        warnings.simplefilter("ignore", bmco.InputWarning)
        return bmco.BGLMM(study, "arm * age", random, priors=priors)


CASES = {
    "inverse-Wishart": (bmco.InverseWishart(2.7, [[0.3, 0.1], [0.1, 0.5]]), "1 + arm", 2),
    "LKJ": (bmco.LKJ(1.7, sd=bmco.Exponential(0.8)), "1 + arm", 2),
    "joint LKJ": (bmco.LKJ(1.7, sd=bmco.HalfStudentT(4, 0.8), joint=True), "1 + arm", 1),
}


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
        (priors.beta, beta, model.design.terms),
        (priors.gamma, gamma, model.design.random_terms),
    ):
        mean, covariance = prior.resolve("x", terms)
        total += sum(stats.multivariate_normal(mean, covariance).logpdf(v) for v in value.T)
    if isinstance(priors.Sigma, bmco.InverseWishart):
        nu, scale = priors.Sigma.resolve("Sigma", model.design.random_terms)
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
    X, Z = model.design.matrices(cells.frame, cells.arm)
    eta = X @ beta + np.einsum("nk,nkl->nl", Z, each[cells.cluster])
    eta = np.column_stack([eta, np.zeros(len(eta))])
    log_phi = eta - np.logaddexp.reduce(eta, axis=1)[:, None]
    return total + float((cells.counts * log_phi).sum())


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
    cross = 0.02 * rng.normal(size=(len(model.design.terms), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return model.with_priors(Sigma=Sigma, contrasts="symmetric", cross=cross)


@pytest.mark.parametrize("joint", [True, False])
def test_density_of_symmetric_contrasts(joint):
    """Up to a constant: the prior as `log_density` has it, the clusters, the data, the Jacobian.

    A Sigma for each logit is about the logits themselves, whatever the coefficients' contrasts.
    """
    from bmco_pymc.contrasts import logits_of
    from bmco_pymc.log_density import log_likelihood, log_prior

    mapped = Map(symmetric(joint))
    model, rng, constants = mapped.model, np.random.default_rng(0), []
    outer = np.kron(logits_of("symmetric", 4), np.eye(2)) if joint else np.eye(6)
    inner = np.linalg.inv(outer @ np.kron(np.eye(3), BASIS))
    for _ in range(3):
        x = rng.normal(0, 0.7, mapped.size)
        raw = mapped.raw(x)
        step, columns = 1e-5, []
        for e in step * np.eye(mapped.size):
            up, down = (free_parameters(mapped.raw(x + s * e)) for s in (1, -1))
            columns.append((up - down) / (2 * step))
        one = {name: values[None] for name, values in raw.items()}
        total = sum(float(part[0]) for part in log_prior(model, one).values())
        Sigma = raw["Sigma"].reshape(6, 6) if joint else block_diag(*raw["Sigma"])
        # the prior is a density of SDs and correlations of the inner covariance, not of Sigma
        sd = np.sqrt(np.diag(inner @ Sigma @ inner.T))
        total -= (6 if joint else 2) * np.log(sd).sum()  # as many as rows of one block
        u = np.moveaxis(raw["gamma_cluster"] - raw["gamma"], 2, 1).reshape(-1, 6)
        total += stats.multivariate_normal(np.zeros(6), Sigma).logpdf(u).sum()
        total += float(log_likelihood(model, one)[0]) + np.linalg.slogdet(np.array(columns))[1]
        constants.append(mapped.logp(x) - total)
    assert np.ptp(constants) < 4e-5


@pytest.fixture(scope="module", params=CASES)
def mapped(request):
    return Map(make(*CASES[request.param]))


def test_density_is_the_textbook_one(mapped):
    rng = np.random.default_rng(0)
    for _ in range(2):
        x = rng.normal(0, 0.7, mapped.size)
        step = 1e-5
        jacobian = np.empty((mapped.size, mapped.size))
        for i in range(mapped.size):
            e = np.zeros(mapped.size)
            e[i] = step
            up, down = (free_parameters(mapped.raw(x + s * e)) for s in (1, -1))
            jacobian[:, i] = (up - down) / (2 * step)
        expected = textbook(mapped.model, mapped.raw(x)) + np.linalg.slogdet(jacobian)[1]
        # finite differences of some 50 columns: 1e-6 of a log-density of about -100
        assert mapped.logp(x) == pytest.approx(expected, abs=2e-5)


def test_gradient(mapped):
    rng = np.random.default_rng(1)
    x = rng.normal(0, 0.7, mapped.size)
    gradient = mapped.gradient(x)
    step = 1e-6
    for i in range(mapped.size):
        e = np.zeros(mapped.size)
        e[i] = step
        numeric = (mapped.logp(x + e) - mapped.logp(x - e)) / (2 * step)
        assert gradient[i] == pytest.approx(numeric, rel=1e-5, abs=1e-6)


def test_starting_point_goes_there_and_back(mapped):
    """forward and backward of the clusters' transform are inverses."""
    import pytensor
    import pytensor.tensor as pt

    from bmco_pymc.models.centring import DataCentring

    rng = np.random.default_rng(2)
    data = mapped.model.data
    B, d, J = data["off"].shape
    zeta = rng.normal(size=(B, d, J))
    coef = rng.normal(size=data["lin"].shape[:2])
    root = np.tril(rng.normal(size=(B, d, d)))
    value = pt.dtensor3("value")
    inputs = [pt.as_tensor(a) for a in (coef, root, data["info"], data["lin"], data["off"])]
    transform = DataCentring()
    there = transform.forward(value, *inputs)
    back = pytensor.function([value], transform.backward(there, *inputs), mode="FAST_COMPILE")
    assert back(zeta) == pytest.approx(zeta, abs=1e-9)
