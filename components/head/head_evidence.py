"""The evidence, token by token: each place that can tell, what the head does there, and the sums that are its score.

A row shows its share, as the role's measure counts it: the attention that goes where the role says, summed over the
copies, or how even the row is. For a role of looking it also shows how much of the attention there is looking, and
whether the place counts as a chance and as a hit; `head_sums` tells what follows. For a role of writing the best row is
the score, which `writing_evidence` shows. For any other role it is the average of the rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from dash import html

from components.head import head_sums, writing_evidence
from components.head.writing_evidence import isolated
from components.job_words import NO_JOB
from components.lamp import sign
from components.markup import aria, classes
from components.numbers import in_words, percent, plural
from components.score_bar import two_decimals
from components.token_chip import token_chip
from utils.levels import RoleLevel
from utils.measures.evidence import EvidenceRow
from utils.reasons import NOT_ANALYZED, NOT_READ, ONLY_UNREAD, few_rows_caution, too_short_reason
from utils.roles import OTHER, ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.head.head_view import HeadView

ROWS_SHOWN = 8
STRONGEST_SHOWN = 6


def layout(view: HeadView) -> html.Section:
    """The card. A head without a job shows where it looks hardest; a role without evidence says why."""
    if view.role == OTHER:
        title, parts = "Where it looks hardest", _strongest(view)
    elif view.evidence is None:
        title, parts = "The evidence, token by token", [_grey(view)]
    elif ROLES[view.role].is_writing:
        title, parts = "The evidence, token by token", writing_evidence.layout(view)
    else:
        title, parts = "The evidence, token by token", _evidence(view)
    return html.Section(
        [html.H2(title, id="evidence-title"), *parts],
        className=f"surface panel role-{view.role}",
        **aria(labelledby="evidence-title"),
    )


def evidence_rows(view: HeadView) -> list[EvidenceRow]:
    """Every evidence row of the shown role, the last token first. The mean of their shares is the plain score."""
    if view.evidence is None:
        return []
    return ROLES[view.role].measure.evidence_rows(view.reading, view.evidence)[::-1]


def introduction(view: HeadView, n_rows: int) -> str:
    """What a perfect head would do at these tokens."""
    places = plural(n_rows, "token").replace(str(n_rows), in_words(n_rows)).capitalize()
    at = "At it" if n_rows == 1 else "At each"
    role = ROLES[view.role]
    can_tell = "appeared before" if role.requires_repetition else "can tell"
    return f"{places} {can_tell}. {at}, a perfect head for this job {role.habit_for(view.tokens[0].is_start)}."


def no_job_sentence(view: HeadView) -> str:
    """What is known of a head without a job."""
    catalogue = view.catalogue
    if catalogue is None:
        return "The heads of this model were not analysed, so nobody knows whether this one has a job."
    total = catalogue.shape.n_all
    like_this = f"In this model {total - catalogue.n_with_job} of {total} are like this."
    return f"{NO_JOB} {like_this}"


def _evidence(view: HeadView) -> list[Component]:
    rows = evidence_rows(view)
    first, later = rows[:ROWS_SHOWN], rows[ROWS_SHOWN:]
    caution = few_rows_caution(len(rows))
    return [
        html.P(introduction(view, len(rows)), className="section-lead"),
        html.Ol([_row(view, row) for row in first], className="evidence-rows"),
        *([_more(view, later)] if later else []),
        *(_sums(view, rows) if ROLES[view.role].measure.has_looking else _mean(view, len(rows))),
        *([html.P(caution, className="panel-note")] if caution else []),
        *_left_out(view),
    ]


def _sums(view: HeadView, rows: list[EvidenceRow]) -> list[Component]:
    """What the rows of a role of looking add up to: the score, the count, and all of it as a table."""
    found = head_sums.counted(view, rows)
    lines = head_sums.score_lines(
        rows, view.levels.levels[view.role], view.analysis.live[view.role].chance_of(view.head)
    )
    sentences = head_sums.count_sentences(found) if found is not None else []
    return [
        html.P(head_sums.MARKS_NOTE, className="panel-note"),
        _lines(lines),
        html.P(" ".join(sentences), className="evidence-count"),
        head_sums.rows_table(view, rows),
    ]


def _more(view: HeadView, rows: list[EvidenceRow]) -> html.Details:
    """All other rows in words, one element each: a long text has hundreds, and each element costs the browser time."""
    summary = html.Summary(f"Show {plural(len(rows), 'more token')}", className="text-button")
    return html.Details([summary, html.Ol([html.Li(_in_words(view, row)) for row in rows], className="evidence-more")])


def _in_words(view: HeadView, row: EvidenceRow) -> str:
    """Example: `river (17) → river (8): 71.1 % of 83.0 %, hit`."""
    figure = f"{_figure(view, row)}{_of_looking(row)}"
    counts = "" if row.look is None else f", {head_sums.mark_of(row)[1]}"
    query = f"{isolated(view.tokens[row.query_pos].word)} ({row.query_pos})"
    if row.key_pos is None:
        return f"{query}: {figure}"
    more = f" + {row.n_more_keys} more" if row.n_more_keys else ""
    return f"{query} → {isolated(view.tokens[row.key_pos].word)} ({row.key_pos}){more}: {figure}{counts}"


def _of_looking(row: EvidenceRow) -> str:
    return "" if row.look is None else f" of {percent(row.look, decimals=1)}"


def _figure(view: HeadView, row: EvidenceRow) -> str:
    return percent(row.share, decimals=1) if _shows_percent(view.role) else two_decimals(row.share)


def _shows_percent(role: str) -> bool:
    """Whether a share is one of attention; a head without a job shows single looks, which are."""
    return role not in ROLES or ROLES[role].measure.shows_percent


def _row(view: HeadView, row: EvidenceRow) -> html.Li:
    query = token_chip(view.tokens[row.query_pos], row.query_pos, view.role, "query")
    if row.key_pos is None:
        looks = [html.Span("spread", className="evidence-word")]
    else:
        looks = [token_chip(view.tokens[row.key_pos], row.key_pos, view.role, "key")]
    if row.n_more_keys:
        looks.append(html.Span(f"+ {row.n_more_keys} more"))
    figure = html.Span(_figure(view, row), className="evidence-share")
    return html.Li(
        [
            html.Span([query, sign("chevron-right"), html.Span(looks, className="evidence-keys")]),
            _share_bar(row),
            *([figure] if row.look is None else _looking(row, figure)),
        ],
        className=classes("evidence-row", row.look is not None and "evidence-row--look"),
    )


def _looking(row: EvidenceRow, figure: html.Span) -> list[Component]:
    """The share out of all looking, and whether the row counts."""
    mark, word = head_sums.mark_of(row)
    counts = [html.Span(mark, **aria(hidden=True)), html.Span(word, className="visually-hidden")]
    figures = html.Span([figure, html.Span(_of_looking(row), className="evidence-look")], className="evidence-figures")
    return [figures, html.Span(counts, className="evidence-mark", title=word)]


def _share_bar(row: EvidenceRow) -> html.Span:
    """What goes where the role says, filled, of what is looking, tinted."""
    fill = html.Span(className="share-fill")
    shares = {"--score": f"{row.share:.4f}"} | ({} if row.look is None else {"--look": f"{row.look:.4f}"})
    return html.Span(fill, className="share-bar", style=shares, **aria(hidden=True))


def _mean(view: HeadView, n_rows: int) -> list[Component]:
    """The line that the rows average to, and its yardsticks, for a role that is not about looks."""
    level = view.levels.levels[view.role]
    start = "Its score" if n_rows == 1 else f"Average of the {in_words(n_rows)}: its score"
    held_against = ROLES[view.role].measure.yardsticks(view.reading, level.chance)
    yardsticks = [(words, two_decimals(figure), "") for words, figure in held_against]
    return [_lines([(start, _score_figure(level), "is-score"), *yardsticks])]


def _lines(lines: list[head_sums.Line]) -> html.Dl:
    return html.Dl(
        [html.Div([html.Dt(words), html.Dd(figure)], className=name) for words, figure, name in lines],
        className="evidence-sum",
    )


def _score_figure(level: RoleLevel) -> str:
    """The score, and where it is a share of attention the same as a percent, `0.71 = 71.1 %`, as in the rows above."""
    score = two_decimals(level.score)
    if not score or level.score is None or not _shows_percent(level.role):
        return score
    return f"{score} = {percent(level.score, decimals=1)}"


def _left_out(view: HeadView) -> list[Component]:
    """How many tokens have a prediction but could not tell this job from another one."""
    if view.evidence is None or not view.evidence.n_left_out:
        return []
    words = f"{plural(view.evidence.n_left_out, 'token')} left out: there, two jobs would look at the same place."
    return [html.P(words, className="panel-note")]


def _grey(view: HeadView) -> html.P:
    """Why the shown role has no evidence on this text, or none that counts."""
    untested = _untested(view)
    return html.P([html.Strong("Not tested: " if untested else "Nothing to judge by: "), untested or why_nothing(view)])


def _untested(view: HeadView) -> str:
    """Why the shown role could not be tested on this model; empty where it was."""
    return "" if view.catalogue is None else view.catalogue.untested.get(view.role, "")


def why_nothing(view: HeadView) -> str:
    """Why no place of the text can tell about the shown role."""
    role, scored = ROLES[view.role], view.analysis.scored
    too_short = too_short_reason(view.tokens)
    if too_short or scored is None:
        return too_short or ""
    if view.role not in scored.evidence:
        return NOT_READ if view.catalogue is not None else NOT_ANALYZED
    if scored.evidence[view.role].is_unread:
        return ONLY_UNREAD
    return role.measure.why_grey(role, [token for token in view.tokens if not token.is_template])


def _strongest(view: HeadView) -> list[Component]:
    """A head of no job: what is said of it, and its strongest looks away from the first token."""
    pattern = np.array(view.pattern)
    pattern[:, 0] = 0
    cells = np.argsort(-pattern, axis=None, kind="stable")[:STRONGEST_SHOWN]
    looks = [(int(cell // pattern.shape[1]), int(cell % pattern.shape[1])) for cell in cells]
    items = [_row(view, EvidenceRow(q, float(pattern[q, k]), k)) for q, k in looks if pattern[q, k] > 0]
    return [
        html.P(no_job_sentence(view), className="section-lead"),
        html.Ol(items, className="evidence-rows"),
        html.P("Its strongest looks on this text, those at the first token left out.", className="panel-note"),
    ]
