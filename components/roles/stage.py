"""The stage: one role shown on the student's own tokens, with what comes next beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from components import cut_word_help, evidence_sentence, predictions, token_strip
from components.chip import prompt_chip, say_it_twice_chip
from components.lamp import lamp
from components.markup import aria
from components.numbers import plural
from components.roles.headline import is_too_short
from utils.byte_pieces import is_mostly_pieces
from utils.demonstration import Demonstration, demonstrate
from utils.measures.states import State
from utils.reasons import count_typed
from utils.roles import JOBS, ROLES, SHOWCASE

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.roles.roles_view import RolesView
    from utils.analysis import Analysis
    from utils.summary import RoleSummary

MAX_CHIPS = 3
TITLES = {
    State.ACTIVE: ", as head {head} does it",
    State.HERE_AND_THERE: ", here and there: head {head}",
    State.CANNOT_TELL: ": head {head} may do it, or it is luck",
    State.BELOW_USUAL: ": head {head} does less of it than usual",
    State.NOT_SEEN: " is not seen here",
}
CHAT_TEMPLATE = (
    "The small tokens with a dashed line are the model’s chat template, which nobody typed. Your text can look at "
    "them, but where they look themselves counts for no job."
)


class Ids:
    stage = "stage"


def layout(view: RolesView, role: str) -> list[Component]:
    """The two halves of the stage for one role; the section around them is `frame`."""
    analysis = view.analysis
    summary, shown = analysis.roles[role], demonstrate(analysis, role)
    drawing = html.Section(
        [
            html.Div(
                [lamp(role, summary.status, "stage"), html.H2(title(shown, summary), id="stage-title")],
                className="stage-head",
            ),
            token_strip.layout(analysis.forward.tokens, shown),
            *_about_template(analysis),
            *cut_word_help.layout(analysis.forward, view.question),
            *_words(view, role, shown),
        ],
        className="stage-role",
        **aria(labelledby="stage-title"),
    )
    return [drawing, predictions.layout(analysis)]


def frame(view: RolesView, role: str) -> html.Div:
    """The surface that holds the stage."""
    return html.Div(layout(view, role), id=Ids.stage, className="surface stage")


def opening_role(analysis: Analysis) -> str:
    """The role that the stage opens on: the first active job of looking, else the first that shows here and there, else
    the first active job of writing.

    The showcase role goes first, then those that need a repetition, then the others in their order. Where none shows,
    the showcase role with its reason.
    """
    order = sorted(JOBS, key=lambda key: (key != SHOWCASE, not ROLES[key].requires_repetition))
    wanted = (("active", False), ("here_and_there", False), ("active", True))
    found = {(analysis.roles[key].status, ROLES[key].is_writing): key for key in reversed(order)}
    return next((found[each] for each in wanted if each in found), SHOWCASE)


def title(shown: Demonstration, summary: RoleSummary) -> str:
    """What the stage shows, as a heading."""
    name = summary.display_name
    if summary.status == "no_heads" and not summary.is_catalogued:
        return f"{name}: which heads of this model do it is not known yet"
    if summary.status == "no_heads":
        return f"{name}: no head of this model does this job"
    if summary.status == "not_testable":
        return f"{name} cannot be tested in this model"
    if shown.head is None:
        return f"{name} has nothing to work with here"
    return f"{name}{TITLES[shown.state or State.NOT_SEEN].format(head=shown.head)}"


def _about_template(analysis: Analysis) -> list[Component]:
    """What the tokens are that nobody typed, where the text is asked as a chat turn."""
    if not any(token.is_template for token in analysis.forward.tokens):
        return []
    return [html.P(CHAT_TEMPLATE, className="panel-note")]


def _words(view: RolesView, role: str, shown: Demonstration) -> list[Component]:
    """The sentence under the strip; for a role that is not active its reason and up to three prompts that light it."""
    summary = view.analysis.roles[role]
    reason = f"{summary.reason[:1].upper()}{summary.reason[1:]}"
    if shown.does_it:
        left_out = f"{plural(shown.n_hidden, 'more place')} without an arc here." if shown.n_hidden else ""
        notes = ((left_out, "panel-note arcs-left-out"), (reason, "panel-note"), (summary.caution, "panel-note"))
        said: list[Component] = [
            _with_follower(evidence_sentence.long(shown, view.analysis.forward.tokens)),
            *(html.P(text, className=class_name) for text, class_name in notes if text),
        ]
    else:
        said = [_with_follower(html.P(reason, className="strip-sentence"))]
    chips = [] if summary.status == "active" else chips_for(view, role)
    return [*said, html.Div(chips, className="chips")] if chips else said


def _with_follower(sentence: html.P) -> html.Div:
    """The sentence, and in its place, while a token is pointed at, one about that token (assets/strip.js)."""
    return html.Div([sentence, html.P(className="strip-follow")], className="strip-words")


def chips_for(view: RolesView, role: str) -> list[Component]:
    """Presses that may light a dark role: the student's own text twice or cut, then prompts of the catalogue."""
    if view.analysis.roles[role].status in ("no_heads", "not_testable"):
        return view.other_model_chips(role)
    chips = view.cut_chips(role)
    if can_say_twice(view, role):
        chips.append(say_it_twice_chip(view.analysis.forward.prompt, view.question.model))
    for prompt in view.suggested_prompts(role):
        chips.append(prompt_chip(None, prompt, view.question.model))
    return chips[:MAX_CHIPS]


def can_say_twice(view: RolesView, role: str) -> bool:
    """Whether the text, said twice, gives a grey repetition role something to work with."""
    is_waiting = ROLES[role].requires_repetition and view.analysis.roles[role].status == "not_applicable"
    tokens = view.analysis.forward.tokens
    n_typed = count_typed(tokens)
    n_others = max(1, len(tokens) - n_typed)
    can_help = not is_too_short(view.analysis) and not is_mostly_pieces(tokens)
    return is_waiting and can_help and 2 * n_typed + 1 + n_others <= view.max_tokens
