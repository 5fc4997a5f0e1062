"""PyVene gives what the bare model gives, for every family, and leaves the model as it found it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from tests.precision import MEAN_WEIGHT, WEIGHT, of_size
from tests.tiny_models import FAMILY_OF_TYPE, N_HEADS, N_LAYERS, TINY_CONFIGS, classroom_model, tiny_model
from utils.pyvene_engine import capture_patterns

VOCABULARY = 97


def bare_attentions(model: torch.nn.Module, **inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Patterns [batch, layer, head, query_pos, key_pos] and logits, from transformers alone."""
    with torch.inference_mode():
        outputs = model(**inputs, output_attentions=True, use_cache=False)
    assert len(outputs.attentions) == N_LAYERS
    return torch.stack(outputs.attentions, dim=1), outputs.logits


def count_hooks(model: torch.nn.Module) -> int:
    """Forward hooks on the model and its parts; transformers keeps some of its own for output_attentions."""
    return sum(len(module._forward_hooks) for module in model.modules())


def padded_batch() -> dict[str, torch.Tensor]:
    """Three sequences of 12, 9 and 5 tokens, padded on the right."""
    ids = torch.randint(2, VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(1))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    mask[2, 5:] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 0), "attention_mask": mask}


def test_every_model_type_of_every_family_has_a_tiny_model():
    assert set(TINY_CONFIGS) == set(FAMILY_OF_TYPE)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_pyvene_gives_the_same_patterns_and_logits_as_the_bare_model(model_type):
    tiny = tiny_model(model_type)
    batch = padded_batch()
    patterns, logits = bare_attentions(tiny.model, **batch)
    capture = capture_patterns(tiny, batch["input_ids"], batch["attention_mask"])
    assert capture.patterns.shape == (3, N_LAYERS, N_HEADS, 12, 12)
    torch.testing.assert_close(capture.patterns, patterns, rtol=0, atol=WEIGHT)
    torch.testing.assert_close(capture.logits, logits, rtol=0, atol=of_size(logits))


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_patterns_of_a_real_sequence_are_causal_distributions_that_differ_between_layers_and_heads(model_type):
    tiny = tiny_model(model_type)
    patterns = capture_patterns(tiny, padded_batch()["input_ids"][:1]).patterns[0]
    assert not patterns.triu(1).any()
    torch.testing.assert_close(patterns.sum(-1), torch.ones(N_LAYERS, N_HEADS, 12), rtol=0, atol=MEAN_WEIGHT)
    flat = patterns.reshape(N_LAYERS * N_HEADS, -1)
    assert torch.pdist(flat).min() > 1e-3


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_a_padded_sequence_has_the_patterns_it_has_alone(model_type):
    tiny = tiny_model(model_type)
    batch = padded_batch()
    together = capture_patterns(tiny, batch["input_ids"], batch["attention_mask"]).patterns
    for row, length in enumerate([12, 9, 5]):
        alone = capture_patterns(tiny, batch["input_ids"][row : row + 1, :length]).patterns
        torch.testing.assert_close(together[row, ..., :length, :length], alone[0], rtol=0, atol=WEIGHT)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_bare_model_behaves_afterwards_as_before(model_type):
    tiny = tiny_model(model_type)
    batch = padded_batch()
    before = bare_attentions(tiny.model, **batch)
    hooks_before = count_hooks(tiny.model)
    calls = []
    handle = tiny.model.get_input_embeddings().register_forward_hook(lambda *_: calls.append(1))
    capture_patterns(tiny, batch["input_ids"])
    after = bare_attentions(tiny.model, **batch)
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert len(calls) == 2  # somebody else's hook is still there
    handle.remove()
    assert all(weight.requires_grad for weight in tiny.model.parameters())
    assert count_hooks(tiny.model) == hooks_before


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_last_logits_alone_are_the_last_of_all_logits(model_type):
    tiny = tiny_model(model_type)
    ids = padded_batch()["input_ids"]
    last = capture_patterns(tiny, ids, only_last_logits=True).logits
    assert last.shape == (3, 1, VOCABULARY)
    torch.testing.assert_close(last[:, 0], capture_patterns(tiny, ids).logits[:, -1], rtol=0, atol=of_size(last))


def test_a_model_without_eager_attention_is_refused_rather_than_read_as_empty():
    tiny = tiny_model("gpt2")
    tiny.model.set_attn_implementation("sdpa")
    with pytest.raises(RuntimeError, match="eager"):
        capture_patterns(tiny, padded_batch()["input_ids"])
    tiny.model.set_attn_implementation("eager")
    assert capture_patterns(tiny, padded_batch()["input_ids"]).patterns.shape[1] == N_LAYERS


def test_a_failed_pass_leaves_no_hook_behind():
    tiny = tiny_model("gpt2")
    with pytest.raises(IndexError):
        capture_patterns(tiny, torch.tensor([[VOCABULARY + 5]]))
    assert count_hooks(tiny.model) == 0
    assert not tiny.lock.locked()


def test_eight_threads_on_one_model_get_what_each_gets_alone():
    tiny = tiny_model("gpt2")
    texts = [
        torch.randint(2, VOCABULARY, (1, 6 + n % 9), generator=torch.Generator().manual_seed(n)) for n in range(64)
    ]
    alone = [capture_patterns(tiny, ids).patterns for ids in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda ids: capture_patterns(tiny, ids).patterns, texts))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


def test_pyvene_gives_the_shipped_model_s_own_attentions_and_logits_bit_for_bit():
    loaded = classroom_model()
    ids = torch.tensor([[0, *loaded.tokenizer("The cat sat on the mat. The cat sat on the").input_ids]])
    with torch.inference_mode():
        bare = loaded.model(ids, output_attentions=True, use_cache=False)
    capture = capture_patterns(loaded, ids)
    assert len(bare.attentions) == loaded.n_layers
    assert torch.equal(capture.patterns, torch.stack(bare.attentions, dim=1))
    assert torch.equal(capture.logits, bare.logits)
