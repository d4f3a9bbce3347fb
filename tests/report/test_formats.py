"""A document says the same in every format, with any label, and is written where it is asked."""

import html
import re

import docx
import pytest

import bmco_pymc as bmco
from bmco_pymc.report.blocks import Block, Checklist, Entry, Grid, Heading, Paragraph
from bmco_pymc.report.formats import docx as word
from bmco_pymc.report.formats import html as page
from bmco_pymc.report.formats import latex, markdown, plain_text
from bmco_pymc.report.write import SUFFIXES

EVIL = r"50% of $x_1 & #2 <b>{y}</b> a\b ~^ | *z* `q`" + "\x1b[31m"
BLOCKS: list[Block] = [
    Heading(EVIL),
    Paragraph(EVIL),
    Grid([["Outcome", EVIL], [EVIL, "−0.1"]], EVIL, (EVIL,)),
    Heading("Guideline", 2, "1. ", open=True),
    Checklist((Entry("Goal", EVIL), Entry("Why", "For whom.", open=True))),
    Paragraph("The site.", open=True),
]


@pytest.fixture(scope="module")
def report(trial_study):
    return bmco.BMVB(trial_study).fit(seed=1).effect().report("any")


def unescaped_latex(text):
    """Return what LaTeX sets: the few commands that the writer knows, undone."""
    words = {r"\textbackslash{}": "\0", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^"}
    words |= {r"\textless{}": "<", r"\textgreater{}": ">", r"\textbar{}": "|"}
    for command, sign in words.items():
        text = text.replace(command, sign)
    return re.sub(r"\\([{}_$&#%])", r"\1", text).replace("\0", "\\")


def test_labels_are_themselves_in_every_format(tmp_path):
    shown = EVIL.replace("\x1b", r"\x1b")
    assert plain_text.write(BLOCKS).count(shown) == 7
    written = page.part(BLOCKS)
    assert written.count(html.escape(shown)) == 7
    assert "<b>{y}" not in written
    tex = latex.write(BLOCKS)
    assert unescaped_latex(tex).count(shown) == 7
    assert not re.search(r"(?<!\\)[$&#%](?!\s*Needs)", tex.replace(" & ", "").replace("$-$", ""))
    marked = markdown.write(BLOCKS)
    assert marked.count(markdown.escaped(EVIL)) == 7
    with (tmp_path / "a.docx").open("wb") as file:
        word.write(BLOCKS, file)
    document = docx.Document(str(tmp_path / "a.docx"))
    texts = [p.text for p in document.paragraphs]
    cells = [cell.text for row in document.tables[0].rows for cell in row.cells]
    assert sum(text.count(shown) for text in [*texts, *cells]) == 7
    assert cells[3] == "−0.1"


def test_what_is_open_is_marked_in_every_format(tmp_path):
    assert plain_text.write(BLOCKS).count("TO BE FILLED IN: ") == 2
    assert page.part(BLOCKS).count("<mark>") == 2
    assert latex.write(BLOCKS).count("To be filled in:") == 2
    marked = markdown.write(BLOCKS)
    assert marked.count("*To be filled in:*") == 2
    assert "### 1. [ ] Guideline" in marked
    assert "- [x] **Goal.**" in marked
    with (tmp_path / "a.docx").open("wb") as file:
        word.write(BLOCKS, file)
    runs = [r for p in docx.Document(str(tmp_path / "a.docx")).paragraphs for r in p.runs]
    assert [r.text for r in runs if r.font.highlight_color is not None] == ["To be filled in: "] * 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_has_the_paragraph_and_the_table(report, suffix, tmp_path):
    path = tmp_path / f"report{suffix.upper()}"
    report.save(path)
    if suffix == ".docx":
        document = docx.Document(str(path))
        text = "\n".join(p.text for p in document.paragraphs)
        text += " ".join(cell.text for row in document.tables[0].rows for cell in row.cells)
    else:
        text = path.read_text(encoding="utf-8")
    words = text if suffix != ".html" else html.unescape(text)
    for part in ("We compared trt (120 subjects) with ctl", report.table.rows[1][1]):
        assert part in " ".join(words.split())
    assert ("<!DOCTYPE html>" in text) == (suffix == ".html")
    assert (r"\toprule" in text) == (suffix == ".tex")


def test_every_sign_of_the_package_is_set_by_latex(report):
    """pdflatex knows no Greek letter by itself."""
    known = latex.write(
        [Paragraph(str(report) + "α β γ δ η θ ρ φ Σ − – ≤ ≥ … → × √ ² ½ ⁻¹ m̄ ’ — ⊗")]
    )
    left = {sign for sign in known if ord(sign) > 127}
    assert not left, left


@pytest.mark.parametrize("name", ["report", "report.pdf", "report.rtf"])
def test_other_formats_are_refused(report, name, tmp_path):
    with pytest.raises(bmco.InputError, match=r"\.docx"):
        report.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(report, tmp_path):
    with pytest.raises(bmco.InputError, match="could not be written: No such file"):
        report.save(tmp_path / "nowhere" / "report.md")
    with pytest.raises(bmco.InputError, match="must be the name of a file"):
        report.save(5)


def test_a_protocol_is_a_document_too(tmp_path):
    rule = bmco.Rule("all")
    design = bmco.Design(n=40, analysis=bmco.Analysis(bmco.BMVB, rule=rule), outcomes=2)
    found = design.evaluate(bmco.Scenario([0.4, 0.4], [0.6, 0.6], 0), progress=False)
    protocol = found.report()
    for suffix in SUFFIXES:
        protocol.save(tmp_path / f"protocol{suffix}")
    assert "power" in (tmp_path / "protocol.tex").read_text(encoding="utf-8")
    assert protocol.html().count("<h3>") == len(protocol.sections)
