"""The recommended prior as a precision, without factors, is that of the factored rows."""

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.priors import neutral
from bmco_pymc.terms.terms import make_terms


@pytest.mark.parametrize("fixed", ["arm", "arm * x", "arm + x + severity", "arm * severity", "1"])
@pytest.mark.filterwarnings("ignore:The group 'arm' is in no term")
def test_precision_is_the_square_of_the_rows(fixed: str) -> None:
    trial: pd.DataFrame = bmco.load_trial()
    study = bmco.Study(trial.assign(x=50 + 10 * trial["x"]), ["y1", "y2"], "arm", "ctl", "trt")
    terms, cells = make_terms(study, fixed)
    rows = neutral.of_means(terms, cells, 2.18)
    both = np.stack([np.hstack(terms.matrices(cells.frame, arm)) for arm in (0, 1)])
    found, ranks = neutral.precision_of_means(both, cells.weight, 2.18)
    assert found == pytest.approx(rows.T @ rows, rel=1e-9, abs=1e-9)
    again, _ = neutral.precision_of_means(both, cells.weight, 2.18, ranks)
    assert (again == found).all()
