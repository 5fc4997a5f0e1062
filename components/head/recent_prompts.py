"""The same head on the texts that were read before in this browser tab: does it do its job there too?

The texts stay in the browser (assets/recent.js) and go to the server only with the press.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components.address import head_href, roles_href
from components.chip import shortened
from components.head import experiment_card
from components.head.experiment_card import Answer, CardIds, Children
from components.job_words import STATUS_WORDS
from components.markup import aria
from components.numbers import percent, plural
from components.score_bar import level_bar, two_decimals
from utils.chat import asked_like
from utils.errors import UserError
from utils.levels import RoleLevel, head_levels
from utils.roles import ROLES

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.service import Headlight

Card = CardIds("recent")
PRESS = "Compare with my last texts"
MOST_TEXTS = 6
LONGEST_TEXT = 2000  # characters; more than a model reads here
QUOTED = 70
NO_TEXTS = "No other text was read in this tab yet. "


class Ids:
    texts = "recent-texts"


@dataclass(frozen=True)
class Row:
    """One text and the head's level on it, or the sentence that says why there is none."""

    prompt: str
    level: RoleLevel | None
    refusal: str = ""


def layout(view: HeadView) -> html.Section:
    """The card before its press."""
    lead = [
        f"Does {view.head} do the same on your other texts? They are kept in this browser tab until it is closed, "
        "and nowhere else."
    ]
    return experiment_card.card(Card, "The same head on your last texts", lead, PRESS, dcc.Store(id=Ids.texts))


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([experiment_card.skeleton(Card), dcc.Store(id=Ids.texts)])


def register(app: Dash, service: Headlight) -> None:
    """The press fetches the texts from the browser's own store; then each is read."""
    app.clientside_callback(
        ClientsideFunction("headlightRecent", "texts"),
        Output(Ids.texts, "data"),
        Input(Card.button, "n_clicks"),
        prevent_initial_call=True,
    )

    def compare(view: HeadView, kept: dict[str, Any]) -> Answer:
        role = compared_role(view)
        if role is None:
            return "This head has no job to compare. Choose one under “Its jobs on this text”.", []
        prompts = other_texts(kept.get("texts"), view.question.prompt)
        if not prompts:
            return [NO_TEXTS, dcc.Link("Type one", href=roles_href(view.question.model, view.question.prompt))], []
        rows = [row_of(service, view, role, prompt) for prompt in (view.question.prompt, *prompts)]
        return answer(view, role, rows), [table(view, role, rows)]

    experiment_card.register(app, service, Card, compare, by=Input(Ids.texts, "data"))


def compared_role(view: HeadView) -> str | None:
    """The head's main job; for a head without one the job whose evidence is shown; None where that is none either, or
    could not be tested on the model."""
    untested = view.catalogue.untested if view.catalogue is not None else {}
    return next((role for role in (view.levels.main_job, view.role) if role in ROLES and role not in untested), None)


def other_texts(kept: Any, prompt: str) -> list[str]:
    """What a browser sent, checked: texts other than the one shown, newest first, each once, to be read as it is."""
    texts = [text[:LONGEST_TEXT] for text in kept if isinstance(text, str)] if isinstance(kept, list) else []
    asked = [asked_like(prompt, text) for text in dict.fromkeys(texts) if text.strip()]
    return [text for text in asked if text != prompt][:MOST_TEXTS]


def row_of(service: Headlight, view: HeadView, role: str, prompt: str) -> Row:
    """The head's level on one text; a text that cannot be read says so and stops no other."""
    try:
        analysis = service.analyze(view.question.model, prompt)
    except UserError as refusal:
        return Row(prompt, None, refusal.sentence)
    levels = head_levels(analysis, view.catalogue)
    return Row(prompt, levels[analysis.forward.shape.index(view.head)].levels[role])


def answer(view: HeadView, role: str, rows: list[Row]) -> str:
    """On how many of the texts the head does its job, and on how many here and there; for a job that is not its own,
    only what is compared."""
    name, texts = ROLES[role].display_name.lower(), plural(len(rows), "text")
    if role not in view.levels.jobs:
        return f"How much {view.head} does “{name}” on {texts}; it is not a job of this head."
    states = Counter(row.level.status for row in rows if row.level is not None)
    if ROLES[role].is_rest:
        return f"{view.head} rests on {states['active']} of these {texts}."
    told = f"As a head for “{name}”, {view.head} is active on {states['active']} of these {texts}"
    here_and_there = states["here_and_there"]
    return f"{told}, and does it here and there on {here_and_there}." if here_and_there else f"{told}."


def table(view: HeadView, role: str, rows: list[Row]) -> html.Table:
    """One row per text, the shown one first."""
    heads = ("Text", ROLES[role].display_name, "Score", "On it")
    return html.Table(
        [
            html.Thead(html.Tr([html.Th(head, scope="col") for head in heads])),
            html.Tbody([_row(view, row, is_shown=number == 0) for number, row in enumerate(rows)]),
        ],
        className="recent-table",
    )


def _row(view: HeadView, row: Row, is_shown: bool) -> html.Tr:
    words = html.Bdi(f"“{shortened(' '.join(row.prompt.split()), QUOTED)}”")
    href = head_href(view.question.model, row.prompt, *view.head)
    text: Children = [words, " (this text)"] if is_shown else [dcc.Link(words, href=href)]
    if row.level is None:
        return html.Tr([html.Th(text, scope="row"), html.Td(row.refusal, colSpan=3)])
    level = row.level
    bar = level_bar(level, str(view.head))
    score = html.Td(two_decimals(level.score) or "–", className="recent-score", **aria(hidden=True))
    drawn = html.Td(bar if level.score is not None else None, className="recent-bar")
    return html.Tr([html.Th(text, scope="row"), drawn, score, html.Td(_status(level))])


def _status(level: RoleLevel) -> str:
    """What the head does on a text, and how much it looks there."""
    if level.score is None:
        return STATUS_WORDS["not_applicable"]
    if ROLES[level.role].is_rest and level.is_job:
        return "rests" if level.is_active else "looks around"
    looks = "" if level.look is None else f"looks {percent(level.look)}"
    return ", ".join(part for part in (STATUS_WORDS[level.status] or "not its job", looks) if part)
