"""One of the two equal cards of the toy page: its heads, one look at the text, what comes next, the best score.

Both cards have the same parts in the same places, so that the eye finds the difference. assets/toy.js sets heads and
best score to an earlier training step; the rest is then titled as the finished model's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import dcc, html

from components import predictions
from components.address import head_href
from components.lamp import lamp, role_sign
from components.markup import aria, classes, data
from components.numbers import in_words, percent, plural
from components.score_bar import level_bar, score_bar, two_decimals
from components.token_chip import token_chip
from components.toy import toy_strip
from components.toy.toy_view import ToyView
from utils.measures.states import State
from utils.roles import OTHER, ROLES
from utils.toy.looks import LEAST_LOOK, HeadLook
from utils.toy.pair import DUPLICATE_TOKEN, INDUCTION, ToyModel

if TYPE_CHECKING:
    from utils.levels import HeadLevels
    from utils.tokens import Token

N_GUESSES = 3
Words = list[Any]


def layout(view: ToyView, model: ToyModel) -> html.Section:
    """The card of one model."""
    look = view.look(model)
    title_id = f"{model.name}-title"
    return html.Section(
        [
            _head(model, title_id),
            html.Div([_heads(view, model), html.P(_under_heads(model), className="toy-layers")]),
            html.Div(
                [_finished(), toy_strip.layout(model.analysis.forward.tokens, look, view.query_pos)],
                className="toy-piece",
            ),
            html.P(sentence(view, model, look), className="toy-sentence"),
            html.Div([_guesses(model), _best(model)], className="toy-results"),
        ],
        className="surface panel toy-card",
        **aria(labelledby=title_id),
        **data(model=model.name),
    )


def heads_words(model: ToyModel) -> str:
    """`Attention only, 8 heads`, or `Attention only, 2 times 8 heads`."""
    n_layers, n_heads = model.shape.as_tuple
    return f"Attention only, {plural(n_heads, 'head') if n_layers == 1 else f'{n_layers} times {n_heads} heads'}"


def sentence(view: ToyView, model: ToyModel, look: HeadLook | None) -> Words:
    """What the drawn look is, with the student's own tokens; every claim in it was measured on this text."""
    tokens = model.analysis.forward.tokens
    if view.query_pos is None:
        reason = view.two.analysis.roles[INDUCTION].reason
        return [f"{reason[:1].upper()}{reason[1:]}"]
    if look is None:
        return _no_look(view.query_pos, tokens)
    if look.role == DUPLICATE_TOKEN:
        return _copy_sentence(look, tokens, model.shape.n_layers)
    if look.writer is not None:
        return _note_sentence(look, tokens)
    return _follower_sentence(look, tokens, model.shape.n_layers)


def best_caption(model: ToyModel, best: HeadLevels | None) -> str:
    """How the best induction score stands to chance, in a sentence."""
    if best is None:
        return "This text gives induction nothing to work with, so there is no score."
    level = best.levels[INDUCTION]
    chance = f"Chance: {two_decimals(level.chance)}."
    if not level.is_active:
        return f"{_why_not(model)} {chance}"
    doing = [entry for entry in model.levels if entry.levels[INDUCTION].is_active]
    layers = {entry.id.layer for entry in doing}
    where = f" in layer {layers.pop()}" if len(layers) == 1 and model.shape.n_layers > 1 else ""
    heads = in_words(len(doing)).capitalize()
    return f"{heads} head{where} does it. {chance}" if len(doing) == 1 else f"{heads} heads{where} do it. {chance}"


def _why_not(model: ToyModel) -> str:
    """Why no head of a model is active for induction on this text: by the state of the one that does most."""
    strongest = model.analysis.roles[INDUCTION].strongest
    if strongest is None:
        return "No head of this model does this job."
    if strongest.state is State.HERE_AND_THERE:
        return f"{strongest.id} does it here and there, below its usual level."
    if strongest.state is State.CANNOT_TELL:
        return f"{strongest.id} hits it, but so might a blind look: the text gives too few chances to tell."
    return "No head does it here."


def _head(model: ToyModel, title_id: str) -> html.Div:
    status = model.analysis.roles[INDUCTION].status
    names = html.Div([html.H2(model.title, id=title_id), html.P(heads_words(model), className="toy-size")])
    return html.Div([lamp(INDUCTION, status, "card"), names], className="toy-head")


def _heads(view: ToyView, model: ToyModel) -> html.Div:
    """One row for each layer, a cell for each head with the sign of its main job; each opens the head's page."""
    rows = [
        html.Div(
            [
                html.Span([html.Span("layer "), str(layer)], className="toy-layer"),
                *(_cell(view, model, entry) for entry in model.levels if entry.id.layer == layer),
            ],
            className="toy-row",
        )
        for layer in range(model.shape.n_layers)
    ]
    label, heads = f"Heads of the model with {model.title.lower()}", {"--heads": str(model.shape.n_heads)}
    return html.Div(rows, className="toy-rows", role="group", style=heads, **aria(label=label))


