"""How trials are simulated: what an engine takes, and which trials are its own."""

from pathlib import Path

import pytest

import bmco_pymc as bmco
from bmco_pymc.trial.simulated.engine import as_engine


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("simulations", 0),
        ("simulations", 10.5),
        ("simulations", True),
        ("seed", -1),
        ("seed", None),
        ("jobs", 0),
        ("jobs", -2),
        ("jobs", None),
        ("path", 3),
        ("path", ""),
        ("path", b"folder"),
        ("audit", -1),
        ("audit", None),
        ("method", "vb"),
        ("method", None),
        ("first", -1),
        ("draws", 3),
        ("tune", 0),
        ("chains", 0),
    ],
)
def test_what_cannot_be_used(name, value):
    with pytest.raises(bmco.InputError, match=f"^{name}=") as caught:
        bmco.Engine(**{name: value})
    assert caught.value.argument == name


def test_which_trials():
    engine = bmco.Engine(100, first=1000, audit=30)
    assert engine.trials == range(1000, 1100)
    assert engine.n_audit == 30
    assert bmco.Engine(100).n_audit == 100  # no more than there are
    assert bmco.Engine(100, audit=0).n_audit == 0
    assert bmco.Engine(100, method="nuts").n_audit == 0


def test_the_number_of_trials_is_resolved_once():
    with pytest.raises(bmco.InputError, match="simulations"):
        _ = bmco.Engine().trials
    assert bmco.Engine().resolved(500).simulations == 500
    assert bmco.Engine(100).resolved(500).simulations == 100


def test_what_decides_the_numbers_of_a_trial():
    one = bmco.Engine(100, jobs=2, path="here", audit=3, first=7).settings
    assert one == bmco.Engine().settings
    assert one != bmco.Engine(seed=2).settings
    assert one != bmco.Engine(draws=100).settings


def test_what_is_taken_as_an_engine():
    engine = bmco.Engine(10, path=Path("here"))
    assert as_engine(engine) is engine
    assert as_engine(None) == bmco.Engine()
    assert as_engine("nuts") == bmco.Engine(method="nuts")
    assert as_engine("laplace") == bmco.Engine(method="laplace")
    odd_values: list[object] = ["NUTS", 3, bmco.Engine, {}]
    for odd in odd_values:
        with pytest.raises(bmco.InputError, match="'laplace', 'nuts'") as caught:
            as_engine(odd)
        assert caught.value.argument == "engine"
