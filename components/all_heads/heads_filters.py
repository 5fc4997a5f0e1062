"""The buttons that filter the heads: by job, and by what they do on the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from components.all_heads.all_heads_view import STATES, filters
from components.job_words import STATUS_WORDS
from components.lamp import lamp, role_sign
from components.markup import aria, classes
from components.numbers import plural
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from components.all_heads.all_heads_view import HeadsView

ALL_HEADS, ALL_AGAIN = "all", "all-again"


class Ids:
    @staticmethod
    def filter(role: Any) -> dict[str, Any]:
        return {"type": "heads-filter", "role": role}

    @staticmethod
    def state(state: Any) -> dict[str, Any]:
        return {"type": "heads-state", "state": state}


def layout(view: HeadsView) -> list[html.Div]:
    """By job, and by what heads do on the text. Args: view: of a model with a catalogue."""
    return [_by_job(view), *_by_state(view)]


def nothing_left(view: HeadsView) -> html.Div:
    """What stands in place of the rows when none is left, with the way back."""
    show_all = _filter_button(ALL_AGAIN, f"Show all {len(view.levels)}", None, False)
    return html.Div([html.P(why_nothing(view)), show_all], className="filter-empty")


def _by_job(view: HeadsView) -> html.Div:
    """One pressed button per role with its count; a status line says the number to a screen reader."""
    buttons = [_filter_button(ALL_HEADS, "All", len(view.levels), view.role is None)]
    for role in filters():
        name = ROLES[role].display_name if role != OTHER else "None"
        buttons.append(_filter_button(role, name, view.count(role), view.role == role))
    shown = html.Span(plural(len(view.filtered), "head"), role="status", className="visually-hidden")
    return html.Div(
        [*buttons, shown], role="group", className="heads-filters", **aria(label="Show heads with this job")
    )


def why_nothing(view: HeadsView) -> str:
    """Why no row is left: no such head in this model, or none in this state on the text."""
    if view.role is not None and not view.count(view.role):
        rest = view.role in ROLES and ROLES[view.role].is_rest
        return "No head rests here." if rest else "No head of this model does this job."
    return "No head is in this state on your text."


def _by_state(view: HeadsView) -> list[html.Div]:
    """One pressed button per state that a head can be in on the text, with its count; none without a text."""
    if view.analysis is None:
        return []
    buttons = [
        html.Button(
            [
                html.Span(lamp(OTHER, state, "row"), className="filter-lamp"),
                html.Span(state_name(state)),
                html.Span(view.count_state(state), className="filter-count"),
            ],
            id=Ids.state(state),
            type="button",
            className=classes("filter", view.state == state and "is-on"),
            **aria(pressed=view.state == state),
        )
        for state in STATES
    ]
    words = html.Span("On your text:", className="filters-name")
    return [html.Div([words, *buttons], role="group", className="heads-filters", **aria(label="Show heads that are"))]


def state_name(state: str) -> str:
    """The word on a button: "Here and there"; one button stands for heads below their usual level and not seen."""
    name = " or ".join(STATUS_WORDS[each] for each in reversed(STATES[state]))
    return name.removesuffix(" on this text").capitalize()


def _filter_button(role: str, name: str, count: int | None, is_on: bool) -> html.Button:
    icon = [html.Span(role_sign(role), className=f"filter-sign role-{role}")] if role in ROLES else []
    number = [html.Span(count, className="filter-count")] if count is not None else []
    return html.Button(
        [*icon, html.Span(name), *number],
        id=Ids.filter(role),
        type="button",
        className=classes("filter", is_on and "is-on"),
        **aria(pressed=is_on),
    )
