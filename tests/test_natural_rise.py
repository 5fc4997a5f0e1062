"""What ordinary text costs without a head: as reading each sentence by itself gives, with an error over sentences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.tiny_models import TINY_CONFIGS, readable_tiny_model
from utils.experiments.natural_rise import NaturalRise, measure_natural_rise
from utils.experiments.reference_values import mean_values
from utils.experiments.second_copy import token_losses
from utils.heads import HeadId
from utils.pyvene_engine import ablate_heads, capture_head_values

TEXTS = [[1, *range(begin, begin + n)] for begin, n in ((70, 9), (110, 4), (200, 13), (90, 9))]
HEAD = HeadId(1, 2)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_it_is_what_each_sentence_costs_when_it_is_read_by_itself(model_type):
    loaded = readable_tiny_model(model_type)
    mean = mean_values(loaded, TEXTS).later
    found = measure_natural_rise(loaded, TEXTS, HEAD, mean)
    before, rises, counts = [], [], []
    for text in TEXTS:
        ids = torch.tensor([text])
        values = mean[:, :, None].expand(-1, -1, len(text), -1).clone()
        values[:, :, 0] = capture_head_values(loaded, ids)[0, :, :, 0]
        on, off = (token_losses(ablate_heads(loaded, ids, [heads], values).logits, ids) for heads in ((), (HEAD,)))
        before.append(on.sum().item())
        rises.append((off - on).sum().item())
        counts.append(len(text) - 1)
    assert (found.n_texts, found.n_tokens) == (4, 35)
    assert found.before == pytest.approx(sum(before) / 35, abs=1e-4)
    assert found.rise == pytest.approx(sum(rises) / 35, abs=1e-4)
    away = np.array(rises) - np.array(counts) * sum(rises) / 35
    assert found.standard_error == pytest.approx(math.sqrt((away**2).sum() * 4 / 3) / 35, abs=1e-4)


def test_progress_counts_texts_and_few_at_once_change_nothing(monkeypatch):
    loaded = readable_tiny_model("llama")
    mean = mean_values(loaded, TEXTS).later
    together = measure_natural_rise(loaded, TEXTS, HEAD, mean)
    monkeypatch.setattr("utils.experiments.natural_rise.TOKENS_AT_ONCE", 1)
    told: list[tuple[int, int]] = []
    apart = measure_natural_rise(loaded, TEXTS, HEAD, mean, lambda *step: told.append(step))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert apart.rise == pytest.approx(together.rise, abs=1e-5)


def test_a_head_that_keeps_its_own_values_moves_nothing_at_all():
    """One text of two tokens: the mean behind position 0 is the head's own value."""
    loaded = readable_tiny_model("gpt2")
    text = [[1, 80]]
    found = measure_natural_rise(loaded, text * 2, HEAD, mean_values(loaded, text).later)
    assert (found.rise, found.standard_error, found.is_sure) == (0, 0, False)


@pytest.mark.parametrize(("rise", "is_sure"), [(0.4, True), (0.39, False), (-0.4, True), (-0.3, False)])
def test_below_two_standard_errors_nothing_can_be_told(rise, is_sure):
    assert NaturalRise(HEAD, 80, 1500, 3.0, rise, 0.2).is_sure is is_sure
