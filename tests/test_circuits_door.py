"""The door to circuits: what it says about the models that ship, what it keeps, and what it refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tests.precision import MEAN_WEIGHT, WEIGHT, of_size
from tests.test_circuits_weights import watch
from tests.tiny_models import readable_tiny_model
from utils.catalogue.run import texts_for
from utils.circuits import circuits as laboratory
from utils.circuits.circuits import Circuits
from utils.circuits.token_circuits import compute_token_circuits
from utils.circuits.weights import layer_weights
from utils.errors import UserError
from utils.experiments.residual_parts import split_residual
from utils.forward_pass import encode_prompt
from utils.heads import HeadId, Shape
from utils.models.loader import ModelStore
from utils.pyvene_engine import capture_patterns
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings

PROMPT = "The old king lost his ring in the river. The old king lost his ring"
LONG_PROMPT = "A lonely sailor watched dark clouds gather over his boat while the old king lost his ring in the river"
TEXT_MODELS = ("classroom-gpt2", "classroom-qwen2", "classroom-neox", "classroom-opt", "classroom-attn-2l")


@pytest.fixture(scope="module")
def service() -> Headlight:
    return Headlight(Settings(offline=True))


@pytest.fixture(scope="module")
def circuits(service) -> Circuits:
    if not (SHIPPED_MODELS_DIR / "classroom-gpt2").is_dir():
        pytest.skip("the classroom models ARE NOT HERE: what is said about their circuits was NOT checked")
    return service.circuits


@pytest.fixture
def without_gpt2(monkeypatch):
    """GPT-2 is not on this computer, whatever computer this is."""
    here = laboratory.local_model_dir
    monkeypatch.setattr(laboratory, "local_model_dir", lambda name, s: None if name == "gpt2" else here(name, s))


class NoModels(ModelStore):
    """Fails a test that loads a model."""

    def get(self, name: str):
        pytest.fail(f"{name} was loaded")


FIRST_WRITERS = {
    "classroom-gpt2": "L0H3",
    "classroom-qwen2": "L1H2",
    "classroom-neox": "L1H5",
    "classroom-opt": "L0H0",
    "classroom-attn-2l": "L0H1",
}


@pytest.mark.parametrize("model", TEXT_MODELS)
def test_in_every_model_that_ships_one_previous_token_head_writes_first_for_all_induction_heads(
    service, circuits, model
):
    catalogue, margins = service.catalogue(model), circuits.margins(model).readers
    induction = [head for head, margin in margins.items() if margin.role == "induction"]
    assert set(induction) == set(catalogue.holders_of("induction"))
    assert {str(margins[head].first.writer) for head in induction} == {FIRST_WRITERS[model]}
    assert "previous_token" in catalogue.roles_of(HeadId.parse(FIRST_WRITERS[model]))


def test_in_classroom_gpt2_narrow_fits_of_weights_come_first_and_say_little(circuits):
    fits = circuits.composition("classroom-gpt2", "K")
    assert max(fit.breadth for fit in fits.best(6)) < 2
    assert fits.broad_from == 8


@pytest.mark.parametrize(
    ("model", "head"), [("classroom-gpt2", (0, 3)), ("classroom-opt", (0, 0)), ("classroom-attn-2l", (0, 1))]
)
def test_a_previous_token_head_of_the_first_layer_scores_one_step_back_highest(circuits, model, head):
    kernel = circuits.of_head(model, head).positional_kernel
    assert kernel is not None
    assert kernel.shape == (64,)
    assert kernel.argmax() == 1
    assert abs(kernel.mean()) < 1e-3


def test_rotary_models_have_no_kernel_and_a_note(circuits):
    head = circuits.of_head("classroom-qwen2", (1, 2))
    assert head.positional_kernel is None
    assert "relative offset of 0" in head.position_note
    assert "Every 2 neighbouring heads share" in head.norm_note
    assert -1 <= head.ov_copying_score_through_embedding <= 1


def test_shape_and_copying_scores_of_a_model_that_is_here(circuits):
    assert circuits.heads_of("classroom-gpt2") == Shape(4, 8)
    assert not circuits.needs_model("classroom-gpt2")
    scores = circuits.copying_scores("classroom-gpt2")
    assert scores.shape == (4, 8)
    assert circuits.of_head("classroom-gpt2", (2, 5)).ov_copying_score == pytest.approx(scores[2, 5])


def test_gpt2_answers_without_its_weights(without_gpt2):
    settings = Settings(offline=True)
    circuits = Circuits(NoModels(settings), settings)
    assert circuits.needs_model("gpt2")
    assert circuits.heads_of("gpt2") == Shape(12, 12)
    head = circuits.of_head("gpt2", (4, 11))
    assert head.qk_singular_values.shape == head.ov_singular_values.shape == head.positional_kernel.shape == (64,)
    assert head.ov_copying_score_through_embedding is None
    assert "centred" in head.norm_note
    assert circuits.composition("gpt2", "K").rank_of((4, 11), (6, 9)) == (1, 72)
    assert circuits.copying_scores("gpt2").shape == (12, 12)


def test_texts_of_a_model_that_is_not_here_are_refused(without_gpt2, tmp_path):
    settings = Settings(offline=True, models_dir=tmp_path)

    class Nowhere(ModelStore):
        def get(self, name: str):
            raise UserError("GPT-2 is not on this computer.", "Choose another model.", 503)

    circuits = Circuits(Nowhere(settings), settings)
    with pytest.raises(UserError, match="not on this computer"):
        circuits.token_circuits("gpt2", PROMPT, (5, 1), None)
    with pytest.raises(UserError, match="not on this computer"):
        circuits.average_pattern("gpt2", (5, 1))


def test_an_unknown_model_head_or_kind_is_refused(circuits):
    with pytest.raises(UserError) as error:
        circuits.of_head("no-such-model", (0, 0))
    assert error.value.status == 404
    for head in [(4, 0), (0, 8), (-1, 0), (0, -1)]:
        with pytest.raises(UserError, match="This model has layers 0 to 3, each with heads 0 to 7") as error:
            circuits.of_head("classroom-gpt2", head)
        assert error.value.status == 404
        assert 0 <= error.value.fix.layer <= 3
    with pytest.raises(UserError, match='no composition of the kind "k"'):
        circuits.composition("classroom-gpt2", "k")


def test_a_composition_is_computed_once_however_many_ask_and_again_when_files_change(monkeypatch):
    computed = []

    def count(*arguments):
        computed.append(arguments)
        return real(*arguments)

    real = laboratory.compute_composition
    monkeypatch.setattr(laboratory, "compute_composition", count)
    service = Headlight(Settings(offline=True))
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: service.circuits.composition("classroom-opt", "Q"), range(8)))
    assert len(computed) == 1
    assert all(result is results[0] for result in results)
    service._forget("classroom-opt")
    service.circuits.composition("classroom-opt", "Q")
    assert len(computed) == 2


def test_a_previous_token_head_looks_one_step_back_on_average(service, circuits):
    average = circuits.average_pattern("classroom-gpt2", (0, 3))
    n_positions = len(average.pattern)
    assert 15 <= n_positions <= 24
    assert average.n_texts == 80
    assert average.has_start_mark
    np.testing.assert_allclose(average.pattern.sum(axis=1), 1, atol=MEAN_WEIGHT)
    assert not np.triu(average.pattern, 1).any()
    assert np.diagonal(average.pattern, -1)[1:].mean() > 0.9


def test_the_average_pattern_is_the_mean_over_the_catalogue_s_texts(service, circuits):
    average = circuits.average_pattern("classroom-opt", (1, 5)).pattern
    loaded = service._models.get("classroom-opt")
    inputs = texts_for(loaded, 0).inputs
    texts = [torch.from_numpy(text[: len(average)]) for text in (*inputs.repeated, *inputs.sentences)]
    patterns = capture_patterns(loaded, torch.stack(texts)).patterns[:, 1, 5].numpy()
    np.testing.assert_allclose(average, patterns.mean(axis=0), atol=WEIGHT)


def test_tokens_stand_once_in_order_of_first_appearance_without_the_start_mark(circuits):
    result = circuits.token_circuits("classroom-gpt2", PROMPT, (1, 2), (0, 3))
    assert [token.label for token in result.tokens][:4] == ["The", "·old", "·king", "·lost"]
    assert len({token.id for token in result.tokens}) == len(result.tokens) == 11
    assert result.n_left_out == 0
    assert result.looks_for.shape == (11, 11)
    assert np.abs(result.looks_for.mean(axis=1)).max() < of_size(result.looks_for)
    assert sorted(result.writes) == list(range(11))
    assert all(len(pushes) == 5 for pushes in result.writes.values())


def test_at_most_24_tokens_are_shown_and_the_others_counted(circuits):
    text = " a b c d e f g h i j k l m n o p 1 2 3 4 5 6 7 8 9 0"
    n_different = len(set(circuits._models.get("classroom-gpt2").tokenizer.encode(text, add_special_tokens=False)))
    assert n_different > 24
    result = circuits.token_circuits("classroom-gpt2", text, (0, 0))
    assert (len(result.tokens), result.n_left_out) == (24, n_different - 24)
    assert circuits.token_circuits("classroom-gpt2", " a b c a b c", (0, 0)).n_left_out == 0


@pytest.mark.parametrize("model", ["classroom-qwen2", "classroom-neox", "classroom-attn-2l"])
def test_an_induction_head_looks_through_the_previous_token_head_for_the_token_itself(service, circuits, model):
    margins = circuits.margins(model).readers.values()
    firsts = [margin.first for margin in margins if margin.role == "induction" and margin.first is not None]
    best = max(firsts, key=lambda part: part.share)
    found = {
        through: circuits.token_circuits(model, LONG_PROMPT, best.reader, through).looks_for
        for through in (best.writer, None)
    }
    is_itself = {through: scores.argmax(axis=1) == np.arange(len(scores)) for through, scores in found.items()}
    assert is_itself[best.writer].mean() > 0.6
    assert is_itself[None].mean() < 0.2


def test_in_the_toy_the_induction_heads_copy(circuits):
    """From tokens to logits all three copy; the two strongest push three of four tokens up before all 4,095 others."""
    for head in [(1, 4), (1, 0), (1, 7)]:
        assert circuits.of_head("classroom-attn-2l", head).ov_copying_score_through_embedding > 0.95
    for head in [(1, 4), (1, 0)]:
        result = circuits.token_circuits("classroom-attn-2l", LONG_PROMPT, head)
        is_copied = [result.writes[index][0].token.id == token.id for index, token in enumerate(result.tokens)]
        assert np.mean(is_copied) > 0.75


def test_the_toy_of_one_layer_has_no_pairs(circuits):
    fits = circuits.composition("classroom-attn-1l", "K")
    assert fits.n_pairs == 0
    assert np.isnan(fits.scores).all()
    assert circuits.of_head("classroom-attn-1l", (0, 2)).positional_kernel is not None


def test_a_head_cannot_read_through_one_that_is_not_earlier(circuits):
    with pytest.raises(UserError, match="L1H2 is not in an earlier layer than L1H5"):
        circuits.token_circuits("classroom-gpt2", PROMPT, (1, 5), (1, 2))
    with pytest.raises(UserError, match="layers 0 to 3"):
        circuits.token_circuits("classroom-gpt2", PROMPT, (1, 5), (9, 0))
    with pytest.raises(UserError, match="Type something"):
        circuits.token_circuits("classroom-gpt2", " ", (1, 5))


@pytest.mark.parametrize("model_type", ["llama", "gpt_neox", "bloom"])
def test_in_the_first_layer_it_is_what_the_model_itself_does(model_type, monkeypatch):
    """Without learned positions the first layer reads nothing but embeddings, so patterns and writing must agree."""
    loaded = readable_tiny_model(model_type)
    read = encode_prompt(loaded, "cat dog log", 64)
    result = compute_token_circuits(loaded, read, HeadId(0, 1), None)
    ids = [token.id for token in result.tokens]
    monkeypatch.setattr("tests.test_circuits_weights.IDS", ids)
    pattern = watch(loaded, 0)[1][1, -1].log()
    scores = torch.tensor(result.looks_for[-1])
    if model_type == "bloom":
        scores = scores + 2 ** (-8 * 2 / 4) * torch.arange(len(ids))
    torch.testing.assert_close(scores.log_softmax(-1), pattern, atol=1e-3, rtol=1e-3)
    for index, token_id in enumerate(ids):
        parts = split_residual(loaded, [token_id])
        logits = parts.direct_logits(parts.heads[0, 1]) / parts.final_norm.scale
        for push in result.writes[index]:
            assert push.logit == pytest.approx(float(logits[push.token.id] - logits.mean()), abs=1e-3)
        assert result.writes[index][0].logit == pytest.approx(float(logits.max() - logits.mean()), abs=1e-3)


def test_through_an_earlier_head_the_key_is_what_that_head_writes():
    loaded = readable_tiny_model("attention_only")
    read = encode_prompt(loaded, "the cat sat", 64)
    result = compute_token_circuits(loaded, read, HeadId(2, 3), HeadId(0, 1))
    embedded = loaded.model.embed.weight.detach()[[token.id for token in result.tokens]]
    writer, reader = layer_weights(loaded, 0), layer_weights(loaded, 2)
    written = (embedded @ writer.W_V[1] + writer.value_bias[1]) @ writer.W_O[1]
    queries = embedded @ reader.W_Q[3] + reader.query_bias[3]
    keys = written @ reader.W_K[3] + reader.key_bias[3]
    scores = queries @ keys.T / 8**0.5
    np.testing.assert_allclose(result.looks_for, scores - scores.mean(1, keepdim=True), atol=of_size(scores))
