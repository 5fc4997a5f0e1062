"""The table of all heads: one row per head, and for each job of looking, or of writing, its level on the text and its
usual level.

A level that is one of the head's jobs is bold, with its usual level behind a triangle and how much of its attention is
looking below; any other is grey, with chance only. Bars show the score when a head looks; the plain score, rest counted
in, has a column of its own. The whole row is one link to the head's page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components.address import head_href
from components.all_heads.all_heads_view import PLAIN, STATE, WITHOUT, main_work
from components.cause_words import UNIT, short_rise, spoken_rise
from components.job_words import STATUS_WORDS, UNTESTED
from components.lamp import lamp, role_sign, state_mark
from components.literature_badge import badges, has_named_heads
from components.markup import aria, classes
from components.numbers import in_words, percent
from components.plain import plain
from components.score_bar import two_decimals
from utils.levels import HeadLevels, RoleLevel
from utils.roles import JOBS, OTHER, ROLES

if TYPE_CHECKING:
    from components.all_heads.all_heads_view import HeadsView

NO_SCORE = "–"
NO_JOB = f"none of the {in_words(len(JOBS))}"
WITHOUT_HELP = f"The rise of the loss without this head, in {UNIT}"


class Ids:
    table = "heads-table"

    @staticmethod
    def sort(column: Any) -> dict[str, Any]:
        return {"type": "heads-sort", "column": column}


def layout(view: HeadsView) -> html.Table:
    """The rows that the view shows."""
    caption = html.Caption(f"Every head of {view.model_name} and its scores", className="visually-hidden")
    rows = plain(*(_row(view, entry) for entry in view.rows))
    return html.Table(
        [caption, html.Thead(html.Tr(_column_heads(view))), html.Tbody(rows)],
        id=Ids.table,
        className="heads-table",
    )


def cell_text(level: RoleLevel) -> str:
    """A score cell in words: "induction 0.92, usual 0.93, active, looks 61 %"."""
    name = ROLES[level.role].display_name.lower()
    parts = [f"{name} {two_decimals(level.score)}" if level.score is not None else f"{name}: no score on this text"]
    if level.is_job:
        parts.append(f"usual {two_decimals(level.usual)}" if level.usual is not None else "")
        parts.append(STATUS_WORDS[level.status])
        parts.append(look_words(level))
    elif level.role in JOBS:
        parts.append("not a job of this head")
    return ", ".join(part for part in parts if part)


def look_words(level: RoleLevel) -> str:
    """How much of its attention is looking, where the role is about looks: "looks 61 %"."""
    return "" if level.look is None else f"looks {percent(level.look)}"


def state_words(view: HeadsView, entry: HeadLevels) -> str:
    """What a head does on the text: "here and there"; without a job "rests", or nothing."""
    if not entry.work:
        return rest_words(view) if entry.rests else ""
    return STATUS_WORDS[view.status(entry)]


def rest_words(view: HeadsView) -> str:
    """That a head rests: on the text, or without one usually."""
    return "rests" if view.analysis is not None else "usually rests"


def has_papers(view: HeadsView) -> bool:
    """Whether a paper names any head of the model, so that the table has a column for that."""
    return has_named_heads(view.question.model, (entry.id for entry in view.levels))


def _column_heads(view: HeadsView) -> list[html.Th]:
    return [
        _column_head("head", "Head", view),
        _column_head("main", "Main job", view),
        html.Th("Also", scope="col", className="heads-also"),
        *([_column_head(STATE, "On your text", view)] if _has_states(view) else []),
        *(_column_head(key, ROLES[key].display_name, view) for key in view.columns),
        _column_head(PLAIN, "Plain score", view),
        *([_column_head(WITHOUT, "Without it", view)] if view.has_causes else []),
        *([html.Th("Named in papers", scope="col", className="heads-papers")] if has_papers(view) else []),
    ]


def _has_states(view: HeadsView) -> bool:
    return view.analysis is not None and view.catalogue is not None


def _column_head(column: str, name: str, view: HeadsView) -> html.Th:
    icon = [html.Span(role_sign(column), className=f"column-sign role-{column}")] if column in ROLES else []
    arrow, direction = [], "none"
    if view.sort.column == column:
        arrow = [html.Span("\u00a0↑" if view.sort.is_up else "\u00a0↓", **aria(hidden=True))]
        direction = "ascending" if view.sort.is_up else "descending"
    why = view.why_untested(column)
    untested = [html.Span(UNTESTED, className="column-note")] if why else []
    words = html.Span([name, *arrow, *untested])
    button = html.Button([*icon, words], id=Ids.sort(column), type="button", className="column-sort", title=why or None)
    return html.Th(button, scope="col", className=_column_class(column, view), **aria(sort=direction))


def _row(view: HeadsView, entry: HeadLevels) -> html.Tr:
    href = head_href(view.question.model, view.question.prompt, *entry.id)
    return html.Tr(
        [
            html.Th(dcc.Link(str(entry.id), href=href, className="row-link"), scope="row", className="heads-name"),
            html.Td(_main_job(view, entry), className="heads-main"),
            html.Td(_also(view, entry), className="heads-also"),
            *([_state(view, entry)] if _has_states(view) else []),
            *_score_cells(view, entry),
            _plain(view, entry),
            *([_without(view, entry)] if view.has_causes else []),
            *([html.Td(badges(view.question.model, entry.id), className="heads-papers")] if has_papers(view) else []),
        ],
        className="heads-row",
    )


def _main_job(view: HeadsView, entry: HeadLevels) -> html.Span:
    role = main_work(entry)
    name = NO_JOB if role == OTHER else ROLES[role].display_name if entry.work else rest_words(view)
    words = html.Span(name, className="job-word" if entry.work else "no-job-word")
    status = entry.levels[role].status if entry.work else None
    return html.Span([lamp(role, status, "row"), words], className="main-job")


def _also(view: HeadsView, entry: HeadLevels) -> list[html.Span]:
    """A head's other jobs, and that it rests beside them."""
    other = [_other_job(entry, role) for role in entry.work[1:]]
    rests = [html.Span([state_mark("rests"), rest_words(view)], className="other-job")]
    return [*other, *(rests if entry.work and entry.rests else [])]


