"""Which heads are switched off: the head of the page, all heads of one job, or a set picked on a small map.

The map is one checkbox for each head: one tab stop, four arrows move (assets/head-set.js), Space picks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, html

from components.head.head_view import HeadView, off_text
from components.lamp import role_sign
from components.markup import aria
from components.numbers import plural
from utils.experiments.controls import HeadSet
from utils.heads import HeadId
from utils.roles import OTHER, ROLES

THIS, PICKED = "this", "picked"


class Ids:
    choice = "head-set-choice"
    map = "head-set-map"
    map_box = "head-set-map-box"


def layout(view: HeadView) -> html.Div:
    """The choice, and the map, which is there only for a set of one's own."""
    choice = chosen(view)
    options = [
        {"label": f"{view.head} alone", "value": THIS},
        *({"label": _role_words(role, heads), "value": role} for role, heads in role_sets(view).items()),
        {"label": "Heads picked on a map", "value": PICKED},
    ]
    return html.Div(
        [
            html.Label("Switch off", htmlFor=Ids.choice),
            dbc.Select(id=Ids.choice, options=options, value=choice),
            html.Div(_map(view), id=Ids.map_box, hidden=choice != PICKED, className="head-set-box"),
        ],
        className="head-set",
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([dbc.Select(id=Ids.choice), html.Div(dbc.Checklist(id=Ids.map), id=Ids.map_box)])


def register(app: Dash) -> None:
    """The map comes with its choice."""

    @app.callback(Output(Ids.map_box, "hidden"), Input(Ids.choice, "value"), prevent_initial_call=True)
    def show_map(choice: str) -> bool:
        return choice != PICKED


def role_sets(view: HeadView) -> dict[str, HeadSet]:
    """For each job all heads that hold it, this head's own jobs first; without jobs of this head alone, or of none."""
    own = view.levels.jobs
    catalogue = view.catalogue
    holders = {role: catalogue.holders_of(role) for role in (*own, *ROLES)} if catalogue is not None else {}
    return {role: heads for role, heads in holders.items() if heads and heads != (view.head,)}


def chosen(view: HeadView) -> str:
    """What the heads of the address are: THIS, a role all of whose heads they are, or PICKED."""
    if view.off == (view.head,):
        return THIS
    return next((role for role, heads in role_sets(view).items() if heads == view.off), PICKED)


def chosen_role(view: HeadView) -> str | None:
    """The role all of whose heads are off, if there is one: control heads must not hold it, where it is informative."""
    choice = chosen(view)
    return choice if choice in ROLES else None


def shown_role(view: HeadView) -> str:
    """The role whose colour stands for the heads that are off: the one that all of them hold, else none."""
    if view.off == (view.head,):
        return view.levels.main_job
    shared = [role for role, heads in role_sets(view).items() if view.off and set(view.off) <= set(heads)]
    return chosen_role(view) or (shared[0] if shared else OTHER)


def heads_of_choice(view: HeadView, choice: str, picked: Iterable[str] | None) -> HeadSet:
    """The heads that a choice means. Args: picked: names of the map's ticked boxes, which only PICKED reads."""
    if choice == PICKED:
        return tuple(sorted(HeadId.parse(name) for name in picked or ()))
    return role_sets(view).get(choice, (view.head,))


def _role_words(role: str, heads: Sequence[HeadId]) -> str:
    words = plural(len(heads), f"{ROLES[role].display_name.lower()} head")
    return f"All {words}" if len(heads) > 1 else f"The {words.removeprefix('1 ')}, {heads[0]}"


def _map(view: HeadView) -> Any:
    forward = view.analysis.forward
    boxes = dbc.Checklist(
        id=Ids.map,
        options=[{"label": _cell(view, head), "value": off_text([head])} for head in forward.shape.all()],
        value=[off_text([head]) for head in view.off],
        className="head-set-map",
        style={"--heads": str(forward.n_heads)},
    )
    return html.Div(boxes, role="group", **aria(label="Heads to switch off: layers down, heads across"))


def _cell(view: HeadView, head: HeadId) -> list[Any]:
    roles = view.catalogue.roles_of(head) if view.catalogue is not None else ()
    if not roles:
        return [str(head)]
    name = html.Span(f", {ROLES[roles[0]].display_name.lower()}", className="visually-hidden")
    return [html.Span(role_sign(roles[0]), className=f"head-set-sign role-{roles[0]}"), str(head), name]
