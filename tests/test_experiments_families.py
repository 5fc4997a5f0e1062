"""Experiments on every family: the same as with hooks written by hand, and parts that sum to the whole."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import pytest
import torch

from tests.precision import KL, MEAN_WEIGHT, PROB, of_size
from tests.test_pyvene_ablation import PROJECTIONS
from tests.tiny_models import N_HEADS, N_LAYERS, TINY_CONFIGS, random_model, readable_tiny_model
from utils.errors import UserError
from utils.experiments.direct_logits import head_direct_logits
from utils.experiments.later_patterns import measure_later_patterns
from utils.experiments.logit_lens import read_lens
from utils.experiments.questions import Method
from utils.experiments.reference_values import mean_values, other_text, replacement_values
from utils.experiments.residual_parts import split_residual
from utils.experiments.scan import scan_heads
from utils.experiments.second_copy import measure_second_copy, said_twice
from utils.experiments.switch_off import switch_off
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_heads

IDS = [1, *range(40, 60)]
TEXTS = [[1, *range(begin, begin + 9)] for begin in (70, 110, 200)]
HEADS = (HeadId(0, 2), HeadId(1, 1))
DRAWS = [(HeadId(0, 0), HeadId(1, 3)), (HeadId(1, 0), HeadId(2, 2))]


def values_by_hand(loaded: LoadedModel, ids: list[int]) -> torch.Tensor:
    """What the output projections read, with hooks written here: [layer, position, head * d_head]."""
    seen: list[torch.Tensor] = []
    with ExitStack() as hooks, torch.inference_mode():
        for layer in range(N_LAYERS):
            projection = PROJECTIONS[loaded.name](loaded.model, layer)
            hooks.callback(projection.register_forward_pre_hook(lambda _, args: seen.append(args[0][0])).remove)
        loaded.model(torch.tensor([ids]), use_cache=False)
    return torch.stack(seen)


def stand_in_by_hand(loaded: LoadedModel, method: Method, n_positions: int) -> torch.Tensor:
    """What stands in for heads that are off, [layer, position, head * d_head]."""
    if method is Method.RESAMPLE:
        return values_by_hand(loaded, other_text(TEXTS, 1, n_positions))
    texts = torch.stack([values_by_hand(loaded, ids) for ids in TEXTS])
    if method is Method.ZERO:
        return torch.zeros_like(texts[0][:, :1]).expand(-1, n_positions, -1)
    later = texts[:, :, 1:].mean((0, 2))[:, None].expand(-1, n_positions - 1, -1)
    return torch.cat([texts[:, :, :1].mean(0), later], dim=1)


def logits_by_hand(
    loaded: LoadedModel, ids: list[int], off: tuple[HeadId, ...], stand_in: torch.Tensor
) -> torch.Tensor:
    """Logits [position, vocabulary] with hooks written here."""

    def replaced(layer: int) -> Callable:
        def hook(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
            values = args[0].clone()
            d_head = values.shape[-1] // N_HEADS
            for _, head in (head for head in off if head.layer == layer):
                columns = slice(head * d_head, (head + 1) * d_head)
                values[..., columns] = stand_in[layer, :, columns]
            return (values,)

        return hook

    with ExitStack() as hooks, torch.inference_mode():
        for layer in range(N_LAYERS):
            projection = PROJECTIONS[loaded.name](loaded.model, layer)
            hooks.callback(projection.register_forward_pre_hook(replaced(layer)).remove)
        return loaded.model(torch.tensor([ids]), use_cache=False).logits[0]


def kl_by_hand(before: torch.Tensor, after: torch.Tensor) -> float:
    p, q = (torch.softmax(logits.double(), -1) for logits in (before, after))
    return float((p * (p / q).log()).sum())


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
@pytest.mark.parametrize("method", list(Method))
def test_switching_heads_off_equals_hooks_written_by_hand(model_type, method):
    loaded = readable_tiny_model(model_type)
    stand_in = stand_in_by_hand(loaded, method, len(IDS))
    before, after, *controls = (logits_by_hand(loaded, IDS, off, stand_in)[-1] for off in [(), HEADS, *DRAWS])
    replacement = replacement_values(loaded, method, len(IDS), TEXTS)
    result = switch_off(loaded, IDS, HEADS, DRAWS, method, replacement)
    top = before.topk(10).indices.tolist()
    assert [guess.token.id for guess in result.before] == [guess.token.id for guess in result.after] == top
    for guesses, logits in ((result.before, before), (result.after, after)):
        probs = torch.softmax(logits, -1)
        assert [guess.logit for guess in guesses] == pytest.approx(logits[top].tolist(), abs=of_size(logits))
        assert [guess.prob for guess in guesses] == pytest.approx(probs[top].tolist(), abs=PROB)
    assert result.kl_nats == pytest.approx(kl_by_hand(before, after), **KL)
    assert result.kl_nats > 1e-5
    assert [draw.heads for draw in result.controls] == DRAWS
    assert [draw.kl_nats for draw in result.controls] == pytest.approx(
        [kl_by_hand(before, control) for control in controls], **KL
    )
    assert [draw.first_prob for draw in result.controls] == pytest.approx(
        [float(torch.softmax(control, -1)[top[0]]) for control in controls], abs=PROB
    )


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_what_stands_before_a_position_alone_decides_what_comes_after_it(model_type):
    loaded = readable_tiny_model(model_type)
    stand_in = stand_in_by_hand(loaded, Method.MEAN, len(IDS))
    means = mean_values(loaded, TEXTS)
    result = switch_off(loaded, IDS[:8], HEADS, [], Method.MEAN, means.at(8))
    whole = logits_by_hand(loaded, IDS, HEADS, stand_in)[7]
    top = [guess.token.id for guess in result.after]
    assert [guess.logit for guess in result.after] == pytest.approx(whole[top].tolist(), abs=of_size(whole))


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
@pytest.mark.parametrize("position", [0, 11, 20])
def test_embedding_heads_biases_and_mlps_sum_to_the_logits(model_type, position):
    loaded = readable_tiny_model(model_type)
    parts = split_residual(loaded, IDS[: position + 1])
    with torch.inference_mode():
        expected = loaded.model(torch.tensor([IDS]), use_cache=False).logits[0, position]
    every_part = torch.cat([parts.embedding[None], parts.heads.flatten(0, 1), parts.attention_biases, parts.mlps])
    assert len(every_part) == 1 + N_LAYERS * N_HEADS + 2 * N_LAYERS
    total = parts.direct_logits(every_part).sum(0) + parts.constant_logits
    torch.testing.assert_close(total, expected, rtol=0, atol=of_size(expected))
    assert parts.identity_error < of_size(expected)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_a_head_writes_what_its_layer_no_longer_writes_without_it(model_type):
    loaded = readable_tiny_model(model_type)
    projection, head = PROJECTIONS[model_type](loaded.model, 1), HeadId(1, 2)
    written: list[torch.Tensor] = []
    with ExitStack() as hooks, torch.inference_mode():
        hooks.callback(projection.register_forward_hook(lambda *call: written.append(call[2][0, -1])).remove)
        loaded.model(torch.tensor([IDS]), use_cache=False)
        nothing = torch.zeros(N_LAYERS, len(IDS), N_HEADS * loaded.family.d_head(loaded.config))
        logits_by_hand(loaded, IDS, (head,), nothing)
    by_hand = written[0] - written[1]
    if model_type == "gemma3_text":  # norms once more what the attention writes
        norm = loaded.model.model.layers[1].post_attention_layernorm
        by_hand = by_hand * torch.rsqrt(written[0].pow(2).mean() + norm.eps) * (1 + norm.weight.detach())
    torch.testing.assert_close(split_residual(loaded, IDS).heads[head], by_hand, rtol=0, atol=of_size(written[0]))


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_without_heads_directly_only_what_they_write_leaves_the_logits(model_type):
    loaded = readable_tiny_model(model_type)
    parts = split_residual(loaded, IDS)
    heads = [HeadId(2, 1), HeadId(0, 3)]
    written, slack = parts.direct_logits(parts.heads[2, 1] + parts.heads[0, 3]), of_size(parts.logits)
    torch.testing.assert_close(parts.logits - parts.logits_without(heads, None), written, rtol=0, atol=slack)
    torch.testing.assert_close(parts.logits_without(heads, parts.values), parts.logits, rtol=0, atol=slack)
    half = parts.logits_without(heads, parts.values / 2)
    torch.testing.assert_close(parts.logits - half, written / 2, rtol=0, atol=slack)


@pytest.mark.parametrize("method", list(Method))
def test_where_nothing_comes_after_heads_their_direct_effect_is_the_whole_one(method):
    """The last layer of a model without MLPs and norms; stand-ins differ from one position to the next."""
    loaded = readable_tiny_model("attention_only")
    replacement = replacement_values(loaded, method, len(IDS), TEXTS)
    last = (HeadId(N_LAYERS - 1, 0), HeadId(N_LAYERS - 1, 2))
    result = switch_off(loaded, IDS, last, [], method, replacement)
    assert result.kl_nats > 1e-4
    assert result.direct_kl_nats == pytest.approx(result.kl_nats, **KL)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_pushes_are_the_largest_and_smallest_of_what_the_head_adds(model_type):
    loaded = readable_tiny_model(model_type)
    parts = split_residual(loaded, IDS)
    logits = parts.direct_logits(parts.heads[1, 2])
    logits -= logits.mean()
    result = head_direct_logits(loaded, IDS, HeadId(1, 2), n_pushes=4)
    assert [push.token.id for push in result.up] == logits.topk(4).indices.tolist()
    assert [push.token.id for push in result.down] == (-logits).topk(4).indices.tolist()
    slack = of_size(logits)
    assert [push.logit for push in result.up] == pytest.approx(logits.topk(4).values.tolist(), abs=slack)
    assert [push.logit for push in result.down] == pytest.approx((-(-logits).topk(4).values).tolist(), abs=slack)
    assert abs(float(parts.direct_logits(parts.heads[1, 2]).mean())) > 1e-4, "otherwise the mean makes no difference"
    assert result.down[0].logit < 0 < result.up[0].logit
    assert result.first_guess.token.id == int(parts.logits.argmax())


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_lens_ends_with_the_model_s_own_answer(model_type):
    loaded = readable_tiny_model(model_type)
    with torch.inference_mode():
        own = torch.softmax(loaded.model(torch.tensor([IDS]), use_cache=False).logits[0], -1).topk(3)
    lens = read_lens(loaded, IDS)
    assert lens.probs.shape == (N_LAYERS + 1, len(IDS), 3)
    assert [[token.id for token in at_position] for at_position in lens.tokens[-1]] == own.indices.tolist()
    np.testing.assert_allclose(lens.probs[-1], own.values.numpy(), rtol=0, atol=PROB)
    np.testing.assert_allclose(lens.final_probs[-1], own.values[:, 0].numpy(), rtol=0, atol=PROB)
    assert np.abs(lens.probs[0] - lens.probs[-1]).max() > 1e-3


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_a_scan_is_every_head_switched_off_by_itself(model_type):
    loaded = readable_tiny_model(model_type)
    calls: list[tuple[int, int]] = []
    scan = scan_heads(loaded, IDS, Method.ZERO, None, lambda *done: calls.append(done))
    assert scan.kl_nats.shape == scan.prob_change.shape == (N_LAYERS, N_HEADS)
    assert (scan.kl_nats >= 0).all()
    for head in (HeadId(0, 1), HeadId(2, 3)):
        alone = switch_off(loaded, IDS, (head,), [], Method.ZERO, None)
        assert scan.kl_nats[head] == pytest.approx(alone.kl_nats, **KL)
        assert scan.prob_change[head] == pytest.approx(alone.after[0].prob - alone.before[0].prob, abs=PROB)
        assert scan.first_guess == alone.before[0] or scan.first_guess.token == alone.before[0].token
    assert calls[-1] == (N_LAYERS * N_HEADS, N_LAYERS * N_HEADS)


def test_a_scan_in_several_batches_is_the_scan_in_one(monkeypatch):
    loaded = readable_tiny_model("gpt2")
    calls: list[tuple[int, int]] = []
    whole = scan_heads(loaded, IDS, Method.ZERO, None)
    monkeypatch.setattr("utils.experiments.scan.TOKENS_AT_ONCE", 5 * len(IDS))
    parted = scan_heads(loaded, IDS, Method.ZERO, None, lambda *done: calls.append(done))
    assert calls == [(5, 12), (10, 12), (12, 12)]
    np.testing.assert_allclose(parted.kl_nats, whole.kl_nats, rtol=KL["rel"], atol=KL["abs"])
    np.testing.assert_allclose(parted.prob_change, whole.prob_change, rtol=0, atol=PROB)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_loss_on_both_copies_is_the_mean_surprise_of_their_tokens(model_type):
    loaded = readable_tiny_model(model_type)
    segments = np.array([range(40, 52), range(80, 92)])
    result = measure_second_copy(loaded, segments, HEADS, DRAWS, Method.ZERO, None)
    ids = said_twice(segments, 1)
    assert ids[0].tolist() == [1, *range(40, 52), *range(40, 52)]
    nothing = torch.zeros(N_LAYERS, ids.shape[1], N_HEADS * loaded.family.d_head(loaded.config))
    for off, loss in [((), result.before), (HEADS, result.after), (DRAWS[1], result.controls[1].loss)]:
        surprises = []
        for row in ids.tolist():
            log_probs = torch.log_softmax(logits_by_hand(loaded, row, off, nothing), -1)
            surprises.append([-float(log_probs[at - 1, row[at]]) for at in range(1, len(row))])
        first, second = np.array(surprises)[:, 1:12], np.array(surprises)[:, 13:]
        assert loss.first == pytest.approx(first.mean(), abs=1e-4)
        assert loss.second == pytest.approx(second.mean(), abs=1e-4)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_only_later_heads_look_elsewhere(model_type):
    loaded = readable_tiny_model(model_type)
    result = measure_later_patterns(loaded, IDS, (HeadId(1, 0),), [(HeadId(0, 2),)], Method.ZERO, None)
    assert result.first_layer == 2
    assert (result.after.moved[:2] < MEAN_WEIGHT).all()
    assert (result.after.moved[2] > 1e-4).all()
    on, off = (
        ablate_heads(loaded, torch.tensor([IDS]), [heads], collect_patterns=True).patterns[0].numpy()
        for heads in ((), (HeadId(1, 0),))
    )
    gained = np.clip(off - on, 0, None).sum(-1).mean(-1)  # what some keys gain is what others lose
    np.testing.assert_allclose(result.after.moved, gained, atol=MEAN_WEIGHT)
    assert (result.controls[0].moved[0] < MEAN_WEIGHT).all()
    assert {head.layer for head in result.most_moved(20)} == {2}
    changed = np.abs(result.after.scores["previous_token"] - result.before_scores["previous_token"]) > MEAN_WEIGHT
    assert not changed[:2].any()
    assert changed[2].all()


def test_of_several_heads_the_earliest_decides_which_are_later():
    loaded = readable_tiny_model("gpt2")
    result = measure_later_patterns(loaded, IDS, (HeadId(0, 1), HeadId(1, 0)), [], Method.ZERO, None)
    assert result.first_layer == 1
    assert {head.layer for head in result.most_moved(20)} == {1, 2}
    assert (result.after.moved[1] > 1e-4).any()


def test_a_model_that_norms_after_it_adds_is_refused_what_a_head_writes_and_still_switches_off():
    loaded = readable_tiny_model("opt")
    model = random_model("opt", loaded.config.vocab_size)
    model.config.do_layer_norm_before = False
    for layer in model.model.decoder.layers:
        layer.do_layer_norm_before = False
    model.model.decoder.final_layer_norm = None
    post_norm = LoadedModel("opt", loaded.family, model, loaded.tokenizer, model.config, 1)
    with pytest.raises(UserError, match="does not add up"):
        head_direct_logits(post_norm, IDS, HeadId(0, 0))
    with pytest.raises(UserError, match="does not add up"):
        read_lens(post_norm, IDS)
    result = switch_off(post_norm, IDS, HEADS, DRAWS, Method.ZERO, None)
    assert result.kl_nats > 0
    assert result.direct_kl_nats is None


def test_biases_of_attention_that_is_normed_again_are_parts_too():
    loaded = readable_tiny_model("gemma3_text")
    model = random_model("gemma3_text", loaded.config.vocab_size, attention_bias=True)
    parts = split_residual(LoadedModel("gemma", loaded.family, model, loaded.tokenizer, model.config, 1), IDS)
    assert parts.attention_biases.abs().min() > 0
    assert parts.identity_error < of_size(parts.logits)


def test_parts_that_do_not_sum_to_the_logits_are_refused():
    loaded = readable_tiny_model("gemma3_text")
    model = random_model("gemma3_text", loaded.config.vocab_size)
    model.config.final_logit_softcapping = 1.0
    with pytest.raises(UserError, match="does not add up"):
        split_residual(LoadedModel("gemma", loaded.family, model, loaded.tokenizer, model.config, 1), IDS)
