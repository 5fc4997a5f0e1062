"""Integrated gradients: what tokens collect adds up to the whole, on every family, and nothing is left behind."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.tiny_models import FAMILY_OF_TYPE, TINY_CONFIGS, classroom_model, random_model, readable_tiny_model
from utils.experiments import token_attribution
from utils.experiments.residual_parts import find_module
from utils.experiments.token_attribution import TokenAttribution, attribute_tokens
from utils.forward_pass import encode_prompt
from utils.heads import HeadId
from utils.models.loader import LoadedModel
from utils.pyvene_engine import ablate_heads, capture_patterns
from utils.service import Headlight
from utils.settings import Settings

IDS = [1, *range(40, 52)]
PROMPT = "The old king lost his ring in the river. The old king lost his ring in the"
FAMILIES = sorted(TINY_CONFIGS)


def log_prob_by_hand(loaded: LoadedModel, embeddings: torch.Tensor, token_id: int) -> float:
    """Log-probability of a token after these embeddings, [position, d_model]."""
    with torch.inference_mode():
        logits = loaded.model(inputs_embeds=embeddings[None], use_cache=False).logits[0, -1].double()
    return float(torch.log_softmax(logits, -1)[token_id])


def ends_by_hand(loaded: LoadedModel, ids: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of the text, as the model makes them itself, and of the baseline."""
    seen: list[torch.Tensor] = []
    module = find_module(loaded.model, loaded.family.embedding_path)
    hook = module.register_forward_hook(lambda _module, _args, output: seen.append(output.detach()))
    with torch.no_grad():
        loaded.model(torch.tensor([ids]), use_cache=False)
        every = module(torch.arange(loaded.config.vocab_size))
    hook.remove()
    baseline = every.mean(0).repeat(len(ids), 1)
    if loaded.start_mark_id is not None:
        baseline[0] = seen[0][0, 0]
    return seen[0][0], baseline


class OwnProbability(nn.Module):
    """Log-probability of token 0 is linear in the embeddings: p(0) = exp(a), p(1) = 1 - exp(a), a = w . e.

    `readers`: [position, d_model]. A second table stands for learned positions: it is added inside the model.
    """

    def __init__(self, readers: torch.Tensor):
        super().__init__()
        torch.manual_seed(3)
        self.embed = nn.Embedding(6, readers.shape[1])
        self.positions = nn.Embedding(*readers.shape)
        nn.init.normal_(self.embed.weight, std=0.05)
        nn.init.normal_(self.positions.weight, std=0.05)
        self.readers = readers

    def forward(self, inputs_embeds: torch.Tensor, **_options: Any) -> SimpleNamespace:
        residual = inputs_embeds + self.positions.weight
        log_p = (residual * self.readers).sum((-1, -2)) - 0.3
        logits = torch.stack([log_p, torch.log1p(-log_p.exp())], dim=-1)
        return SimpleNamespace(logits=logits[:, None])


def linear_model(monkeypatch, start_mark_id: int | None = None) -> LoadedModel:
    monkeypatch.setattr(token_attribution, "guesses", lambda *_args: (None,))  # it has no tokenizer
    torch.manual_seed(4)
    model: Any = OwnProbability(torch.randn(4, 5))
    nothing: Any = None
    config: Any = SimpleNamespace(vocab_size=6)
    return LoadedModel("linear", FAMILY_OF_TYPE["attention_only"], model, nothing, config, start_mark_id)


class TestCompleteness:
    @pytest.mark.parametrize("model_type", FAMILIES)
    def test_contributions_add_up_to_what_the_text_gains_over_the_baseline(self, model_type):
        loaded = readable_tiny_model(model_type)
        result = attribute_tokens(loaded, IDS)
        text, baseline = ends_by_hand(loaded, IDS)
        gain = log_prob_by_hand(loaded, text, result.first_guess.token.id)
        gain -= log_prob_by_hand(loaded, baseline, result.first_guess.token.id)
        assert result.gain == pytest.approx(gain, abs=1e-3)
        assert result.contributions.sum() - gain == pytest.approx(result.completeness_error, abs=2e-3)
        assert result.contributions.shape == (len(IDS),)
        assert np.abs(result.contributions[1:]).min() > 0

    @pytest.mark.parametrize("model_type", FAMILIES)
    def test_the_guess_is_the_models_own_with_ids_in_place_of_embeddings(self, model_type):
        loaded = readable_tiny_model(model_type)
        own = ablate_heads(loaded, torch.tensor([IDS]), [()], only_last_logits=True).logits[0, -1]
        result = attribute_tokens(loaded, IDS)
        assert result.first_guess.token.id == int(own.argmax())
        assert result.log_prob == pytest.approx(float(torch.log_softmax(own, -1).max()), abs=1e-4)

    def test_more_steps_are_taken_until_the_sum_is_good(self, monkeypatch):
        loaded = readable_tiny_model("qwen2")
        monkeypatch.setattr(token_attribution, "FIRST_STEPS", 2)
        rough = attribute_tokens(loaded, IDS)
        assert rough.n_steps > 2
        assert rough.relative_error <= token_attribution.GOOD_ERROR
        monkeypatch.setattr(token_attribution, "MOST_TOKEN_STEPS", 4 * len(IDS))
        assert attribute_tokens(loaded, IDS).n_steps <= 4

    def test_the_start_mark_gets_nothing_and_without_one_the_first_token_does(self):
        loaded = readable_tiny_model("gpt2")
        assert attribute_tokens(loaded, IDS).contributions[0] == 0
        bare = LoadedModel("gpt2", loaded.family, loaded.model, loaded.tokenizer, loaded.config, start_mark_id=None)
        assert abs(attribute_tokens(bare, IDS).contributions[0]) > 1e-3


