"""Whether the word needs the head: the word that a head writes here, without it and without other heads.

The question is asked where the head writes most, with the text cut there. A tick is a cause, a cross is none; without
a control there is no mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, State, dcc, html, no_update

from components import messages, run_line
from components.address import head_href
from components.folded_table import folded_table
from components.head import experiment_card
from components.head.experiment_card import Answer, CardIds, Children
from components.head.head_view import HeadView
from components.head.switch_off_words import ONE_TEXT, both_percents, heads_name, off_means
from components.lamp import sign
from components.numbers import in_words, percent, with_minus
from components.switch import switch
from components.token_chip import token_chip
from utils.experiments.runs import Kind
from utils.experiments.word_at_stake import WordAtStake, word_at_stake
from utils.experiments.word_verdict import Finding
from utils.measures.written import Write
from utils.numbers_in_text import signed
from utils.roles import ROLES, writing_roles

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.experiments.word_cause import WordCause
    from utils.service import Headlight

Ids = CardIds("word-cause")
Line = run_line.RunIds("word-cause")
CHOICE, ASKS = "word-cause-choice", "word-cause-asks"
THIS, ALL = "this", "all"
PRESS = "Test the word"
DOES = {
    Write.COPY: (" and pushes it up. Does ", " need that?"),
    Write.SUPPRESS: (" and pushes it down. Does that keep ", " down?"),
    Write.NEXT: (" and pushes up what follows. Does ", " need that?"),
}
YARDSTICK = "Above the average token: the word’s logit less the mean of all tokens’ logits."


def layout(view: HeadView) -> list[html.Section]:
    """The card before its press; none for a head that writes no word on this text."""
    about = at_stake(view)
    if about is None:
        return []
    before, after = DOES[way_of(about.role)]
    looks = f", {view.head} gives {percent(about.share)} of its attention to "
    lead: Children = [
        "At ",
        token_chip(view.tokens[about.position], about.position, about.role, "query"),
        looks,
        token_chip(view.tokens[about.key_pos], about.key_pos, about.role, "key"),
        before,
        _word(about.target.word),
        after,
    ]
    choices = [_choice(view, about), dcc.Store(id=ASKS, data=_both(view, about))]
    line = run_line.layout(Line, _asked(view, about, THIS))
    return [experiment_card.card(Ids, "Is it a cause?", lead, PRESS, line, choices=choices)]


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    choice = switch(CHOICE, {THIS: ""}, THIS, "")
    return html.Div([choice, dcc.Store(id=ASKS), experiment_card.skeleton(Ids), run_line.layout(Line)])


def register(app: Dash, service: Headlight) -> None:
    """One press; another choice of heads asks another question, and takes away the answer to the first."""

    def draw(view: HeadView, result: WordCause) -> Answer:
        return answer(result), evidence(view, result)

    experiment_card.register_run(app, service, Ids, draw)

    @app.callback(
        Output(Line.asked, "data", allow_duplicate=True),
        Output(Ids.answer, "children", allow_duplicate=True),
        Output(Ids.result, "children", allow_duplicate=True),
        Input(CHOICE, "value"),
        State(ASKS, "data"),
        prevent_initial_call=True,
    )
    def choose(choice: str, asks: dict[str, Any] | None) -> Any:
        return (no_update, no_update, no_update) if not asks or choice not in asks else (asks[choice], [], [])


def at_stake(view: HeadView) -> WordAtStake | None:
    """The word that is asked about: of the shown job, if it is one of writing, else of the head's first such job."""
    roles = [role for role in (view.role, *view.levels.jobs) if role in ROLES and ROLES[role].is_writing]
    return word_at_stake(view.analysis, view.catalogue, roles[0], view.head) if roles else None


def way_of(role: str) -> Write:
    """What heads of a role of writing do to the word."""
    return writing_roles()[role].write


def answer(result: WordCause) -> Children:
    """ "Without L23H0, Peter's logit falls from 18.1 to 17.3 above the average token (75 % → 59 %)." """
    start, end = (f"{standing.above:.1f}" for standing in (result.before, result.after))
    probs = " → ".join(both_percents(result.before.prob, result.after.prob))
    verb = "falls" if result.change < 0 else "rises"
    change = f"stays at {start}" if start == end else f"{verb} from {start} to {end}"
    name = heads_name(result.heads)
    told = f"’s logit {with_minus(change)} above the average token "
    return [f"Without {name}, ", _word(result.target.word), told, html.Span(f"({probs}).", className="text-nowrap")]


