"""A text as a chat turn: what an instruct model sees when somebody writes to it.

Such a model was trained on dialogues in a fixed form, its *chat template*: marks that nobody types, who speaks, often a
sentence of instructions before. The template stands around the student's text, as tokens that can be looked at and
prove nothing themselves. Its marks are real special tokens; the same signs in the student's text stay plain text.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from utils.errors import Fix, UserError
from utils.model_config import display_name_of
from utils.tokens import END_LABEL

if TYPE_CHECKING:
    from utils.models.loader import LoadedModel
    from utils.tokens import Token

LOG = logging.getLogger(__name__)
LONGEST_TEMPLATE = 20_000  # characters
STAND_IN = "headlight-text-of-the-student"
SPECIAL = re.compile(r"<\|?/?(\w+)\|?>")


class ChatTurn(str):
    """A text that is asked as a chat turn. It is another question than the same text as it is: never equal to it, so
    that no cache mixes them up. `str()` gives the text alone."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChatTurn) and str(self) == str(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((ChatTurn, str(self)))


@dataclass(frozen=True)
class ChatFrame:
    """Ids of the template before and after the text; the start mark is in neither."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.before) + len(self.after)


NO_FRAME = ChatFrame()


def asked_like(prompt: str, text: str) -> str:
    """Another text, asked in the way that a prompt is: as a chat turn or as it is."""
    return ChatTurn(text) if isinstance(prompt, ChatTurn) else str(text)


def has_template(folder: Path | None) -> bool:
    """Whether the tokenizer in a model's folder has a chat template. Reads no weights."""
    if folder is None:
        return False
    config = folder / "tokenizer_config.json"
    if (folder / "chat_template.jinja").is_file():
        return True
    try:
        return bool(json.loads(config.read_text(encoding="utf-8")).get("chat_template"))
    except (OSError, ValueError, AttributeError, RecursionError):
        return False


def frame_of(loaded: LoadedModel, prompt: str) -> ChatFrame:
    """What the model's template puts around a prompt; nothing around one that is not a chat turn.

    Raises: UserError for a chat turn where the tokenizer has no template, or one that cannot be used.
    """
    if not isinstance(prompt, ChatTurn):
        return NO_FRAME
    fix = Fix("Read it as plain text", prompt=str(prompt))
    name = display_name_of(loaded.name)
    if not getattr(loaded.tokenizer, "chat_template", None):
        raise UserError(f"{name} has no chat template.", "It was not made to chat. It reads plain text.", fix=fix)
    turn = [{"role": "user", "content": STAND_IN}]
    try:
        written = loaded.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        if len(written) > LONGEST_TEMPLATE:
            raise ValueError("the template writes too much")
        before, after = str(written).split(STAND_IN)
    except Exception as error:  # a template is a small program of the model's owner
        LOG.warning("The chat template of %s failed: %s", loaded.name, error)
        raise UserError(f"The chat template of {name} cannot be used.", "It reads plain text.", fix=fix) from error
    ids = _ids(loaded, before)
    n_start = len(loaded.start_ids) if ids[: len(loaded.start_ids)] == loaded.start_ids else 0
    return ChatFrame(tuple(ids[n_start:]), tuple(_ids(loaded, after)))


def mark_template(tokens: Sequence[Token], n_before: int, n_after: int) -> tuple[Token, ...]:
    """The same tokens, those of the template marked. Args: n_before: where the text begins, a start mark included."""
    end = len(tokens) - n_after
    return tuple(
        token if n_before <= position < end or token.is_start else _as_template(token)
        for position, token in enumerate(tokens)
    )


def _as_template(token: Token) -> Token:
    """A mark such as <|im_start|> reads "⟨im start⟩"."""
    special = SPECIAL.fullmatch(token.text)
    if special is None or token.word == END_LABEL:
        return replace(token, is_template=True)
    label = f"⟨{special[1].replace('_', ' ')}⟩"
    return replace(token, label=label, word=label, is_template=True)


def _ids(loaded: LoadedModel, text: str) -> list[int]:
    """Ids of a part of the template. The tokenizer itself takes special tokens for plain text, whoever typed them; so
    they are looked up here."""
    added = {added.content: token_id for token_id, added in loaded.tokenizer.added_tokens_decoder.items()}
    longest_first = sorted(added, key=len, reverse=True)
    pieces = re.split(f"({'|'.join(map(re.escape, longest_first))})", text) if added else [text]
    backend = loaded.tokenizer.backend_tokenizer
    return [
        token_id
        for piece in pieces
        for token_id in ([added[piece]] if piece in added else backend.encode(piece, add_special_tokens=False).ids)
    ]
