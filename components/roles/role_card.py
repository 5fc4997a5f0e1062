"""The card of one role: its lamp, what it does, its heads with their bars, and the proof or the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components import evidence_sentence, role_help
from components.address import head_href
from components.chip import prompt_chip, say_it_twice_chip
from components.lamp import lamp, sign
from components.markup import aria, classes
from components.numbers import plural
from components.roles.stage import can_say_twice
from components.score_bar import head_bar, two_decimals
from utils.demonstration import strongest_head
from utils.heads import HeadId
from utils.roles import ROLES

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.roles.roles_view import RolesView

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
    category = view.analysis.categories[role]
    parts = {
        "active": _active,
        "below_usual": _below_usual,
        "not_applicable": _not_applicable,
        "no_heads": _no_heads,
    }[category["status"]](view, role, category)
    sentence = html.P(category["sentence"], className="job-sentence")
    details = html.Div([sentence, html.Div(parts, className="job-proof"), role_help.layout(role)], className="job-body")
    return html.Article(
        [_header(role, category), details],
        id=Ids.card(role),
        className=card_class(role, category["status"], on_stage),
        **aria(label=category["display_name"]),
    )


def card_class(role: str, status: str, on_stage: bool) -> str:
    """Classes of a card; also the answer when the stage changes."""
    return classes("job", f"job--{status.replace('_', '-')}", f"role-{role}", on_stage and "is-on-stage")


def status_line(category: dict[str, Any]) -> str:
    """The lamp in words: "Active: 3 of 3 heads"."""
    n_active, n_listed = sum(head["is_active"] for head in category["heads"]), len(category["heads"])
    is_complete = category["n_holding"] <= n_listed
    counted = f"{n_active} of {plural(n_listed, 'head') if is_complete else f'the {n_listed} strongest heads'}"
    return {
        "active": f"Active: {counted}",
        "below_usual": f"Below usual: {counted}",
        "not_applicable": "Cannot show on this text",
        "no_heads": "No head in this model" if category["is_catalogued"] else "Not analyzed yet",
    }[category["status"]]


def jobs_line(entry: dict[str, Any]) -> str:
    """The head's other jobs: "also first token", or "mainly induction" on a card that is not its main one."""
    names = [ROLES[key].display_name.lower() for key in entry["also"] if key in ROLES]
    if not entry["is_main"] and entry["main_role"] in ROLES:
        return f"mainly {ROLES[entry['main_role']].display_name.lower()}"
    return f"also {', '.join(names)}" if names else ""


def _header(role: str, category: dict[str, Any]) -> html.H3:
    words = html.Span(
        [
            html.Span(category["display_name"], className="job-name"),
            html.Span(status_line(category), className="job-status"),
        ],
        className="job-words",
    )
    shown = html.Span("shown above", className="job-shown")
    button = html.Button(
        [lamp(role, category["status"]), words, shown, sign("chevron-down")],
        id=Ids.header(role),
        type="button",
        className="job-header",
    )
    return html.H3(button)


def _active(view: RolesView, role: str, category: dict[str, Any]) -> list[Component]:
    strongest = strongest_head(category["heads"])
    sentence = evidence_sentence.short(role, strongest, view.analysis.forward.tokens) if strongest else None
    caution = html.P(category["caution"], className="job-caution") if category.get("caution") else None
    return [_rows(view, role, category), *(part for part in (sentence, caution) if part is not None)]


def _below_usual(view: RolesView, role: str, category: dict[str, Any]) -> list[Component]:
    chips = [
        prompt_chip(TRY.get(role, TRY_OTHER), prompt["text"], prompt["lights"], prompt["of"], view.question.model)
        for prompt in view.suggested_prompts(role)[:1]
    ]
    return [_rows(view, role, category), html.P(category["reason"]), *chips]


def _not_applicable(view: RolesView, role: str, category: dict[str, Any]) -> list[Component]:
    reason = html.P([html.Strong(GREY_LEAD), after_colon(category["reason"])])
    chips: list[Component] = []
    if can_say_twice(view, role):
        chips.append(say_it_twice_chip(view.analysis.forward.prompt, view.question.model))
    for prompt in view.suggested_prompts(role)[:1]:
        chips.append(prompt_chip(None, prompt["text"], prompt["lights"], prompt["of"], view.question.model))
    return [reason, *chips]


def after_colon(reason: str) -> str:
    """A sentence as it goes on after a colon; one that begins with a quoted token or a digit stays as it is."""
    return f"{reason[:1].lower()}{reason[1:]}"


def _no_heads(view: RolesView, role: str, category: dict[str, Any]) -> list[Component]:
    return [html.P(category["reason"]), *view.other_model_chips(role)]


def _rows(view: RolesView, role: str, category: dict[str, Any]) -> html.Div:
    """Three heads, strongest on this text first; the rest behind one press."""
    heads = sorted(category["heads"], key=lambda head: -head["activation_score"])[:MAX_HEADS]
    rows: list[Component] = [_row(view, role, head) for head in heads]
    shown, rest = rows[:HEADS_SHOWN], rows[HEADS_SHOWN:]
    if rest:
        more = html.Summary(f"Show {plural(len(rest), 'more head')}", className="text-button")
        shown.append(html.Details([more, *rest], className="more-heads"))
    n_unlisted = category["n_holding"] - len(category["heads"])
    if n_unlisted > 0:
        note = f"{plural(n_unlisted, 'more head')} of this job under All heads."
        shown.append(html.P(note, className="panel-note"))
    return html.Div(shown, className="head-rows")


def _row(view: RolesView, role: str, entry: dict[str, Any]) -> dcc.Link:
    """One head as one link to its page: mark, name, bar, score, other jobs."""
    name = str(HeadId(entry["layer"], entry["head"]))
    jobs = jobs_line(entry)
    mark = html.Span(className=classes("dot", entry["is_active"] and "dot--active"), **aria(hidden=True))
    score = html.Span(two_decimals(entry["activation_score"]), className="head-score", **aria(hidden=True))
    cells: list[Component] = [mark, html.Span(name, className="head-name"), head_bar(role, entry, name), score]
    if jobs:
        cells.append(html.Span(jobs, className="head-jobs"))
    href = head_href(view.question.model, view.question.prompt, entry["layer"], entry["head"])
    return dcc.Link(cells, href=href, className="head-row")
