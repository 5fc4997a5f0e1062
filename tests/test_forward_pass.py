"""From a prompt to tokens, patterns and predictions: positions never shift, odd text is read or refused in words."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.precision import PROB, WEIGHT
from tests.tiny_models import TINY_CONFIGS, classroom_model, save_tiny_model
from utils.errors import UserError
from utils.forward_pass import LONGEST_TEXT, run_forward_pass
from utils.models.loader import load_model_from

SENTENCE = "The cat sat on the mat. The cat sat on the"
AWKWARD_TEXTS = ["😀 猫 مرحبا", "a\tb\n\nc", "</script><img src=x onerror=alert(1)>", "  x  ", "\u202e\u200b", "x"]


@pytest.fixture(scope="module")
def with_start(tmp_path_factory):
    """A tiny OPT, which begins every text with its start mark, id 1, and reads at most 64 positions."""
    return load_model_from(save_tiny_model(tmp_path_factory.mktemp("opt") / "tiny", "opt"))


@pytest.fixture(scope="module")
def without_start(tmp_path_factory):
    return load_model_from(save_tiny_model(tmp_path_factory.mktemp("gpt2") / "tiny", "gpt2"))


@pytest.mark.parametrize("text", [SENTENCE, *AWKWARD_TEXTS])
def test_tokens_and_patterns_have_one_entry_for_each_position(with_start, text):
    forward = run_forward_pass(with_start, text, 60)
    assert forward.patterns.shape == (3, 4, len(forward.tokens), len(forward.tokens))
    assert forward.patterns.dtype == np.float32
    assert forward.prompt == text
    assert [notice.sentence[:21] for notice in forward.notices] == ["This model has no tok"] * (not text.isascii())


@pytest.mark.parametrize("text", ["The cat", "<|endoftext|>", "<|endoftext|> The cat", "The <|endoftext|>"])
def test_the_start_mark_stands_exactly_once_whatever_somebody_types(with_start, without_start, text):
    marked = run_forward_pass(with_start, text, 60)
    plain = run_forward_pass(without_start, text, 60)
    assert marked.has_start_mark
    assert not plain.has_start_mark
    assert marked.token_ids == (1, *plain.token_ids)
    assert 1 not in plain.token_ids
    assert "".join(token.text for token in marked.tokens) == text


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_every_family_answers_with_the_bare_model_s_patterns_and_probabilities(tmp_path, model_type):
    loaded = load_model_from(save_tiny_model(tmp_path / "tiny", model_type))
    forward = run_forward_pass(loaded, SENTENCE, 60)
    with torch.inference_mode():
        bare = loaded.model(torch.tensor([forward.token_ids]), output_attentions=True)
    np.testing.assert_allclose(forward.patterns, torch.cat(bare.attentions).numpy(), atol=WEIGHT)
    probs = torch.softmax(bare.logits[0, -1], dim=-1)
    assert len(forward.predictions) == 10
    assert [prediction.token.id for prediction in forward.predictions] == probs.topk(10).indices.tolist()
    assert forward.predictions[0].prob == pytest.approx(float(probs.max()), abs=PROB)


def test_the_patterns_cannot_be_changed_by_a_reader(without_start):
    with pytest.raises(ValueError, match="read-only"):
        run_forward_pass(without_start, SENTENCE, 60).patterns[0, 0, 0, 0] = 0


def test_a_text_is_cut_at_the_limit_with_the_start_mark_counted_and_says_how_much_was_left_out(with_start):
    forward = run_forward_pass(with_start, "x y z x y z", 8)
    assert len(forward.tokens) == 8
    assert "".join(token.text for token in forward.tokens) == forward.prompt == "x y z x"
    (notice,) = forward.notices
    assert notice.sentence == "Your text was cut at 8 tokens. The last 4 tokens were left out."
    assert notice.fix.label == "Edit the text"


def test_a_text_of_exactly_the_limit_is_not_cut(without_start):
    forward = run_forward_pass(without_start, "x y z", 5)
    assert (len(forward.tokens), forward.notices) == (5, ())
    assert run_forward_pass(without_start, "x y zx", 5).notices[0].sentence.endswith("The last token was left out.")


def test_the_model_s_own_limit_counts_where_it_is_lower(with_start):
    forward = run_forward_pass(with_start, "x" * 100, 128)
    assert len(forward.tokens) == 64
    assert "cut at 64 tokens" in forward.notices[0].sentence


def test_a_cut_leaves_no_half_character(without_start):
    forward = run_forward_pass(without_start, "ab😀😀", 8)  # 2 letters, then 4 tokens for each emoji
    assert forward.prompt == "ab😀"
    assert forward.notices[0].sentence == "Your text was cut at 6 tokens. The last 4 tokens were left out."


def test_a_very_long_text_is_cut_before_it_is_counted(without_start):
    forward = run_forward_pass(without_start, "x" * (LONGEST_TEXT + 1), 60)
    assert forward.notices[0].sentence == "Your text was cut at 60 tokens. The rest was left out."


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\x00", "\ud83d"])
def test_a_text_with_nothing_to_read_is_refused_with_an_example(without_start, text):
    with pytest.raises(UserError, match="Type something to read") as refused:
        run_forward_pass(without_start, text, 60)
    assert refused.value.hint == "A sentence said twice lights the most heads."
    assert refused.value.fix.prompt


def test_half_characters_and_nul_are_left_out_with_a_notice(without_start):
    forward = run_forward_pass(without_start, "a\ud83d\x00 b\ude00", 60)
    assert forward.prompt == "a b"
    assert forward.notices[0].sentence == "3 characters could not be read and were left out."
    assert run_forward_pass(without_start, "a\x00", 60).notices[0].sentence.startswith("One character could not")


def test_two_halves_that_meet_are_one_character(without_start):
    forward = run_forward_pass(without_start, "a\ud83d\ude00", 60)
    assert forward.prompt == "a😀"
    assert [notice.sentence for notice in forward.notices] == [
        "This model has no token for “😀”. It reads it as 4 byte pieces."
    ]


def test_weights_that_give_no_attention_are_refused(tmp_path):
    loaded = load_model_from(save_tiny_model(tmp_path / "tiny"))
    loaded.model.transformer.h[1].attn.c_attn.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="no usable attention"):
        run_forward_pass(loaded, SENTENCE, 60)


def test_attention_that_leaks_to_later_positions_is_refused(tmp_path):
    def look_everywhere(block):
        def forward(hidden, *_, **__):
            n = hidden.shape[1]
            block.attn.c_attn(hidden)
            return hidden, torch.full((1, 4, n, n), 1 / n)  # rows sum to 1, and half of each lies ahead

        return forward

    loaded = load_model_from(save_tiny_model(tmp_path / "tiny"))
    for block in loaded.model.transformer.h:
        block.attn.forward = look_everywhere(block)
    with pytest.raises(UserError, match="no usable attention"):
        run_forward_pass(loaded, SENTENCE, 60)


def test_a_tokenizer_of_another_model_is_refused(without_start):
    other = replace(without_start, config=type(without_start.config)(vocab_size=50))
    with pytest.raises(UserError, match="does not fit"):
        run_forward_pass(other, SENTENCE, 60)


def test_eight_threads_on_the_shipped_model_read_what_each_reads_alone():
    loaded = classroom_model()
    prompts = [f"{SENTENCE} {'cat ' * n}" for n in range(24)]
    alone = [run_forward_pass(loaded, prompt, 128) for prompt in prompts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda prompt: run_forward_pass(loaded, prompt, 128), prompts))
    for one, other in zip(alone, together, strict=True):
        assert one.tokens == other.tokens
        assert np.array_equal(one.patterns, other.patterns)
        assert one.predictions == other.predictions


def test_the_shipped_model_begins_with_its_start_mark_and_continues_a_sentence_with_a_word():
    forward = run_forward_pass(classroom_model(), SENTENCE, 128)
    assert [token.label for token in forward.tokens[:3]] == ["start", "The", "·cat"]
    assert sum(token.is_start for token in forward.tokens) == 1
    assert forward.predictions[0].token.label.startswith("·")
    assert forward.predictions[0].prob > 0.05
