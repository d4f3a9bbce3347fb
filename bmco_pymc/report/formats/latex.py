r"""Blocks as LaTeX to be taken into a document: it needs ``booktabs`` and, for lists, nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bmco_pymc.escapes import visible
from bmco_pymc.report.blocks import Block, Checklist, Grid, Heading, Paragraph

OPEN = r"\emph{To be filled in:} "
_HEAD = "% Needs \\usepackage{booktabs}\n"
_LEVELS = ("section", "subsection", "subsubsection")
_SIGNS = {
    **{sign: f"\\{sign}" for sign in "{}_$&#%"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **dict(zip("αβγδηθρφΓΣΩ", (
        *(r"$\alpha$", r"$\beta$", r"$\gamma$", r"$\delta$", r"$\eta$", r"$\theta$"),
        *(r"$\rho$", r"$\phi$", r"$\Gamma$", r"$\Sigma$", r"$\Omega$"),
    ), strict=True)),
    **dict(zip("−≤≥≠±×∈→√½²⁻¹…–—’“”", (
        *("$-$", r"$\leq$", r"$\geq$", r"$\neq$", r"$\pm$", r"$\times$", r"$\in$"),
        *(r"$\rightarrow$", r"$\surd$", r"$\frac{1}{2}$", "$^{2}$", "$^{-}$", "$^{1}$"),
        *(r"\ldots{}", "--", "---", "'", "``", "''"),
    ), strict=True)),
    "⊗": r"$\otimes$",
}  # fmt: skip
_BAR = "\u0304"  # of a mean; it stands after its letter
_SIGN = re.compile(f"(?P<mean>[a-z]){_BAR}|{'|'.join(map(re.escape, _SIGNS))}")


def write(blocks: Sequence[Block]) -> str:
    r"""Return blocks as LaTeX, with every sign of a label as it is.

    Examples
    --------
    >>> print(write([Paragraph("P(δ[math_pass] > 0) = 50%")]), end="")
    % Needs \usepackage{booktabs}
    P($\delta$[math\_pass] \textgreater{} 0) = 50\%
    """
    return _HEAD + "\n\n".join(map(_block, blocks)) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text, level, number):
            return f"\\{_LEVELS[level - 1]}*{{{number}{escaped(text)}}}"
        case Paragraph(text, open):
            return OPEN * open + escaped(text)
        case Grid():
            return _table(block)
        case Checklist(entries):
            items = (
                f"  \\item[{{{escaped(one.heading)}.}}] {OPEN * one.open}{escaped(one.text)}"
                for one in entries
            )
            return "\n".join([r"\begin{description}", *items, r"\end{description}"])


def _table(grid: Grid) -> str:
    head, *body = [f"{' & '.join(map(escaped, row))} \\\\" for row in grid.rows]
    columns = "l" + "r" * (len(grid.rows[0]) - 1)
    caption = [f"\\caption{{{escaped(grid.caption)}}}"] if grid.caption else []
    tabular = [f"\\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body]
    notes = [f"\\par\\smallskip {escaped(note)}" for note in grid.notes]
    lines = [r"\begin{table}", r"\centering", *caption, *tabular, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *notes, r"\end{table}"])


def escaped(text: str) -> str:
    r"""Return a text that LaTeX sets as it is, Greek letters as mathematics.

    Examples
    --------
    >>> print(escaped(r"50% of $x_1 \ 2, α ≤ 0.05"))
    50\% of \$x\_1 \textbackslash{} 2, $\alpha$ $\leq$ 0.05
    """

    def written(found: re.Match[str]) -> str:
        return f"$\\bar{{{found['mean']}}}$" if found["mean"] else _SIGNS[found[0]]

    return _SIGN.sub(written, visible(text))
