"""Why is my word cut? Beside the token strip, where a word of the text is several tokens: which, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dash import html

from components.word_help import Word, explained
from utils.cut_words import cut_words

if TYPE_CHECKING:
    from dash.development.base_component import Component

    from components.address import Question
    from utils.cut_words import CutWord
    from utils.forward_pass import ForwardPass

NAMED = 3  # as many words as a short text can take
BETWEEN = " | "  # a piece may hold any other sign


def layout(forward: ForwardPass, question: Question) -> list[Component]:
    """The question, and its answer on a press; nothing where every word is one token."""
    cut = cut_words(forward.tokens)
    if not cut:
        return []
    asked = "Why is my word cut?" if len(cut) == 1 else "Why are my words cut?"
    answer = Word(why_cut(cut, forward.n_vocabulary), "learn-tokens")
    return [html.P(explained("cut", asked, answer, question), className="cut-help")]


def why_cut(cut: tuple[CutWord, ...], n_vocabulary: int) -> str:
    """Which words are cut into which pieces, and why a vocabulary does that.

    Args: n_vocabulary: how many tokens the model knows, 0 where nobody counted them.
    """
    named = "; ".join(f"“{each.word}” is read as {BETWEEN.join(each.pieces)}" for each in cut[:NAMED])
    more = f", and {len(cut) - NAMED} more" if len(cut) > NAMED else ""
    size = f"{n_vocabulary:,} pieces" if n_vocabulary else "pieces"
    return (
        f"{named}{more}. This model has a vocabulary of {size}, learnt from text: frequent words are one piece, "
        "rare ones are built from several. Heads look at pieces, not at words."
    )
