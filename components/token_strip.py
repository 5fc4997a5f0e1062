"""The text as the model reads it: one token after another, with arcs from the token that reads to what it looks at.

The arcs are drawn by assets/strip.js from a small store; a screen reader gets the same from each token's label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components.markup import aria, classes, data
from components.numbers import percent
from utils.roles import ROLES

if TYPE_CHECKING:
    from utils.demonstration import Demonstration
    from utils.measures.reading import Look
    from utils.tokens import Token


class Ids:
    strip = "strip"
    arcs = "strip-arcs"


def layout(tokens: Sequence[Token], view: Demonstration) -> html.Div:
    """The strip. A view without a head shows plain tokens."""
    marks = _marks(view)
    items = [
        _item(token, position, marks.get(position), view.looks[position] if view.looks else (), tokens)
        for position, token in enumerate(tokens)
    ]
    drawing = html.Div(className="strip-drawing", **aria(hidden=True))
    return html.Div(
        [drawing, html.Ol(items, className="strip-tokens"), dcc.Store(id=Ids.arcs, data=arc_data(view))],
        id=Ids.strip,
        className=classes("strip", f"role-{view.role}", not view.looks and "strip--plain"),
    )


def skeleton() -> html.Div:
    """The strip before any text was read."""
    return html.Div(dcc.Store(id=Ids.arcs), id=Ids.strip)


def register(app: Dash) -> None:
    """Draw the arcs whenever a new strip arrives."""
    app.clientside_callback(
        ClientsideFunction("headlight", "drawStrip"), Output(Ids.strip, "data-arcs"), Input(Ids.arcs, "data")
    )


def arc_data(view: Demonstration) -> dict[str, Any]:
    """What the browser needs to draw: positions and weights of a few arcs, and where every token looks.

    looks: per token [key_pos, weight, whether the role counts it]. role: as the sentence of a look names it, empty for
    one that is about whole rows.
    """
    return {
        "head": str(view.head or ""),
        "role": "" if view.is_about_rows else ROLES[view.role].display_name.lower(),
        "arcs": [_numbers(arc) for arc in view.arcs],
        "focus": _numbers(view.focus) if view.focus and not view.is_about_rows else None,
        "copy": view.copy_pos,
        "looks": [[[*_numbers(look)[1:], int(look.is_evidence)] for look in looks] for looks in view.looks],
    }


def token_label(token: Token, position: int, looks: Sequence[Look], tokens: Sequence[Token]) -> str:
    """A token in words: "the, position 17, looks at river, position 8, 80 percent"."""
    label = f"{token.word}{', of the chat template' if token.is_template else ''}, position {position}"
    if not looks:
        return label
    best = looks[0]
    share = percent(best.weight).replace(" %", " percent")
    return f"{label}, looks at {tokens[best.key_pos].word}, position {best.key_pos}, {share}"


def _item(token: Token, position: int, mark: str | None, looks: Sequence[Look], tokens: Sequence[Token]) -> html.Li:
    button = html.Button(
        token.word,
        className=classes("token", mark and f"token--{mark}", not token.is_typed and "token--start"),
        **aria(label=token_label(token, position, looks, tokens)),
    )
    return html.Li(button, **data(pos=position))


def _marks(view: Demonstration) -> dict[int, str]:
    """How each token is shown: tinted as part of the evidence, ringed as focused query, filled as focused key."""
    marks: dict[int, str] = {}
    for arc in view.arcs:
        marks |= {arc.query_pos: "evidence", arc.key_pos: "evidence"}
    if view.focus is not None:
        if not view.is_about_rows:
            marks[view.focus.key_pos] = "key"
        marks[view.focus.query_pos] = "both" if view.focus.is_itself and not view.is_about_rows else "query"
    return marks


def _numbers(arc: Look) -> list[float]:
    """An arc in three numbers; a weight below 1 stays below 1."""
    return [arc.query_pos, arc.key_pos, arc.weight if arc.weight >= 1 else min(round(arc.weight, 6), 0.999999)]
