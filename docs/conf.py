"""How the site is built: `make docs` reads this, and every page of it reads without a network."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # examples are small: threads would only wait for each other

import feature_collapse

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "feature-collapse"
author = "The Feature Collapse developers"
copyright = f"2026, {author}"
version = release = feature_collapse.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "reference",
    "static_explorer",
]
exclude_patterns = ["_build", "_ext", "gallery", "auto_gallery/*.ipynb", "auto_gallery/*.md5"]
nitpicky = True
# types of other packages in signatures; every name of ours and every page and anchor is still checked
nitpick_ignore_regex = [("py:class", r"(?!feature_collapse\.).*")]
suppress_warnings = ["config.cache"]

# Markdown and notebooks
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_links_external_new_tab = False
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "executed")
nb_execution_raise_on_error = True
nb_execution_timeout = 240
nb_merge_streams = True

# formulas: one file of MathJax, shipped with the site (it draws SVG, so it needs no fonts)
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline")
assert _mathjax is not None and _mathjax.origin is not None, "pip install sphinx-mathjax-offline"
mathjax_path = "tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}

# examples with pictures
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 5,
    "write_computation_times": False,  # that page loads scripts from elsewhere
    "within_subsection_order": "FileNameSortKey",
}

# the pages
html_theme = "pydata_sphinx_theme"
html_title = "feature-collapse"
html_static_path = ["_static", str(Path(_mathjax.origin).parent / "static" / "mathjax" / "tex-svg.js")]
html_favicon = "_static/favicon.svg"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "feature-collapse"},
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "pygments_light_style": "default",
    "pygments_dark_style": "github-dark",
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "teach": []}
