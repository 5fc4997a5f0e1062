"""What every head would write of every token of one text: from values that the pass brought to hits and logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from utils.circuits.weights import output_weights
from utils.experiments.residual_parts import unembedding_of
from utils.measures.written import Write, Writing, Written
from utils.models.loader import LoadedModel
from utils.tokens import Token, tokens_from_ids
from utils.writing.tables import WritingTables, unembedding_columns
from utils.writing.values import Values

if TYPE_CHECKING:
    from utils.forward_pass import ForwardPass

NO_TARGET = -1


def with_writing(loaded: LoadedModel, tables: WritingTables, forward: ForwardPass) -> ForwardPass:
    """A forward pass with what its heads would write. Args: forward: with values."""
    assert forward.values is not None, "the values of a text come from its own pass"
    guess = forward.predictions[0].token
    return replace(forward, writing=write_out(loaded, tables, forward.tokens, forward.values, guess))


def write_out(
    loaded: LoadedModel, tables: WritingTables, tokens: Sequence[Token], values: Values, guess: Token
) -> Writing:
    """What heads would write on a text. Args: values: of that text. guess: the model's likeliest next token."""
    ids, words = [token.id for token in tokens], tables.words
    counts = np.array([place > 0 and not token.is_start and not token.broken for place, token in enumerate(tokens)])
    after = [words.next_ids.get(token_id, NO_TARGET) for token_id in ids]
    with torch.inference_mode():
        centred, plain, columns = _logits(loaded, tables, [*ids, *(each for each in after if each >= 0)], values)
    place_of = {token_id: place for place, token_id in enumerate(columns)}
    own = torch.tensor([place_of[token_id] for token_id in ids])
    following = torch.tensor([place_of.get(token_id, NO_TARGET) for token_id in after])
    names = {each: tokens_from_ids(loaded.tokenizer, [each])[0] for each in set(after) if each >= 0}
    ways = {
        write: _written(write, centred, plain, own, targets, counts, shown)
        for write, targets, shown in (
            (Write.COPY, own, tuple(tokens)),
            (Write.SUPPRESS, own, tuple(tokens)),
            (Write.NEXT, following, tuple(names.get(each) for each in after)),
        )
    }
    return Writing(
        ways=ways,
        scale=values.scale,
        is_name=counts & np.array([token_id in words.name_ids for token_id in ids]),
        guess=guess,
        asks_for_name=guess.id in words.name_ids,
        n_columns=len(columns),
    )


def hits_of(write: Write, centred: torch.Tensor, own: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Whether the target's logit is the largest of all columns, or for suppression the smallest: bool [..., key].

    Args: centred: [..., key, column], of values about the head's mean. own, targets: [key], columns of each key's own
    token, which is left out where something else is the target, and of its target; -1 for none.
    """
    if write is Write.NEXT:
        places = own[:, None].expand(*centred.shape[:-1], 1)
        centred = centred.scatter(-1, places, -torch.inf)
    return (write.sign * centred).argmax(dim=-1) == targets


def _written(
    write: Write,
    centred: torch.Tensor,
    plain: torch.Tensor,
    own: torch.Tensor,
    targets: torch.Tensor,
    counts: np.ndarray,
    shown: tuple[Token | None, ...],
) -> Written:
    has_target = counts & (targets >= 0).numpy()
    hits = hits_of(write, centred, own, targets).numpy() & has_target
    at = targets.clamp(min=0)[:, None].expand(*plain.shape[:-1], 1)
    logits = np.where(has_target, plain.gather(-1, at)[..., 0].numpy(), 0.0).astype(np.float32)
    return Written(
        has_target, tuple(t if has else None for t, has in zip(shown, has_target, strict=True)), hits, logits
    )


def _logits(
    loaded: LoadedModel, tables: WritingTables, more_ids: Sequence[int], values: Values
) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
    """What every value of a text does to the logits of the tested words and of some more tokens, before norms.

    Returns: of values about the head's mean, and of values as they are, [layer, head, key, column] each; and the ids of
    the columns.
    """
    more = [token_id for token_id in dict.fromkeys(more_ids) if token_id not in set(tables.words.columns)]
    W_U, _ = unembedding_of(loaded)
    columns = unembedding_columns(loaded, more, W_U, tables.mean_column)
    own = torch.stack([output_weights(loaded, layer) @ columns for layer in range(loaded.n_layers)])
    to_logits = torch.cat([tables.to_logits, own], dim=-1)
    plain = tables.spread(torch.tensor(values.values)) @ to_logits
    mean = tables.spread(tables.mean_values)[:, :, None] @ to_logits
    return plain - mean, plain, [*tables.words.columns, *more]
