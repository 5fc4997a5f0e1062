"""The two parts of Circuits: what the heads of this model read of one another, and the toy that shows why."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from dash import dcc, html

from components.address import DEFAULT_PROMPT
from components.markup import aria, classes
from components.prompt_bar import EXAMPLES

if TYPE_CHECKING:
    from components.address import Question

IN_MODEL, TOY = "/circuits", "/circuits/toy"
TOY_PROMPT = dict(EXAMPLES)["The old king"]  # shows what the toy page's title promises
NAMES = {IN_MODEL: "In this model", TOY: "Toy: one layer or two"}


def layout(question: Question, path: str) -> html.Nav:
    """Both links, the one to this page marked. path: IN_MODEL or TOY."""
    links = [_link(question, target, target == path) for target in NAMES]
    return html.Nav(links, className="circuits-tabs", **aria(label="Parts of Circuits"))


def href(question: Question, path: str = IN_MODEL) -> str:
    """The address of one of the two parts. The toy has its own example in place of the default one."""
    is_default = path == TOY and question.prompt == DEFAULT_PROMPT
    return f"{path}?{urlencode({'model': question.model, 'prompt': TOY_PROMPT if is_default else question.prompt})}"


def _link(question: Question, target: str, is_here: bool) -> dcc.Link:
    here = [html.Span(", shown here", className="visually-hidden")] if is_here else []
    return dcc.Link(
        [NAMES[target], *here], href=href(question, target), className=classes("circuits-tab", is_here and "is-here")
    )
