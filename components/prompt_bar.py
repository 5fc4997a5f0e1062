"""The prompt bar: examples, the text itself, Analyze. It is also the title of the page: the text stays in sight.

Enter presses Analyze, Shift+Enter breaks the line, `/` anywhere else comes here (assets/prompt.js). Whatever asks a
new question (the bar, an example, another model) only writes the address; the page follows from that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dash_bootstrap_components as dbc
from dash import ALL, ClientsideFunction, Dash, Input, Output, State, dcc, html

from components.address import TOY_PROMPT
from components.address import Ids as AddressIds
from components.lamp import sign
from components.markup import aria, data
from utils.example_texts import DEFAULT_PROMPT

if TYPE_CHECKING:
    from utils.analysis import Analysis

EXAMPLES = (
    ("Said twice", DEFAULT_PROMPT),
    ("The old king", TOY_PROMPT),
    ("Two friends", "When Mary and John went to the shop, John gave the apple to"),
    ("Words without sense", "king lamp horse stone king lamp horse stone king lamp"),
    ("Nothing repeats", "A lonely farmer watched dark clouds gather over his boat"),
    ("The house that Jack built", "This is the house that Jack built. This is the cat that lived in the house that"),
    ("A shopping list", "My list: milk bread eggs butter milk bread eggs"),
)


class Ids:
    bar = "ask"
    text = "ask-text"
    analyze = "ask-analyze"
    count = "ask-count"
    read = "ask-read"
    defaults = "ask-defaults"
    chat = "ask-chat"

    @staticmethod
    def example(number: Any) -> dict[str, Any]:
        return {"type": "example", "number": number}


def layout(default_model: str) -> html.Section:
    """The bar, filled with the default prompt until the address says otherwise."""
    menu = dbc.DropdownMenu(
        [_example(number, name, text) for number, (name, text) in enumerate(EXAMPLES)],
        label=["Examples", sign("chevron-down")],
        caret=False,
        className="ask-examples",
        toggleClassName="ask-examples-toggle",
    )
    text = dbc.Textarea(
        id=Ids.text,
        value=DEFAULT_PROMPT,
        placeholder="Type something to read",
        rows=1,
        spellcheck=False,
        submit_on_enter=False,
        className="ask-text",
    )
    label = html.Label("Text for the model to read", htmlFor=Ids.text, className="visually-hidden")
    defaults = {"model": default_model, "prompt": DEFAULT_PROMPT, "examples": [text for _, text in EXAMPLES]}
    return html.Section(
        [
            html.Div(
                [menu, label, text, html.Span(id=Ids.count, className="ask-count"), _analyze_button()],
                className="ask-group",
            ),
            _chat_switch(),
            dcc.Store(id=Ids.defaults, data=defaults),
        ],
        id=Ids.bar,
        className="ask",
        **aria(label="Text to analyze"),
    )


def read_size(analysis: Analysis, max_tokens: int) -> html.Span:
    """How long the shown text is; a page puts it anywhere, and the bar counts tokens by it from 80 % of the limit."""
    forward = analysis.forward
    return html.Span(
        id=Ids.read,
        hidden=True,
        **data(characters=len(forward.prompt), tokens=len(forward.tokens), limit=max_tokens),
    )


def register(app: Dash) -> None:
    """Everything here happens in the browser (assets/prompt.js): a new question is a new address."""
    app.clientside_callback(
        ClientsideFunction("headlight", "ask"),
        Output(AddressIds.location, "search"),
        Input(Ids.analyze, "n_clicks"),
        Input(Ids.example(ALL), "n_clicks"),
        Input({"type": "model", "place": ALL, "name": ALL}, "n_clicks"),
        Input(Ids.chat, "n_clicks"),
        State(Ids.text, "value"),
        State(AddressIds.location, "search"),
        State(Ids.defaults, "data"),
        prevent_initial_call=True,
    )
    app.clientside_callback(
        ClientsideFunction("headlight", "showPrompt"),
        Output(Ids.text, "value"),
        Input(AddressIds.location, "search"),
        State(Ids.defaults, "data"),
    )
    app.clientside_callback(
        ClientsideFunction("headlight", "measurePrompt"),
        Output(Ids.count, "children"),
        Input(Ids.text, "value"),
    )


def _example(number: int, name: str, text: str) -> dbc.DropdownMenuItem:
    words = [html.Span(name, className="menu-name"), html.Span(text, className="menu-note")]
    return dbc.DropdownMenuItem(words, id=Ids.example(number), className="menu-item")


def _chat_switch() -> html.Button:
    """Whether the text is asked as a chat turn; in sight where the model can chat (components/frame.py)."""
    return html.Button(
        [html.Span(className="chat-knob"), "As a chat turn"],
        id=Ids.chat,
        type="button",
        role="switch",
        hidden=True,
        className="chat-switch",
        title="Puts the model’s own chat template around your text, as when somebody writes to it.",
        **aria(checked="false"),
    )


def _analyze_button() -> html.Button:
    """Amber: it lights something. While a result is late it reads "Analyzing …"."""
    return html.Button(
        [html.Span("Analyze", className="when-idle"), html.Span("Analyzing …", className="when-busy")],
        id=Ids.analyze,
        type="button",
        className="ask-analyze",
    )
