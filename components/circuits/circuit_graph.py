"""Which head reads which: layers left to right, heads top to bottom, a line for each of the strongest links.

Places are fixed, so that all models read alike. A head with a job is a filled disc with its sign, any other a dot, and
every head is a link that chooses it. assets/circuits.js draws the lines from a small store, previews a head under the
pointer, and moves from head to head by arrow keys; the table below holds all that the drawing shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components.circuits.circuits_view import N_LINES, role_name
from components.circuits.circuits_words import graph_lead, head_sentence, later_note, link_label, named, rank_words
from components.folded_table import folded_table
from components.lamp import role_sign
from components.markup import aria, classes, data
from components.numbers import plural, times
from components.plain import plain
from utils.circuits.readers import N_LIT
from utils.heads import HeadId
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.circuits.circuits_view import CircuitsView
    from utils.circuits.readers import Link, Reads

SHARE_WIDTH = 3.0  # the whole of a margin is drawn as wide as a fit of so many times random
MANY_HEADS = 17  # heads per layer from which only heads on a line, or with a job, are shown
MANY_LAYERS = 13  # from which only layers with names in them are wide, and heads that only rest are dots
WIDE, SLIM = "minmax(104px, 2fr)", "minmax(27px, 1fr)"
SCROLL = "The drawing is wider than the window: scroll it sideways to see the other layers."


class Ids:
    graph = "circuit-graph"
    lines = "circuit-lines"


@dataclass(eq=False)
class Drawing:
    """What the graph shows. lines: the strongest links of all; readers: for every head its links into later heads."""

    view: CircuitsView
    reads: Reads
    lines: list[Link]
    readers: dict[HeadId, list[Link]]

    @property
    def is_deep(self) -> bool:
        return self.view.shape.n_layers >= MANY_LAYERS

    @property
    def busy(self) -> set[int]:
        """The layers of the chosen head and of its readers, whose names stand beside them."""
        chosen = {self.view.writer.layer} if self.view.writer is not None else set()
        return chosen | {link.reader.layer for link in self.view.lit}

    def role(self, head: HeadId) -> str:
        """The role that a head is drawn as; in a deep model, where most heads rest, that is none."""
        role = self.view.jobs.main(head)
        return OTHER if self.is_deep and role in ROLES and ROLES[role].is_rest else role

    @cached_property
    def drawn(self) -> dict[tuple[HeadId, HeadId], Link]:
        """Every line, the lit ones first, which may not be among the strongest of all."""
        return {link.pair: link for link in [*self.view.lit, *self.lines]}


def layout(view: CircuitsView, reads: Reads) -> html.Section:
    """The card: the drawing, its legend, and all of it as a table."""
    drawing = drawing_of(view, reads)
    words = html.Div([html.H2("Which head reads which"), html.P(graph_lead(view, len(drawing.lines)))])
    note = later_note(view, drawing.lines)
    hint = [html.P(SCROLL, className="panel-note circuit-hint")] if drawing.is_deep else []
    return html.Section(
        [
            html.Div(words, className="card-head"),
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
    return html.Div([html.Div(id=Ids.graph), dcc.Store(id=Ids.lines)])


def register(app: Dash) -> None:
    """Draw the lines whenever a new graph arrives."""
    app.clientside_callback(
        ClientsideFunction("headlightCircuits", "drawGraph"), Output(Ids.graph, "data-lines"), Input(Ids.lines, "data")
    )


def drawing_of(view: CircuitsView, reads: Reads) -> Drawing:
    """What the graph shows of one state of the page."""
    readers = {head: reads.told_readers(head) for head in view.shape.all()}
    return Drawing(view, reads, reads.lines(N_LINES), readers)


def line_data(drawing: Drawing) -> dict[str, Any]:
    """What the browser draws: `[writer, reader, strength, role of the writer, role of the reader]` per line.

    lit: the chosen head's first four, drawn in role colours. previews: for each head its first four, drawn while the
    pointer is on it. Roles are keys; `other` is ink.
    """
    view = drawing.view
    lit = {link.pair for link in view.lit}
    grey = [link for pair, link in drawing.drawn.items() if pair not in lit]
    previews = {str(head): links[:N_LIT] for head, links in drawing.readers.items() if links}
    return {
        "chosen": str(view.writer) if view.writer is not None else None,
        "lit": [_numbers(drawing, link) for link in view.lit],
        "grey": [_numbers(drawing, link) for link in grey],
        "previews": {head: [_numbers(drawing, link) for link in links] for head, links in previews.items()},
    }


def _numbers(drawing: Drawing, link: Link) -> list[Any]:
    roles = (drawing.role(link.writer), drawing.role(link.reader))
    width = SHARE_WIDTH * link.strength if link.is_measured else link.strength
    return [str(link.writer), str(link.reader), round(width, 2), *roles]


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
    read = next((link for link in view.lit if link.reader == head), None)
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
    note = "writes" if is_chosen else link_label(read) if read is not None else ""
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
        what = "the chosen head’s share: " if best.is_measured else "the chosen head’s fits: "
        means = f" of what {best.reader} goes by" if best.is_measured else " means so many times two random heads"
        entries.append(html.Span([line, html.Span([what, html.Strong(link_label(best)), means])]))
    return html.Div(entries, className="legend")


def _table(drawing: Drawing) -> html.Details:
    """Every line of the drawing: writer, reader and what was measured, beside what their weights alone say."""
    jobs, margins = drawing.view.jobs, drawing.reads.margins
    rows = []
    for link in drawing.drawn.values():
        fit, share = drawing.reads.fits.fit(*link.pair), [""]
        if margins is not None and link.is_measured:
            margin = margins.readers[link.reader]
            share = [f"{link_label(link)}: {margin.written_by(link.writer).logits:.1f} of {margin.margin:.1f} logits"]
        rank = rank_words(*drawing.reads.fits.rank_of(*link.pair))
        weights = [times(fit.multiple), rank, plural(round(fit.breadth), "kind")]
        measured = share if drawing.reads.is_measured else []
        rows.append([named(jobs, link.writer), named(jobs, link.reader), *measured, *weights])
    measured_head = ("Of what the reader goes by",) if drawing.reads.is_measured else ()
    heads = ("Writer", "Reader", *measured_head, "Fit of weights", "Its rank among earlier heads", "Kinds of note")
    return folded_table(heads, rows)
