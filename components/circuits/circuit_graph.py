"""Which head reads which: layers left to right, heads top to bottom, a line for each of the strongest fits.

Places are fixed, so that all models read alike. A head with a job is a filled disc with its sign, any other a dot, and
every head is a link that chooses it. assets/circuits.js draws the lines from a small store, previews a head under the
pointer, and moves from head to head by arrow keys; the table below holds all that the drawing shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components.circuits.circuits_view import ALL, BROAD, N_LINES, role_name
from components.circuits.circuits_words import graph_lead, head_sentence, later_note, named, rank_words
from components.folded_table import folded_table
from components.lamp import role_sign
from components.markup import aria, classes, data
from components.numbers import plural, times
from components.plain import plain
from components.switch import switch
from utils.circuits.readers import N_LIT, named_first, readers_of
from utils.heads import HeadId
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.composition import Composition, Fit

MANY_HEADS = 17  # heads per layer from which only heads on a line, or with a job, are shown
MANY_LAYERS = 13  # from which only layers with names in them are wide, and heads that only rest are dots
WIDE, SLIM = "minmax(104px, 2fr)", "minmax(27px, 1fr)"
SCROLL = "The drawing is wider than the window: scroll it sideways to see the other layers."


class Ids:
    graph = "circuit-graph"
    lines = "circuit-lines"
    fits = "circuits-fits"


@dataclass(eq=False)
class Drawing:
    """What the graph shows. lines: the best fits of all; readers: for every head its fits into later heads."""

    view: CircuitsView
    fits: Composition
    lines: list[Fit]
    readers: dict[HeadId, list[Fit]]

    @property
    def is_deep(self) -> bool:
        return self.view.shape.n_layers >= MANY_LAYERS

    @property
    def busy(self) -> set[int]:
        """The layers of the chosen head and of its readers, whose names stand beside them."""
        chosen = {self.view.writer.layer} if self.view.writer is not None else set()
        return chosen | {fit.reader.layer for fit in self.view.lit}

    def role(self, head: HeadId) -> str:
        """The role that a head is drawn as; in a deep model, where most heads rest, that is none."""
        role = self.view.jobs.main(head)
        return OTHER if self.is_deep and role in ROLES and ROLES[role].is_rest else role

    @cached_property
    def drawn(self) -> dict[tuple[HeadId, HeadId], Fit]:
        """Every line, the lit ones first, which may not be among the best of all."""
        return {(fit.writer, fit.reader): fit for fit in [*self.view.lit, *self.lines]}


def layout(view: CircuitsView, fits: Composition) -> html.Section:
    """The card: the drawing, its legend, and all of it as a table."""
    drawing = drawing_of(view, fits)
    words = html.Div([html.H2("Which head reads which"), html.P(graph_lead(view, len(drawing.lines)))])
    note = later_note(view, drawing.lines)
    hint = [html.P(SCROLL, className="panel-note circuit-hint")] if drawing.is_deep else []
    return html.Section(
        [
            html.Div([words, _switch(view)], className="card-head"),
            html.Div(_graph(drawing), className="circuit-scroll"),
            *hint,
            *([html.P(note, className="panel-note")] if note else []),
            html.Div([_legend(drawing), _table(drawing)], className="circuit-below"),
        ],
        className="surface panel",
        **aria(label="Which head reads which"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([html.Div(id=Ids.graph), dcc.Store(id=Ids.lines), dbc.RadioItems(id=Ids.fits)])


def register(app: Dash) -> None:
    """Draw the lines whenever a new graph arrives."""
    app.clientside_callback(
        ClientsideFunction("headlightCircuits", "drawGraph"), Output(Ids.graph, "data-lines"), Input(Ids.lines, "data")
    )


def drawing_of(view: CircuitsView, fits: Composition) -> Drawing:
    """What the graph shows of one state of the page."""
    readers = {head: readers_of(fits, head, view.broad_only) for head in view.shape.all()}
    return Drawing(view, fits, fits.best(N_LINES, view.broad_only), readers)


def line_data(drawing: Drawing) -> dict[str, Any]:
    """What the browser draws: `[writer, reader, times random, role of the writer, role of the reader]` per line.

    lit: the chosen head's best four, drawn in role colours. previews: for each head its best four, drawn while the
    pointer is on it. Roles are keys; `other` is ink.
    """
    view = drawing.view
    lit = {(fit.writer, fit.reader) for fit in view.lit}
    grey = [fit for pair, fit in drawing.drawn.items() if pair not in lit]
    previews = {str(head): named_first(fits, view.jobs)[:N_LIT] for head, fits in drawing.readers.items() if fits}
    return {
        "chosen": str(view.writer) if view.writer is not None else None,
        "lit": [_numbers(drawing, fit) for fit in view.lit],
        "grey": [_numbers(drawing, fit) for fit in grey],
        "previews": {head: [_numbers(drawing, fit) for fit in fits] for head, fits in previews.items()},
    }


def _numbers(drawing: Drawing, fit: Fit) -> list[Any]:
    roles = (drawing.role(fit.writer), drawing.role(fit.reader))
    return [str(fit.writer), str(fit.reader), round(fit.multiple, 2), *roles]


def _switch(view: CircuitsView) -> html.Div:
    return switch(Ids.fits, {BROAD: "Broad fits", ALL: "All fits"}, BROAD if view.broad_only else ALL, "Which fits")


def _graph(drawing: Drawing) -> html.Div:
    n_layers, n_heads = drawing.view.shape.as_tuple
    names = [html.Span(className="circuit-layer-name")]
    names += [html.Span(f"H{head}", className="circuit-row-name") for head in range(n_heads)]
    return html.Div(
        [
            html.Div(className="circuit-drawing", **aria(hidden=True)),
            html.Div(names, **aria(hidden=True)),
            plain(*(_layer(drawing, layer) for layer in range(n_layers))),
            dcc.Store(id=Ids.lines, data=line_data(drawing)),
        ],
        id=Ids.graph,
        className=classes("circuit-graph-box", n_heads >= MANY_HEADS and "is-dense", drawing.is_deep and "is-deep"),
        style={"--layers": str(n_layers), "--heads": str(n_heads), "--columns": columns(drawing)},
        role="group",
        **aria(label="Heads. Arrow keys move, Enter chooses, then N and P walk its lines, Escape goes back."),
    )


def columns(drawing: Drawing) -> str:
    """The widths of the layers of a deep model, for CSS: wide where names stand, so that they hide no other head."""
    return " ".join(WIDE if layer in drawing.busy else SLIM for layer in range(drawing.view.shape.n_layers))


def _layer(drawing: Drawing, layer: int) -> html.Div:
    n_layers, n_heads = drawing.view.shape.as_tuple
    word = html.Span("layer ", className="visually-hidden" if layer or drawing.is_deep else "")
    name = html.Span([word, layer], className=classes("circuit-layer-name", layer in drawing.busy and "is-lit"))
    places = [_place(drawing, HeadId(layer, head)) for head in range(n_heads)]
    return html.Div([name, *places], className=classes("circuit-layer", layer == n_layers - 1 and "is-last"))


def _place(drawing: Drawing, head: HeadId) -> html.Div:
    """One head in its place; in layers of many heads only those that are on a line or have a job are shown."""
    view, role = drawing.view, drawing.role(head)
    is_on_line = any(head in pair for pair in drawing.drawn)
    if view.shape.n_heads >= MANY_HEADS and not is_on_line and role == OTHER:
        return html.Div(className="circuit-place")
    read = next((fit for fit in view.lit if fit.reader == head), None)
    is_chosen = head == view.writer
    words = html.Span(head_sentence(view, head, drawing.readers[head]), className="visually-hidden")
    link = html.A(
        [role_sign(role), words],
        href=view.href(**view.choosing(head)),
        id=f"circuit-{head}",
        tabIndex=-1,
        className=classes(
            "circuit-head in-place",
            "is-named" if role != OTHER else is_on_line and "is-on-line",
            is_chosen and "is-chosen",
            read is not None and "is-read",
        ),
        **data(head=str(head)),
        **(aria(current="true") if is_chosen else {}),
    )
    note = "writes" if is_chosen else times(read.multiple) if read is not None else ""
    shown = html.Span([html.Strong(str(head)), note], className=classes("circuit-words", is_chosen and "is-writer"))
    return html.Div([link, *([shown] if note else [])], className=f"circuit-place role-{role}")


def _legend(drawing: Drawing) -> html.Div:
    view = drawing.view
    main_jobs = {drawing.role(head) for head in view.jobs.roles}
    entries: list[Component] = [
        html.Span([html.Span(role_sign(role), className=f"circuit-disc role-{role}"), role_name(role)])
        for role in ROLES
        if role in main_jobs
    ]
    entries.append(html.Span([html.Span(className="circuit-dot", **aria(hidden=True)), "another head"]))
    if view.lit:
        best = view.lit[0]
        line = html.Span(className=f"circuit-line role-{drawing.role(best.reader)}", **aria(hidden=True))
        means = f" means {best.multiple:.1f} times two random heads"
        entries.append(
            html.Span([line, html.Span(["the chosen head’s fits: ", html.Strong(times(best.multiple)), means])])
        )
    return html.Div(entries, className="legend")


def _table(drawing: Drawing) -> html.Details:
    """Every line of the drawing: writer, reader, fit, rank among the reader's earlier heads."""
    jobs = drawing.view.jobs
    rows = [
        [
            named(jobs, fit.writer),
            named(jobs, fit.reader),
            times(fit.multiple),
            rank_words(*drawing.fits.rank_of(fit.writer, fit.reader)),
            plural(round(fit.breadth), "kind"),
        ]
        for fit in drawing.drawn.values()
    ]
    return folded_table(("Writer", "Reader", "Fit", "Rank among earlier heads", "Kinds of note"), rows)
