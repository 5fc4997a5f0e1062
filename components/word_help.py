"""Word help: a word with a dotted underline that explains itself in one sentence, with a link to Learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import dash_bootstrap_components as dbc
from dash import dcc, html

from components.address import learn_href

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.address import Question


@dataclass(frozen=True)
class Word:
    """A word of the field: one plain sentence, and the lesson on the Learn page that tells more."""

    sentence: str
    lesson: str


WORDS = {
    "token": Word("A piece of text as the model reads it: a word, a part of a word, or a sign.", "learn-tokens"),
    "head": Word(
        "A small part of the model that looks back at earlier tokens and fetches something from them. "
        "How much it looks at each is its attention.",
        "learn-heads",
    ),
    "logit": Word(
        "The model’s score for a word as the next one, before all scores become percentages. One more makes the word "
        "about 2.7 times as likely beside any other.",
        "learn-heads",
    ),
    "nats": Word(
        "The unit of a change of all guesses at once (KL divergence). 0 is no change; at 0.7 the model expects what it "
        "expected before about half as much; there is no upper end.",
        "learn-heads",
    ),
}


def word_help(key: str, text: str, question: Question) -> list[Component]:
    """The word as `text`, and its explanation, which opens on a press and closes with Escape or a press elsewhere."""
    return explained(key, text, WORDS[key], question)


def explained(key: str, text: str, word: Word, question: Question) -> list[Component]:
    """The same for a text that has an explanation of its own. Args: key: no other on the page has it."""
    more = dcc.Link("More in Learn", href=learn_href(question.model, question.prompt, word.lesson))
    return [
        html.Button(text, id=f"word-{key}", type="button", className="word"),
        dbc.Popover([word.sentence, " ", more], target=f"word-{key}", trigger="legacy", body=True, placement="bottom"),
    ]