def _cell(view: ToyView, model: ToyModel, entry: HeadLevels) -> dcc.Link:
    role = entry.main_job
    words = html.Span(f"{entry.id}, {job_name(role)}", className="visually-hidden")
    return dcc.Link(
        [words, role_sign(role)],
        href=head_href(model.name, view.question.prompt, *entry.id),
        className=classes("toy-cell", f"role-{role}", role == OTHER and "toy-cell--none"),
        title=str(entry.id),
    )


def job_name(role: str) -> str:
    """A role as a cell is read out."""
    return ROLES[role].display_name.lower() if role in ROLES else "no known job"


def _under_heads(model: ToyModel) -> str:
    if model.shape.n_layers == 1:
        return "No second layer, so no head can read what these write."
    return "Heads of layer 1 can read what those of layer 0 write."


def _note_sentence(look: HeadLook, tokens: tuple[Token, ...]) -> Words:
    copy = html.Bdi(tokens[look.copy_pos].word, className="toy-quoted")
    return [
        f"{look.writer} left a note on ",
        token_chip(tokens[look.key_pos], look.key_pos, INDUCTION, "key"),
        ": “I come after ",
        copy,
        ".” ",
        *_at(look, tokens),
        f" {look.head} finds it, with {percent(look.weight)} of its attention.",
    ]


def _copy_sentence(look: HeadLook, tokens: tuple[Token, ...], n_layers: int) -> Words:
    key = token_chip(tokens[look.key_pos], look.key_pos, look.colour, "key")
    no_note = ", and no note points to it" if n_layers == 1 else ""
    stops = f" and stops there. What came next is one place further{no_note}."
    return [*_at(look, tokens), f" {look.head} finds the earlier ", key, stops]


def _follower_sentence(look: HeadLook, tokens: tuple[Token, ...], n_layers: int) -> Words:
    key = token_chip(tokens[look.key_pos], look.key_pos, look.colour, "key")
    start = [*_at(look, tokens), f" {look.head} gives ", key, f" {percent(look.weight)} of its attention."]
    if n_layers > 1:
        return [*start, " No previous-token head left a note there."]
    why = " It can only go by the two words and their places: no note says what stood before."
    return [*start, why]


def _no_look(query_pos: int, tokens: tuple[Token, ...]) -> Words:
    query = token_chip(tokens[query_pos], query_pos, OTHER, "query")
    word = html.Bdi(tokens[query_pos].word, className="toy-quoted")
    share = percent(LEAST_LOOK)
    return [
        "At ",
        query,
        " no head gives an earlier ",
        word,
        f", or what came after it, as much as {share} of its attention. No note says where to look.",
    ]


def _at(look: HeadLook, tokens: tuple[Token, ...]) -> Words:
    place = "At the last " if look.query_pos == len(tokens) - 1 else "At "
    return [place, token_chip(tokens[look.query_pos], look.query_pos, look.colour, "query")]


def _guesses(model: ToyModel) -> html.Div:
    """The most likely next tokens, headed by the token that they follow: the last one, whatever the strip is about."""
    forward = model.analysis.forward
    last = len(forward.tokens) - 1
    after = token_chip(forward.tokens[last], last, OTHER, "query")
    title = html.H3(["What comes next, after ", after, "?"])
    rows = predictions.rows(forward.predictions[:N_GUESSES])
    return html.Div([title, _finished(), rows], className="toy-guesses")


def _finished() -> html.P:
    """Stands, while the slider is at an earlier step, over what stays that of the finished model."""
    return html.P("Finished model", className="toy-finished")


def _best(model: ToyModel) -> html.Div:
    """The best score now; below it, hidden until an earlier step is chosen, the one at that step."""
    best = model.best_induction()
    now = [
        html.H3("Best induction score"),
        *([_best_row(model, best)] if best is not None else []),
        html.P(best_caption(model, best), className="toy-caption"),
    ]
    then = [
        html.H3("Best induction score then"),
        html.Div(
            [
                html.Span(className="dot role-induction"),
                html.Span(className="head-name"),
                score_bar(INDUCTION, None, name="Best induction score at that step", chance=0.0),
                html.Span(className="head-score"),
            ],
            className="toy-best",
        ),
        html.P(
            "The plain score, rest counted in, on random tokens said twice, not on your text.", className="toy-caption"
        ),
    ]
    return html.Div([html.Div(now, className="toy-now"), html.Div(then, className="toy-then")])


def _best_row(model: ToyModel, best: HeadLevels) -> html.Div:
    level = best.levels[INDUCTION]
    bar = level_bar(level, f"{model.title}, best induction score", is_judged=True)
    return html.Div(
        [
            html.Span(className=classes("dot", level.is_active and "dot--active", "role-induction")),
            html.Span(str(best.id), className="head-name"),
            bar,
            html.Span(two_decimals(level.score), className="head-score"),
        ],
        className="toy-best",
    )
