"""The way of a text through the model in one line, as a way in for newcomers: what each stage does, with this text's
own numbers. A stage opens when it is pressed. Sizes that only the model's files tell are put in after the page stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dash import Dash, Input, Output, dcc, html

from components.markup import aria, classes
from components.numbers import in_words, percent, plural
from components.token_chip import token_chip
from utils.model_config import Positions
from utils.models.anatomy import Anatomy, anatomy_of

if TYPE_CHECKING:
    from components.head.head_view import HeadView
    from utils.service import Headlight

N_GUESSES = 3
MOST_DOTS = 16  # heads of a layer that the small map can show
HOW_ORDER_ENTERS = {
    Positions.LEARNED: "Numbers for the token’s place in the text are added to them.",
    Positions.SHORTFORMER: "Places in the text are told to heads only while they look, and never travel on.",
    Positions.ROTARY: "Places in the text come in later: heads turn what they compare by how far apart two tokens are.",
    Positions.ALIBI: "Places in the text come in later: heads look less at what is far away.",
}


class Ids:
    model = "pipeline-model"
    size = "pipeline-size"
    embedding = "pipeline-embedding"
    mlps = "pipeline-mlps"


def layout(view: HeadView) -> html.Section:
    """The line of stages."""
    return html.Section(
        [
            html.H2("From text to next token", id="pipeline-title"),
            html.Ol([_tokens(view), _embedding(), _heads(view), _mlps(view), _prediction(view)], className="pipeline"),
            dcc.Store(id=Ids.model, data=view.question.model),
        ],
        className="surface panel pipeline-panel",
        **aria(labelledby="pipeline-title"),
    )


def skeleton() -> html.Div:
    """The ids that callbacks name."""
    return html.Div([dcc.Store(id=Ids.model), html.Span(id=Ids.size), html.P(id=Ids.embedding), html.Li(id=Ids.mlps)])


def register(app: Dash, service: Headlight) -> None:
    """The model's own sizes, once the line is on the page."""

    @app.callback(
        Output(Ids.size, "children"),
        Output(Ids.embedding, "children"),
        Output(Ids.mlps, "hidden"),
        Input(Ids.model, "data"),
    )
    def put_in_sizes(model: str) -> Any:
        anatomy = anatomy_of(model, service.settings)
        return embedding_size(anatomy), embedding_words(anatomy), anatomy is not None and not anatomy.has_mlps


def embedding_size(anatomy: Anatomy | None) -> str:
    """Example: "256 numbers each"."""
    return f"{anatomy.d_model:,} numbers each" if anatomy is not None else "numbers"


def embedding_words(anatomy: Anatomy | None) -> str:
    """What the embedding does in this model."""
    if anatomy is None:
        return "Each token is looked up in a table and becomes a row of numbers."
    return (
        f"Each token is looked up in a table of {anatomy.n_vocabulary:,} rows and becomes {anatomy.d_model:,} numbers. "
        f"{HOW_ORDER_ENTERS[anatomy.positions]} All that follows only adds to these numbers."
    )


def _stage(name: str, figure: Any, words: list[Any], class_name: str = "", **others: Any) -> html.Li:
    summary = html.Summary([html.Span(name, className="stage-name"), html.Span(figure, className="stage-figure")])
    return html.Li(html.Details([summary, *words]), className=classes("pipeline-stage", class_name), **others)


def _tokens(view: HeadView) -> html.Li:
    last = len(view.tokens) - 1
    start = " The first is a start mark, which nobody typed." if view.tokens[0].is_start else ""
    n_template = sum(token.is_template for token in view.tokens)
    template = f" {n_template} are the model’s chat template, which nobody typed." if n_template else ""
    words = ["The text is cut into tokens: words and pieces of words.", start, template, " The last one here is "]
    chip = token_chip(view.tokens[last], last)
    return _stage("Tokens", plural(len(view.tokens), "token"), [html.P([*words, chip, "."])])


def _embedding() -> html.Li:
    figure = html.Span(embedding_size(None), id=Ids.size)
    return _stage("Embedding", figure, [html.P(embedding_words(None), id=Ids.embedding)])


def _heads(view: HeadView) -> html.Li:
    forward, layer = view.analysis.forward, view.head.layer
    n_after = forward.n_layers - 1 - layer
    words = (
        "From each token, a head looks at that token and at earlier ones, and brings back what it finds. Nothing else "
        f"moves between tokens. {view.head} has {in_words(layer)} {_layers(layer)} before it and "
        f"{in_words(n_after)} after it."
    )
    figure = f"{plural(forward.n_layers, 'layer')} of {plural(forward.n_heads, 'head')}"
    return _stage("Heads", figure, [html.P(words), *_small_map(view)], "pipeline-stage--layers")


def _mlps(view: HeadView) -> html.Li:
    n_layers = view.analysis.forward.n_layers
    words = (
        "Each layer also has an MLP, a small network that works on one token at a time, by what the heads brought "
        "there. This page is about a head, so MLPs are left as they are."
    )
    figure = "one in the layer" if n_layers == 1 else "one in each layer"
    return _stage("MLPs", figure, [html.P(words)], "pipeline-stage--layers", id=Ids.mlps)


def _prediction(view: HeadView) -> html.Li:
    guesses = view.analysis.forward.predictions[:N_GUESSES]
    first: list[Any] = [html.Bdi(guesses[0].token.word), f" {percent(guesses[0].prob)}"]
    rest: list[Any] = []
    for guess in guesses[1:]:
        rest += [", then ", html.Bdi(guess.token.word), f" {percent(guess.prob)}"]
    words: list[Any] = ["What stands at the last token becomes one probability for each token that the model knows: "]
    return _stage("Next token", first, [html.P([*words, *first, *rest, "."])])


def _small_map(view: HeadView) -> list[html.Div]:
    """All heads as dots, layers down, this one marked; nothing for a model with too many to see."""
    forward = view.analysis.forward
    if forward.n_heads > MOST_DOTS:
        return []
    places = [(layer, head) for layer in range(forward.n_layers) for head in range(forward.n_heads)]
    dots = [html.Span(className=classes("pipeline-dot", place == view.head and "is-here")) for place in places]
    label = f"{view.head} among all heads, layers down, heads across"
    return [
        html.Div(
            dots,
            className="pipeline-map",
            style={"--heads": str(forward.n_heads)},
            role="img",
            **aria(label=label),
        )
    ]


def _layers(number: int) -> str:
    return "layer" if number == 1 else "layers"
