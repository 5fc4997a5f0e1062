"""The catalogue's inputs: deterministic, varied, and of a kind that only a look at the earlier copy predicts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from utils.catalogue.inputs import (
    detector_sequences,
    make_inputs,
    passages_of,
    plain_token_ids,
    read_sentences,
    repeated_sequences,
)
from utils.errors import UserError

MODEL_DIR = Path(__file__).resolve().parent.parent / "models" / "classroom-gpt2"
START_ID = 0


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(MODEL_DIR)


def period_of(sequence: np.ndarray) -> int:
    """The distance between the two copies of the last token."""
    return len(sequence) - 1 - int(np.flatnonzero(sequence[:-1] == sequence[-1])[0])


def test_same_seed_gives_same_inputs_and_another_seed_others(tokenizer):
    first, again, other = (make_inputs(tokenizer, [START_ID], 256, seed) for seed in (0, 0, 1))
    assert first.hash == again.hash != other.hash
    assert all(np.array_equal(a, b) for a, b in zip(first.repeated, again.repeated, strict=True))


def test_hash_changes_with_a_single_token(tokenizer):
    inputs = make_inputs(tokenizer, [START_ID], 256, 0)
    before = inputs.hash
    inputs.sentences[3][2] += 1
    assert inputs.hash != before


def test_every_sequence_ends_with_a_segment_said_twice(tokenizer):
    for sequence in make_inputs(tokenizer, [START_ID], 256, 0).repeated:
        period = period_of(sequence)
        assert np.array_equal(sequence[-period:], sequence[-2 * period : -period])


def test_periods_and_offsets_vary_within_one_catalogue(tokenizer):
    sequences = make_inputs(tokenizer, [START_ID], 256, 0).repeated
    periods = [period_of(sequence) for sequence in sequences]
    offsets = [len(sequence) - 2 * period for sequence, period in zip(sequences, periods, strict=True)]
    assert len(sequences) >= 50
    assert min(periods) >= 20
    assert max(periods) <= 60
    assert len(set(periods)) > 20
    assert len(set(offsets)) > 20
    assert Counter(periods).most_common(1)[0][1] <= 5


def test_sequences_begin_with_the_start_mark_and_hold_no_other_special_token(tokenizer):
    inputs = make_inputs(tokenizer, [START_ID], 256, 0)
    for sequence in (*inputs.repeated, *inputs.sentences):
        assert sequence[0] == START_ID
        assert START_ID not in sequence[1:]


def test_a_model_without_start_mark_gets_none(tokenizer):
    inputs = make_inputs(tokenizer, [], 256, 0)
    assert not any(START_ID in sequence for sequence in (*inputs.repeated, *inputs.sentences))


def test_plain_ids_leave_out_special_tokens(tokenizer):
    assert START_ID not in plain_token_ids(tokenizer)
    assert len(plain_token_ids(tokenizer)) == len(tokenizer) - 1


@pytest.mark.parametrize("context", [41, 48, 64, 100, 256])
def test_no_sequence_is_longer_than_the_context(tokenizer, context):
    inputs = make_inputs(tokenizer, [START_ID], context, 0)
    assert max(map(len, (*inputs.repeated, *inputs.sentences))) <= context


def test_a_context_too_short_for_two_segments_is_refused():
    with pytest.raises(UserError, match="reads 40 positions"):
        repeated_sequences(np.arange(1, 1000), [START_ID], context=40, seed=0)


def test_a_tiny_vocabulary_is_enough_if_a_segment_fits():
    sequences = repeated_sequences(np.arange(1, 31), [], context=200, seed=0)
    assert max(period_of(sequence) for sequence in sequences) <= 30


def test_sentences_are_many_varied_and_repeat_few_tokens(tokenizer):
    sentences = make_inputs(tokenizer, [], 256, 0).sentences
    lengths = [len(sentence) for sentence in sentences]
    returning = [len(sentence) - len(set(sentence.tolist())) for sentence in sentences]
    assert len(set(read_sentences())) == len(sentences) >= 24
    assert min(lengths) >= 12
    assert max(lengths) <= 60
    assert sum(returning) / sum(lengths) < 0.08


def test_detector_texts_survive_encoding_and_decoding(tokenizer):
    texts = detector_sequences(tokenizer, seed=0)
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.encode(tokenizer.decode(ids), add_special_tokens=False) == ids
        assert tokenizer.decode(ids) == text
    assert texts == detector_sequences(tokenizer, seed=0)
    assert texts != detector_sequences(tokenizer, seed=1)


def test_detector_texts_hold_repeats_of_several_lengths(tokenizer):
    lengths = set()
    for text in detector_sequences(tokenizer, seed=0):
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert len(ids) - len(set(ids)) >= 5
        lengths.add(len(ids))
    assert len(lengths) > 5


def test_passages_are_sentences_one_after_another_until_sixty_tokens_are_there():
    sentences = [np.array([0, *range(start, start + 25)]) for start in (100, 200, 300, 400, 500, 600, 700)]
    passages = passages_of(sentences, [0], context=200)
    assert [len(passage) for passage in passages] == [76, 76]  # the seventh sentence is left over
    assert passages[0].tolist() == [0, *range(100, 125), *range(200, 225), *range(300, 325)]
    assert all((passage == 0).sum() == 1 for passage in passages)


@pytest.mark.parametrize(("context", "lengths"), [(40, [40, 40]), (300, [51])])
def test_a_passage_is_cut_at_what_the_model_reads_and_may_be_all_there_is(context, lengths):
    sentences = [np.array([0, *range(start, start + 25)]) for start in (100, 200)]
    found = passages_of(sentences if context == 300 else sentences * 2, [0], context)
    assert [len(passage) for passage in found] == lengths
