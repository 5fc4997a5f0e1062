"""What breaks without a head in real models: a few heads each, on the texts on which their catalogues are made."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.real_models import GEMMA3, SMOLLM2, real_model
from utils.experiments.rerun import read_again, read_first
from utils.experiments.second_copy import said_twice, token_losses
from utils.experiments.second_copy_causes import cause_segments, rises_without, stand_ins
from utils.heads import HeadId
from utils.pyvene_engine import ablate_heads


def rises_of(name: str, n_texts: int, *heads: str) -> list[float]:
    """The mean rise without each head over the first texts, in nats per token."""
    loaded = real_model(name)
    segments = cause_segments(loaded, seed=0)[:n_texts]
    return rises_without(loaded, segments, [HeadId.parse(head) for head in heads]).mean(axis=1).tolist()


def test_smollm2_repeats_by_what_l16h0_writes_and_l24h4_holds_back():
    writer, reader, reader_too, holder_back = rises_of(SMOLLM2, 8, "L16H0", "L18H6", "L17H3", "L24H4")
    assert 4 < writer < 5.5
    assert writer > reader > reader_too > 0.5
    assert -0.6 < holder_back < -0.15


def test_gemma3_repeats_by_three_heads():
    first, *others, another = rises_of(GEMMA3, 2, "L11H2", "L10H1", "L4H1", "L2H3")
    assert first > 10
    assert min(others) > 3
    assert abs(another) < 0.5


@pytest.mark.parametrize(("name", "head"), [(SMOLLM2, HeadId(18, 6)), (GEMMA3, HeadId(10, 1))])
def test_from_its_own_layer_on_it_is_what_the_whole_model_says_and_nothing_for_no_head(name, head):
    loaded = real_model(name)
    ids = said_twice(cause_segments(loaded, 0, n_sequences=2), loaded.start_mark_id)
    first = read_first(loaded, ids, 25)
    (replacement,) = stand_ins([first])
    found = read_again(loaded, first, head, replacement)
    whole = ablate_heads(loaded, ids, [(head,)] * 2, replacement).logits[:, -25:]
    losses = [token_losses(logits, ids[:, -25:]).mean().item() for logits in (found, whole)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert torch.equal(read_again(loaded, first, head, first.head_values), first.logits)
    assert np.isfinite(losses).all()
