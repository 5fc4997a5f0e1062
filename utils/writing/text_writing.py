"""What every head would write of every token of one text: from values that the pass brought to hits and logits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from utils.circuits.weights import output_weights
from utils.experiments.residual_parts import final_norm_of, unembedding_of
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
    is_word = np.array([_is_word(tokens, place) for place in range(len(tokens))])
    after = [
        words.next_ids.get(each, NO_TARGET) if whole else NO_TARGET for each, whole in zip(ids, is_word, strict=True)
    ]
    columns = list(dict.fromkeys((*words.columns, *ids, *(each for each in after if each >= 0))))
    place_of = {token_id: place for place, token_id in enumerate(columns)}
    own = torch.tensor([place_of[token_id] for token_id in ids])
    following = torch.tensor([place_of.get(token_id, NO_TARGET) for token_id in after])
    names = {each: tokens_from_ids(loaded.tokenizer, [each])[0] for each in set(after) if each >= 0}
    asked = {
        Write.COPY: _Asked(own, counts, tuple(tokens)),
        Write.SUPPRESS: _Asked(own, counts, tuple(tokens)),
        Write.NEXT: _Asked(following, counts & (following >= 0).numpy(), tuple(names.get(each) for each in after)),
    }
    is_name = counts & is_word & np.array([token_id in words.known_names for token_id in ids])
    return Writing(
        ways=_ways(loaded, tables, values, columns, own, asked),
        scale=values.scale,
        is_name=is_name,
        guess=guess,
        asks=_asks(loaded, tables, tokens, values, is_name, guess),
        n_columns=len(columns),
    )


class _Asked(NamedTuple):
    """One way of writing. targets: [key], columns, -1 for none. has_target: [key]. shown: the targets as tokens."""

    targets: torch.Tensor
    has_target: np.ndarray
    shown: tuple[Token | None, ...]


def _ways(
    loaded: LoadedModel,
    tables: WritingTables,
    values: Values,
    columns: Sequence[int],
    own: torch.Tensor,
    asked: Mapping[Write, _Asked],
) -> dict[Write, Written]:
    """Hits and logits of every head, a layer at a time: all columns of all layers at once would take much memory."""
    hits: dict[Write, list[np.ndarray]] = {write: [] for write in asked}
    logits: dict[Write, list[np.ndarray]] = {write: [] for write in asked}
    with torch.inference_mode():
        for centred, plain in _layers(loaded, tables, values, columns):
            for write, about in asked.items():
                at = about.targets.clamp(min=0)[:, None].expand(*plain.shape[:-1], 1)
                hits[write].append(hits_of(write, centred, own, about.targets).numpy() & about.has_target)
                found = plain.gather(-1, at)[..., 0].numpy()
                logits[write].append(np.where(about.has_target, found, 0.0).astype(np.float32))
    return {
        write: Written(
            about.has_target,
            tuple(token if has else None for token, has in zip(about.shown, about.has_target, strict=True)),
            np.stack(hits[write]),
            np.stack(logits[write]),
        )
        for write, about in asked.items()
    }


def _layers(
    loaded: LoadedModel, tables: WritingTables, values: Values, columns: Sequence[int]
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What a layer's values do to the logits of the columns, before norms, [head, key, column]: about the heads' means,
    and as they are. The columns begin with those of the tables."""
    W_U, _ = unembedding_of(loaded)
    more = unembedding_columns(loaded, columns[len(tables.words.columns) :], W_U, tables.mean_column)
    for layer, (own, mean) in enumerate(zip(torch.tensor(values.values), tables.mean_values, strict=True)):
        to_logits = torch.cat([tables.to_logits[layer], output_weights(loaded, layer) @ more], dim=-1)
        n_each = len(to_logits) // len(own)
        plain = own.repeat_interleave(n_each, dim=0) @ to_logits
        yield plain - mean.repeat_interleave(n_each, dim=0)[:, None] @ to_logits, plain


def _is_word(tokens: Sequence[Token], place: int) -> bool:
    """Whether a token is a word or a number by itself and no part of a longer one, as "four" is of "fourteen"."""
    before = tokens[place - 1].text if place and tokens[place - 1].is_typed else ""
    after = tokens[place + 1].text if place + 1 < len(tokens) else ""
    return not (before[-1:].isalnum() and tokens[place].text[:1].isalnum()) and not after[:1].isalnum()


def _asks(
    loaded: LoadedModel,
    tables: WritingTables,
    tokens: Sequence[Token],
    values: Values,
    is_name: np.ndarray,
    guess: Token,
) -> np.ndarray:
    """Where a first name is likeliest next, as `Writing.asks`. A text in a chat template cannot end elsewhere."""
    names = tables.words.known_names
    asks = np.append(is_name[1:], guess.id in names)
    if any(token.is_template for token in tokens):
        asks[:-1] = False
    before_names = np.flatnonzero(asks[:-1])
    asks[before_names] = [each in names for each in _likeliest(loaded, values.final[before_names])]
    return asks


def _likeliest(loaded: LoadedModel, final: np.ndarray) -> list[int]:
    """The likeliest next token after some places. Args: final: what the final norm reads there, [place, d_model]."""
    if not len(final):
        return []
    with torch.inference_mode():
        read = torch.tensor(final)
        norm, (W_U, bias) = final_norm_of(loaded, read), unembedding_of(loaded)
        found: list[int] = ((norm.linear(read) + norm.bias) @ W_U + bias).argmax(dim=-1).tolist()
    return found


def hits_of(write: Write, centred: torch.Tensor, own: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Whether the target's logit is the largest of all columns, or for suppression the smallest: bool [..., key].

    Args: centred: [..., key, column], of values about the head's mean. own, targets: [key], columns of each key's own
    token, which is left out where something else is the target, and of its target; -1 for none.
    """
    if write is Write.NEXT:
        places = own[:, None].expand(*centred.shape[:-1], 1)
        centred = centred.scatter(-1, places, -torch.inf)
    return (write.sign * centred).argmax(dim=-1) == targets
