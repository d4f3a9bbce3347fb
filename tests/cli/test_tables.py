"""Tables in files: read with care, or refused in words."""

import gzip
import sys
from pathlib import Path

import pandas as pd
import pytest
from shell import TRIAL, fit, forbid_sampling, written_trial

import bmco_pymc as bmco
from bmco_pymc.cli.source import read_frame

pytestmark = pytest.mark.samples


@pytest.fixture
def trial(tmp_path: Path) -> Path:
    return written_trial(tmp_path)


@pytest.fixture
def no_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_sampling(monkeypatch)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no such file"),
        (b"", "is empty"),
        (b"arm,y1,y2\n", "has no rows"),
        (b"arm;y1;y2\nctl;1;0\n", "seems to be separated by ';'"),
        (b"arm\ty1\ty2\nctl\t1\t0\n", "seems to be separated by tabs"),
        (b"arm,y1,y1,y2\nctl,1,1,0\n", "has two columns called 'y1'"),
        (b"arm,y1,y2\nctl,1,0\ntrt,1,0,7,8\n", "line 3 has 5 fields and the header 3"),
        (b"arm,y1,y2\nctl,1,0,7\ntrt,1,0,7\n", "line 2 has 4 fields and the header 3"),
        (b"arm,y1,y2\n\nctl,1,0\ntrt,1\n", "line 4 has 2 fields and the header 3"),
        (b"arm,y1,y2,x\nctl,1,0,65,2\n", "write numbers with a decimal point"),
        (b'arm,y1,y2\nctl,1,"0\ntrt,1,0\n', "cannot be read as CSV"),
        (b"arm;y1;y2,z\nctl;1;0,5\n", "seems to be separated by ';'"),
        (b"PK\x03\x04\x14\x00", "is a spreadsheet (.xlsx, .ods) or another zip file: save"),
        ("arm,y1,y2\nctl,1,0\n".encode("utf-16"), "is text in UTF-16: save"),
        (b"arm,y1,y2\nctl,1,\x00\n", "is no text: save"),
        ("arm,y1,y2\nctl,1,0,é\n".encode("latin-1"), "is not text in UTF-8"),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, problem):
    path = tmp_path / "data.csv"
    if content is not None:
        path.write_bytes(content)
    result = fit(path, TRIAL)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "Error: data=" in result.stderr
    assert problem in result.stderr
    assert result.stdout == ""


def test_a_folder_is_no_file(tmp_path):
    assert "is a folder" in fit(tmp_path, TRIAL).stderr


def test_labels_stay_as_written(tmp_path):
    from bmco_pymc.cli.table import read_table

    path = tmp_path / "data.csv"
    path.write_text(
        "\ufeffsite, arm ,y,age\n007,None,1,40\n7,drug,0,\n10,None,NA,51.5\n", encoding="utf-8"
    )
    table = read_table(path, ["site", "arm"], [])
    assert list(table.columns) == ["site", "arm", "y", "age"]
    assert table["site"].tolist() == ["007", "7", "10"]
    assert table["arm"].tolist() == ["None", "drug", "None"]
    assert table["age"].isna().tolist() == [False, True, False]
    assert table["y"].isna().tolist() == [False, False, True]
    path.write_text("site\n9\n10\n", encoding="utf-8")
    assert read_table(path, ["site"], [])["site"].tolist() == [9, 10]


@pytest.mark.usefixtures("no_sampling")
def test_a_typing_error_does_not_make_a_category_of_a_number(trial):
    table = pd.read_csv(trial, dtype=str)
    table.loc[7, "x"] = "0,5"
    table.to_csv(trial, index=False)
    result = fit(trial, TRIAL | {"--fixed": "arm * x"})
    assert result.exit_code == 2
    assert "covariate='x': is a column of numbers with other text in it ('0,5')" in result.stderr


@pytest.mark.parametrize(
    "written", ["{:.1f}", "{:.1f}%", "€{:.1f}", "1.{:05.1f}", "1 {:05.1f}"], ids=str
)
@pytest.mark.usefixtures("no_sampling")
def test_numbers_in_another_notation_are_no_category(trial, written):
    table = pd.read_csv(trial)
    table["x"] = [written.format(50 + x).replace(".", ",") for x in table["x"]]
    table.to_csv(trial, index=False)
    result = fit(trial, TRIAL | {"--fixed": "arm * x"})
    assert result.exit_code == 2
    assert "Error: covariate='x': is text, not numbers (" in result.stderr
    assert "write numbers with a decimal point" in result.stderr
    assert "sampling was reached" in str(fit(trial, TRIAL).exception)  # x is in no formula


def test_columns_without_a_name_are_left_out_and_said(tmp_path):
    from bmco_pymc.cli.table import read_table

    path = tmp_path / "data.csv"
    path.write_text('\ufeff"",arm,y,\n1,a,1,\n2,b,0,\n\n', encoding="utf-8")
    with pytest.warns(bmco.InputWarning, match="no name in the header of the file: column 1, 4$"):
        table = read_table(path, ["arm"], [])
    assert table.to_dict("list") == {"arm": ["a", "b"], "y": [1, 0]}


SITES = pd.DataFrame(
    {
        "site": ["007", 7, 8.0, "NA"],
        "arm": ["None", "drug", "None", "drug"],
        "y": [1, 0, None, 1],
        "age": [40, 51.5, None, 38],
        "day": pd.to_datetime(["2026-03-01"] * 4),
    }
)


