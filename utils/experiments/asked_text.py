"""The text that an experiment is about, as the model reads it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from utils.errors import Notice, UserError
from utils.experiments.controls import HeadSet
from utils.experiments.questions import check_heads, check_position
from utils.experiments.second_copy import SHORTEST_SEGMENT
from utils.forward_pass import EncodedPrompt
from utils.models.loader import LoadedModel


@dataclass(frozen=True, eq=False)
class AskedText:
    """A model, the text as it reads it, and what to tell about that text."""

    loaded: LoadedModel
    read: EncodedPrompt

    @property
    def ids(self) -> list[int]:
        return self.read.ids

    @property
    def typed(self) -> list[int]:
        """The ids without start mark and chat template."""
        return self.read.typed_ids(len(self.loaded.start_ids))

    def heads(self, heads: Iterable[tuple[int, int]]) -> HeadSet:
        return check_heads(heads, self.loaded.shape)

    def up_to(self, position: int) -> list[int]:
        """The ids up to a position; later ones cannot change what comes after it."""
        return self.ids[: check_position(position, len(self.ids)) + 1]

    def token_id(self, token_id: int) -> int:
        """A token of the model's, by its id. Raises UserError for one that it does not have."""
        n_tokens = int(self.loaded.config.vocab_size)
        if not 0 <= token_id < n_tokens:
            raise UserError(
                f"This model has no token {str(token_id)[:12]}.", f"Its tokens are numbered from 0 to {n_tokens - 1:,}."
            )
        return token_id

    def segment(self, max_tokens: int) -> tuple[list[int], tuple[Notice, ...]]:
        """The part of the typed text that can be said twice. Args: max_tokens: that may be read here at once."""
        typed, loaded = self.typed, self.loaded
        limit = min(max_tokens, loaded.max_positions or max_tokens)
        n_most = (limit - len(loaded.start_ids)) // 2
        if min(len(typed), n_most) < SHORTEST_SEGMENT:
            raise UserError("One token is too little to say twice.", "Add a few words.")
        if len(typed) <= n_most:
            return typed, ()
        cut = Notice(
            f"Only the first {n_most} tokens were said twice.", "More would not fit into what the model may read here."
        )
        return typed[:n_most], (cut,)
