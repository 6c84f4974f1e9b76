# SPDX-License-Identifier: GPL-2.0-only
"""Builds this folder: tox -e docs. Needs Sphinx and nothing from a network."""

project = "memphys"
author = "The memphys authors"

needs_sphinx = "7.2"
# Each :doc: and each document outside of any table of contents is looked at.
nitpicky = True
exclude_patterns = ["**/README.rst"]

# Blocks that name no language are no Python.
highlight_language = "none"
# "--do" is an option, and no dash.
smartquotes = False

html_theme = "alabaster"
html_theme_options = {
    "description": "Physical memory in user space, in every way that there is",
    "page_width": "68em",
    "sidebar_width": "14em",
}
html_show_sourcelink = False
html_copy_source = False
