"""Studies and fits that several test files share; compiling is the slow part."""

import signal
import warnings
from typing import Any

import pytest

import bmco_pymc as bmco

# A shell ignores Ctrl-C in what it runs in the background, and processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

SCHOOLS: dict[str, Any] = {
    "outcomes": ["math_pass", "reading_pass"],
    "group": "method",
    "control": "traditional",
    "treatment": "new_method",
    "cluster": "school_id",
}


def pytest_collection_modifyitems(items):
    """Mark what uses a shared fit; other tests that sample bear the marker themselves."""
    for item in items:
        if {"trial_fit", "multisite_fit", "schools_fit"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("samples")


@pytest.fixture(scope="session")
def schools_study():
    """The school study; that whole schools were randomised is said once, in test_study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bmco.InputWarning)
        return bmco.Study(bmco.load_schools(), **SCHOOLS)


@pytest.fixture(scope="session")
def trial_study():
    """The trial without clusters."""
    return bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")


@pytest.fixture(scope="session")
def multisite_study():
    """The trial in sites, both arms in each."""
    return bmco.Study(bmco.load_multisite(), ["y1", "y2"], "arm", "ctl", "trt", cluster="site")


@pytest.fixture(scope="session")
def trial_model(trial_study):
    """bmco's bglm on the trial, with its priors."""
    return bmco.BGLM(trial_study, "arm * x", priors=bmco.Priors.bmco())


@pytest.fixture(scope="session")
def trial_fit(trial_model):
    """A long fit of it."""
    return trial_model.fit(draws=4000, seed=1, progress=False)


@pytest.fixture(scope="session")
def multisite_model(multisite_study):
    """bmco's bglmm with its default terms and priors on the trial in sites."""
    return bmco.BGLMM(multisite_study, "arm * x", "1 + arm", bmco.Priors.bmco())


@pytest.fixture(scope="session")
def multisite_fit(multisite_model):
    """A long fit of it."""
    return multisite_model.fit(draws=3000, seed=2, progress=False)


@pytest.fixture(scope="session")
def schools_model(schools_study):
    """The model of the seed's first call, with the covariate as it is and bmco's priors."""
    return bmco.BGLMM(schools_study, "method * baseline_ability", "1", bmco.Priors.bmco())


@pytest.fixture(scope="session")
def schools_fit(schools_model):
    """A fit of it with default settings."""
    return schools_model.fit(seed=2025, progress=False)
