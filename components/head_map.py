"""The head map: one cell per head, each a link to the head's page.

A cell has the sign of the head's main job, in the shape of its state on the text, as lamps have it: filled is active, a
ring with a lit point here and there, one with a question mark cannot tell, a ring not seen or below usual, a dashed
cell cannot show here. A job of writing is a square tile. A small second sign marks a second job, and a small square a
job of writing beside one of looking, filled while it is active. Heads without a job are quiet: a dash for one that
rests, which shows its anchor when "With resting heads" is chosen, a dot for one that does none of the jobs. A head that
does a job and also rests shows the job. One tab stop, four arrows move, J goes to the next head with a job
(assets/heads-map.js), Enter opens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dash_bootstrap_components as dbc
from dash import ClientsideFunction, Dash, Input, Output, dcc, html

from components import head_map_grid
from components.address import head_href
from components.head_map_grid import PAGE, is_deep
from components.job_words import STATUS_WORDS
from components.lamp import css_name, is_square, role_sign, sign
from components.literature_badge import book_mark, names
from components.markup import aria, classes, data
from components.numbers import in_words
from components.plain import plain
from components.score_bar import two_decimals
from components.switch import switch
from utils.levels import HeadLevels, head_levels
from utils.roles import JOBS, OTHER, REST, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.analysis import Analysis
    from utils.catalogue.schema import ModelCatalogue

JOBS_ONLY, WITH_REST = "jobs", "1"  # `rest=1` in the address, see assets/heads-map.js


class Ids(head_map_grid.Ids):
    rest = "head-map-rest"


def layout(
    analysis: Analysis, catalogue: ModelCatalogue | None, role: str | None = None, with_rest: bool = False
) -> html.Div:
    """The map of one analysis.

    Args: catalogue: without one no head has a known job; role: shows that role's cells and dims the rest, `other` the
    heads without a job; None shows every head's main job. with_rest: heads that only rest show it, too.
    """
    levels = head_levels(analysis, catalogue)
    return map_of(levels, analysis.forward.model_name, analysis.forward.prompt, role, with_rest=with_rest)


def skeleton() -> html.Div:
    """The ids that callbacks name, before any question is asked."""
    return html.Div([head_map_grid.skeleton(), dbc.RadioItems(id=Ids.rest)])


def map_of(
    levels: list[HeadLevels],
    model: str,
    prompt: str,
    role: str | None = None,
    keeps: bool = False,
    with_rest: bool = False,
) -> html.Div:
    """The map of heads that are already judged. keeps: a press chooses the head, and only Enter opens it."""
    deep = is_deep_map(levels)
    box = head_map_grid.grid(
        {entry.id: _cell(entry, model, prompt, role) for entry in levels},
        "Every head",
        f"{model} {len(levels)} {role}",
        role and "head-map--filtered",
        shows_rest(with_rest, role) and "shows-rest",
        keeps=keeps,
    )
    return html.Div([box, _pressed()]) if deep and not keeps else box


def is_deep_map(levels: list[HeadLevels]) -> bool:
    """Whether a model is so deep that its map lies on its side."""
    return bool(levels) and is_deep(1 + levels[-1].id.layer)


def shows_rest(with_rest: bool, role: str | None) -> bool:
    """Whether heads that only rest show it: when asked, and when the map is about that very job."""
    return with_rest or (role in ROLES and ROLES[role].is_rest)


def register(app: Dash) -> None:
    """Make the map one tab stop as soon as it stands on the page; its switches change it in place."""
    for function, output, trigger in (
        ("prepareMap", "data-cells", Input(Ids.ready, "data")),
        ("turnPage", "data-page", Input(Ids.page, "value")),
        ("showRest", "data-rest", Input(Ids.rest, "value")),
    ):
        app.clientside_callback(ClientsideFunction("headlightHeads", function), Output(Ids.map, output), trigger)


def rest_switch(with_rest: bool) -> html.Div:
    """Whether heads that only rest show it; the address keeps the choice."""
    ways = {JOBS_ONLY: "Jobs only", WITH_REST: "With resting heads"}
    return switch(Ids.rest, ways, WITH_REST if with_rest else JOBS_ONLY, "Heads that show what they do")


def legend(levels: list[HeadLevels], has_papers: bool = False) -> html.P:
    """What the shapes of the cells mean. has_papers: some head is named in a paper."""
    found = {level.status for entry in levels for level in entry.levels.values()}
    corners = [job for entry in levels for job in corner_jobs(entry)]
    parts = [
        ("active", "active"),
        ("here-and-there", "here and there"),
        ("cannot-tell", "cannot tell"),
        ("not-seen", "not seen, or below usual"),
        *([("not-applicable", "cannot show here")] if "not_applicable" in found else []),
        ("rests", "rests"),
        ("none", f"none of the {in_words(len(JOBS))} jobs"),
    ]
    return html.P(
        [
            *(html.Span([html.Span(className=f"legend-cell legend-cell--{kind}"), words]) for kind, words in parts),
            *([html.Span([book_mark(), "named in a paper"])] if has_papers else []),
            *(
                [html.Span([html.Span(className="legend-cell legend-cell--writes"), "writes"])]
                if any(map(is_tile, levels))
                else []
            ),
            *([html.Span("small sign: a second job")] if any(not is_square(job) for job in corners) else []),
            *([html.Span("small square: also writes")] if any(map(is_square, corners)) else []),
        ],
        className="legend",
    )


def cell_label(entry: HeadLevels, role: str | None = None) -> str:
    """A cell in words: "L17H4, induction, here and there, score 0.41, also rests", "L23H0, mainly induction, active,
    score 0.82, also copying, active"; "L18H2, rests" and "L18H3, none of the nine jobs" for a head without one.

    Args: role: the job shown, if not the main one.
    """
    shown = shown_job(entry, role)
    if shown is None:
        return f"{entry.id}, {'rests' if entry.rests else f'none of the {in_words(len(JOBS))} jobs'}"
    level, name = entry.levels[shown], JOBS[shown].display_name.lower()
    job = name if len(entry.work) <= 1 else f"{'mainly' if shown == entry.work[0] else 'also'} {name}"
    score = f"score {two_decimals(level.score)}" if level.score is not None else ""
    written = [each for job in corner_jobs(entry, role) if is_square(job) for each in _also(entry, job)]
    parts = (str(entry.id), job, STATUS_WORDS[level.status], score, *written, "also rests" if entry.rests else "")
    return ", ".join(part for part in parts if part)


def _also(entry: HeadLevels, job: str) -> tuple[str, str]:
    return f"also {JOBS[job].display_name.lower()}", STATUS_WORDS[entry.levels[job].status]


def shown_job(entry: HeadLevels, role: str | None = None) -> str | None:
    """The job that a cell shows: the one asked for where the head has it, else its main one; None for a quiet cell."""
    if role in entry.work:
        return role
    return entry.work[0] if entry.work else None


def is_tile(entry: HeadLevels) -> bool:
    """Whether a cell shows a job of writing as a head's main one."""
    return is_square(shown_job(entry) or OTHER)


