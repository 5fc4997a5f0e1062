"""The head map: layers down, heads across, one cell per head, each a link to the head's page.

A cell is lit (active on the text), ringed (below its usual level) or dashed (cannot show here), with the sign of the
head's main role; a small second sign marks a second job, a dot a head with no job. One tab stop, four arrows
move (assets/heads-map.js), Enter opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components.address import head_href
from components.job_words import STATUS_WORDS
from components.lamp import role_sign, sign
from components.literature_badge import book_mark, names
from components.markup import aria, classes, data
from components.numbers import in_words
from components.score_bar import two_decimals
from utils.levels import HeadLevels, head_levels
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue

DENSE_FROM = 17  # heads per layer from which narrow cells lose their signs


class Ids:
    map = "head-map"
    ready = "head-map-ready"


def layout(analysis: Analysis, catalogue: ModelCatalogue | None, role: str | None = None) -> html.Div:
    """The map of one analysis.

    Args: catalogue: without one no head has a known job; role: shows that role's cells and dims the rest, `other` the
    heads without a job; None shows every head's main job.
    """
    return map_of(head_levels(analysis, catalogue), analysis.forward.model_name, analysis.forward.prompt, role)


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div([html.Div(id=Ids.map), dcc.Store(id=Ids.ready)])


def map_of(levels: list[HeadLevels], model: str, prompt: str, role: str | None = None, keeps: bool = False) -> html.Div:
    """The map of heads that are already judged. keeps: a press chooses the head, and only Enter opens it."""
    n_heads = 1 + max((entry.id.head for entry in levels), default=0)
    rows: dict[int, list[Component]] = {}
    for entry in levels:
        rows.setdefault(entry.id.layer, []).append(_cell(entry, model, prompt, role))
    grid = html.Div(
        [_column_names(n_heads), *(_row(layer, cells) for layer, cells in rows.items())],
        id=Ids.map,
        className=classes("head-map", n_heads >= DENSE_FROM and "head-map--dense", role and "head-map--filtered"),
        style={"--heads": str(n_heads)},
        role="grid",
        **aria(label="Every head: layers down, heads across"),
        **data(keeps=int(keeps)),
    )
    return html.Div([grid, dcc.Store(id=Ids.ready, data=f"{model} {len(levels)} {role}")], className="head-map-box")


def register(app: Dash) -> None:
    """Make the map one tab stop as soon as it stands on the page."""
    app.clientside_callback(
        ClientsideFunction("headlightHeads", "prepareMap"), Output(Ids.map, "data-cells"), Input(Ids.ready, "data")
    )


def legend(has_papers: bool = False) -> html.P:
    """What the shapes of the cells mean. has_papers: some head is named in a paper."""
    parts = (("active", "active on your text"), ("below-usual", "below its usual level"), ("grey", "cannot show here"))
    return html.P(
        [
            *(html.Span([html.Span(className=f"legend-cell legend-cell--{kind}"), words]) for kind, words in parts),
            *([html.Span([book_mark(), "named in a paper"])] if has_papers else []),
            html.Span("small sign: a second job"),
        ],
        className="legend",
    )


def cell_label(entry: HeadLevels, role: str | None = None) -> str:
    """A cell in words: "L2H3, mainly induction, active, score 0.86". role: the one shown, if not the main one."""
    if not entry.jobs:
        return f"{entry.id}, none of the {in_words(len(ROLES))} jobs"
    shown = role if role in entry.jobs else entry.main_job
    level = entry.levels[shown]
    name = ROLES[shown].display_name.lower()
    job = name if len(entry.jobs) == 1 else f"{'mainly' if shown == entry.main_job else 'also'} {name}"
    score = f"score {two_decimals(level.score)}" if level.score is not None else ""
    return ", ".join(part for part in (str(entry.id), job, STATUS_WORDS[level.status], score) if part)


def _column_names(n_heads: int) -> html.Div:
    names = [html.Span(f"H{head}", role="columnheader", className="head-map-name") for head in range(n_heads)]
    return html.Div([html.Span("", role="columnheader"), *names], role="row", className="head-map-row")


def _row(layer: int, cells: list[Component]) -> html.Div:
    name = html.Span(f"L{layer}", role="rowheader", className="head-map-name")
    return html.Div([name, *cells], role="row", className="head-map-row")


def _cell(entry: HeadLevels, model: str, prompt: str, role: str | None) -> html.Div:
    shown = role if role in entry.jobs else entry.main_job
    status = entry.levels[shown].status if shown in entry.levels else None
    second = next((job for job in entry.jobs if job != shown), None)
    paper_names = names(model, entry.id)
    words = ", ".join(part for part in (cell_label(entry, role), paper_names) if part)
    label = html.Span(words, className="visually-hidden")
    signs: list[Component] = [html.Span(role_sign(shown), className="head-cell-sign", **aria(hidden=True))]
    if second is not None:
        signs.append(
            html.Span(sign(ROLES[second].sign), className=f"head-cell-second role-{second}", **aria(hidden=True))
        )
    if paper_names:
        signs.append(book_mark())
    return html.Div(
        dcc.Link([label, *signs], href=head_href(model, prompt, *entry.id), className="head-cell-link"),
        role="gridcell",
        className=classes(
            "head-cell",
            f"head-cell--{_state(shown, status)}",
            f"role-{shown}",
            role is not None and not entry.has_job(role) and "is-dimmed",
        ),
        **data(head=str(entry.id)),
    )


def _state(role: str, status: str | None) -> str:
    """none (no job), known (a job, and no text to show it on), or the status."""
    if role == OTHER:
        return "none"
    return (status or "known").replace("_", "-")
