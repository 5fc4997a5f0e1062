"""The address is the state worth sharing: what a page shows follows from its path and parameters alone.

`/?model=&prompt=&chat=`, `/head?model=&prompt=&layer=&head=`, `/heads?model=&prompt=&role=&tab=&sort=`, and likewise
`/circuits`, `/circuits/toy`, `/learn` and `/models`: every page carries the question, so that no way through the pages
loses the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode

from utils.chat import ChatTurn
from utils.example_texts import DEFAULT_PROMPT

if TYPE_CHECKING:
    from utils.errors import Fix

TOY_PROMPT = "The old king lost his ring in the river. The old king lost his ring in the"  # shows the toy page's title
CIRCUITS_PATH, TOY_PATH = "/circuits", "/circuits/toy"
MODELS_PATH = "/models"


class Ids:
    location = "address"


@dataclass(frozen=True)
class Question:
    """What a student asks: a text, and the model that reads it. prompt: a `ChatTurn` where it is asked as one."""

    model: str
    prompt: str

    @classmethod
    def from_search(cls, search: str | None, default_model: str) -> Question:
        """The question in an address; without a `prompt` parameter it is about the default prompt.

        Args: search: the part of the address from `?` on, as `dcc.Location.search` has it.
        """
        values = parse_qs((search or "").lstrip("?"), keep_blank_values=True)
        prompt = values.get("prompt", [DEFAULT_PROMPT])[0]
        is_chat = values.get("chat", [""])[0] == "1"
        return cls(values.get("model", [""])[0] or default_model, ChatTurn(prompt) if is_chat else prompt)

    @property
    def is_chat(self) -> bool:
        """Whether the text is asked as a chat turn."""
        return isinstance(self.prompt, ChatTurn)


def roles_href(model: str, prompt: str) -> str:
    """The address of the Roles page."""
    return _address("/", model=model, prompt=prompt)


def head_href(model: str, prompt: str, layer: int, head: int) -> str:
    """The address of one head's page."""
    return _address("/head", model=model, prompt=prompt, layer=layer, head=head)


def heads_href(model: str, prompt: str, **others: str | None) -> str:
    """The address of the All heads page; `others` are role, tab and sort."""
    return _address("/heads", model=model, prompt=prompt, **others)


def circuits_href(model: str, prompt: str, **others: str | None) -> str:
    """The address of the Circuits page; `others` are its choices, such as writer and head."""
    return _address(CIRCUITS_PATH, model=model, prompt=prompt, **others)


def toy_href(model: str, prompt: str) -> str:
    """The address of the toy page, which has its own example in place of the default prompt."""
    return _address(TOY_PATH, model=model, prompt=TOY_PROMPT if prompt == DEFAULT_PROMPT else prompt)


def models_href(model: str, prompt: str | None = None, **others: str | None) -> str:
    """The address of the Models page; `others` are open, ask and show."""
    return _address(MODELS_PATH, model=model, prompt=prompt, **others)


def learn_href(model: str, prompt: str, lesson: str = "") -> str:
    """The address of the Learn page; lesson: the id of a place on it."""
    return _address("/learn", model=model, prompt=prompt) + (f"#{lesson}" if lesson else "")


def fix_href(fix: Fix, model: str, prompt: str) -> str:
    """Where a Fix leads: the student's own model and text wherever the fix does not name another."""
    if fix.shows_models:
        return _address(MODELS_PATH, model=model, prompt=prompt, open=fix.model)
    model = fix.model if fix.model is not None else model
    prompt = fix.prompt if fix.prompt is not None else prompt
    if fix.layer is None or fix.head is None:
        return roles_href(model, prompt)
    return head_href(model, prompt, fix.layer, fix.head)


def asked(model: str, prompt: str) -> dict[str, str]:
    """The parameters of a question; a text that is asked as a chat turn says so."""
    return {"model": model, "prompt": str(prompt), **({"chat": "1"} if isinstance(prompt, ChatTurn) else {})}


def _address(path: str, model: str, prompt: str | None, **others: str | int | None) -> str:
    question = {"model": model} if prompt is None else asked(model, prompt)
    return f"{path}?{urlencode(question | {key: value for key, value in others.items() if value is not None})}"
