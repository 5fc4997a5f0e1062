"""A text cut after one of its tokens, as somebody would have typed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.forward_pass import ForwardPass


def text_until(forward: ForwardPass, position: int) -> str | None:
    """The prompt up to and including the token at a position.

    None where no such text can be asked: in the middle of a character, where a tokenizer changes what it reads, and in
    a chat turn, of which the template is the end.
    """
    if any(token.is_template for token in forward.tokens):
        return None
    spelled = "".join(token.text for token in forward.tokens[: position + 1] if token.is_typed)
    texts = [text for text in (spelled, spelled.lstrip(" ")) if text.strip() and forward.prompt.startswith(text)]
    return texts[0] if texts else None
