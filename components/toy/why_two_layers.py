"""Why two layers: leave a note, read it, copy it, told with this pair's own heads and what their weights fit.

How well the weights of two heads fit is computed after the page stands, since all pairs of heads are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import Dash, Input, Output, State, dcc, html

from components.address import Ids as AddressIds
from components.address import Question, circuits_href
from components.markup import aria
from components.numbers import percent, times
from components.toy.toy_view import ToyView
from utils.errors import UserError
from utils.heads import HeadId
from utils.toy.looks import HeadLook, induction_look, note_pair
from utils.toy.pair import TWO_LAYERS

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from utils.circuits.composition import Composition
    from utils.service import Headlight

NO_PAIR = "This two-layer model has no induction head, or no previous-token head that could leave it a note."
COMPARING = "Comparing all pairs of heads …"


class Ids:
    link = "toy-composition"
    asked = "toy-composition-asked"


def layout(view: ToyView) -> html.Section:
    """Three steps; the fit in the last one is filled in by a callback."""
    pair = note_pair(view.two)
    steps: Component = html.P(NO_PAIR) if pair is None else html.Ol(_steps(view, *pair), className="toy-steps")
    return html.Section(
        [
            html.H2("Why two layers", id="why-title"),
            steps,
            dcc.Store(id=Ids.asked, data=[list(head) for head in pair] if pair is not None else None),
        ],
        className="surface panel",
        **aria(labelledby="why-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([html.Span(id=Ids.link), dcc.Store(id=Ids.asked)])


def register(app: Dash, service: Headlight) -> None:
    """The fit of the pair, once all pairs are compared."""

    @app.callback(
        Output(Ids.link, "children"),
        Input(Ids.asked, "data"),
        State(AddressIds.location, "search"),
    )
    def compare(asked: list[list[int]] | None, search: str | None) -> Any:
        if not asked:
            return ""
        writer, reader = (HeadId(*head) for head in asked)
        try:
            fits = service.circuits.composition(TWO_LAYERS, "K")
        except UserError as refusal:
            return refusal.sentence
        question = Question.from_search(search, service.settings.default_model)
        return link_words(fits, writer, reader, question.prompt)


def link_words(fits: Composition, writer: HeadId, reader: HeadId, prompt: str) -> list[Any]:
    """How well the reader's keys fit what the writer writes, as a multiple of random heads; never called a cause."""
    fit = fits.fit(writer, reader)
    rank, of = fits.rank_of(writer, reader)
    place = f"the best of {of} heads" if rank == 1 else f"number {rank} of {of} heads"
    much = f"{times(fit.multiple)} random, {place} that {reader} could read."
    link = dcc.Link("Test it", href=circuits_href(TWO_LAYERS, prompt, writer=writer.dotted))
    return [f"K-composition from {writer} to {reader}: ", html.Strong(much), " A fit is no cause. ", link]


def _steps(view: ToyView, writer: HeadId, reader: HeadId) -> list[html.Li]:
    """The steps with the tokens of the student's text where the pair works on it."""
    look = induction_look(view.two)
    tokens = view.two.analysis.forward.tokens
    is_shown = look is not None and look.writer == writer and look.head == reader
    copy = _quoted(tokens[look.copy_pos].word) if is_shown and look is not None else "A"
    follower = _quoted(tokens[look.follower_pos].word) if is_shown and look is not None else "B"
    looks = f"In layer {writer.layer}, {writer} looks one token back and writes down what it sees. Now "
    who = ": who comes after a token like me? The note answers: "
    fit = html.P(dbc.Placeholder(COMPARING, xs=10), id=Ids.link, className="toy-fit", **aria(live="polite"))
    return [
        _step("Leave a note", [looks, follower, " carries “after ", copy, "”."]),
        _step("Read the note", [f"In layer {reader.layer}, {reader} asks at ", copy, who, follower, "."]),
        _step("Copy it", ["It passes on what it found: ", follower, f"{_guessed(view, look)}."], [fit]),
    ]


def _guessed(view: ToyView, look: HeadLook | None) -> str:
    """What the model made of it, where the text ends at the token that reads."""
    forward = view.two.analysis.forward
    if look is None or look.query_pos != len(forward.tokens) - 1:
        return ""
    first = forward.predictions[0]
    is_found = first.token.id == forward.token_ids[look.follower_pos]
    return f", the model’s first guess here ({percent(first.prob)})" if is_found else ""


def _step(title: str, words: list[Any], more: list[Any] | None = None) -> html.Li:
    return html.Li([html.H3(title), html.P(words), *(more or [])])


def _quoted(word: str) -> html.Bdi:
    return html.Bdi(word, className="toy-quoted")
