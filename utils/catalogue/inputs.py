"""The texts on which a catalogue is measured: the same for every run with the same tokenizer and seed.

- **Random repeated sequences** for induction and duplicate-token: a random prefix, a segment of random tokens, the
  segment again. Nothing but a look at the earlier copy predicts the second one, and random tokens have no grammar to
  lean on (Olsson et al. 2022). Periods vary from 20 to 60 tokens and prefixes in length, so that a head that looks
  back by a fixed distance is right on few of them: with one fixed period it would pass for induction.
- **Sentences** for the other roles: `sentences.txt`, varied English in which few tokens return.
- **Passages** for even spread: the same sentences, so many after one another that they make 60 tokens. A head that
  prefers what is near spreads its attention evenly over a short sentence and not over these.
- **Detector texts** for the cross-check with TransformerLens, whose `detect_head` takes text and not ids.

All sequences are arrays of token ids that begin with the model's start mark, if its rule has one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import UserError
from utils.models.adapter import Adapter

SENTENCES_PATH = Path(__file__).with_name("sentences.txt")
N_REPEATED = 50
N_DETECTOR_TEXTS = 12
SHORTEST_PERIOD = 20
LONGEST_PERIOD = 60
LONGEST_PREFIX = 40
PASSAGE_TOKENS = 60
DETECTOR_PERIODS = (6, 15)
WORD_STARTS = ("Ġ", "▁")  # how byte-level and SentencePiece tokenizers write the space before a word


@dataclass(frozen=True, eq=False)
class CatalogueInputs:
    """Token ids of all sequences, each int64 [n_tokens]; `hash` names exactly these."""

    seed: int
    repeated: tuple[np.ndarray, ...]
    sentences: tuple[np.ndarray, ...]
    passages: tuple[np.ndarray, ...]

    @property
    def all(self) -> tuple[np.ndarray, ...]:
        return (*self.repeated, *self.sentences, *self.passages)

    @property
    def hash(self) -> str:
        """`sha256:…` of the ids, in order, and of which kind they are."""
        kinds = ("repeated", "sentences", "passages")
        ids = {kind: [sequence.tolist() for sequence in getattr(self, kind)] for kind in kinds}
        return "sha256:" + hashlib.sha256(json.dumps(ids, separators=(",", ":")).encode()).hexdigest()


def make_inputs(
    tokenizer: Any,
    start_ids: Sequence[int],
    context: int | None,
    seed: int,
    texts: Sequence[str] | None = None,
) -> CatalogueInputs:
    """The catalogue's inputs for one model.

    Args: tokenizer: a Hugging Face tokenizer; start_ids: the start mark (empty for a model without); context: the
    most positions that the model can read, None without limit; texts: in place of the English sentences, for a model
    that does not read English. Raises: UserError when the context is too short for a repeated sequence.
    """
    context = context or len(start_ids) + LONGEST_PREFIX + 2 * LONGEST_PERIOD
    repeated = repeated_sequences(plain_token_ids(tokenizer), start_ids, context, seed)
    encoded = (tokenizer.encode(text, add_special_tokens=False) for text in texts or read_sentences())
    sentences = tuple(np.array([*start_ids, *ids], dtype=np.int64)[:context] for ids in encoded)
    return CatalogueInputs(seed, repeated, sentences, passages_of(sentences, start_ids, context))


def passages_of(sentences: Sequence[np.ndarray], start_ids: Sequence[int], context: int) -> tuple[np.ndarray, ...]:
    """Sentences after one another until 60 tokens are there, again and again; the start mark stands once, in front.

    What is left over at the end makes no passage, unless it is all there is. Args: context: where a passage is cut.
    """
    bodies = [sentence[len(start_ids) :] for sentence in sentences]
    passages: list[np.ndarray] = []
    current: list[int] = []
    for body in bodies:
        current += body.tolist()
        if len(start_ids) + len(current) >= min(PASSAGE_TOKENS, context):
            passages.append(np.array([*start_ids, *current], dtype=np.int64)[:context])
            current = []
    return tuple(passages) or (np.array([*start_ids, *current], dtype=np.int64)[:context],)


def varied_texts(adapter: Adapter | None) -> Sequence[str]:
    """The texts for jobs that need no repetition: an adapter's own where it has some, else the test sentences."""
    return (adapter.test_texts if adapter is not None else ()) or read_sentences()


