"""A small token strip for a role that has an example: fixed tokens, the one that reads, and the one it looks at.

Drawn without a script: columns have equal width, so an arc is a box from the middle of one to the middle of another.
The sentence below says the same in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dash import html

from components.markup import aria, classes
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component


@dataclass(frozen=True)
class Example:
    """An ideal head on a few words. looks: (query_pos, key_pos), the last one in focus; copy: the earlier copy of the
    focused query's token, where there is one; sentence: the focused look in words; pushed: for a role of writing, the
    word that goes up or down there, with an arrow."""

    words: tuple[str, ...]
    looks: tuple[tuple[int, int], ...]
    sentence: str
    copy: int | None = None
    pushed: str = ""


_PLAIN = ("A", "fox", "met", "a", "bear", "today")
_REPEAT = ("the", "cat", "sat", ".", "the", "cat")
EXAMPLES = {
    "previous_token": Example(
        _PLAIN,
        tuple((q, q - 1) for q in range(1, 6)),
        "At “today” it looks one token back, at “bear”.",
    ),
    "induction": Example(
        _REPEAT,
        ((4, 1), (5, 2)),
        "At the second “cat” it looks at what came after the first one: “sat”.",
        copy=1,
    ),
    "duplicate_token": Example(
        _REPEAT,
        ((5, 1),),
        "At the second “cat” it looks at the first “cat”.",
        copy=1,
    ),
    "positional": Example(
        _PLAIN,
        tuple((q, 0) for q in range(1, 6)),
        "At “today”, as everywhere, it looks at the very first token.",
    ),
    "current_token": Example(
        _PLAIN,
        tuple((q, q) for q in range(6)),
        "At “today” it looks at “today” itself.",
    ),
    "diffuse": Example(
        _PLAIN,
        tuple((5, k) for k in range(6)),
        "At “today” it gives all six tokens so far the same share, 17 % each.",
    ),
    "copying": Example(
        _REPEAT,
        ((5, 2),),
        "At the second “cat” it looks at “sat”, and makes “sat” likelier as the next word.",
        pushed="↑ sat",
    ),
    "copy_suppression": Example(
        ("All’s", "fair", "in", "love", "and"),
        ((4, 3),),
        "At “and” it looks at “love”, and makes “love” less likely as the next word.",
        pushed="↓ love",
    ),
    "successor": Example(
        ("Monday", ",", "Tuesday", ","),
        ((3, 2),),
        "At the last comma it looks at “Tuesday”, and makes “Wednesday” likelier as the next word.",
        pushed="↑ Wednesday",
    ),
    "name_mover": Example(
        ("Anna", "met", "Tom", ".", "Anna", "told"),
        ((5, 2),),
        "At “told”, where a name is to come, it looks at “Tom”, and makes “Tom” likelier as the next word.",
        pushed="↑ Tom",
    ),
}


def layout(role: str) -> list[html.Figure]:
    """The strip of one role, in the role's colour; empty for a role without an example."""
    example = EXAMPLES.get(role)
    if example is None:
        return []
    marks = _marks(role, example)
    tokens = [_token(word, position, marks.get(position)) for position, word in enumerate(example.words)]
    arcs = [_arc(query, key, (query, key) == example.looks[-1], role) for query, key in example.looks]
    drawing = html.Div(
        [*arcs, *tokens, *_below(example)],
        className="mini-strip",
        style={"--tokens": str(len(example.words))},
        **aria(hidden=True),
    )
    return [html.Figure([drawing, html.Figcaption(example.sentence)], className=f"surface mini role-{role}")]


def _marks(role: str, example: Example) -> dict[int, str]:
    query, key = example.looks[-1]
    marks = {position: "evidence" for look in example.looks for position in look}
    if ROLES[role].measure.is_about_rows:
        return marks | {query: "query"}
    return marks | {key: "key", query: "query" if query != key else "both"}


def _token(word: str, position: int, mark: str | None) -> html.Div:
    name = html.Span(word, className=classes("mini-token", mark and f"mini-token--{mark}"))
    return html.Div(
        [name, html.Span(position, className="token-position")],
        className="mini-place",
        style={"--from": str(position + 1)},
    )


def _arc(query: int, key: int, is_focus: bool, role: str) -> Component:
    is_strong = is_focus and not ROLES[role].measure.is_about_rows
    return html.Span(
        className=classes("mini-arc", query == key and "mini-arc--self", is_strong and "mini-arc--focus"),
        style={"--from": str(key + 1), "--to": str(query + 2), "--span": str(query - key + 1)},
    )


def _below(example: Example) -> list[html.Span]:
    """What stands under the tokens: the bracket of two copies, or the word that is pushed, at the one that reads."""
    if example.pushed:
        return [html.Span(example.pushed, className="mini-push", style={"--to": str(example.looks[-1][0] + 2)})]
    return [_bracket(example)] if example.copy is not None else []


def _bracket(example: Example) -> html.Span:
    query, copy = example.looks[-1][0], example.copy or 0
    return html.Span(
        html.Span("same token"),
        className="mini-bracket",
        style={"--from": str(copy + 1), "--to": str(query + 2), "--span": str(query - copy + 1)},
    )
