"""A token quoted in a sentence, with its position: the₁₇. Its text is always text, never markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dash import html

from components.markup import classes

if TYPE_CHECKING:
    from utils.tokens import Token

TokenPart = Literal["query", "key", "copy"]


def token_chip(token: Token, position: int, role: str | None = None, part: TokenPart | None = None) -> html.Span:
    """One token.

    Args: part: `query` is the token that reads (ringed), `key` the token it looks at (filled), `copy` an earlier
    copy (tinted); None is neutral. role gives the colour.
    """
    return html.Span(
        [html.Bdi(token.word), html.Sub(position)],
        className=classes("token-chip", part and f"token-chip--{part}", role and f"role-{role}"),
    )


def next_chip(token: Token, role: str | None = None) -> html.Span:
    """A token that may come next, so without a place: Thursday, dashed."""
    return html.Span(html.Bdi(token.word), className=classes("token-chip", "token-chip--next", role and f"role-{role}"))
