"""Notices and errors: a sentence, what to do next, and a button that does it. No red: red would look like a role."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import dash_bootstrap_components as dbc
from dash import html, set_props

from components.address import Question, fix_href
from components.lamp import sign
from components.markup import classes
from utils.errors import Fix, UserError

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.errors import Notice

log = logging.getLogger(__name__)


class Ids:
    """Where a message stands that belongs to no page."""

    region = "message-region"


def region() -> html.Div:
    """The place below the prompt where a failure is told."""
    return html.Div(id=Ids.region, className="message-region", role="alert")


def notice(about: Notice, question: Question) -> Component:
    """Something to know about a result that stands, such as a text that was cut."""
    return message("info", about.sentence, about.hint, _fix(about.fix, question))


def error(refusal: UserError, question: Question, heading: bool = False) -> Component:
    """A refusal in plain words. heading: its sentence is the page's h1."""
    if not question.prompt.strip():
        return message("bulb", refusal.sentence, refusal.hint, _fix(refusal.fix, question), heading)
    return message("warning", refusal.sentence, refusal.hint, _fix(refusal.fix, question), heading, is_error=True)


def refused(refusal: UserError) -> Component:
    """A refusal that stands on its page, without a button."""
    return message("warning", refusal.sentence, refusal.hint, is_error=True)


def offer(sentence: str, hint: str, words: str, href: str, class_name: str = "") -> Component:
    """Something to know before reading on, and the link that changes it. words: what the link says."""
    link = dbc.Button(words, href=href, className=classes("btn-quiet", class_name))
    return message("info", sentence, hint, link, role=None)


def error_page(refusal: UserError, question: Question) -> html.Div:
    """A page that could not be shown; the prompt above it keeps the student's text."""
    return html.Div(error(refusal, question, heading=True), className="error-page")


def failed() -> Component:
    """Something broke that nobody could have foreseen."""
    again = html.A("Try again", href="", className="btn btn-quiet")
    return message("warning", "Something went wrong on our side.", "Your text is still here.", again, is_error=True)


def report_failure(problem: Exception) -> None:
    """The app's one error handler: a sentence for the student, the trace for the log."""
    if isinstance(problem, UserError):
        told = refused(problem)
    else:
        log.error("A callback failed", exc_info=problem)
        told = failed()
    set_props(Ids.region, {"children": told})


def _fix(fix: Fix | None, question: Question) -> Component | None:
    """The button of a Fix. One that changes nothing leads to the prompt, to edit it."""
    if fix is None:
        return None
    if fix == Fix(fix.label):
        return html.Button(fix.label, type="button", className="btn btn-quiet edit-text")
    return dbc.Button(fix.label, href=fix_href(fix, question.model, question.prompt), className="btn-quiet")


def message(
    icon: str,
    sentence: str,
    hint: str = "",
    button: Component | None = None,
    heading: bool = False,
    is_error: bool = False,
    role: Literal["alert", "status"] | None = "alert",
) -> html.Div:
    """A message: its sentence, what to do next, and perhaps a button.

    Args: icon: the name of a sign. heading: the sentence is the page's h1. role: whether a screen reader breaks off for
    it (alert), says it when there is a pause (status), or leaves it to be found (None).
    """
    words = [
        html.H1(sentence, id="headline", tabIndex=-1, className="message-sentence")
        if heading
        else html.P(sentence, className="message-sentence"),
        html.P(hint, className="message-hint") if hint else None,
        button,
    ]
    body = html.Div([part for part in words if part is not None])
    return html.Div([sign(icon), body], role=role, className=classes("message", is_error and "message--error"))