class TestKnownAnswer:
    def test_in_a_linear_model_each_token_gets_gradient_times_input(self, monkeypatch):
        loaded = linear_model(monkeypatch)
        model: Any = loaded.model
        ids = [2, 5, 3, 2]
        result = attribute_tokens(loaded, ids)
        moved = model.embed.weight[ids] - model.embed.weight.mean(0)
        expected = (moved * model.readers).sum(-1).detach().numpy()
        assert result.contributions == pytest.approx(expected, abs=1e-5)
        assert result.completeness_error == pytest.approx(0, abs=1e-5)
        assert result.n_steps == token_attribution.FIRST_STEPS

    def test_positions_added_inside_the_model_are_not_attributed(self, monkeypatch):
        loaded = linear_model(monkeypatch)
        model: Any = loaded.model
        before = attribute_tokens(loaded, [2, 5, 3, 2]).contributions
        with torch.no_grad():
            model.positions.weight.mul_(0.5)
        assert attribute_tokens(loaded, [2, 5, 3, 2]).contributions == pytest.approx(before, abs=1e-5)

    def test_text_equal_to_its_baseline_has_no_error_to_share(self):
        nothing = TokenAttribution(1, None, np.zeros(2), -1.0, -1.0, 0.0, 64)  # type: ignore[arg-type]
        assert nothing.relative_error == 0
        assert nothing.gain == 0


class TestNothingIsLeftBehind:
    @pytest.mark.parametrize("requires_grad", [False, True])
    def test_weights_hooks_and_patterns_are_as_before(self, requires_grad):
        model: Any = random_model("opt", vocab_size=len(readable_tiny_model("opt").tokenizer))
        model.requires_grad_(requires_grad)
        tokenizer = readable_tiny_model("opt").tokenizer
        loaded = LoadedModel("opt", FAMILY_OF_TYPE["opt"], model, tokenizer, model.config, start_mark_id=1)
        before = capture_patterns(loaded, torch.tensor([IDS])).patterns
        attribute_tokens(loaded, IDS)
        assert all(weight.grad is None for weight in model.parameters())
        assert {weight.requires_grad for weight in model.parameters()} == {requires_grad}
        assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
        assert not loaded.lock.locked()
        assert torch.equal(capture_patterns(loaded, torch.tensor([IDS])).patterns, before)

    def test_every_pass_holds_the_lock(self, monkeypatch):
        loaded = readable_tiny_model("gpt2")
        held: list[bool] = []
        forward = loaded.model.forward

        def watched(*args: Any, **kwargs: Any) -> Any:
            held.append(loaded.lock.locked())
            return forward(*args, **kwargs)

        monkeypatch.setattr(loaded.model, "forward", watched)
        attribute_tokens(loaded, IDS)
        assert len(held) > 1
        assert all(held)

    def test_at_the_same_time_as_other_experiments_the_answers_are_the_same(self):
        loaded = readable_tiny_model("gpt_neox")
        texts = [IDS, [1, *range(60, 70)]]
        alone = [attribute_tokens(loaded, ids).contributions for ids in texts]
        off = [(HeadId(0, 1),)]
        answers: list[tuple[int, np.ndarray]] = []

        def ask(number: int) -> None:
            answers.append((number, attribute_tokens(loaded, texts[number]).contributions))

        def ablate() -> None:
            for _ in range(20):
                ablate_heads(loaded, torch.tensor([IDS]), off)

        threads = [threading.Thread(target=ask, args=(number % 2,)) for number in range(4)]
        threads += [threading.Thread(target=ablate) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 4
        for number, contributions in answers:
            assert np.array_equal(contributions, alone[number])


class TestShippedModel:
    def test_the_question_is_asked_by_position_and_answered_once(self):
        loaded = classroom_model()
        lab = Headlight(Settings()).experiments
        ids = encode_prompt(loaded, PROMPT, 128).ids
        result = lab.token_attribution("classroom-gpt2", PROMPT)
        assert result.position == len(ids) - 1
        assert result.relative_error < token_attribution.GOOD_ERROR
        earlier = lab.token_attribution("classroom-gpt2", PROMPT, 9)
        assert earlier.position == 9
        assert len(earlier.contributions) == 10
        assert lab.token_attribution("classroom-gpt2", PROMPT, 9 - len(ids)).contributions is earlier.contributions
