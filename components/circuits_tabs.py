"""The two parts of Circuits: what the heads of this model read of one another, and the toy that shows why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import dcc, html

from components.address import CIRCUITS_PATH, TOY_PATH, circuits_href, toy_href
from components.markup import aria, classes

if TYPE_CHECKING:
    from components.address import Question


def layout(question: Question, path: str) -> html.Nav:
    """Both links, the one to this page marked. path: CIRCUITS_PATH or TOY_PATH."""
    model, prompt = question.model, question.prompt
    links = [
        _link("In this model", circuits_href(model, prompt), path == CIRCUITS_PATH),
        _link("Toy: one layer or two", toy_href(model, prompt), path == TOY_PATH),
    ]
    return html.Nav(links, className="circuits-tabs", **aria(label="Parts of Circuits"))


def _link(name: str, href: str, is_here: bool) -> dcc.Link:
    here = [html.Span(", shown here", className="visually-hidden")] if is_here else []
    return dcc.Link([name, *here], href=href, className=classes("circuits-tab", is_here and "is-here"))
