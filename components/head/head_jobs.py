"""One head's five jobs on the text, its own first, and how much it rests; a press on one shows its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components.job_words import STATUS_WORDS
from components.lamp import role_sign
from components.markup import aria, classes
from components.numbers import percent
from components.score_bar import level_bar, two_decimals
from utils.levels import RoleLevel
from utils.roles import JOBS, REST, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.head.head_view import HeadView
    from utils.catalogue.schema import ModelCatalogue
    from utils.heads import HeadId

TELLS_FROM = 0.1  # how far apart the excess on sentences and on random words must be to be told
PRESS = "Press a job to see its evidence."
NOT_THIS_TEXT = "Grey is not a job of this head: jobs come from the test texts of the catalogue, not from this text."


def layout(view: HeadView) -> html.Section:
    """The card: a bar for each job, then what the head does while it finds nothing to do."""
    order = [*view.levels.work, *(role for role in JOBS if role not in view.levels.work)]
    random = on_random_sentence(view)
    note = PRESS if view.catalogue is None else f"{PRESS} {NOT_THIS_TEXT}"
    return html.Section(
        [
            html.H2("Its jobs on this text", id="jobs-title"),
            html.Ul([_job(view, view.levels.levels[role]) for role in order], className="job-levels"),
            html.P(note, className="panel-note"),
            *([html.P(random, className="panel-note")] if random else []),
            html.Ul([_job(view, view.levels.levels[REST])], className="job-levels job-levels--rest"),
            html.P(rest_sentence(view), className="panel-note"),
        ],
        className="surface panel",
        **aria(labelledby="jobs-title"),
    )


def rest_sentence(view: HeadView) -> str:
    """How much of its attention lies on the first token, and how much of what it writes comes from there.

    Example: "Rests: 61 % of its attention on this text lies on the first token. On test texts, 43 % of what it writes
    comes from there."
    """
    rest = view.levels.levels[REST]
    place = "start mark" if view.tokens[0].is_start else "first token"
    if rest.score is None:
        return f"The text is too short to say how much it rests on the {place}."
    begins = "Rests" if view.levels.rests else "Looks around"
    told = f"{begins}: {percent(rest.score)} of its attention on this text lies on the {place}."
    written = output_from_rest(view.catalogue, view.head)
    return told if written is None else f"{told} On test texts, {percent(written)} of what it writes comes from there."


def output_from_rest(catalogue: ModelCatalogue | None, head: HeadId) -> float | None:
    """The share of a head's output that comes from the first token, 0 to 1; None where nobody measured it."""
    if catalogue is None or catalogue.rests_by_output is None:
        return None
    return catalogue.rests_by_output[head.layer][head.head]


def on_random_sentence(view: HeadView) -> str:
    """How a job that shows on any text does on random words, where only the place can tell; empty where that says
    nothing that sentences do not, and for any other role.

    Example: "On random words its score goes 93 % of the way from chance to 1, on sentences 61 %."
    """
    catalogue, role = view.catalogue, view.role
    if catalogue is None or role not in view.levels.work or role not in catalogue.on_random:
        return ""
    random = catalogue.on_random[role][view.head.layer][view.head.head]
    sentences = catalogue.all_looking_excess[role][view.head.layer][view.head.head]
    if abs(random - sentences) < TELLS_FROM:
        return ""
    on_random, on_sentences = (percent(max(0.0, excess)) for excess in (random, sentences))
    return f"On random words its score goes {on_random} of the way from chance to 1, on sentences {on_sentences}."


def _job(view: HeadView, level: RoleLevel) -> html.Li:
    name = ROLES[level.role].display_name
    is_shown = level.role == view.role
    is_own = level.is_job and level.role in JOBS
    shown = html.Span(", its evidence is shown", className="visually-hidden") if is_shown else None
    words: list[Any] = [name, *([shown] if shown is not None else []), *(_state(level) if is_own else [])]
    score = html.Span(two_decimals(level.score) or "–", className="job-level-score", **aria(hidden=True))
    named = html.Span(words, className="job-level-name")
    row: list[Component] = [role_sign(level.role), named, level_bar(level, name), score]
    class_name = classes("job-level", f"role-{level.role}", is_own and "is-job", is_shown and "is-shown")
    return html.Li(dcc.Link(row, href=view.href(role=level.role), className=class_name))


def _state(level: RoleLevel) -> list[Component]:
    """What it does on the text, and how much it looks, below the name; the bar reads the state out."""
    looks = "" if level.look is None or level.score is None else f"looks {percent(level.look)} there"
    words = [html.Span(part, className="text-nowrap") for part in (STATUS_WORDS[level.status], looks) if part]
    return [html.Span([part for word in words for part in (", ", word)][1:], className="job-level-state")]
