"""The compiled log-density: accurate exp and log, and exactly the density of the PyMC model."""

import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from densities import MODELS, Map, free_parameters, log_density, small_study, textbook
from scipy.special import logsumexp, softmax

import bmco_pymc as bmco
from bmco_pymc.kernel import callbacks, covariance, elementary
from bmco_pymc.kernel.layout import unpack
from bmco_pymc.kernel.likelihood import BLOCK, statistics, subtract_norm
from bmco_pymc.kernel.workspace import work_size, workspace

pytestmark = pytest.mark.samples


@numba.njit
def each(function, numbers):
    out = np.empty_like(numbers)
    for i in range(len(numbers)):
        out[i] = function(numbers[i])
    return out


def test_exp_and_log():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-708, 709, 10**5), rng.normal(size=10**5), [0.0, -0.0, 1.0]])
    assert abs(each(elementary.exp, x) / np.exp(x) - 1).max() < 1e-15
    assert each(elementary.exp, np.array([-1e5, -800.0])).max() < 1e-300  # as good as nothing
    for y in (1 + np.exp(rng.uniform(-36, 0, 10**5)), np.exp(rng.uniform(0, 600, 10**5))):
        assert (abs(each(elementary.log, y) - np.log(y)) <= 5e-16 * (1 + np.log(y))).all()
    assert each(elementary.log, np.ones(1))[0] == 0


def cells(n, M, L, p, sizes, seed, scale=1.0, offset=True):
    rng = np.random.default_rng(seed)
    return {
        "coef": scale * rng.normal(size=(L, M)),
        "deviation": rng.normal(size=(L, p, len(sizes))),
        "design": rng.normal(size=(M, n)),
        "offset": rng.normal(size=n if offset else 0),
        "design_random": rng.normal(size=(p, n)),
        "start": np.concatenate([[0], np.cumsum(sizes)]).astype(float),
    }, rng.multinomial(4, np.full(L + 1, 1 / (L + 1)), n).astype(float)


CELLS = {
    "one cell": (1, 2, 3, 1, [1], 1.0, True),
    "no cluster": (300, 4, 3, 0, [300], 1.0, False),
    "small clusters": (2 * BLOCK + 5, 3, 1, 2, [1, 2, BLOCK, 3, BLOCK - 1], 1.0, True),
    "seven logits": (40, 2, 7, 1, [20, 20], 1.0, True),
    "large": (60, 3, 3, 1, [30, 30], 400.0, True),  # linear predictors beyond 700
    "both kinds of block": (3 * BLOCK, 1, 3, 0, [3 * BLOCK], 1.0, False),
}


@pytest.mark.parametrize("case", CELLS)
def test_log_likelihood_is_the_textbook_one(case):
    n, M, L, p, sizes, scale, offset = CELLS[case]
    x, counts = cells(n, M, L, p, sizes, 1, scale, offset)
    if case == "both kinds of block":
        x["design"][:, BLOCK : 2 * BLOCK] *= 1e3
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    eta = x["design"].T @ x["coef"].T + (x["offset"][:, None] if offset else 0)
    eta = eta + np.einsum("pn,lpn->nl", x["design_random"], x["deviation"][:, :, cluster])
    eta = np.column_stack([eta, np.zeros(n)])
    if scale > 1:
        assert abs(eta).max() > 700
    total = counts.sum(axis=1)
    value = float((counts * (eta - logsumexp(eta, axis=1)[:, None])).sum())
    rest = (counts - total[:, None] * softmax(eta, axis=1))[:, :-1]  # (n, L)
    d_coef = rest.T @ x["design"].T
    d_deviation = np.zeros_like(x["deviation"])
    each = np.einsum("nl,pn->nlp", rest, x["design_random"])
    np.add.at(np.moveaxis(d_deviation, -1, 0), cluster, each)

    arrays = [x[name] for name in ("design", "offset", "design_random", "start")]
    constant, fixed, random = statistics(counts, *arrays)
    linear = constant + (fixed * x["coef"]).sum() + (random * x["deviation"]).sum()
    norm = subtract_norm(x["coef"], x["deviation"], *arrays, total, np.empty((0, 0)), fixed, random)
    size = abs(counts * eta).sum() + abs(value)
    assert linear + norm == pytest.approx(value, abs=1e-14 * size)
    for ours, theirs in ((fixed, d_coef), (random, d_deviation)):
        if theirs.size:
            assert abs(ours - theirs).max() < 1e-12 * max(abs(theirs).max(), 1)


