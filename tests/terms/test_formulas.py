"""What may stand in a formula, and that nothing else is ever evaluated."""

import os
import random
import re
import time

import numpy as np
import pandas as pd
import pytest

import bmco_pymc as bmco
from bmco_pymc.terms.terms import make_terms

ODD = """a" + __import__('os').system('x') + "b"""  # the name of a column, in a crafted file


def frame(n=240):
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "arm": rng.choice(["new", "old"], n),
            "age": rng.normal(50, 10, n),
            "base line": rng.gamma(2, 1, n),
            "base_line": rng.normal(0, 1, n),
            "stage": rng.choice(["I", "II", "it's"], n),
            "sex": rng.choice(["f", "m"], n),
            "smoker": rng.random(n) < 0.4,
            "C": rng.normal(size=n),
            "log": rng.gamma(2, 1, n),
            "np": rng.normal(size=n),
            "--import--": rng.normal(size=n),
            ODD: rng.normal(size=n),
            "y": rng.integers(0, 2, n),
        }
    )


STUDY = bmco.Study(frame(), ["y"], "arm", "old", "new")


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """Whatever the text, no command is run."""

    def run(*_):
        raise SystemExit("a formula ran a command")

    monkeypatch.setattr(os, "system", run)


def column(formula, term):
    """The column of a term in the design of ``arm + formula``, and the data in its order."""
    terms, cells = make_terms(STUDY, f"arm + {formula}")
    X, _ = terms.matrices(cells.frame, cells.arm)
    return X[:, terms.fixed.index(term)], cells.frame


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("I(age ** 2 - 3 * age)", lambda d: d["age"] ** 2 - 3 * d["age"]),
        ("np.log(`base line`)", lambda d: np.log(d["base line"])),
        ("log1p(`base line`)", lambda d: np.log1p(d["base line"])),
        ("sqrt(abs(age - 50))", lambda d: np.sqrt(np.abs(d["age"] - 50))),
        ("tanh((age - 50) / 10)", lambda d: np.tanh((d["age"] - 50) / 10)),
        ("maximum(age - 50, 0)", lambda d: np.maximum(d["age"] - 50, 0)),
        ("np.where(age > 50, age, 50)", lambda d: np.where(d["age"] > 50, d["age"], 50)),
        ("I((age > 40) & ~(age >= 60))", lambda d: (d["age"] > 40) & (d["age"] < 60)),
        ("I(`base line` * base_line)", lambda d: d["base line"] * d["base_line"]),
        ('I(stage == "it\'s")', lambda d: d["stage"] == "it's"),
        ("Q('base line')", lambda d: d["base line"]),
        ("{age + 1}", lambda d: d["age"] + 1),
        ("center(age)", lambda d: d["age"] - frame()["age"].mean()),
        ("C", lambda d: d["C"]),  # columns with the names of functions that are not called
        ("I(np + age)", lambda d: d["np"] + d["age"]),
        ("np.log(`base line`):log", lambda d: np.log(d["base line"]) * d["log"]),
        (f"`{ODD}`", lambda d: d[ODD]),
        ("I(`--import--` + 1)", lambda d: d["--import--"] + 1),
        ("log(log)", lambda d: np.log(d["log"])),
        ("np.sin(np)", lambda d: np.sin(d["np"])),
    ],
)
def test_what_may_stand(formula, value):
    # Inside a call a column that is called like a function stands in backticks in the term.
    named = {"log(log)": "log(`log`)", "np.sin(np)": "np.sin(`np`)"}
    found, data = column(formula, named.get(formula, formula.strip("`{}")))
    assert found == pytest.approx(np.asarray(value(data), float), rel=1e-12)


@pytest.mark.parametrize(
    "formula",
    [
        "C(stage, Treatment('II'))",
        "C(stage, contr.sum())",
        "C(sex, levels=['m', 'f'])",
        "C(stage, Poly(scores=[1, 2, 4]))",
        "bs(age, 5, degree=2)",
        "bs(`base line`, knots=[1, 2.5], lower_bound=0, upper_bound=50)",
        "cr(age, df=4, constraints='center')",
        "cc(age, df=4, constraints='center')",
        "poly(np.log(`base line`), 2)",
        "scale(age, ddof=0) + standardize(base_line)",
        "(age + base_line + smoker)**2 - age:smoker",
    ],
)
def test_transformations(formula):
    terms, cells = make_terms(STUDY, f"arm + {formula}")
    assert np.isfinite(terms.matrices(cells.frame, cells.arm)[0]).all()


