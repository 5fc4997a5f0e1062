"""The card of one role: its lamp, what it does, its heads with their bars, and the proof or the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import html

from components import evidence_sentence, role_help
from components.chip import prompt_chip, say_it_twice_chip
from components.job_words import STATUS_WORDS
from components.lamp import css_name, lamp, sign
from components.markup import aria, classes
from components.numbers import plural
from components.roles import head_rows, resting_card
from components.roles.stage import can_say_twice
from utils.measures.states import State
from utils.measures.written import Write
from utils.reasons import what_would_tell
from utils.roles import ROLES, writing_roles

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.roles.roles_view import RolesView
    from utils.summary import RestingHeads, RoleSummary

COUNTED = ("active", "here_and_there", "cannot_tell")  # states of which a card counts its heads; of others it has none
GREY_LEAD = "Why it is grey: "
TRY = {"diffuse": "Try a text without repeats"}
TRY_OTHER = "Try a text that lights it"
HOLDS_A_NAME = "Known as a negative name mover where the word is a name."


class Ids:
    @staticmethod
    def card(role: Any) -> dict[str, Any]:
        return {"type": "job", "role": role}

    @staticmethod
    def header(role: Any) -> dict[str, Any]:
        return {"type": "job-header", "role": role}


def layout(view: RolesView, role: str, on_stage: bool = False) -> html.Article:
    """The card in one of its states; on_stage: the role that the stage shows."""
    summary = view.analysis.roles[role]
    sentence = html.P(summary.sentence, className="job-sentence")
    proof = html.Div(_proof(view, summary), className="job-proof")
    return html.Article(
        [_header(view, summary), html.Div([sentence, proof, role_help.layout(role)], className="job-body")],
        id=Ids.card(role),
        className=card_class(role, summary.status, on_stage),
        **aria(label=summary.display_name),
    )


def _proof(view: RolesView, summary: RoleSummary) -> list[Component]:
    """The heads with the proof, or the reason why none does it."""
    if ROLES[summary.role].is_rest and summary.status != "not_applicable":
        return resting_card.parts(view, summary)
    by_status = {
        "active": _active,
        "not_applicable": _not_applicable,
        "no_heads": _no_heads,
        "not_testable": _no_heads,
    }
    return by_status.get(summary.status, _less)(view, summary)


def card_class(role: str, status: str, on_stage: bool) -> str:
    """Classes of a card; also the answer when the stage changes."""
    rests = ROLES[role].is_rest and "job--rest"
    return classes("job", f"job--{css_name(status)}", rests, f"role-{role}", on_stage and "is-on-stage")


def status_line(summary: RoleSummary, resting: RestingHeads) -> str:
    """The lamp in words: "Active: 3 of 3 heads", "Here and there: 1 of 6 heads". resting: the heads that rest."""
    if summary.status == "not_applicable":
        return "Cannot show on this text"
    if ROLES[summary.role].is_rest:
        return resting_card.status_line(resting)
    if summary.status == "not_testable":
        return STATUS_WORDS[summary.status].capitalize()
    if summary.status == "no_heads":
        return "No head in this model" if summary.is_catalogued else "Not analyzed yet"
    n_listed = len(summary.heads)
    is_complete = summary.n_having <= n_listed
    listed = plural(n_listed, "head") if is_complete else f"the {plural(n_listed, 'strongest head')}"
    counted = State(summary.status) if summary.status in COUNTED else State.ACTIVE
    return f"{STATUS_WORDS[summary.status].capitalize()}: {summary.count(counted)} of {listed}"


def _header(view: RolesView, summary: RoleSummary) -> html.H4:
    words = html.Span(
        [
            html.Span(summary.display_name, className="job-name"),
            html.Span(status_line(summary, view.analysis.n_resting), className="job-status"),
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
    return html.H4(button)


def _active(view: RolesView, summary: RoleSummary) -> list[Component]:
    strongest = summary.strongest
    sentence = evidence_sentence.short(strongest, view.analysis.forward.tokens) if strongest else None
    proof = [sentence] if sentence is not None else []
    return [head_rows.layout(view, summary), *proof, *_about_names(view, summary), *_caution(summary)]


def _about_names(view: RolesView, summary: RoleSummary) -> list[Component]:
    """What papers call a head that holds a word back, where the word that it holds back here is a first name."""
    measure, scored, strongest = writing_roles().get(summary.role), view.analysis.scored, summary.strongest
    writing = None if scored is None else scored.reading.writing
    if measure is None or measure.write is not Write.SUPPRESS or writing is None or not strongest:
        return []
    is_name = any(writing.is_name[look.key_pos] for look in strongest.evidence[:1])
    return [html.P(HOLDS_A_NAME, className="job-caution")] if is_name else []


def _less(view: RolesView, summary: RoleSummary) -> list[Component]:
    """A card that is not active, though the text could show it: its heads, why, and a text that lights it."""
    verb = TRY.get(summary.role, TRY_OTHER)
    chips = [prompt_chip(verb, prompt, view.question.model) for prompt in view.suggested_prompts(summary.role)[:1]]
    why = html.P(_why(summary))
    return [head_rows.layout(view, summary), why, *_caution(summary), *view.cut_chips(summary.role), *chips]


def _why(summary: RoleSummary) -> str:
    """The reason; where its rows say already how lucky each head was, only what would tell."""
    strongest = summary.strongest
    if summary.status != "cannot_tell" or strongest is None or strongest.luck is None:
        return summary.reason
    return what_would_tell(strongest.luck, len(summary.heads))


def _caution(summary: RoleSummary) -> list[Component]:
    """How few places decide; rows that cannot tell say that themselves."""
    is_needed = summary.caution and summary.status != "cannot_tell"
    return [html.P(summary.caution, className="job-caution")] if is_needed else []


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
    """Why none is known: the model has none, or cannot be tested."""
    return [html.P(summary.reason), *view.other_model_chips(summary.role)]