def _cell(entry: HeadLevels, model: str, prompt: str, role: str | None) -> html.Div:
    shown = shown_job(entry, role)
    colour = shown or (REST if entry.rests else OTHER)
    paper_names = names(model, entry.id)
    words = ", ".join(part for part in (cell_label(entry, role), paper_names) if part)
    label = html.Span(words, className="visually-hidden")
    signs: list[Component] = [html.Span(role_sign(colour), className="head-cell-sign", **aria(hidden=True))]
    signs += [_corner(entry, job, place) for place, job in enumerate(corner_jobs(entry, role))]
    if paper_names:
        signs.append(book_mark())
    return html.Div(
        dcc.Link([label, *signs], href=head_href(model, prompt, *entry.id), className="head-cell-link"),
        role="gridcell",
        className=classes(
            "head-cell",
            f"head-cell--{_state(entry, shown)}",
            is_square(colour) and "head-cell--writes",
            f"role-{colour}",
            role is not None and not entry.has_job(role) and "is-dimmed",
        ),
        **data(head=str(entry.id), page=entry.id.layer // PAGE),
    )


def corner_jobs(entry: HeadLevels, role: str | None = None) -> list[str]:
    """The jobs with a small sign in the corners of a cell: the second of looking, and the first of writing."""
    others = [job for job in entry.work if job != shown_job(entry, role)]
    looking = [job for job in others if not ROLES[job].is_writing]
    writing = [job for job in others if ROLES[job].is_writing]
    return [*looking[:1], *writing[:1]]


def _corner(entry: HeadLevels, job: str, place: int) -> html.Span:
    """A small sign; of a job of writing a tile, filled while it is active. Args: place: 0 for the right corner."""
    square = is_square(job)
    names = classes(
        "head-cell-second",
        square and "head-cell-second--tile",
        square and not entry.levels[job].is_active and "is-open",
        place > 0 and "is-left",
        f"role-{job}",
    )
    return html.Span(sign(ROLES[job].sign), className=names, **aria(hidden=True))


def _state(entry: HeadLevels, shown: str | None) -> str:
    """rests or none for a head without a job, known for a job without a text to show it on, else its status."""
    if shown is None:
        return "rests" if entry.rests else "none"
    return css_name(entry.levels[shown].status or "known")


def _pressed() -> html.Div:
    """On a narrow window, where cells are small: the head that was pressed, in words, and the way to its page."""
    parts = plain(html.P(className="map-pressed-words"), dcc.Link("Open", href="", className="btn btn-quiet"))
    return html.Div(parts, className="map-pressed", **aria(live="polite"))