ALIAS = "_formulaic_" + re.sub(r"\W", "_", ODD)  # what formulaic puts the name's text back for
RUN = "__import__('os').system('x')"
REFUSED = [
    (f"I(0*{RUN} + age)", "system"),
    (f"{{{RUN}}}", "system"),
    (f"{RUN} ~ age", "right-hand side"),
    ("`--import--`('os')", "no function '--import--'"),
    ("I(`--import--`('os'))", "no function '--import--'"),
    (f'I(`{ODD}` == "{ALIAS}")', "rests on no subject"),
    ("C(stage, levels=['\") or __import__(chr(111)+chr(115)).system(chr(120)) #'])", "quotes"),
    ("I(age - age.mean())", r"'age.mean\(\)' cannot stand in a formula.*I\(age - 50\)"),
    ("age.mean()", r"center\(age\) or scale\(age\)"),
    ("I(age.__class__)", "cannot stand"),
    ("np.load('x')", "no function 'np.load'"),
    ("pd.cut(age, 3)", "no function 'pd.cut'.*choose from 'C', 'I', 'bs'"),
    ("np.random.normal(age)", "cannot stand"),
    ("np.log(age, out=age)", "takes 1 column"),
    ("np.log(age, age)", "takes 1 column"),
    ("np.log(*age)", "cannot stand"),
    ("C(stage, **age)", "no setting None"),
    ("bs(age, _state=3)", "no setting '_state'"),
    ("bs(age, df=4, df=5)", "given twice|repeated"),
    ("bs(age, df=10**9)", "a whole number from 1 to 100"),
    ("bs(age, df=1000000000)", "a whole number from 1 to 100"),
    ("poly(age, 1000)", "a whole number from 1 to 20"),
    ("I(age)[0]", "cannot stand"),
    ("I([q for q in age])", "cannot stand"),
    ("I((lambda: age)())", "cannot stand"),
    ("I(f'{age}')", "cannot stand"),
    ("I(a := age)", "cannot stand"),
    ("I(age if smoker else 3)", "cannot stand"),
    ("I(10**10**10 + age)", "write it out"),
    ("I(age + 9" + "9" * 400 + ")", "too large a number"),
    ("I(stage + 'II')", "can only be compared"),
    ("I('II' * 1000000000)", "can only be compared"),
    ("I(40 < age < 50)", r"I\(\(x > 1\) & \(x < 5\)\)"),
    ("I(age > 40 and age < 50)", "&"),
    ("I(3)", "the same for everybody"),
    ("(age + base_line + smoker + stage)**20", "terms"),
    ("age**1000000000", r"I\(x\*\*2\)"),
    ("C(age):C(base_line):C(np)", "would have up to 13824000 columns"),
    ("lag(age)", "no function 'lag'"),  # the rows have no order
    ("exp10(age)", "no function"),  # formulaic's is age to the tenth
    ("foo(age)", "no function 'foo'"),
    ("I(print)", "no column 'print'"),
    ("I(__FORMULAIC_STATE__)", "no column"),
    ("(1 | site)", "random="),
    ("age *-- smoker", "no operator"),  # formulaic drops the *
    (".", "no term|name the columns"),
    ("[age]", "name the columns"),
    ("'a'", "no term"),
    ("log(", "cannot be read|is not a formula"),
    ("I(age; age)", "is not a formula"),
    ("{import os}", "is not a formula"),
    ("I(" + "-" * 5000 + "age)", "cannot be read|can be read|deep"),
    ("I(" + "+".join(["age"] * 1000) + ")", "nested|can be read"),
    ("+".join(["age"] * 5000), "10000 are the most"),
    ("age\0", "cannot be printed"),
]


@pytest.mark.parametrize(("formula", "words"), REFUSED, ids=[f[:30] for f, _ in REFUSED])
def test_what_may_not_stand(formula, words):
    start = time.perf_counter()
    with pytest.raises(bmco.InputError, match=words) as caught:
        make_terms(STUDY, formula if "~" in formula else f"arm + {formula}")
    assert caught.value.argument == "fixed"
    assert time.perf_counter() - start < 2


def test_wherever_a_formula_comes_from(tmp_path):
    """The models, the recommended prior and the command line read the same grammar."""
    from typer.testing import CliRunner

    from bmco_pymc.cli import app

    formula = f"arm + I({RUN} + age)"
    clustered = frame().assign(site=np.arange(240) % 12)
    study = bmco.Study(clustered, ["y"], "arm", "old", "new", cluster="site")
    for make in (
        lambda: bmco.BGLM(STUDY, formula),
        lambda: bmco.BGLMM(study, formula),
        lambda: bmco.BGLMM(study, "arm", random=f"1 + I({RUN} + age)"),
        lambda: bmco.Priors.recommended(STUDY, formula),
    ):
        with pytest.raises(bmco.InputError, match="cannot stand in a formula"):
            make()
    clustered.to_csv(tmp_path / "trial.csv", index=False)
    options = ["--outcomes", "y", "--group", "arm", "--control", "old", "--treatment", "new"]
    result = CliRunner().invoke(
        app, ["fit", str(tmp_path / "trial.csv"), *options, "--fixed", formula]
    )
    assert result.exit_code != 0
    assert "cannot stand in a formula" in " ".join(result.output.split())


TERMS = """arm|age|stage|smoker|`base line`|C|I(age**2)|np.log(`base line`)|bs(age, df=4)
poly(age, 2)|C(stage, Sum())|scale(age)|I((age > 40) & smoker)|1|0
Q('base line')|{age - 1}|maximum(age, 50)"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::bmco_pymc.InputWarning")
def test_any_text_is_a_design_or_an_error_in_words():
    """Formulas with a few characters wrong, left out, or in another place."""
    terms = TERMS.replace("\n", "|").split("|")
    letters = sorted({*"".join(terms), *"~|%[]!;#@\\é.,^:=\"'\n0"})
    draw = random.Random(1)
    outcomes = {"design": 0, "error": 0}
    with np.errstate(all="ignore"):
        for _ in range(600):
            text = draw.choice(terms)
            for _ in range(draw.randint(0, 3)):
                text += draw.choice(["+", "*", ":", "-", "/", " + "]) + draw.choice(terms)
            for _ in range(draw.randint(0, 3)):
                place = draw.randrange(len(text) + 1)
                cut = place + draw.choice([0, 0, 1, 2])
                text = text[:place] + draw.choice(["", *draw.choices(letters, k=2)]) + text[cut:]
            try:
                make_terms(STUDY, f"arm + {text}")
                outcomes["design"] += 1
            except bmco.InputError:
                outcomes["error"] += 1
    assert min(outcomes.values()) > 100, outcomes
