"""Switching heads off through PyVene equals a hook written by hand, for every family, and leaves no trace."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.precision import WEIGHT, of_size
from tests.test_pyvene_capture import VOCABULARY, bare_attentions, count_hooks, padded_batch
from tests.tiny_models import N_HEADS, N_LAYERS, TINY_CONFIGS, classroom_model, tiny_model
from utils.errors import UserError
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_heads, capture_head_values, capture_patterns

# The output projections again, written apart from the registry's paths that they check.
PROJECTIONS: dict[str, Callable[[Any, int], torch.nn.Module]] = {
    "gpt2": lambda model, layer: model.transformer.h[layer].attn.c_proj,
    "gpt_neo": lambda model, layer: model.transformer.h[layer].attn.attention.out_proj,
    "gpt_neox": lambda model, layer: model.gpt_neox.layers[layer].attention.dense,
    "opt": lambda model, layer: model.model.decoder.layers[layer].self_attn.out_proj,
    "attention_only": lambda model, layer: model.layers[layer].attention.output,
    **dict.fromkeys(
        ("llama", "qwen2", "qwen3", "gemma3_text", "mistral"),
        lambda model, layer: model.model.layers[layer].self_attn.o_proj,
    ),
    "phi": lambda model, layer: model.model.layers[layer].self_attn.dense,
    "bloom": lambda model, layer: model.transformer.h[layer].self_attention.dense,
}
# Other heads in each of three rows, and as many as one likes: two of one layer, one of each layer, none.
HEADS = [[HeadId(0, 0), HeadId(0, 2)], [HeadId(layer, 3 - layer) for layer in range(N_LAYERS)], []]
ALL_HEADS = [HeadId(layer, head) for layer in range(N_LAYERS) for head in range(N_HEADS)]


def by_hand(
    loaded: LoadedModel, batch: dict[str, torch.Tensor], heads: list[list[HeadId]], values: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Patterns and logits with hooks written here. Args: values: [batch, layer, head, query_pos, d_head]."""

    def replaced(layer: int) -> Callable:
        def hook(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
            side_by_side = args[0].clone()
            d_head = side_by_side.shape[-1] // N_HEADS
            for row, chosen in enumerate(heads):
                for _, head in (head for head in chosen if head.layer == layer):
                    side_by_side[row, :, head * d_head : (head + 1) * d_head] = values[row, layer, head]
            return (side_by_side,)

        return hook

    with ExitStack() as hooks:
        for layer in range(N_LAYERS):
            projection = PROJECTIONS[loaded.name](loaded.model, layer)
            hooks.callback(projection.register_forward_pre_hook(replaced(layer)).remove)
        return bare_attentions(loaded.model, **batch)


def replacement_values(loaded: LoadedModel, method: str) -> torch.Tensor | None:
    """Random values in the shape that each method takes, for three rows of twelve positions."""
    every_head = (N_LAYERS, N_HEADS)
    shapes = {"mean": every_head, "position": (*every_head, 12), "resample": (3, *every_head, 12)}
    if method == "zero":
        return None
    d_head = loaded.family.d_head(loaded.config)
    return torch.randn(*shapes[method], d_head, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
@pytest.mark.parametrize("method", ["zero", "mean", "position", "resample"])
def test_other_heads_off_in_each_padded_row_equal_hooks_written_by_hand(model_type, method):
    loaded, batch = tiny_model(model_type), padded_batch()
    replacement = replacement_values(loaded, method)
    values = torch.zeros(N_LAYERS, N_HEADS, 1) if replacement is None else replacement
    values = values[:, :, None] if values.ndim == 3 else values  # one value for all positions
    values = values.expand(3, N_LAYERS, N_HEADS, 12, -1)
    patterns, logits = by_hand(loaded, batch, HEADS, values)
    ablated = ablate_heads(
        loaded,
        batch["input_ids"],
        HEADS,
        replacement,
        batch["attention_mask"],
        collect_patterns=True,
    )
    torch.testing.assert_close(ablated.logits, logits, rtol=0, atol=of_size(logits))
    torch.testing.assert_close(ablated.patterns, patterns, rtol=0, atol=WEIGHT)
    bare = capture_patterns(loaded, **batch)
    assert (ablated.logits - bare.logits).abs().amax((1, 2))[:2].min() > 1e-2
    torch.testing.assert_close(ablated.logits[2], bare.logits[2], rtol=0, atol=of_size(logits))


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_no_head_off_is_the_bare_model_bit_for_bit(model_type):
    loaded, batch = tiny_model(model_type), padded_batch()
    patterns, logits = bare_attentions(loaded.model, **batch)
    plain = ablate_heads(loaded, batch["input_ids"], [[], [], []], attention_mask=batch["attention_mask"])
    watched = ablate_heads(
        loaded, batch["input_ids"], [[], [], []], attention_mask=batch["attention_mask"], collect_patterns=True
    )
    assert torch.equal(plain.logits, logits)
    assert plain.patterns.shape == (3, 0, N_HEADS, 12, 12)
    assert torch.equal(watched.logits, logits)
    assert torch.equal(watched.patterns, patterns)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_heads_whose_own_values_are_put_back_change_nothing(model_type):
    loaded, batch = tiny_model(model_type), padded_batch()
    own = capture_head_values(loaded, **batch)
    assert own.shape == (3, N_LAYERS, N_HEADS, 12, loaded.family.d_head(loaded.config))
    ablated = ablate_heads(loaded, batch["input_ids"], [ALL_HEADS] * 3, own, batch["attention_mask"])
    assert torch.equal(ablated.logits, bare_attentions(loaded.model, **batch)[1])


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_bare_model_behaves_afterwards_as_before(model_type):
    loaded, batch = tiny_model(model_type), padded_batch()
    before, hooks_before = bare_attentions(loaded.model, **batch), count_hooks(loaded.model)
    calls: list[int] = []
    handle = PROJECTIONS[model_type](loaded.model, 0).register_forward_pre_hook(lambda *_: calls.append(1))
    ablate_heads(loaded, batch["input_ids"], HEADS, collect_patterns=True)
    after = bare_attentions(loaded.model, **batch)
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    assert len(calls) == 2  # somebody else's hook is still there
    handle.remove()
    assert count_hooks(loaded.model) == hooks_before
    assert all(weight.requires_grad for weight in loaded.model.parameters())


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_without_all_heads_of_a_layer_its_attention_writes_only_its_bias(model_type):
    loaded, ids = tiny_model(model_type), padded_batch()["input_ids"]
    written = []
    projection = PROJECTIONS[model_type](loaded.model, 1)
    with ExitStack() as hooks:
        hooks.callback(projection.register_forward_hook(lambda *call: written.append(call[2])).remove)
        ablate_heads(loaded, ids, [ALL_HEADS[N_HEADS : 2 * N_HEADS]] * 3)
    bias = projection.bias if projection.bias is not None else torch.zeros(())
    torch.testing.assert_close(written[0], bias.detach().expand_as(written[0]), rtol=0, atol=0)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_without_any_head_the_last_token_knows_nothing_of_the_others(model_type):
    loaded, ids = tiny_model(model_type), padded_batch()["input_ids"][:1]
    other = torch.cat([ids[:, :-1].flip(1), ids[:, -1:]], dim=1)
    one, two = (ablate_heads(loaded, text, [ALL_HEADS], only_last_logits=True).logits for text in (ids, other))
    torch.testing.assert_close(one, two, rtol=0, atol=of_size(one))
    with_heads = [capture_patterns(loaded, text, only_last_logits=True).logits for text in (ids, other)]
    assert (with_heads[0] - with_heads[1]).abs().max() > 1e-2


@pytest.mark.parametrize("model_type", ["llama", "qwen3", "gemma3_text"])
def test_a_head_s_values_are_its_pattern_times_the_values_of_its_key_head(model_type):
    loaded, ids = tiny_model(model_type), padded_batch()["input_ids"][:1]
    v_outputs: list[torch.Tensor] = []
    with ExitStack() as hooks:
        for block in loaded.model.model.layers:
            v_proj = block.self_attn.v_proj
            hooks.callback(v_proj.register_forward_hook(lambda *call: v_outputs.append(call[2])).remove)
        patterns = capture_patterns(loaded, ids).patterns[0]
    d_head, n_kv_heads = loaded.family.d_head(loaded.config), loaded.family.n_kv_heads(loaded.config)
    assert n_kv_heads == 2
    own = capture_head_values(loaded, ids)[0]
    for layer, head in ALL_HEADS:
        key_head = head // (N_HEADS // n_kv_heads)
        value = v_outputs[layer][0, :, key_head * d_head : (key_head + 1) * d_head]
        torch.testing.assert_close(own[layer, head], patterns[layer, head] @ value, rtol=0, atol=of_size(value))


def test_a_head_that_is_off_leaves_patterns_up_to_its_layer_alone_and_changes_later_ones():
    loaded, ids = tiny_model("gpt2"), padded_batch()["input_ids"]
    bare = capture_patterns(loaded, ids).patterns
    ablated = ablate_heads(loaded, ids, [[HeadId(1, 2)]] * 3, collect_patterns=True).patterns
    assert torch.equal(ablated[:, :2], bare[:, :2])
    assert (ablated[:, 2] - bare[:, 2]).abs().max() > 1e-3


@pytest.mark.parametrize("head", [HeadId(N_LAYERS, 0), HeadId(0, N_HEADS), HeadId(-1, 0), HeadId(0, -1)])
def test_a_head_that_the_model_does_not_have_is_refused_with_the_ones_it_has(head):
    with pytest.raises(UserError, match="This model has layers 0 to 2, each with heads 0 to 3") as refused:
        ablate_heads(tiny_model("gpt2"), padded_batch()["input_ids"], [[head], [], []])
    assert refused.value.sentence.endswith(f"There is no layer {head.layer}, head {head.head}.".replace("-", "−"))


def test_arguments_that_do_not_fit_the_batch_are_refused_with_their_shapes():
    loaded, ids = tiny_model("gpt2"), padded_batch()["input_ids"]
    with pytest.raises(ValueError, match="needs 3 lists of heads, not 1"):
        ablate_heads(loaded, ids, [[HeadId(0, 0)]])
    with pytest.raises(ValueError, match=re.escape("(3, 4, 8), (3, 4, 12, 8), (3, 3, 4, 12, 8), not (4, 3, 8)")):
        ablate_heads(loaded, ids, HEADS, torch.zeros(4, 3, 8))


def test_a_failed_pass_leaves_no_hook_behind():
    loaded = tiny_model("gpt2")
    with pytest.raises(IndexError):
        ablate_heads(loaded, torch.tensor([[VOCABULARY + 5]]), [[HeadId(0, 0)]])
    assert sum(len(module._forward_pre_hooks) for module in loaded.model.modules()) == 0
    assert not loaded.lock.locked()


def test_four_threads_on_one_model_get_what_each_gets_alone():
    loaded, ids = tiny_model("gpt2"), padded_batch()["input_ids"][:1]
    questions = ALL_HEADS * 5

    def logits_without(head: HeadId) -> torch.Tensor:
        return ablate_heads(loaded, ids, [[head]]).logits

    alone = [logits_without(head) for head in questions]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(logits_without, questions))
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


def test_the_shipped_model_with_a_head_off_equals_a_hook_written_by_hand():
    loaded = classroom_model()
    ids = torch.tensor([[0, *loaded.tokenizer("The cat sat on the mat. The cat sat on the").input_ids]])
    d_head = loaded.family.d_head(loaded.config)

    def hook(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        values = args[0].clone()
        values[..., 3 * d_head : 4 * d_head] = 0
        return (values,)

    handle = loaded.model.transformer.h[1].attn.c_proj.register_forward_pre_hook(hook)
    with torch.inference_mode():
        expected = loaded.model(ids, use_cache=False).logits
    handle.remove()
    assert torch.equal(ablate_heads(loaded, ids, [[HeadId(1, 3)]]).logits, expected)


def test_only_the_engine_s_folder_imports_pyvene():
    root = Path(__file__).parent.parent
    files = [path for folder in ("utils", "components", "scripts") for path in (root / folder).rglob("*.py")]
    importing = {path.parent.name for path in files if re.search(r"^\s*(import|from) pyvene\b", path.read_text(), re.M)}
    assert importing == {"pyvene_engine"}
