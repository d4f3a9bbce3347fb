"""Blocks as HTML: a part for a notebook, or a whole page."""

from __future__ import annotations

from collections.abc import Sequence

from bmco_pymc.printing import html_block, html_table, shown
from bmco_pymc.report.blocks import Block, Checklist, Grid, Heading, Paragraph

OPEN = "<mark>To be filled in:</mark> "
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 54rem; margin: auto; padding: 1rem; }}
table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }}
caption {{ text-align: left; font-weight: bold; }}
table {{ border-top: 1.5px solid; border-bottom: 1.5px solid; }}
tr:first-child th {{ border-bottom: 1px solid; }}
th, td {{ padding: .2rem .6rem; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; padding-left: 0; }}
table {{ display: block; overflow-x: auto; width: max-content; max-width: 100%; font-size: .9em; }}
td + td {{ white-space: nowrap; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def part(blocks: Sequence[Block]) -> str:
    """Return blocks for a notebook's cell, in which no ``$`` is mathematics.

    Examples
    --------
    >>> part([Paragraph("costs < $5")])
    '<div class="tex2jax_ignore mathjax_ignore"><p>costs &lt; $5</p></div>'
    """
    return html_block("".join(map(_block, blocks)))


def page(blocks: Sequence[Block]) -> str:
    """Return blocks as a page that stands by itself; the first heading is its title."""
    title = next(block.text for block in blocks if isinstance(block, Heading))
    return _PAGE.format(title=shown(title), body="\n".join(map(_block, blocks)))


def _block(block: Block) -> str:
    match block:
        case Heading(text, level, number):
            return f"<h{level + 1}>{number}{shown(text)}</h{level + 1}>"
        case Paragraph(text, open):
            return f"<p>{OPEN * open}{shown(text)}</p>"
        case Grid(rows, caption, notes):
            above = f"<p><b>{shown(caption)}</b></p>" if caption else ""
            below = "".join(f"<p><small>{shown(note)}</small></p>" for note in notes)
            return above + html_table(rows) + below
        case Checklist(entries):
            items = (
                f"<li><b>{shown(one.heading)}.</b> {OPEN * one.open}{shown(one.text)}</li>"
                for one in entries
            )
            return f"<ul>{''.join(items)}</ul>"
