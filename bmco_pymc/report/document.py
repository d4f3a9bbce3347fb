"""A document: its blocks, in whichever format is asked for."""

from __future__ import annotations

import abc
import os
from collections.abc import Sequence

from bmco_pymc.report.blocks import Block
from bmco_pymc.report.formats import html, latex, markdown, plain_text
from bmco_pymc.report.write import save


class Document(abc.ABC):
    """What can be printed, shown in a notebook, and kept as Markdown, HTML, LaTeX or docx."""

    @abc.abstractmethod
    def blocks(self) -> Sequence[Block]:
        """Return what it is made of, from top to bottom."""

    def __str__(self) -> str:
        return plain_text.write(self.blocks())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.part(self.blocks())

    def markdown(self) -> str:
        """Return it in Markdown; what is still to be filled in has an empty box.

        Returns
        -------
        str

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> report = bmco.BMVB(study).fit(seed=1).effect().report("any")
        >>> print(report.markdown().splitlines()[0])
        ## trt compared with ctl: not superior
        """
        return markdown.write(self.blocks())

    def html(self) -> str:
        """Return it as a page of HTML that stands by itself.

        Returns
        -------
        str

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> report = bmco.BMVB(study).fit(seed=1).effect().report("any")
        >>> report.html()[:15]
        '<!DOCTYPE html>'
        """
        return html.page(self.blocks())

    def latex(self) -> str:
        r"""Return it in LaTeX, to be taken into a document by ``\input``; needs ``booktabs``.

        Returns
        -------
        str

        Examples
        --------
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> report = bmco.BMVB(study).fit(seed=1).effect().report("any")
        >>> print(report.latex().splitlines()[0])
        % Needs \usepackage{booktabs}
        """
        return latex.write(self.blocks())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file.

        Parameters
        ----------
        path : str or path-like
            The end of the name says the format: ``.md``, ``.html``, ``.tex``, ``.docx`` (with
            ``pip install 'bmco-pymc[report]'``) or ``.txt``. A file of this name is replaced.

        Raises
        ------
        InputError
            If the end of the name says no format, or the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import bmco_pymc as bmco
        >>> study = bmco.Study(bmco.load_trial(), ["y1", "y2"], "arm", "ctl", "trt")
        >>> report = bmco.BMVB(study).fit(seed=1).effect().report("any")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report.save(f"{folder}/report.md")
        ...     Path(f"{folder}/report.md").read_text(encoding="utf-8") == report.markdown()
        True
        """
        save(self.blocks(), path)
