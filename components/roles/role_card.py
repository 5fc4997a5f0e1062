"""The card of one role: its lamp, what it does, its heads with their bars, and the proof or the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components import evidence_sentence, role_help
from components.address import head_href, heads_href
from components.chip import prompt_chip, say_it_twice_chip
from components.lamp import lamp, sign
from components.markup import aria, classes, data
from components.numbers import plural
from components.roles.stage import can_say_twice
from components.score_bar import head_bar, two_decimals
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.roles.roles_view import RolesView
    from utils.summary import HeadEntry, RoleSummary

HEADS_SHOWN = 3
MAX_HEADS = 8
GREY_LEAD = "Why it is grey: "
TRY = {"diffuse": "Try a text without repeats"}
TRY_OTHER = "Try a text that lights it"


class Ids:
    @staticmethod
    def card(role: Any) -> dict[str, Any]:
        return {"type": "job", "role": role}

    @staticmethod
    def header(role: Any) -> dict[str, Any]:
        return {"type": "job-header", "role": role}


def layout(view: RolesView, role: str, on_stage: bool = False) -> html.Article:
    """The card in one of its four states; on_stage: the role that the stage shows."""
    summary = view.analysis.roles[role]
    parts = {
        "active": _active,
        "below_usual": _below_usual,
        "not_applicable": _not_applicable,
        "no_heads": _no_heads,
    }[summary.status](view, summary)
    sentence = html.P(summary.sentence, className="job-sentence")
    details = html.Div([sentence, html.Div(parts, className="job-proof"), role_help.layout(role)], className="job-body")
    return html.Article(
        [_header(summary), details],
        id=Ids.card(role),
        className=card_class(role, summary.status, on_stage),
        **aria(label=summary.display_name),
    )


def card_class(role: str, status: str, on_stage: bool) -> str:
    """Classes of a card; also the answer when the stage changes."""
    return classes("job", f"job--{status.replace('_', '-')}", f"role-{role}", on_stage and "is-on-stage")


def status_line(summary: RoleSummary) -> str:
    """The lamp in words: "Active: 3 of 3 heads"."""
    n_listed = len(summary.heads)
    is_complete = summary.n_holding <= n_listed
    listed = plural(n_listed, "head") if is_complete else f"the {plural(n_listed, 'strongest head')}"
    counted = f"{summary.n_active} of {listed}"
    return {
        "active": f"Active: {counted}",
        "below_usual": f"Below usual: {counted}",
        "not_applicable": "Cannot show on this text",
        "no_heads": "No head in this model" if summary.is_catalogued else "Not analyzed yet",
    }[summary.status]


def jobs_line(entry: HeadEntry) -> str:
    """The head's other jobs: "also first token", or "mainly induction" on a card that is not its main one."""
    if not entry.is_main:
        return f"mainly {ROLES[entry.main_role].display_name.lower()}"
    names = [ROLES[key].display_name.lower() for key in entry.also]
    return f"also {', '.join(names)}" if names else ""


def _header(summary: RoleSummary) -> html.H3:
    words = html.Span(
        [
            html.Span(summary.display_name, className="job-name"),
            html.Span(status_line(summary), className="job-status"),
        ],
        className="job-words",
    )
    shown = html.Span("shown above", className="job-shown")
    button = html.Button(
        [lamp(summary.role, summary.status), words, shown, sign("chevron-down")],
        id=Ids.header(summary.role),
        type="button",
        className="job-header",
    )
    return html.H3(button)


def _active(view: RolesView, summary: RoleSummary) -> list[Component]:
    strongest = summary.strongest
    sentence = evidence_sentence.short(strongest, view.analysis.forward.tokens) if strongest else None
    caution = html.P(summary.caution, className="job-caution") if summary.caution else None
    return [_rows(view, summary), *(part for part in (sentence, caution) if part is not None)]


def _below_usual(view: RolesView, summary: RoleSummary) -> list[Component]:
    chips = [
        prompt_chip(TRY.get(summary.role, TRY_OTHER), prompt, view.question.model)
        for prompt in view.suggested_prompts(summary.role)[:1]
    ]
    return [_rows(view, summary), html.P(summary.reason), *chips]


def _not_applicable(view: RolesView, summary: RoleSummary) -> list[Component]:
    reason = html.P([html.Strong(GREY_LEAD), after_colon(summary.reason)])
    chips: list[Component] = []
    if can_say_twice(view, summary.role):
        chips.append(say_it_twice_chip(view.analysis.forward.prompt, view.question.model))
    for prompt in view.suggested_prompts(summary.role)[:1]:
        chips.append(prompt_chip(None, prompt, view.question.model))
    return [reason, *chips]


def after_colon(reason: str) -> str:
    """A sentence as it goes on after a colon; one that begins with a quoted token or a digit stays as it is."""
    return f"{reason[:1].lower()}{reason[1:]}"


def _no_heads(view: RolesView, summary: RoleSummary) -> list[Component]:
    return [html.P(summary.reason), *view.other_model_chips(summary.role)]


def _rows(view: RolesView, summary: RoleSummary) -> html.Div:
    """Three heads, strongest on this text first; the rest behind one press, and the way to those that are not listed.

    In a deep model, where most heads rest, the card of that shows none before the press.
    """
    heads = sorted(summary.heads, key=lambda head: -head.activation_score)[:MAX_HEADS]
    n_shown = 0 if view.is_deep and ROLES[summary.role].is_rest else HEADS_SHOWN
    rows: list[Component] = [_row(view, head) for head in heads[:n_shown]]
    rest = heads[n_shown:]
    if rest:
        words = fold_words(len(rest), n_shown, summary.n_holding)
        more = html.Summary(words, className="text-button")
        inside = [more, *(_row(view, head) for head in rest)]
        opened = summary.role in view.unfolded
        rows.append(html.Details(inside, open=opened, className="more-heads", **data(fold=summary.role)))
    if summary.n_holding > len(heads):
        question = view.question
        href = heads_href(question.model, question.prompt, role=summary.role)
        rows.append(dcc.Link(f"All {summary.n_holding} in All heads", href=href, className="text-button all-of-job"))
    return html.Div(rows, className="head-rows")


def fold_words(n_folded: int, n_shown: int, n_holding: int) -> str:
    """What opens the folded heads: "Show 5 more heads", or "Show the 8 strongest heads" where none is in sight.

    Args: n_folded: behind the press. n_shown: before it. n_holding: heads of the model that hold the role.
    """
    if n_shown:
        return f"Show {plural(n_folded, 'more head')}"
    strongest = "" if n_folded >= n_holding else "strongest "
    return f"Show the {n_folded} {strongest}heads" if n_folded > 1 else f"Show the {strongest}head"


def _row(view: RolesView, entry: HeadEntry) -> dcc.Link:
    """One head as one link to its page: mark, name, bar, score, other jobs."""
    jobs = jobs_line(entry)
    mark = html.Span(className=classes("dot", entry.is_active and "dot--active"), **aria(hidden=True))
    score = html.Span(two_decimals(entry.activation_score), className="head-score", **aria(hidden=True))
    cells: list[Component] = [mark, html.Span(str(entry.id), className="head-name"), head_bar(entry), score]
    if jobs:
        cells.append(html.Span(jobs, className="head-jobs"))
    return dcc.Link(cells, href=head_href(view.question.model, view.question.prompt, *entry.id), className="head-row")