@pytest.mark.parametrize("name", MODELS)
def test_log_density_is_that_of_the_pymc_model(name):
    """Up to one constant; its gradient to 1e-9, near the mode and far out."""
    model = MODELS[name]()
    graph = Map(model)
    assert graph.size == model.n_parameters
    rng = np.random.default_rng(1)
    constants = []
    for scale in (0.1, 0.7, 3.0):
        x = rng.normal(0, scale, graph.size)
        gradient = np.empty_like(x)
        value = log_density(x, model.packed, gradient)
        theirs = graph.gradient(x)
        assert abs(gradient - theirs).max() < 1e-9 * abs(theirs).max()
        constants.append(value - graph.logp(x))
        assert constants[-1] == pytest.approx(constants[0], abs=1e-12 * max(1, abs(value)))


def plain_graph(model):
    """Value and gradient from PyTensor's own operations: nothing of the kernel, nothing of PyMC.

    Inverse-Wishart (Bartlett), one block of deviations a logit; arguments as the kernel has them.
    """
    import pytensor
    import pytensor.tensor as pt

    data = model.data
    scale, logits, lin = data["basis_scale"], data["basis_logits"], data["lin"]
    M, L = scale.shape
    B, d, J = data["off"].shape
    x = pt.dvector("x")
    sizes = [M * L, B * d, B * d * (d - 1) // 2, B * d * J]
    parts = [x[end - size : end] for size, end in zip(sizes, np.cumsum(sizes), strict=True)]
    white, t = parts[0].reshape((M, L)), parts[1].reshape((B, d))
    v, epsilon = parts[2].reshape((B, -1)), parts[3].reshape((B, d, J))
    coef = logits @ (white / scale).T  # (L, M)
    value = -((white / scale) ** 2).sum() / 2
    value += (data["bartlett_shape"] * t).sum() - pt.exp(t).sum() / 2 - (v**2).sum() / 2
    rows, columns = np.tril_indices(d, -1)
    own_coef, u = coef.reshape((B, -1)), []
    for b in range(B):
        A = pt.diag(pt.exp(t[b] / 2))
        A = pt.set_subtensor(A[rows, columns], v[b])
        R = pt.linalg.inv(A).T
        for j in range(J):
            K = pt.linalg.cholesky(np.eye(d) + R.T @ data["info"][b, :, :, j] @ R)
            score = data["off"][b, :, j] - own_coef[b] @ lin[b, :, :, j]
            shifted = epsilon[b, :, j] + pt.linalg.inv(K) @ (R.T @ score)
            zeta = pt.linalg.inv(K).T @ shifted
            value -= pt.log(pt.diag(K)).sum() + (zeta**2).sum() / 2
            u.append(R @ zeta)
    p = len(data["design_random"])
    u = pt.stack(u).reshape((B, J, d)).transpose(0, 2, 1).reshape((L, p, J))
    cluster = np.repeat(np.arange(J), np.diff(data["cluster_start"]).astype(int))
    eta = data["offset"] + coef @ data["design"]  # (L, n)
    eta += (data["design_random"] * u[:, :, cluster]).sum(axis=1)
    full = pt.concatenate([eta, pt.zeros((1, eta.shape[1]))])
    top = full.max(axis=0)
    norm = top + pt.log(pt.exp(full - top).sum(axis=0))
    counts = data["observed"].T  # (Q, n)
    value += (counts * (full - norm)).sum()
    outputs = [value, pytensor.grad(value, x), abs(eta).max()]
    return pytensor.function([x], outputs, mode="FAST_COMPILE")


def test_log_density_is_that_of_a_plain_graph():
    """To 1e-9, near the mode, far out, and where linear predictors are beyond 700."""
    model = MODELS["inverse-Wishart"]()
    graph = plain_graph(model)
    rng = np.random.default_rng(6)
    n_fixed = model.data["basis_scale"].size
    constants = []
    for scale, far in ((0.1, 1.0), (0.7, 1.0), (2.0, 1.0), (0.5, 3000.0)):
        x = rng.normal(0, scale, model.n_parameters)
        x[:n_fixed] *= far
        gradient = np.empty_like(x)
        value = log_density(x, model.packed, gradient)
        expected, theirs, largest = graph(x)
        assert far == 1 or largest > 700
        assert abs(gradient - theirs).max() < 1e-9 * abs(theirs).max()
        constants.append(value - expected)
        assert constants[-1] == pytest.approx(constants[0], abs=1e-12 * max(1, abs(value)))


def whole_clusters(missing):
    """Each cluster holds one group only, and the group's coefficient is random."""
    frame, outcomes = small_study(2, missing=missing)
    frame["arm"] = np.where(frame["site"].isin([0, 3]), "a", "b")
    with pytest.warns(bmco.InputWarning, match="one group"):
        study = bmco.Study(frame, outcomes, "arm", "a", "b", cluster="site", missing="mar")
    Sigma = bmco.InverseWishart(2.7, [[0.3, 0.1], [0.1, 0.5]])
    priors = bmco.Priors(
        beta=bmco.Normal(0.3, sd=0.03),
        gamma=bmco.Normal(-0.2, sd=1.5),
        Sigma=Sigma,
        contrasts="reference",
    )
    with pytest.warns(bmco.InputWarning, match="overrules the scale of age"):
        return bmco.BGLMM(study, "arm * age", "1 + arm", priors=priors)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_whole_clusters_have_the_textbook_density(missing):
    """Other coordinates than the PyMC model's: its own Jacobian, and its own gradient."""
    model = whole_clusters(missing)
    assert int(model.packed[8]) == covariance.SPLIT
    size, rng, step = model.n_parameters, np.random.default_rng(3), 1e-5

    def raw(x):
        values = model.posterior(*callbacks.expand(x[None], model.packed))
        return {name: value[0] for name, value in values.items()}

    def value(x):
        return log_density(x, model.packed, np.empty(size))

    constants = []
    for scale in (0.3, 0.7, 1.0):
        x = rng.normal(0, scale, size)
        gradient = np.empty(size)
        log_density(x, model.packed, gradient)
        columns = []
        for i, e in enumerate(step * np.eye(size)):
            up, down = free_parameters(raw(x + e)), free_parameters(raw(x - e))
            columns.append((up - down) / (2 * step))
            numeric = (value(x + e) - value(x - e)) / (2 * step)
            assert gradient[i] == pytest.approx(numeric, rel=1e-5, abs=1e-5)
        expected = textbook(model, raw(x)) + np.linalg.slogdet(np.array(columns))[1]
        constants.append(value(x) - expected)
    assert np.ptp(constants) < 4e-5  # finite differences of some 30 columns


@pytest.mark.parametrize("name", MODELS)
def test_draws_are_expanded_as_the_pymc_model_does(name):
    model = MODELS[name]()
    graph = Map(model)
    x = np.random.default_rng(2).normal(0, 0.7, (3, graph.size))
    ours = model.posterior(*callbacks.expand(x, model.packed))
    for s, point in enumerate(x):
        theirs = graph.raw(point)
        for parameter, values in theirs.items():
            assert ours[parameter][s] == pytest.approx(values, rel=1e-9, abs=1e-12)


@numba.njit
def last_of_workspace(packed):
    """Write the last number of the workspace; return all of its memory."""
    model = unpack(packed)
    memory = np.zeros(work_size(model))
    workspace(memory, model).partial[-1, -1, -1] = 7.0
    return memory


@pytest.mark.parametrize("name", ["three outcomes", "symmetric contrasts"])
def test_the_workspace_is_as_large_as_it_says(name):
    packed = MODELS[name]().packed
    memory = last_of_workspace(packed)
    assert memory[-1] == 7.0
    assert np.count_nonzero(memory) == 1


DIGEST = """
import ctypes, hashlib, sys, warnings
import numpy as np
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
from densities import MODELS, callbacks, log_density
digest = hashlib.sha256()
for name in ("joint", "three random terms", "half-t", "one random term", "flat"):
    model = MODELS[name]()
    points = np.random.default_rng(4).normal(0, 0.5, (5, model.n_parameters))
    for point in points:
        gradient = np.empty_like(point)
        digest.update(np.array(log_density(point, model.packed, gradient)).tobytes())
        digest.update(gradient.tobytes())
    for array in callbacks.expand(points, model.packed):
        digest.update(array.tobytes())
compiled = sum(callbacks.expand.stats.cache_misses.values())
print(digest.hexdigest(), compiled)
"""


@pytest.mark.slow
def test_compiled_and_loaded_code_agree_to_the_last_digit(tmp_path):
    """A seed gives the same draws in the process that compiles the density and in later ones."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", DIGEST, str(Path(__file__).parents[1])]
    first, second = (
        subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    )
    assert (first[1], second[1]) == ("1", "0")
    assert first[0] == second[0]


def test_a_fit_of_another_structure_compiles_nothing(trial_model, multisite_model, monkeypatch):
    """Other sizes and another prior family are data; the PyMC model is not even built."""
    import nutpie
    from numba.core import event

    settings = {"draws": 50, "tune": 200, "seed": 1, "progress": False}
    with pytest.warns(bmco.ConvergenceWarning):  # far too few draws, on purpose
        trial_model.fit(**settings)

    def refuse(*args, **kwargs):
        raise AssertionError("compiled a PyMC model")

    monkeypatch.setattr(nutpie, "compile_pymc_model", refuse)
    listener = event.RecordingListener()
    with event.install_listener("numba:compile", listener), pytest.warns(bmco.ConvergenceWarning):
        multisite_model.with_priors(Sigma=bmco.LKJ(2)).fit(**settings)
    assert listener.buffer == []
