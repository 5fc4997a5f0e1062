"""The map of all heads, large: what each does on the text, or what breaks without it; beside it the head in focus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import dcc, html

from components import head_map
from components.all_heads import cause_map, heads_filters, heads_map_card, heads_table
from components.all_heads.all_heads_view import BREAKS, DOES, LOOKING, WRITING, HeadsView, roles_of_kind
from components.job_words import UNTESTED
from components.markup import aria, classes
from components.numbers import in_words
from components.switch import switch
from utils.roles import JOBS, OTHER, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.levels import HeadLevels

CAUSE_NOTE = (
    "Random words said twice, with one head at a time replaced by its average. A head that another can stand in for "
    "looks unimportant here, and heads for other things than repeating do too."
)


class Ids:
    shows = "heads-shows"
    chosen = "heads-chosen"
    card = "heads-card"


def layout(view: HeadsView) -> list[Component]:
    """The map, the card of the head in focus, and the jobs with their numbers of heads."""
    deep = head_map.is_deep_map(view.levels)
    map_section = html.Section(
        _cause_map(view) if view.shows == BREAKS else _jobs_map(view),
        className="surface panel heads-map-panel",
        **aria(label="Map of all heads"),
    )
    chosen = heads_map_card.opening_head(view)
    card = html.Section(
        heads_map_card.layout(view, chosen) if chosen is not None else [],
        id=Ids.card,
        className="surface panel map-card",
        **aria(label="The head in focus", live="polite"),
    )
    jobs = [_jobs(view)] if view.catalogue is not None else []
    return [
        html.Div(
            [map_section, html.Div([dcc.Store(id=Ids.chosen), card, *jobs], className="map-side")],
            className=classes("heads-map-tab", deep and "is-deep"),
        )
    ]


def skeleton() -> list[Component]:
    """The ids that callbacks name."""
    return [_shows_switch(DOES), dcc.Store(id=Ids.chosen), html.Div(id=Ids.card), head_map.skeleton()]


def _shows_switch(shows: str) -> html.Div:
    ways = {DOES: "What it does", BREAKS: "What breaks without it"}
    return switch(Ids.shows, ways, shows, "Each cell shows")


def _jobs_map(view: HeadsView) -> list[Component]:
    """What every head does on the text."""
    question = view.question
    rest = head_map.rest_switch(head_map.shows_rest(view.with_rest, view.role))
    shown = head_map.map_of(
        view.levels, question.model, question.prompt, view.role, keeps=True, with_rest=view.with_rest
    )
    return [
        _map_head(view, _flow(view.levels), heads_map_card.where_jobs_sit(view), [rest]),
        shown,
        head_map.legend(view.levels, heads_table.has_papers(view)),
    ]


def _cause_map(view: HeadsView) -> list[Component]:
    """What breaks without each head."""
    return [_map_head(view, cause_map.strongest(view), CAUSE_NOTE, []), cause_map.layout(view), cause_map.legend(view)]


def _map_head(view: HeadsView, title: str, words: str, more: list[Component]) -> html.Div:
    """Title and lead of a map, and its switches."""
    switches = [*([_shows_switch(view.shows)] if view.has_causes else []), *more]
    told = html.Div([html.H2(title), html.P(words)])
    return html.Div([told, html.Div(switches, className="map-switches")], className="card-head") if switches else told


def _flow(levels: list[HeadLevels]) -> str:
    """Which way text goes through the map."""
    if not levels or levels[-1].id.layer == 0:
        return "This model has one layer"
    start, end = ("on the left", "on the right") if head_map.is_deep_map(levels) else ("at the top", "at the bottom")
    return f"Text enters {start} and leaves {end}"


def _jobs(view: HeadsView) -> html.Section:
    """Every job with the number of its heads; a press dims the rest of the map."""
    press = "Press one to dim the rest. A head with two jobs counts twice; resting is none."
    return html.Section(
        [
            html.H2("Jobs in this model"),
            html.P(press, className="panel-note"),
            *_job_rows(view, "Looking", roles_of_kind(LOOKING)),
            *_job_rows(view, "Writing", roles_of_kind(WRITING)),
            html.Div(_job_row(view, OTHER), className="job-rows"),
            *heads_map_card.why_so_common(view),
        ],
        className="surface panel",
    )


def _job_rows(view: HeadsView, name: str, roles: tuple[str, ...]) -> list[Component]:
    rows = html.Div([_job_row(view, role) for role in roles], className="job-rows")
    return [html.H3(name, className="job-group"), rows]


def _job_row(view: HeadsView, role: str) -> html.Button:
    untested = view.why_untested(role)
    name = ROLES[role].display_name if role != OTHER else f"None of the {in_words(len(JOBS))}"
    return html.Button(
        [
            heads_map_card.job_lamp(role, view.count(role), is_tested=not untested),
            html.Span(name, className="job-word"),
            html.Span(UNTESTED if untested else view.count(role), className="filter-count"),
        ],
        id=heads_filters.Ids.filter(role),
        type="button",
        className=classes("job-row", view.role == role and "is-on"),
        title=untested or None,
        **aria(pressed=view.role == role),
    )
