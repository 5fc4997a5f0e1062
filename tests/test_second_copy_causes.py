"""What each head is good for on the second copy: as reading the whole model again says, and for a head made by hand."""

from __future__ import annotations

import functools
import math
import threading
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tests.precision import of_size
from tests.tiny_models import FAMILY_OF_TYPE, N_HEADS, N_LAYERS, TINY_CONFIGS, byte_level_tokenizer, readable_tiny_model
from utils.experiments.rerun import read_again, read_first
from utils.experiments.second_copy import random_segments, said_twice, token_losses
from utils.experiments.second_copy_causes import (
    cause_segments,
    measure_causes,
    stand_ins,
    work_of,
    work_of_all,
)
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_heads, capture_patterns

N_TEXTS, N_TOKENS = 3, 7
ALL_HEADS = [HeadId(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]
FAMILIES = pytest.mark.parametrize("model_type", TINY_CONFIGS)


def segments_of(loaded: LoadedModel) -> np.ndarray:
    return random_segments(loaded, N_TEXTS, N_TOKENS, seed=0)


@functools.cache
def reading_of(model_type: str):
    loaded = readable_tiny_model(model_type)
    return loaded, read_first(loaded, said_twice(segments_of(loaded), loaded.start_mark_id), N_TOKENS)


@FAMILIES
def test_a_head_that_keeps_its_own_values_changes_nothing_at_all(model_type):
    loaded, first = reading_of(model_type)
    for head in (None, *ALL_HEADS):
        assert torch.equal(read_again(loaded, first, head, first.head_values), first.logits), head


@FAMILIES
def test_from_its_own_layer_on_it_is_what_the_whole_model_gives_without_the_head(model_type):
    loaded, first = reading_of(model_type)
    (replacement,) = stand_ins([first])
    for head in ALL_HEADS:
        whole = ablate_heads(loaded, first.ids, [(head,)] * N_TEXTS, replacement).logits[:, -N_TOKENS:]
        found = read_again(loaded, first, head, replacement)
        torch.testing.assert_close(found, whole, atol=of_size(whole), rtol=0)
        assert (found - first.logits).abs().max() > 100 * of_size(whole), (
            "the head changes nothing, so this says little"
        )


def test_a_head_that_is_off_keeps_its_own_first_position_and_has_one_mean_elsewhere():
    _, first = reading_of("llama")
    (replacement,) = stand_ins([first])
    assert torch.equal(replacement[:, :, :, 0], first.head_values[:, :, :, 0])
    by_hand = first.head_values[:, 1, 2, 1:].flatten(0, 1).mean(dim=0)
    torch.testing.assert_close(replacement[:, 1, 2, 1:], by_hand.expand_as(replacement[:, 1, 2, 1:]))


def test_the_mean_is_over_all_texts_however_many_are_read_at_once(monkeypatch):
    loaded = readable_tiny_model("gpt2")
    together = measure_causes(loaded, segments_of(loaded))
    monkeypatch.setattr("utils.experiments.second_copy_causes.LOGITS_BYTES", 1)
    apart = measure_causes(loaded, segments_of(loaded))
    np.testing.assert_allclose(together.rise, apart.rise, atol=1e-4)
    np.testing.assert_allclose(together.standard_error, apart.standard_error, atol=1e-4)


def test_the_rise_is_that_of_the_mean_loss_and_its_error_that_of_the_mean_over_texts():
    loaded, first = reading_of("qwen2")
    (replacement,) = stand_ins([first])
    found = measure_causes(loaded, segments_of(loaded))
    assert (found.n_sequences, found.n_tokens) == (N_TEXTS, N_TOKENS)
    head = HeadId(1, 3)
    whole = [ablate_heads(loaded, first.ids, [off] * N_TEXTS, replacement).logits for off in ((), (head,))]
    before, after = (token_losses(logits, first.ids)[:, -(N_TOKENS - 1) :].mean(dim=1) for logits in whole)
    each = (after - before).double().numpy()
    assert found.rise[head] == pytest.approx(each.mean(), abs=1e-5)
    assert found.standard_error[head] == pytest.approx(each.std(ddof=1) / math.sqrt(N_TEXTS), abs=1e-5)


@FAMILIES
def test_the_model_is_afterwards_as_it_was(model_type):
    loaded, first = reading_of(model_type)
    before = capture_patterns(loaded, torch.tensor([[1, 40, 50, 60]]))
    read_again(loaded, first, HeadId(2, 1), torch.zeros_like(first.head_values))
    after = capture_patterns(loaded, torch.tensor([[1, 40, 50, 60]]))
    assert torch.equal(before.logits, after.logits)
    assert torch.equal(before.patterns, after.patterns)
    assert not any("forward" in vars(module) for module in loaded.model.modules())
    assert not any(module._forward_hooks for module in loaded.model.modules())


def test_an_exception_on_the_way_leaves_the_model_as_it_was():
    loaded, first = reading_of("llama")

    def breaks(*_: Any) -> None:
        raise RuntimeError("broken on purpose")

    last = loaded.model.model.layers[2]
    hook = last.register_forward_pre_hook(breaks)
    with pytest.raises(RuntimeError, match="on purpose"):
        read_again(loaded, first, HeadId(2, 0), first.head_values)
    hook.remove()
    assert not loaded.lock.locked()
    assert not any("forward" in vars(module) for module in loaded.model.modules())


def test_whoever_reads_meanwhile_gets_the_model_between_two_heads():
    loaded = readable_tiny_model("gpt2")
    ids = torch.tensor([[1, 40, 50, 60]])
    alone = capture_patterns(loaded, ids).logits
    seen: list[torch.Tensor] = []

    def after_head(_work: int) -> None:
        other = threading.Thread(target=lambda: seen.append(capture_patterns(loaded, ids).logits))
        other.start()
        other.join(10)

    measure_causes(loaded, segments_of(loaded), after_head)
    assert len(seen) == len(ALL_HEADS)
    assert all(torch.equal(logits, alone) for logits in seen)


def test_a_measurement_can_be_ended_after_any_head():
    loaded = readable_tiny_model("gpt2")
    done: list[int] = []

    def stop(work: int) -> None:
        done.append(work)
        if len(done) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_causes(loaded, segments_of(loaded), stop)
    assert len(done) == 2


@pytest.mark.parametrize("model_type", ["gpt2", "opt", "gemma3_text", "attention_only"])
def test_the_work_that_is_told_adds_up_and_shrinks_with_depth(model_type):
    loaded = readable_tiny_model(model_type)
    told: list[int] = []
    measure_causes(loaded, segments_of(loaded)[:2], told.append)
    assert sum(told) == work_of_all(loaded, segments_of(loaded)[:2])
    ids = said_twice(segments_of(loaded)[:2], loaded.start_mark_id)
    assert work_of(loaded, ids, HeadId(0, 0)) > work_of(loaded, ids, HeadId(N_LAYERS - 1, 0)) > 0
    assert work_of(loaded, ids, HeadId(0, 0)) >= ids.numel()


def test_segments_are_as_long_as_the_model_reads_twice():
    loaded = readable_tiny_model("gpt2")  # 64 positions, of which one is the start mark
    assert cause_segments(loaded, seed=0, n_tokens=40).shape == (8, 31)
    assert cause_segments(loaded, seed=0, n_sequences=2, n_tokens=5).shape == (2, 5)
    assert cause_segments(readable_tiny_model("bloom"), seed=0).shape == (8, 25)  # reads texts of any length
    assert not np.array_equal(cause_segments(loaded, seed=0), cause_segments(loaded, seed=1))


V, PERIOD = 12, 5
SCALE = 6.0


def copying_model() -> LoadedModel:
    """One layer of two heads, without a start mark: head 0 looks PERIOD - 1 back, at the token after the earlier copy,
    and adds SCALE to its logit; head 1 looks everywhere evenly and writes nothing."""
    n = 2 * PERIOD
    config = AutoConfig.for_model(
        "attention_only",
        vocab_size=V,
        hidden_size=2 * V + n,
        num_hidden_layers=1,
        num_attention_heads=2,
        head_dim=V,
        max_position_embeddings=n,
    )
    model: Any = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for weight in model.parameters():
        torch.nn.init.zeros_(weight)
    attention = model.layers[0].attention
    with torch.no_grad():
        model.embed.weight[:, :V] = torch.eye(V)
        model.positions.weight[:, 2 * V :] = torch.eye(n)
        for position in range(PERIOD - 1, n):
            attention.query.weight[position - (PERIOD - 1), 2 * V + position] = 1000
        attention.key.weight[:n, 2 * V :] = torch.eye(n)
        attention.value.weight[:V, :V] = torch.eye(V)
        attention.output.weight[V : 2 * V, :V] = SCALE * torch.eye(V)
        model.unembed.weight[:, V : 2 * V] = torch.eye(V)
    family, tokenizer = FAMILY_OF_TYPE["attention_only"], byte_level_tokenizer()
    return LoadedModel("copying", family, model, tokenizer, config, start_mark_id=None)


def test_a_head_made_by_hand_to_copy_costs_what_can_be_worked_out_and_the_other_exactly_nothing():
    segments = np.array([[2, 3, 4, 5, 6], [7, 8, 9, 10, 11]])
    found = measure_causes(copying_model(), segments)
    ids = np.concatenate([segments, segments], axis=1)
    looked_at = np.zeros((2, 2 * PERIOD, V))  # what the copying head hands on: the token it looks at
    for text, position in np.ndindex(2, 2 * PERIOD):
        if position >= PERIOD - 1:
            looked_at[text, position, ids[text, position - PERIOD + 1]] = 1
        else:
            looked_at[text, position, ids[text, : position + 1]] = 1 / (position + 1)
    mean = SCALE * looked_at[:, 1:].mean(axis=(0, 1))
    with_head = math.log(math.exp(SCALE) + V - 1) - SCALE
    without = [np.log(np.exp(mean).sum()) - mean[segment[1:]].mean() for segment in segments]
    expected = np.array(without) - with_head
    assert found.rise[0, 0] == pytest.approx(expected.mean(), abs=1e-5)
    assert found.standard_error[0, 0] == pytest.approx(expected.std(ddof=1) / math.sqrt(2), abs=1e-5)
    assert found.rise[0, 0] > 2
    assert found.rise[0, 1] == 0 == found.standard_error[0, 1]
