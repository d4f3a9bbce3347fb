"""The site: ``sphinx-build -W docs docs/_build/html``; nothing of it needs the network."""

from __future__ import annotations

import base64
import hashlib
import inspect
import sys
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

import bmco_pymc  # noqa: E402

project = "bmco_pymc"
author = "The bmco_pymc authors"
project_copyright = "The bmco_pymc authors"
version = release = bmco_pymc.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "sphinx_copybutton",
    "mathml",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "README.md", "**/.ipynb_checkpoints"]
# What stands in single backticks in a docstring is a name of the package, if there is such a one.
default_role = "py:obj"
primary_domain = "py"
toc_object_entries_show_parents = "hide"
suppress_warnings = ["config.cache"]

# Notebooks are shown as they were executed; the tests run them.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "attrs_block", "attrs_inline"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
numpydoc_class_members_toctree = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "bmco_pymc"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options: dict[str, Any] = {
    "header_links_before_dropdown": 6,
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_sidebars = {"index": []}
html_math_renderer = "mathml"


def parts_of(name: str) -> dict[str, list[str]]:
    """Return the public methods and properties of a class, those it inherits from us too.

    Parameters
    ----------
    name : str
        Of a public class.
    """
    cls = getattr(bmco_pymc, name)
    ours = [base for base in cls.__mro__ if base.__module__.startswith("bmco_pymc")]
    found: dict[str, list[str]] = {"methods": [], "properties": []}
    for base in reversed(ours):
        for key, value in vars(base).items():
            if key.startswith("_") or not (inspect.getdoc(getattr(cls, key)) or "").strip():
                continue
            kind = "properties" if is_property(value) else "methods"
            if (is_property(value) or callable(getattr(cls, key))) and not any(
                key in names for names in found.values()
            ):
                found[kind].append(key)
    return found


def is_property(value: object) -> bool:
    """Return whether an attribute of a class is a property, also a cached one."""
    return isinstance(value, property) or type(value).__name__ == "cached_property"


autosummary_context = {"parts_of": parts_of}


def describe_pictures(app: Any, doctree: nodes.document) -> None:
    """Give each picture of a notebook the alternative text that was kept with it."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    texts = {}
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                data = base64.b64decode(picture)
                about = output.get("metadata", {}).get("image/png", {})
                texts[hashlib.sha256(data).hexdigest()] = about.get("alt", "")
    for image in doctree.findall(nodes.image):
        image["alt"] = texts.get(Path(image["uri"]).stem, image.get("alt", ""))


def setup(app: Any) -> None:
    """Add what the site needs besides its extensions."""
    app.connect("doctree-read", describe_pictures)
