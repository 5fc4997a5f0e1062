"""The buttons that filter the heads: by job, and by what they do on the text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from components.all_heads.all_heads_view import LOOKING, STATES, WRITING, roles_of_kind
from components.job_words import STATUS_WORDS, UNTESTED
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
    """One pressed button per role with its count, looking and writing apart; a status line says the number to a screen
    reader."""
    every = _filter_button(ALL_HEADS, "All", len(view.levels), view.role is None)
    looking = [_role_button(view, role) for role in roles_of_kind(LOOKING)]
    writing = [_role_button(view, role) for role in roles_of_kind(WRITING)]
    none = _filter_button(OTHER, "None", view.count(OTHER), view.role == OTHER)
    shown = html.Span(plural(len(view.filtered), "head"), role="status", className="visually-hidden")
    rows = [[every, _name("Looking:"), *looking], [_name("Writing:"), *writing, none, shown]]
    return html.Div(
        [html.Div(row, className="heads-filters") for row in rows],
        role="group",
        **aria(label="Show heads with this job"),
    )


def _name(words: str) -> html.Span:
    return html.Span(words, className="filters-name")


def _role_button(view: HeadsView, role: str) -> html.Button:
    """A job with the number of its heads; for one that could not be tested that, and why."""
    untested = view.why_untested(role)
    count = UNTESTED if untested else view.count(role)
    return _filter_button(role, ROLES[role].display_name, count, view.role == role, untested)


def why_nothing(view: HeadsView) -> str:
    """Why no row is left: the job could not be tested, no head has it, or none is in this state on the text."""
    if view.why_untested(view.role):
        return view.why_untested(view.role)
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
    return [
        html.Div(
            [_name("On your text:"), *buttons],
            role="group",
            className="heads-filters",
            **aria(label="Show heads that are"),
        )
    ]


def state_name(state: str) -> str:
    """The word on a button: "Here and there"; one button stands for heads below their usual level and not seen."""
    name = " or ".join(STATUS_WORDS[each] for each in reversed(STATES[state]))
    return name.removesuffix(" on this text").capitalize()


def _filter_button(role: str, name: str, count: int | str | None, is_on: bool, why: str = "") -> html.Button:
    icon = [html.Span(role_sign(role), className=f"filter-sign role-{role}")] if role in ROLES else []
    number = [html.Span(count, className="filter-count")] if count is not None else []
    return html.Button(
        [*icon, html.Span(name), *number],
        id=Ids.filter(role),
        type="button",
        className=classes("filter", is_on and "is-on"),
        title=why or None,
        **aria(pressed=is_on),
    )
