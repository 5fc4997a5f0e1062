"""One head's jobs on the text, those of looking and those of writing, each with its own first, and how much it rests; a
press on one shows its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components.job_words import STATUS_WORDS
from components.lamp import role_sign
from components.markup import aria, classes
from components.numbers import percent, plural
from components.score_bar import level_bar, two_decimals
from utils.levels import RoleLevel
from utils.measures.holding import WEAK_EXCESS
from utils.measures.written import Write
from utils.roles import JOBS, REST, ROLES, writing_roles

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
    looking = [role for role in order if not ROLES[role].is_writing]
    writing = [role for role in order if ROLES[role].is_writing]
    note = PRESS if view.catalogue is None else f"{PRESS} {NOT_THIS_TEXT}"
    told = [on_random_sentence(view), tested_sentence(view), lists_sentence(view)]
    return html.Section(
        [
            html.H2("Its jobs on this text", id="jobs-title"),
            *_group(view, "Looking", looking),
            *_group(view, "Writing", writing),
            html.P(note, className="panel-note"),
            *(html.P(words, className="panel-note") for words in told if words),
            html.Ul([_job(view, view.levels.levels[REST])], className="job-levels job-levels--rest"),
            html.P(rest_sentence(view), className="panel-note"),
        ],
        className="surface panel",
        **aria(labelledby="jobs-title"),
    )


def tested_sentence(view: HeadView) -> str:
    """How the catalogue tested the job of writing that is shown, or else the head's own, and what the head did there.

    Example: "Tested for copying with 295 common words: 77 % of them are what it pushes up most where it looks at them.
    A head that writes anything would get 1 in 295."
    """
    catalogue = view.catalogue
    role = next((role for role in (view.role, *view.levels.work) if role in writing_roles()), None)
    if catalogue is None or catalogue.writing is None or role is None or role in catalogue.untested:
        return ""
    usual, n_columns = catalogue.usual(role), catalogue.writing.n_columns
    share = percent(float(usual.score[view.head]))
    tested, measure = f"Tested for {ROLES[role].display_name.lower()} with", writing_roles()[role]
    by_luck = f"A head that writes anything would get 1 in {n_columns}."
    if measure.only_names:
        solved = catalogue.writing.solved
        rate = "" if solved is None else f" The model itself prefers the right name in {percent(solved)} of them."
        sentences = plural(usual.n_rows, "sentence")
        return f"{tested} {sentences} that ask for a name: {share} of its attention goes to names that it pushes.{rate}"
    if measure.write is Write.NEXT:
        items = f"{usual.n_rows} items of ordered lists"
        does = f"after {share} of them it pushes up the next one most, the item itself left out"
        return f"{tested} {items}: {does}. {by_luck}"
    way = "down" if measure.write is Write.SUPPRESS else "up"
    words = f"{usual.n_rows} common words"
    return f"{tested} {words}: {share} of them are what it pushes {way} most where it looks at them. {by_luck}"


def lists_sentence(view: HeadView) -> str:
    """What a head that follows lists, or nearly does, did with each list of the test; empty for any other.

    Example: "By list: days 1.00, months 1.00, letters 0.72; for the item before 0.04."
    """
    catalogue, head = view.catalogue, view.head
    writing = None if catalogue is None else catalogue.writing
    if catalogue is None or writing is None or not writing.lists:
        return ""
    role = next((key for key, measure in writing_roles().items() if measure.write is Write.NEXT), None)
    if role is None or catalogue.usual(role).score[head] < WEAK_EXCESS:
        return ""
    lists = ", ".join(f"{name} {two_decimals(matrix[head.layer][head.head])}" for name, matrix in writing.lists.items())
    before = writing.backwards
    back = "" if before is None else f"; for the item before {two_decimals(before[head.layer][head.head])}"
    return f"{ROLES[role].display_name} by list: {lists}{back}."


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


def _group(view: HeadView, name: str, roles: list[str]) -> list[Component]:
    """The jobs of looking, or those of writing, under their name."""
    jobs = html.Ul([_job(view, view.levels.levels[role]) for role in roles], className="job-levels")
    return [html.H3(name, className="job-group"), jobs]


def _job(view: HeadView, level: RoleLevel) -> html.Li:
    name = ROLES[level.role].display_name
    is_shown = level.role == view.role
    is_own = level.is_job and level.role in JOBS
    shown = html.Span(", its evidence is shown", className="visually-hidden") if is_shown else None
    words: list[Any] = [name, *([shown] if shown is not None else []), *(_state(level) if is_own else [])]
    if view.catalogue is not None and level.role in view.catalogue.untested:
        words.append(html.Span("cannot be tested here", className="job-level-state"))
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
