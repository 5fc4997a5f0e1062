"""How well a trained model reads: losses beside a bigram model's, copies of random segments, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from scripts.training_text import bigram_loss
from utils.experiments.second_copy import random_segments
from utils.models.loader import LoadedModel
from utils.tokens import tokens_from_ids

WINDOW = 128
WINDOWS_AT_ONCE = 16
N_NEW_TOKENS = 16
SEGMENT = 25
N_SEGMENTS = 40
N_OWN_PROMPTS = 3
PROMPTS = (
    "Once upon a time there was a little",
    "The cat sat on the mat. The cat sat on the",
    "Lily and Tom went to the park. Lily gave the ball to",
    "The king and the queen lived in a",
    "One day, the boy went to the river and saw a",
)


@dataclass(frozen=True)
class Measurement:
    """What was measured on one model.

    loss, bigram: nats per token on the same `n_tokens` held-out tokens. first_loss, second_loss: nats per token on
    random segments when they come first and when they come again; second_right: share of the second copy that the
    likeliest token gets right. continuations: prompts, and what the model adds, always taking the likeliest token.
    """

    n_parameters: int
    n_tokens: int
    loss: float
    bigram: float
    first_loss: float
    second_loss: float
    second_right: float
    continuations: tuple[tuple[str, str], ...]


def measure(loaded: LoadedModel, train: np.ndarray, held_out: np.ndarray) -> Measurement:
    """Everything at once. Args: train, held_out: token ids without start marks, one long array each."""
    first_loss, second_loss, second_right = repeated_segments(loaded)
    own = loaded.adapter.prompts[:N_OWN_PROMPTS] if loaded.adapter is not None else ()
    return Measurement(
        n_parameters=sum(parameter.numel() for parameter in loaded.model.parameters()),
        n_tokens=len(held_out) - 1,
        loss=held_out_loss(loaded, held_out),
        bigram=bigram_loss(train, held_out, loaded.config.vocab_size),
        first_loss=first_loss,
        second_loss=second_loss,
        second_right=second_right,
        continuations=tuple((prompt, continuation(loaded, prompt)) for prompt in own or PROMPTS),
    )


def held_out_loss(loaded: LoadedModel, held_out: np.ndarray) -> float:
    """Mean loss in nats over every held-out token but the first, each predicted once from at most 128 before it.

    A bigram model predicts the same tokens. At the start of a window the model sees no more than the bigram does,
    which makes this a careful figure.
    """
    losses = [next_token_losses(loaded, rows)[0] for rows in _window_batches(held_out)]
    return sum(float(loss.sum()) for loss in losses) / (len(held_out) - 1)


def _window_batches(held_out: np.ndarray) -> Iterator[np.ndarray]:
    """Windows of 129 ids that overlap by one, in batches [batch, position]; the rest of the text alone at the end."""
    windows = [held_out[begin : begin + WINDOW + 1] for begin in range(0, len(held_out) - 1, WINDOW)]
    whole = [window for window in windows if len(window) == WINDOW + 1]
    for first in range(0, len(whole), WINDOWS_AT_ONCE):
        yield np.stack(whole[first : first + WINDOWS_AT_ONCE])
    if len(windows) > len(whole):
        yield windows[-1][None]


def next_token_losses(loaded: LoadedModel, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every token but the first of each row: its loss in nats, and whether it was the likeliest one.

    Args: rows: ids [batch, position]; the start mark is put before them. Returns: both [batch, position - 1].
    """
    start = np.tile(np.array(loaded.start_ids, dtype=np.int64), (len(rows), 1))
    ids = torch.from_numpy(np.concatenate([start, rows], axis=1))
    with torch.inference_mode():
        logits = loaded.model(input_ids=ids).logits[:, start.shape[1] : -1].float()
    wanted = torch.from_numpy(rows[:, 1:])
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), wanted, reduction="none")
    return losses.numpy(), (logits.argmax(dim=-1) == wanted).numpy()


def repeated_segments(loaded: LoadedModel) -> tuple[float, float, float]:
    """Random segments said twice: loss on the first and on the second copy, and the share of the second that is right.

    The first token of either copy cannot be foreseen and does not count.
    """
    segments = random_segments(loaded, N_SEGMENTS, SEGMENT, seed=0)
    losses, right = next_token_losses(loaded, np.concatenate([segments, segments], axis=1))
    first, second = losses[:, : SEGMENT - 1], losses[:, SEGMENT:]
    return float(first.mean()), float(second.mean()), float(right[:, SEGMENT:].mean())


def continuation(loaded: LoadedModel, prompt: str) -> str:
    """What the model adds to a prompt, always taking the likeliest token; it may stop at an end of text."""
    ids = [*loaded.start_ids, *loaded.tokenizer.encode(prompt, add_special_tokens=False)]
    added: list[int] = []
    while len(added) < N_NEW_TOKENS:
        with torch.inference_mode():
            likeliest = int(loaded.model(input_ids=torch.tensor([ids + added])).logits[0, -1].argmax())
        if likeliest == loaded.config.eos_token_id:
            break
        added.append(likeliest)
    return "".join(token.text for token in tokens_from_ids(loaded.tokenizer, added))
