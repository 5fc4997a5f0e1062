"""The suggestion chip: one press fills the prompt and analyses. It promises only what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dash_bootstrap_components as dbc
from dash import html

from components.address import roles_href
from components.lamp import sign
from components.markup import data
from components.numbers import plural
from utils.chat import asked_like

if TYPE_CHECKING:
    from utils.catalogue.schema import SuggestedPrompt

REPLACED = "Text replaced by an example."
DOUBLED = "Your text now stands there twice."
CUT = "Your text now ends there."
SENTENCE_ENDS = ".!?…:;\"'”’)"


def suggestion_chip(title: str, promise: str, href: str, toast: str = "") -> dbc.Button:
    """A press that changes the question.

    Args: promise: what it will light, or what it does; href: the address of the new question; toast: what the page
    says afterwards, beside Undo; empty when the student's text stays.
    """
    words = [html.Span(title, className="chip-title"), html.Span(promise, className="chip-promise")]
    bulb = html.Span(sign("bulb"), className="chip-bulb")
    return dbc.Button(
        [bulb, html.Span(words, className="chip-words", **data(toast=toast))], href=href, className="chip"
    )


def prompt_chip(verb: str | None, prompt: SuggestedPrompt, model: str) -> dbc.Button:
    """A prompt of the catalogue, with how many of the role's heads it lights. verb: None lets the text be the title."""
    text, promise = prompt.text, f"lights {prompt.lights} of {plural(prompt.of, 'head')}"
    if verb:
        return suggestion_chip(verb, f"“{shortened(text)}” {promise}", roles_href(model, text), REPLACED)
    return suggestion_chip(shortened(text, 28), promise.capitalize(), roles_href(model, text), REPLACED)


def say_it_twice_chip(prompt: str, model: str) -> dbc.Button:
    """Repeats the student's own text, so it promises nothing."""
    return suggestion_chip("Say it twice", "Repeats your own text", roles_href(model, said_twice(prompt)), DOUBLED)


def cut_chip(head: str, last_word: str, text: str, model: str) -> dbc.Button:
    """The student's own text up to where a head does a job. Args: last_word: of the cut text, as shown."""
    return suggestion_chip(f"End your text after “{last_word}”", f"There {head} does it", roles_href(model, text), CUT)


def said_twice(prompt: str) -> str:
    """The text, and the text again as a new sentence, asked in the same way: a full stop keeps the two copies apart."""
    text = prompt.strip()
    if not text.endswith(tuple(SENTENCE_ENDS)):
        text += "."
    return asked_like(prompt, f"{text} {text}")


def shortened(text: str, limit: int = 22) -> str:
    """The first words of a text, up to `limit` characters, then an ellipsis."""
    if len(text) <= limit:
        return text
    return f"{text[: limit + 1].rsplit(' ', 1)[0][:limit].rstrip(' ,.;:')}\u00a0…"
