"""What stands at an address that names no page: a sentence, and the way back to the roles with the same text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import Dash, html

from components import messages
from utils.errors import Fix, UserError

if TYPE_CHECKING:
    from components.address import Question
    from utils.service import Headlight


def layout(service: Headlight, question: Question, search: str) -> html.Div:  # noqa: ARG001 (all pages are called alike)
    """The page. The question of the address, if it has one, goes along."""
    home = Fix("Go to the roles", model=question.model)
    refusal = UserError("There is no page at this address.", "Perhaps a letter is missing.", status=404, fix=home)
    return messages.error_page(refusal, question)


def skeleton() -> html.Div:
    """This page has no callbacks, so it names no ids."""
    return html.Div()


def register(app: Dash, service: Headlight) -> None:
    """Nothing here reacts: the way back is a link."""