def read_sentences() -> list[str]:
    """The test sentences, one per line of the file."""
    return SENTENCES_PATH.read_text(encoding="utf-8").splitlines()


def plain_token_ids(tokenizer: Any) -> np.ndarray:
    """Every id of the vocabulary but start marks, padding and other special tokens."""
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    return np.array(sorted(set(tokenizer.get_vocab().values()) - special), dtype=np.int64)


def repeated_sequences(
    token_ids: np.ndarray, start_ids: Sequence[int], context: int, seed: int, count: int = N_REPEATED
) -> tuple[np.ndarray, ...]:
    """Sequences `start, prefix, segment, segment` of random ids, each id at most once in prefix and segment.

    Example: prefix `9 4`, segment `7 1 5` gives `9 4 7 1 5 7 1 5` (real segments have 20 to 60 tokens).
    Raises: UserError when the context or the vocabulary is too small for a segment of 20, twice.
    """
    longest_period = min(LONGEST_PERIOD, (context - len(start_ids)) // 2, len(token_ids))
    if longest_period < SHORTEST_PERIOD:
        raise UserError(
            f"This model reads {context} positions and knows {len(token_ids)} plain tokens, which is too few to test "
            f"for induction with segments of {SHORTEST_PERIOD} tokens.",
            "Choose a model that reads at least 48 positions.",
        )
    rng = np.random.default_rng(seed)
    sequences = []
    for _ in range(count):
        period = int(rng.integers(SHORTEST_PERIOD, longest_period + 1))
        room = min(LONGEST_PREFIX, context - len(start_ids) - 2 * period, len(token_ids) - period)
        n_prefix = int(rng.integers(0, room + 1))
        ids = rng.choice(token_ids, size=n_prefix + period, replace=False)
        sequences.append(np.concatenate([np.array(start_ids, dtype=np.int64), ids, ids[n_prefix:]]))
    return tuple(sequences)


def detector_sequences(tokenizer: Any, seed: int, count: int = N_DETECTOR_TEXTS) -> tuple[str, ...]:
    """Texts in which random words of the vocabulary come twice, and which survive being encoded and decoded.

    A model's tokenizer gives the same ids for the text and for what it decodes those ids to, so a tool that takes
    text sees the very tokens that a tool that takes ids sees. Raises: UserError when no such words can be found.
    """
    rng = np.random.default_rng(seed)
    words = _vocabulary_words(tokenizer)
    texts: list[str] = []
    for _ in range(20 * count):
        if len(words) < DETECTOR_PERIODS[1] or len(texts) == count:
            break
        segment = rng.choice(words, size=int(rng.integers(*DETECTOR_PERIODS)), replace=False).tolist()
        prefix = rng.choice(words, size=int(rng.integers(1, 5))).tolist()
        text = " ".join([*prefix, *segment, *segment])
        if _survives(tokenizer, text):
            texts.append(text)
    if len(texts) < count:
        raise UserError(
            "No texts were found that this model's tokenizer encodes and decodes without change.",
            "Analyse the model with --engine pyvene, which works on token ids alone.",
        )
    return tuple(texts)


def _vocabulary_words(tokenizer: Any) -> list[str]:
    """Words of the vocabulary that stand for themselves: a space, then three or more plain letters."""
    vocabulary = sorted(tokenizer.get_vocab())
    words = (piece[1:] for piece in vocabulary if piece.startswith(WORD_STARTS))
    return [word for word in words if len(word) >= 3 and word.isascii() and word.isalpha() and word.islower()]


def _survives(tokenizer: Any, text: str) -> bool:
    ids = tokenizer.encode(text, add_special_tokens=False)
    decoded = tokenizer.decode(ids)
    return decoded == text and tokenizer.encode(decoded, add_special_tokens=False) == ids
