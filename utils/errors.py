"""What goes wrong because of something a person did or can change: a sentence, what to do next, and a way out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fix:
    """A button that leads on: what it says, and the question it opens. None keeps the student's own value.

    shows_models: it leads to the row of `model` on the Models page, and changes nothing of the question.
    """

    label: str
    model: str | None = None
    prompt: str | None = None
    layer: int | None = None
    head: int | None = None
    shows_models: bool = False


@dataclass(frozen=True)
class Notice:
    """Something the reader should know about a result that stands, such as a text that was cut."""

    sentence: str
    hint: str
    fix: Fix | None = None


class UserError(Exception):
    """A refusal in plain words.

    Args: sentence: what happened; hint: what to do next; status: the HTTP status of the API's answer (4xx or 503);
    fix: one button that solves it, if there is one.
    """

    def __init__(self, sentence: str, hint: str, status: int = 400, fix: Fix | None = None):
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.status = status
        self.fix = fix

    def again(self) -> UserError:
        """The same words for somebody else, who gets a trace of their own."""
        return UserError(self.sentence, self.hint, self.status, self.fix)