def test_a_spreadsheet_is_read_as_its_text_would_be(tmp_path):
    path = tmp_path / "sites.xlsx"
    with pd.ExcelWriter(path) as book:
        SITES.to_excel(book, sheet_name="first", index=False, startrow=2, startcol=1)
        SITES.assign(site=[9, 10, 11, 12]).to_excel(book, sheet_name="second", index=False)
    with pytest.warns(bmco.InputWarning, match="read sheet 'first' of .*another: 'second'"):
        table = read_frame(path, ["site", "arm"], ["age"])
    assert list(table.columns) == ["site", "arm", "y", "age", "day"]
    assert table["site"].iloc[:3].tolist() == ["007", "7", "8"]
    assert table["site"].isna().tolist() == [False, False, False, True]
    assert table["arm"].tolist() == ["None", "drug", "None", "drug"]
    assert table["age"].iloc[[0, 1, 3]].tolist() == [40, 51.5, 38]
    assert table["day"].iloc[0] == "2026-03-01"
    assert read_frame(path, ["site"], [], "second")["site"].tolist() == [9, 10, 11, 12]
    text = tmp_path / "sites.csv"
    table.to_csv(text, index=False)
    pd.testing.assert_frame_equal(read_frame(text, ["site", "arm"], ["age"]), table)


@pytest.mark.usefixtures("no_sampling")
def test_refusals_hold_for_every_format(tmp_path):
    table = bmco.load_trial()
    bad = table.assign(x=[f"{50 + x:.1f}".replace(".", ",") for x in table["x"]])
    bad.to_excel(tmp_path / "bad.xlsx", index=False)
    bad.to_csv(tmp_path / "bad.tsv", index=False, sep="\t")
    bad.to_csv(tmp_path / "bad.csv.gz", index=False)
    for name in ("bad.xlsx", "bad.tsv", "bad.csv.gz"):
        result = fit(tmp_path / name, TRIAL | {"--fixed": "arm * x"})
        assert result.exit_code == 2
        assert "Error: covariate='x': is text, not numbers ('" in result.stderr
    twice = table.rename(columns={"y2": "y1"})
    twice.to_excel(tmp_path / "twice.xlsx", index=False)
    assert "has two columns called 'y1'" in fit(tmp_path / "twice.xlsx", TRIAL).stderr


@pytest.mark.parametrize(
    "name", ["trial.tsv", "trial.TAB", "trial.csv.gz", "trial.tsv.gz", "t.xlsx"]
)
def test_every_format_has_the_same_result(tmp_path, name):
    path, table = tmp_path / name, bmco.load_trial()
    if name.endswith(".xlsx"):
        table.to_excel(path, index=False)
    else:
        table.to_csv(path, index=False, sep="\t" if ".t" in name[5:].lower() else ",")
    expected = bmco.BMVB(bmco.Study(table, ["y1", "y2"], "arm", "ctl", "trt")).fit(seed=3)
    result = fit(path, TRIAL | {"--seed": 3})
    assert result.exit_code == 0, result.output
    assert str(expected.effect().decide()) in result.stdout


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.tsv", b"arm,y1,y2\nctl,1,0\n", "seems to be separated by commas: save it with tabs"),
        ("a.tsv", b"arm\ty1\nctl\t1\t0\n", "line 2 has 3 fields and the header 2"),
        ("a.csv.gz", b"arm,y1\nctl,1\n", "is no compressed file, or was cut short"),
        ("a.csv.gz", gzip.compress(b"arm,y1\nctl,1\n" * 99)[:40], "or was cut short"),
        ("a.csv.gz", gzip.compress(b"PK\x03\x04"), "is a spreadsheet (.xlsx, .ods) or another"),
        ("a.csv", gzip.compress(b"arm,y1\nctl,1\n"), "is a compressed file: save"),
        ("a.xlsx", b"arm,y1\nctl,1\n", "cannot be read as a spreadsheet"),
        ("a.xls", b"\xd0\xcf\x11\xe0 and so on", "cannot be read as a spreadsheet"),
        ("a.xlsx", None, "there is no such file"),
    ],
)
def test_files_that_are_not_what_they_are_called(tmp_path, name, content, problem):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = fit(path, TRIAL)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert problem in result.stderr


def test_sheets(tmp_path, trial):
    path = tmp_path / "trial.xlsx"
    bmco.load_trial().to_excel(path, sheet_name="data", index=False)
    assert "choose from 'data'" in fit(path, TRIAL | {"--sheet": "dta"}).stderr
    for other in (trial, Path("trial.parquet")):
        assert (
            "--sheet='data': is of a spreadsheet" in fit(other, TRIAL | {"--sheet": "data"}).stderr
        )
    empty = tmp_path / "empty.xlsx"
    pd.DataFrame().to_excel(empty, index=False)
    assert "is empty" in fit(empty, TRIAL).stderr


def test_what_reads_spreadsheets_may_be_missing(tmp_path, monkeypatch):
    path = tmp_path / "trial.xlsx"
    bmco.load_trial().to_excel(path, index=False)
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    result = fit(path, TRIAL)
    assert result.exit_code == 2
    assert "pip install 'bmco-pymc[excel]'" in result.stderr
