"""The student's own second text: what a head writes there stands in for what it writes on the first, place by place.

With a pair that differs in one thing, such as two names swapped, only what a head knows of that thing changes
(activation patching; Wang et al. 2022, "Interpretability in the Wild"). The start mark is the same in both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from utils.chat import asked_like
from utils.errors import Notice, UserError
from utils.experiments.questions import Method
from utils.forward_pass import EncodedPrompt, encode_prompt
from utils.models.loader import LoadedModel


@dataclass(frozen=True)
class StandIn:
    """What stands in for heads that are off. Args: second: ids of the student's second text, as many as those of the
    first that are read, start mark included; none for a text of Headlight's own, and for other methods."""

    method: Method
    second: tuple[int, ...] = ()


def read_stand_in(
    loaded: LoadedModel, method: Method, first: EncodedPrompt, n_read: int, second: str, max_tokens: int
) -> tuple[StandIn, tuple[Notice, ...]]:
    """What stands in on the first `n_read` positions of a text, and what to tell about the second text.

    Args: second: as typed, read like the first (as a chat turn too); blank for none.
    Raises: UserError for a second text that is too short, the same, or not asked for; as `encode_prompt`.
    """
    if not second.strip():
        return StandIn(method), ()
    if method is not Method.RESAMPLE:
        raise UserError(
            "A second text is used only where another text’s values stand in.",
            "Choose the method resample, or leave the second text out.",
        )
    read = encode_prompt(loaded, asked_like(first.text, second), max_tokens)
    _check_length(len(read.ids), n_read, len(first.ids))
    ids = tuple(read.ids[:n_read])
    if ids == tuple(first.ids[:n_read]):
        raise UserError(f"Both texts are the same{_up_to(n_read, first)}, so nothing would change.", "Change a word.")
    unread = [each for each in read.notices if each.fix is None]  # not that it was cut: so long a part is never needed
    told = [replace(each, sentence=f"Your second text: {each.sentence}") for each in unread]
    return StandIn(method, ids), (*told, *([_only_part(n_read)] if len(read.ids) > n_read else []))


def _check_length(n_second: int, n_needed: int, n_first: int) -> None:
    if n_second >= n_needed:
        return
    up_to = "" if n_needed == n_first else " up to the chosen token"
    missing = n_needed - n_second
    raise UserError(
        f"Your second text is too short: it has {_tokens(n_second)}, and the first has {n_needed}{up_to}, so {missing} "
        f"{'is' if missing == 1 else 'are'} missing.",
        "Make it longer, or ask about an earlier token.",
    )


def _up_to(n_read: int, first: EncodedPrompt) -> str:
    return "" if n_read == len(first.ids) else " up to the chosen token"


def _only_part(n_read: int) -> Notice:
    return Notice(
        f"Of your second text only the first {_tokens(n_read)} {'is' if n_read == 1 else 'are'} used.",
        "Each token gets what the head writes at the same place of the second text.",
    )


def _tokens(count: int) -> str:
    return "1 token" if count == 1 else f"{count} tokens"
