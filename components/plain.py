"""Many elements as one part of the page: what a table or a map of hundreds of heads is made of.

Dash keeps a record of every component, and asks all of them again for each one that is new: a page of a few thousand
stands still for minutes when it changes. What is inside `plain` are the same components as anywhere, but the browser
draws them as mere elements (assets/plain.js), so that they count as one. No callback can name them, and a `dcc.Link`
among them leads on as ever.
"""

from __future__ import annotations

from typing import Any

from dash.development.base_component import Component


class Plain(Component):
    """tree: components of `dash.html`, `dcc.Link` and words, drawn in place, without an element of its own."""

    _namespace = "headlight_plain"
    _type = "Plain"

    def __init__(self, tree: list[Any]) -> None:
        self._prop_names = ["id", "tree"]
        self._valid_wildcard_attributes: list[str] = []
        self.available_properties = self._prop_names
        self.available_wildcard_properties: list[str] = []
        super().__init__(tree=tree)


def plain(*parts: Any) -> Plain:
    """Elements that no callback names, as one component: `html.Tbody(plain(*rows))`."""
    return Plain(list(parts))
