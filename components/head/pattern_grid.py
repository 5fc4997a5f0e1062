"""The grid of one head: a row for each token that reads, a column for each token it may look at, 0 to 1.

The cells that the shown role predicts are outlined as one path. Colours are written as the names of CSS variables, so
that the grid follows the theme; assets/heads-grid.js moves a cursor with four arrows and frames its row.
Token labels are escaped, because Plotly reads its text as markup.
"""

from __future__ import annotations

import html as html_text
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html

from components.csv_download import csv_text
from components.folded_table import folded_table
from components.markup import aria
from components.numbers import percent
from components.themed_graph import Ids as GraphIds
from components.themed_graph import house_figure, role_colour, themed_graph
from utils.measures.writes import Writes
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.head.head_view import HeadView
    from utils.tokens import Token

FIGURE = "pattern-grid"
MAX_TOKEN_LABELS = 40
POSITION_STEP = 5
LABEL_CHARACTERS = 10
LABEL_CHARACTER_PX = 7.5
EDGE = 0.05  # room around the cells, in cells, so that an outline at the edge is whole
TABLE_KEYS = 3
READ_OUT = "Point at a cell, or use the arrow keys, to read it out."
STRIPE_NOTES = {
    "previous_token": ("The outlined stripe", "is the job: look one token back."),
    "induction": ("The outlined stripe", "is the job: look at what came after the earlier copy."),
    "duplicate_token": ("The outlined stripe", "is the job: look at the earlier copy."),
    "positional": ("The outlined column", "is the resting place: the first token."),
    "current_token": ("The outlined stripe", "is the job: look at the token itself."),
    "diffuse": ("Even rows", "are the job: every token so far gets the same."),
    "copying": ("The outlined columns", "are tokens that it would copy, wherever it looks at them."),
    "copy_suppression": ("The outlined columns", "are tokens that it would hold back, wherever it looks at them."),
    "successor": ("The outlined columns", "are items after which it would push up the next."),
    "name_mover": ("The outlined cells", "are names that it would pass on: only the last token counts."),
}


class Ids:
    cells = "pattern-grid-cells"
    box = "pattern-grid-box"
    readout = "grid-readout"


