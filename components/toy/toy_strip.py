"""A piece of the text with one arc: where a head looks from one token, and whether a note stands there.

Drawn without a script. Every token spans two columns of a grid, so an arc is a box from the middle of one token to
the middle of another, however wide they are. The sentence below says the same in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dash import html

from components.markup import aria, classes
from components.numbers import percent

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.tokens import Token
    from utils.toy.looks import HeadLook

Columns = dict[int | None, int]  # position -> the first of its two columns

N_CONTEXT = 4  # tokens shown after what followed the copy
N_END = 7  # tokens shown where nothing is looked at


def layout(tokens: Sequence[Token], look: HeadLook | None, query_pos: int | None = None) -> html.Div:
    """The piece around one look.

    Args: look: None draws tokens alone, around query_pos where that is given, else the end of the text.
    """
    places = shown_places(len(tokens), look, query_pos)
    column: Columns = {position: 2 * index + 1 for index, position in enumerate(places)}
    items = [_place(tokens, position, 2 * index + 1, look, query_pos) for index, position in enumerate(places)]
    if look is None:
        return html.Div(items, className="toy-strip toy-strip--plain role-other", **aria(hidden=True))
    drawing = _drawing(tokens, look, column)
    return html.Div([*items, *drawing], className=f"toy-strip role-{look.colour}", **aria(hidden=True))


def shown_places(n_tokens: int, look: HeadLook | None, query_pos: int | None = None) -> list[int | None]:
    """The positions that are drawn; None stands for tokens left out.

    Example: of 18 tokens, for a look from 17 to 8 with its copy at 7: 6 to 12, a gap, 16, 17.
    """
    if look is None:
        end = n_tokens if query_pos is None else query_pos + 1
        return list(range(max(0, end - N_END), end))
    first = max(0, min(look.key_pos, look.copy_pos) - 1)
    around = range(first, min(look.query_pos, max(look.key_pos, look.follower_pos) + N_CONTEXT) + 1)
    places = sorted({*around, look.query_pos - 1, look.query_pos})
    gap = next((index for index, (a, b) in enumerate(pairwise(places)) if b - a > 1), None)
    return list(places) if gap is None else [*places[: gap + 1], None, *places[gap + 1 :]]


def _place(
    tokens: Sequence[Token], position: int | None, column: int, look: HeadLook | None, query_pos: int | None
) -> html.Span:
    style = {"--from": str(column)}
    if position is None:
        return html.Span("…", className="toy-gap", style=style)
    mark = _mark(position, look, query_pos)
    token = html.Bdi(tokens[position].word, className=classes("toy-token", mark and f"toy-token--{mark}"))
    return html.Span(
        [token, html.Span(position, className="token-position")],
        className=classes("toy-place", look is not None and _is_context(position, look) and "is-context"),
        style=style,
    )


def _mark(position: int, look: HeadLook | None, query_pos: int | None) -> str | None:
    if look is None:
        return "query" if position == query_pos else None
    return "key" if position == look.key_pos else "query" if position == look.query_pos else None


def _is_context(position: int, look: HeadLook) -> bool:
    """Whether a narrow window may leave this token out."""
    return position not in (look.copy_pos, look.key_pos, look.follower_pos, look.query_pos)


def _drawing(tokens: Sequence[Token], look: HeadLook, column: Columns) -> list[Component]:
    """The arc, and below the tokens the note, or that there is none."""
    pill = html.Span(percent(look.weight), className="toy-arc-weight")
    arc = html.Span(pill, className="toy-arc", style=_span(column[look.key_pos], column[look.query_pos]))
    return [arc, *_note(tokens, look, column)]


def _note(tokens: Sequence[Token], look: HeadLook, column: Columns) -> list[Component]:
    follower = look.follower_pos
    if follower not in column:
        return []
    where = {"--from": str(column[follower]), "--to": str(max(column.values()) + 2)}
    if look.writer is None:
        words: list[Any] = ["no note here"]
        beside: list[Any] = [html.Bdi(tokens[follower].word), " cannot say what came before it"]
        return [_note_line(words, beside, "toy-note toy-note--none", where)]
    back = html.Span(className="toy-back role-previous_token", style=_span(column[look.copy_pos], column[follower]))
    words = ["note: after ", html.Bdi(tokens[look.copy_pos].word, className="toy-note-word")]
    beside = [f"written in layer {look.writer.layer}, read in layer {look.head.layer}"]
    return [back, _note_line(words, beside, "toy-note role-previous_token", where)]


def _note_line(words: list[Any], beside: list[Any], class_name: str, where: dict[str, str]) -> html.Span:
    return html.Span(
        [html.Span(words, className=class_name), html.Span(beside, className="toy-beside")],
        className="toy-note-line",
        style=where,
    )


def _span(key_column: int, query_column: int) -> dict[str, str]:
    """From the middle of the earlier token to the middle of the later one."""
    return {"--from": str(key_column + 1), "--to": str(query_column + 1)}