def _other_job(entry: HeadLevels, role: str) -> html.Span:
    name = ROLES[role].display_name.lower()
    return html.Span([state_mark(entry.levels[role].status, role), name], className=f"other-job role-{role}")


def _state(view: HeadsView, entry: HeadLevels) -> html.Td:
    """In words, since a lamp is a drawing."""
    return html.Td(state_words(view, entry), className=_column_class(STATE, view))


def _plain(view: HeadsView, entry: HeadLevels) -> html.Td:
    """The plain score of the job that the row is about."""
    level = view.plain_level(entry)
    figure = two_decimals(level.plain_score) if level is not None else ""
    named = (
        f"plain score for {ROLES[level.role].display_name.lower()}" if level is not None and figure else "plain score"
    )
    return html.Td(
        [html.Span(f"{named}: ", className="visually-hidden"), html.Span(figure or NO_SCORE)],
        className=_column_class(PLAIN, view),
    )


def _score_cells(view: HeadsView, entry: HeadLevels) -> list[html.Td]:
    """The scores of a row; the job that it names is among them in a narrow window, which shows no other."""
    cells = [_score_cell(entry, role, _column_class(role, view, entry)) for role in view.columns]
    kept = _kept_column(view, entry)
    if kept in ROLES and kept not in view.columns:
        cells.append(_score_cell(entry, kept, classes(_column_class(kept, view, entry), "heads-other-kind")))
    return cells


def _score_cell(entry: HeadLevels, role: str, column_class: str) -> html.Td:
    level = entry.levels[role]
    usual = [html.Span(two_decimals(level.usual), className="cell-usual")] if _shows_usual(level) else []
    figures = html.Div([two_decimals(level.score) or NO_SCORE, *usual], className="cell-figures", **aria(hidden=True))
    named = [html.Span(ROLES[role].display_name, className="cell-role", **aria(hidden=True))] * (
        role != main_work(entry)
    )
    looks = [html.Div(look_words(level), className="cell-look", **aria(hidden=True))] if _shows_look(level) else []
    return html.Td(
        [html.Span(cell_text(level), className="visually-hidden"), *named, figures, _bar(level), *looks],
        className=classes(column_class, _is_own(level) and "is-job"),
    )


def _without(view: HeadsView, entry: HeadLevels) -> html.Td:
    cause = entry.cause
    return html.Td(
        [
            html.Span(spoken_rise(cause), className="visually-hidden"),
            html.Span(short_rise(cause), className="without-figure", title=WITHOUT_HELP, **aria(hidden=True)),
        ],
        className=classes(_column_class(WITHOUT, view), cause is not None and cause.is_sure and "is-sure"),
    )


def _bar(level: RoleLevel) -> html.Div:
    """The bar as one element, drawn from its custom properties; a table holds hundreds. `cell_text` says the same."""
    marks = {"score": level.score, "chance": level.chance}
    if _is_own(level):
        marks |= {"threshold": level.threshold, "usual": level.usual}
    shown = {f"--{name}": f"{value:.3f}" for name, value in marks.items() if value is not None}
    state = "plain" if not _is_own(level) or level.score is None else "active" if level.is_active else "below"
    return html.Div(
        className=classes(
            f"cell-bar cell-bar--{state} role-{level.role}",
            "--chance" in shown and "has-chance",
            "--usual" in shown and "has-usual",
        ),
        style=shown,
        **aria(hidden=True),
    )


def _is_own(level: RoleLevel) -> bool:
    """Whether a level stands out: it is one of the head's jobs. Rest is none."""
    return level.is_job and level.role in JOBS


def _shows_usual(level: RoleLevel) -> bool:
    return level.is_job and level.usual is not None


def _shows_look(level: RoleLevel) -> bool:
    return _is_own(level) and bool(look_words(level))


def _kept_column(view: HeadsView, entry: HeadLevels | None) -> str | None:
    """The one score column that stays in a narrow window: the sorted one, or that of the filter, else that of the
    job which the row names. Args: entry: None for the heads of the columns."""
    own = main_work(entry) if entry is not None else None
    return next((column for column in (view.sort.column, view.role) if column in ROLES), own)


def _column_class(column: str, view: HeadsView, entry: HeadLevels | None = None) -> str:
    is_score, is_kept = column in ROLES, column == _kept_column(view, entry)
    return classes(
        {STATE: "heads-state", PLAIN: "heads-plain", WITHOUT: "heads-without"}.get(column),
        is_score and "heads-score",
        column == view.sort.column and "is-sorted",
        is_kept and "is-kept",
    )