def layout(view: HeadView) -> html.Div:
    """Grid, notes in its empty half, the line that reads out a cell, the scale, and all of it as a table."""
    words = [token.word for token in view.tokens]
    expected = expected_cells(view)
    figure = pattern_figure(view.pattern, view.tokens, expected, view.role)
    graph = html.Div(
        [
            themed_graph(FIGURE, figure, f"Where {view.head} looks; the table below holds the most."),
            html.Div(_notes(view), className="grid-notes"),
            html.Div(className="grid-row-mark", hidden=True),
            html.Div(className="grid-cursor", hidden=True),
        ],
        id=Ids.box,
        className="grid-box",
        tabIndex=0,
        role="application",
        style={"--tokens": str(len(words)), "--left": f"{_left_margin(view.tokens)}px"},
        **aria(label="Attention grid. Arrow keys move from cell to cell.", describedby=Ids.readout),
    )
    return html.Div(
        [
            html.P("Each row is a token that reads. It shows how much it looks at each token along the top."),
            html.Div(graph, className="grid-scroll"),
            html.P(READ_OUT, id=Ids.readout, className="grid-readout", **aria(live="polite")),
            _scale(view),
            dcc.Store(id=Ids.cells, data={"words": words, "expected": np.argwhere(expected).tolist()}),
            _table(view),
        ],
        className=f"pattern-grid role-{view.role}",
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([themed_graph(FIGURE, go.Figure(), ""), dcc.Store(id=Ids.cells), html.P(id=Ids.readout)])


def register(app: Dash) -> None:
    """The browser reads out the cell under the pointer."""
    app.clientside_callback(
        ClientsideFunction("headlightHeads", "readCell"),
        Output(Ids.readout, "children"),
        Input(GraphIds.graph(FIGURE), "hoverData"),
        Input(Ids.cells, "data"),
        State(GraphIds.figure(FIGURE), "data"),
    )


def pattern_figure(pattern: np.ndarray, tokens: tuple[Token, ...], expected: np.ndarray, role: str) -> go.Figure:
    """The heatmap.

    Args: pattern: [query_pos, key_pos]; expected: bool of the same shape, the cells to outline; role: gives the
    colour. The half above the diagonal stays empty: a token cannot look ahead.
    """
    n = len(pattern)
    seen = np.where(np.tri(n, dtype=bool), pattern, np.nan).astype(np.float32)
    gap = 2 if n <= MAX_TOKEN_LABELS else 1 if n <= 2 * MAX_TOKEN_LABELS else 0
    heatmap = go.Heatmap(
        z=seen,
        zmin=0,
        zmax=1,
        xgap=gap,
        ygap=gap,
        colorscale=[[0, "var(--sunk)"], [1, role_colour(role)]],
        showscale=False,
        hoverinfo="none",
        hoverongaps=False,
    )
    return house_figure(
        heatmap,
        margin=(_left_margin(tokens), 10, 60, 6),
        xaxis={**_ticks(tokens), "side": "top", "tickangle": -45, "range": [-0.5 - EDGE, n - 0.5 + EDGE]},
        yaxis={**_ticks(tokens), "range": [n - 0.5 + EDGE, -0.5 - EDGE]},
        shapes=_outline(expected),
        transition={"duration": 240},
    )


def expected_cells(view: HeadView) -> np.ndarray:
    """bool [query_pos, key_pos]: where the shown role says that the head should look, on rows that can tell; for a role
    of writing where a look counts, since the head would write so of what stands there."""
    if view.evidence is None:
        return np.zeros(view.pattern.shape, dtype=bool)
    measure = ROLES[view.role].measure
    return (
        measure.cells_that_count(view.reading, view.evidence) if isinstance(measure, Writes) else view.evidence.targets
    )


def outline_path(cells: np.ndarray) -> str:
    """The outline of a set of cells as one SVG path, in cell units: every edge between a cell in it and one outside.

    Example: one cell at row 2, column 1 has four edges; two neighbouring cells have six.
    """
    padded = np.pad(cells, 1)
    edges: list[str] = []
    for row, column in np.argwhere(cells):
        left, right, top, bottom = column - 0.5, column + 0.5, row - 0.5, row + 0.5
        around = {
            f"M{left},{top}L{right},{top}": padded[row, column + 1],
            f"M{left},{bottom}L{right},{bottom}": padded[row + 2, column + 1],
            f"M{left},{top}L{left},{bottom}": padded[row + 1, column],
            f"M{right},{top}L{right},{bottom}": padded[row + 1, column + 2],
        }
        edges += [edge for edge, is_inside in around.items() if not is_inside]
    return "".join(edges)


def pattern_csv(pattern: np.ndarray, tokens: tuple[Token, ...], expected: np.ndarray) -> str:
    """Every weight of the head: one line per query and key, with the tokens as the model has them."""
    columns = ("query_pos", "query_token", "key_pos", "key_token", "weight", "is_expected")
    rows = [
        (
            query_pos,
            tokens[query_pos].label,
            key_pos,
            tokens[key_pos].label,
            round(float(pattern[query_pos, key_pos]), 4),
            int(expected[query_pos, key_pos]),
        )
        for query_pos in range(len(pattern))
        for key_pos in range(query_pos + 1)
    ]
    return csv_text(columns, rows)


def _outline(expected: np.ndarray) -> list[dict[str, Any]]:
    path = outline_path(expected)
    width = 2 if len(expected) <= MAX_TOKEN_LABELS else 1
    return [{"type": "path", "path": path, "line": {"color": "var(--ink)", "width": width}}] if path else []


def _ticks(tokens: tuple[Token, ...]) -> dict[str, Any]:
    """Tokens as labels, or every fifth position where there is no room for words."""
    n = len(tokens)
    if n > MAX_TOKEN_LABELS:
        places = list(range(0, n, POSITION_STEP))
        return {"tickvals": places, "ticktext": [str(place) for place in places]}
    size = 13 if n <= MAX_TOKEN_LABELS // 2 else 11
    return {"tickvals": list(range(n)), "ticktext": [_label(token) for token in tokens], "tickfont": {"size": size}}


def _left_margin(tokens: tuple[Token, ...]) -> int:
    """Room for the longest label of the rows, in pixels; the style sheet places the cursor by it."""
    longest = max(len(_short(token.word)) for token in tokens) if len(tokens) <= MAX_TOKEN_LABELS else 3
    return round(16 + LABEL_CHARACTER_PX * longest)


def _label(token: Token) -> str:
    return html_text.escape(_short(token.word))


def _short(word: str) -> str:
    return word if len(word) <= LABEL_CHARACTERS else f"{word[: LABEL_CHARACTERS - 1]}…"


def _notes(view: HeadView) -> list[Component]:
    """What to see, written where no cells are."""
    notes = []
    if view.levels.rests and not expected_cells(view)[:, 0].any():
        notes.append(("The first column", "is its resting place, where it finds nothing to do."))
    if view.role in STRIPE_NOTES and view.evidence is not None and (not _is_writing(view) or _outlined(view)):
        notes.append(STRIPE_NOTES[view.role])
    notes.append(("The empty half", "is the future. A token cannot look ahead."))
    return [html.P([html.Strong(title), html.Span(text)]) for title, text in notes]


def _outlined(view: HeadView) -> bool:
    return bool(expected_cells(view).any())


def _is_writing(view: HeadView) -> bool:
    return view.role in ROLES and ROLES[view.role].is_writing


def _scale(view: HeadView) -> html.P:
    parts: list[Component] = [
        html.Span(["0 %", html.Span(className="scale-bar", **aria(hidden=True)), "100 % of its attention"])
    ]
    if _outlined(view):
        words = "where a look counts" if _is_writing(view) else "where the job says to look"
        parts.append(html.Span([html.Span(className="scale-cell", **aria(hidden=True)), words]))
    return html.P(parts, className="grid-scale")


def _table(view: HeadView) -> html.Details:
    """The grid for someone who cannot see it: for every token the keys it gives most to, and where the job looks."""
    expected = expected_cells(view)
    heads = ["Token", *(f"{rank} most" if rank else "Looks most at" for rank in ("", "2nd", "3rd"))]
    if expected.any():
        heads.append("Where a look counts" if _is_writing(view) else "Where the job says to look")
    rows = [_table_row(view, query_pos, expected) for query_pos in range(len(view.tokens))]
    return folded_table(heads, rows)


def _table_row(view: HeadView, query_pos: int, expected: np.ndarray) -> list[Any]:
    row = view.pattern[query_pos, : query_pos + 1]
    keys = np.argsort(-row, kind="stable")[:TABLE_KEYS].tolist()
    cells = [_looks_at(view, query_pos, key) for key in (*keys, *[None] * (TABLE_KEYS - len(keys)))]
    if expected.any():
        targets = np.flatnonzero(expected[query_pos]).tolist()
        cells.append([word for key in targets for word in (*_looks_at(view, query_pos, key), " ")] or ["–"])
    return [[html.Bdi(view.tokens[query_pos].word), f" ({query_pos})"], *cells]


def _looks_at(view: HeadView, query_pos: int, key_pos: int | None) -> list[Any]:
    if key_pos is None:
        return []
    return [html.Bdi(view.tokens[key_pos].word), f" ({key_pos}) {percent(float(view.pattern[query_pos, key_pos]))}"]