def evidence(view: HeadView, result: WordCause) -> Children:
    """What the answer is worth, what the heads write by themselves, who else pushes the word, and every draw."""
    known = {notice.sentence for notice in view.analysis.notices}
    note = f"{ONE_TEXT} {off_means(result.method, len(result.heads), bool(view.second))} {YARDSTICK}"
    rows = [(" + ".join(map(str, draw.heads)), signed(draw.change), percent(draw.prob, 1)) for draw in result.controls]
    return [
        *(messages.notice(notice, view.question) for notice in result.notices if notice.sentence not in known),
        verdict_line(result),
        *([html.P(direct_words(result))] if result.push is not None else []),
        *_blind(view, result),
        html.P(note, className="panel-note"),
        *([folded_table(("Other heads off", "Change of the logit", "Probability"), rows)] if rows else []),
    ]


def verdict_line(result: WordCause) -> html.P:
    """The verdict behind its mark: a tick for a cause, a cross for none, nothing where nothing was compared."""
    verdict = result.verdict
    marks = [] if verdict.finding is Finding.NO_CONTROL else [sign("check" if verdict.is_cause else "close")]
    return html.P([*marks, html.Strong(verdict.sentence)], className="word-verdict")


def direct_words(result: WordCause) -> Children:
    """What the heads write by themselves beside what was measured.

    Example: "Directly, L23H0 adds +1.0 to Peter. Only 0.8 of it is lost: later heads may make up for a loss."
    """
    push, name = result.push or 0.0, heads_name(result.heads)
    adds = "adds" if len(result.heads) == 1 else "add"
    told: Children = [f"Directly, {name} {adds} {signed(push)} to ", _word(result.target.word), "."]
    if not result.is_made_up_for:
        return told
    seen = -result.sign * result.change
    verb = "is lost" if result.sign > 0 else "comes back"
    much = f"Only {seen:.1f} of it {verb}" if seen >= 0.05 else f"Nothing of it {verb}"
    return [*told, f" {much} without {'it' if len(result.heads) == 1 else 'them'}: later heads may make up for a loss."]


def _blind(view: HeadView, result: WordCause) -> list[Component]:
    """Heads that push a copied word without looking at it: their push is no copying."""
    about = at_stake(view)
    if about is None or way_of(about.role) is not Write.COPY:
        return []
    pattern = view.analysis.forward.patterns[:, :, result.position, : result.position + 1]
    found = result.blind_pushers(pattern, view.tokens[: result.position + 1])
    if not found:
        return []
    what = "the name" if writing_roles()[about.role].only_names else "the word"
    verb = "pushes" if len(found) == 1 else "push"
    heads: Children = []
    for head, push in found:
        link = dcc.Link(str(head), href=head_href(view.question.model, view.question.prompt, *head))
        heads += [", ", link, f" {signed(push)}"]
    count = "One more head" if len(found) == 1 else f"{in_words(len(found)).capitalize()} more heads"
    return [html.P([f"{count} {verb} {what} without looking at it: ", *heads[1:], "."])]


def _choice(view: HeadView, about: WordAtStake) -> html.Div:
    """This head, or all that do the same there; out of sight where it is the only one."""
    ways = {THIS: f"{view.head} alone"}
    if len(about.heads) > 1:
        ways[ALL] = f"All {in_words(len(about.heads))} that do it here"
    return html.Div(switch(CHOICE, ways, THIS, "Switch off"), hidden=len(ways) == 1, className="word-cause-heads")


def _both(view: HeadView, about: WordAtStake) -> dict[str, Any]:
    return {choice: _asked(view, about, choice) for choice in (THIS, ALL)}


def _asked(view: HeadView, about: WordAtStake, choice: str) -> dict[str, Any]:
    """What a press asks, for the browser to keep."""
    heads = about.heads if choice == ALL else (view.head,)
    return run_line.question(
        Kind.WORD,
        view.question,
        view.search,
        method=view.method.value,
        position=about.position,
        heads=tuple(map(tuple, heads)),
        role=about.role,
        second=view.second,
        target_id=about.target.id,
    )


def _word(word: str) -> html.Strong:
    return html.Strong(html.Bdi(word))
