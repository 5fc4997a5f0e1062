"""Margins: parts that add up to the model's own scores, for every family; writers whose share is known by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.real_models import GEMMA3, SMOLLM2, real_model
from tests.test_circuits_weights import alibi_slopes
from tests.tiny_models import FAMILY_OF_TYPE, TINY_CONFIGS, byte_level_tokenizer, classroom_model, random_model
from utils.circuits import margin_parts
from utils.circuits.margin import Margins, ReaderMargin, copying_job, copying_readers
from utils.circuits.margin_parts import compute_margins, preference
from utils.circuits.weights import layer_weights
from utils.errors import UserError
from utils.heads import HeadId
from utils.model_config import Positions
from utils.models.attention_only import AttentionOnlyConfig, AttentionOnlyForCausalLM
from utils.models.loader import LoadedModel
from utils.pyvene_engine import Placement
from utils.result_cache import seal

WIDE = {"gpt_neo": {"window_size": 64}, "gemma3_text": {"sliding_window": 64}, "mistral": {"sliding_window": 64}}
VARIANTS = [
    *((model_type, WIDE.get(model_type, {})) for model_type in TINY_CONFIGS),
    ("phi", {"qk_layernorm": True}),
    ("gpt_neox", {"use_parallel_residual": False}),
    ("llama", {"attention_bias": True}),
    ("gpt2", {"scale_attn_weights": False}),
]
STEPS_BACK = {"induction": -1, "duplicate_token": 0}


def readable(model_type: str, std: float | None = None, **others: Any) -> LoadedModel:
    """A tiny random model that can read, with a start mark; gains of its norms are around 1."""
    tokenizer = byte_level_tokenizer()
    model: Any = random_model(model_type, len(tokenizer), **others)
    std = std or (0.3 if model_type == "attention_only" else 0.1)  # without norms, small weights score next to nothing
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.mul_(std / 0.3)
            if weight.dim() == 1 and name.endswith("weight"):
                weight.add_(0 if "gemma" in model_type else 1)
    return LoadedModel(model_type, FAMILY_OF_TYPE[model_type], model, tokenizer, model.config, start_mark_id=1)


def all_readers(loaded: LoadedModel, role: str = "induction") -> dict[HeadId, str]:
    return dict.fromkeys(loaded.shape.all(), role)


def own_margins(loaded: LoadedModel, role: str) -> np.ndarray:
    """[layer, head], from nothing but the model's patterns: the softmax leaves differences of scores as they are."""
    texts = margin_parts._texts(loaded)
    n = (texts.shape[1] - len(loaded.start_ids)) // 2
    with torch.no_grad():
        found = loaded.model(
            input_ids=texts, attention_mask=torch.ones_like(texts), output_attentions=True, logits_to_keep=1
        )
    logs = torch.stack(found.attentions, dim=1).double().log()
    if loaded.family.positions is Positions.ALIBI:
        logs = logs - alibi_slopes(loaded.n_heads)[:, None, None] * torch.arange(texts.shape[1])
    begin = texts.shape[1] - n
    rows = range(begin, begin + n)
    each = [logs[..., q, q - n - STEPS_BACK[role]] - logs[..., q, 1 : q + 1].mean(-1) for q in rows]
    return torch.stack(each).mean((0, 1)).numpy()


def whole_of(margin: ReaderMargin) -> float:
    return float(margin.writers.sum()) + margin.embedding + margin.mlps + margin.other


@pytest.mark.parametrize("role", STEPS_BACK)
@pytest.mark.parametrize(("model_type", "others"), VARIANTS, ids=str)
def test_the_parts_add_up_to_what_the_model_s_own_patterns_say(model_type, others, role):
    loaded = readable(model_type, **others)
    own = own_margins(loaded, role)
    margins = compute_margins(loaded, all_readers(loaded, role))
    assert np.abs(own).max() > 0.02, "margins near nothing would prove nothing"
    assert list(margins.readers) == list(loaded.shape.all())
    for head, margin in margins.readers.items():
        assert margin.margin == pytest.approx(own[head], abs=1e-4)
        assert whole_of(margin) == pytest.approx(own[head], abs=1e-4)
        assert margin.writers.shape == (head.layer, loaded.n_heads)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_a_writer_that_writes_nothing_has_no_share_and_the_others_have(model_type):
    loaded = readable(model_type, **WIDE.get(model_type, {}))
    silent = HeadId(0, 2)
    d_head = layer_weights(loaded, 0).d_head
    module = loaded.model.get_submodule(
        loaded.family.output_projection_path.format(layer=0).replace("[", ".").replace("]", "")
    )
    own = slice(silent.head * d_head, (silent.head + 1) * d_head)
    with torch.no_grad():
        module.weight[(slice(None), own) if isinstance(module, torch.nn.Linear) else own] = 0
    margins = compute_margins(loaded, all_readers(loaded))
    shares = np.stack([margin.writers[0] for margin in margins.readers.values() if margin.reader.layer])
    assert (shares[:, silent.head] == 0).all()
    assert (shares[:, [0, 1, 3]] != 0).all()


class TestByHand:
    """A toy whose first head notes the token before, and whose later head looks for its own token in such notes."""

    N_TOKENS = 12
    LOGITS = 7.0

    @pytest.fixture
    def loaded(self) -> LoadedModel:
        n_vocabulary, n_positions = self.N_TOKENS + 1, 2 * self.N_TOKENS + 1
        d_head, d_model = n_positions, 2 * n_vocabulary + n_positions
        config = AttentionOnlyConfig(
            vocab_size=n_vocabulary,
            hidden_size=d_model,
            num_hidden_layers=2,
            num_attention_heads=2,
            head_dim=d_head,
            max_position_embeddings=n_positions,
        )
        model: Any = AttentionOnlyForCausalLM(config).eval()
        token, note = torch.eye(d_model)[:n_vocabulary], torch.eye(d_model)[n_vocabulary : 2 * n_vocabulary]
        place = torch.eye(d_model)[2 * n_vocabulary :]
        with torch.no_grad():
            for weight in model.parameters():
                weight.zero_()
            model.embed.weight.copy_(token)
            model.positions.weight.copy_(place)
            first, second = model.layers[0].attention, model.layers[1].attention
            first.query.weight[:d_head] = 100 * d_head**0.5 * place
            first.key.weight[1:d_head] = place[:-1]  # a key at p answers the query at p + 1
            first.value.weight[:n_vocabulary] = token
            first.output.weight[:, :n_vocabulary] = note.T
            second.query.weight[:n_vocabulary] = self.LOGITS * d_head**0.5 * token
            second.key.weight[:n_vocabulary] = note
        words = {str(number): number for number in range(n_vocabulary)}
        tokenizer: Any = SimpleNamespace(get_vocab=lambda: words, all_special_ids=[0], added_tokens_decoder={})
        family = FAMILY_OF_TYPE["attention_only"]
        return LoadedModel("by-hand", family, model, tokenizer, config, start_mark_id=0)

    def test_the_writer_has_all_of_it_and_nobody_else_any(self, loaded):
        margin = compute_margins(loaded, {HeadId(1, 0): "induction"}).readers[HeadId(1, 0)]
        rows = np.arange(self.N_TOKENS + 1, 2 * self.N_TOKENS + 1)
        expected = self.LOGITS * (1 - 1 / rows).mean()  # one key of 1 … q scores, all others score nothing
        assert margin.margin == pytest.approx(expected, rel=1e-5)
        assert margin.writers.tolist() == [[pytest.approx(expected, rel=1e-5), 0]]
        assert (margin.embedding, margin.mlps, margin.other) == (0, 0, 0)
        assert margin.first.writer == HeadId(0, 0)
        assert margin.first.share == pytest.approx(1)

    def test_a_head_without_a_preference_has_no_writer(self, loaded):
        margin = compute_margins(loaded, {HeadId(1, 1): "induction"}).readers[HeadId(1, 1)]
        assert margin.margin == 0
        assert margin.first is None
        assert margin.ranked()[0].share is None

    def test_the_reader_of_notes_goes_by_nothing_as_a_duplicate_token_head(self, loaded):
        margin = compute_margins(loaded, {HeadId(1, 0): "duplicate_token"}).readers[HeadId(1, 0)]
        rows = np.arange(self.N_TOKENS + 1, 2 * self.N_TOKENS + 1)
        assert margin.margin == pytest.approx(-self.LOGITS * (1 / rows).mean(), rel=1e-5)


class TestPreference:
    ids = np.array([0, 7, 8, 9, 6, 7, 8, 9, 6])
    see_all = np.tri(9, dtype=bool)

    def test_right_keys_count_one_and_all_but_the_first_are_taken_away(self):
        weights = preference("induction", self.ids, self.see_all).numpy()
        assert np.flatnonzero(weights.any(axis=1)).tolist() == [5, 6, 7, 8]
        np.testing.assert_allclose(4 * weights[5], [0, -0.2, 0.8, -0.2, -0.2, -0.2, 0, 0, 0], atol=1e-6)
        np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-6)
        assert not weights[:, 0].any()

    def test_what_a_window_hides_is_neither_right_nor_wrong(self):
        window = self.see_all & ~np.tri(9, k=-4, dtype=bool)
        weights = preference("induction", self.ids, window).numpy()
        np.testing.assert_allclose(4 * weights[5], [0, 0, 0.75, -0.25, -0.25, -0.25, 0, 0, 0][:9], atol=1e-6)
        assert preference("duplicate_token", self.ids, window) is None

    def test_the_job_is_the_first_that_is_about_copies(self):
        assert copying_job(("positional", "duplicate_token", "induction")) == "duplicate_token"
        assert copying_job(("previous_token", "diffuse")) is None
        held = {HeadId(1, 0): ("induction",), HeadId(0, 1): ("positional",), HeadId(0, 0): ("duplicate_token",)}
        assert list(copying_readers(held).items()) == [(HeadId(0, 0), "duplicate_token"), (HeadId(1, 0), "induction")]


class TestRefusals:
    def test_heads_that_cannot_see_so_far_are_left_out_and_others_are_told(self):
        loaded = readable("gpt_neo")  # a window of five in its second layer
        assert {head.layer for head in compute_margins(loaded, all_readers(loaded)).readers} == {0, 2}

    def test_a_model_that_norms_after_it_adds_is_refused(self):
        loaded = readable("opt", do_layer_norm_before=False)
        with pytest.raises(UserError, match="does not add up"):
            compute_margins(loaded, all_readers(loaded))

    @pytest.mark.parametrize("model_type", ["llama", "gpt_neox", "phi"])
    def test_scores_that_are_not_the_model_s_own_are_refused(self, model_type, monkeypatch):
        monkeypatch.setattr(Placement, "turned", lambda _placement, vectors: vectors)
        loaded = readable(model_type, std=0.3)
        with pytest.raises(UserError, match="does not add up"):
            compute_margins(loaded, all_readers(loaded))

    def test_a_model_that_reads_too_few_positions_is_refused(self):
        loaded = readable("gpt2")
        loaded.config.n_positions = 8
        with pytest.raises(UserError, match="reads too few tokens"):
            compute_margins(loaded, all_readers(loaded))

    def test_no_readers_have_no_margins_in_a_moment(self):
        assert compute_margins(readable("gpt2"), {}).readers == {}


def test_progress_ends_at_all_steps_and_results_can_be_kept():
    told, loaded = [], readable("gpt2")
    margins = compute_margins(loaded, {HeadId(2, 1): "induction"}, lambda done, total: told.append((done, total)))
    assert told == [(step, margins.n_texts + 1) for step in range(margins.n_texts + 2)]
    assert (margins.n_texts, margins.n_tokens) == (8, 31)
    assert seal(margins) < 10_000
    with pytest.raises(ValueError, match="read-only"):
        margins.readers[HeadId(2, 1)].writers[0, 0] = 1


def margin_with(**parts: Any) -> ReaderMargin:
    fields = {"margin": 10.0, "writers": np.array([[3.0, -1.0], [0.5, 4.0]]), "embedding": 0.0, "other": 0.0}
    return ReaderMargin(HeadId(2, 0), "induction", **{**fields, "mlps": 3.5, **parts})


def test_writers_stand_strongest_first_with_their_share():
    ranked = margin_with().ranked()
    assert [(str(part.writer), part.logits) for part in ranked] == [
        ("L1H1", 4.0),
        ("L0H0", 3.0),
        ("L1H0", 0.5),
        ("L0H1", -1.0),
    ]
    assert [part.share for part in ranked] == pytest.approx([0.4, 0.3, 0.05, -0.1])
    assert margin_with().first == ranked[0]
    assert margin_with(writers=np.zeros((0, 2))).first is None
    assert margin_with(writers=-np.ones((1, 2))).first is None
    assert margin_with(margin=-1.0).first is None


def test_mostly_mlps_is_over_half_of_the_margin():
    assert "MLPs" not in margin_with(mlps=5.0).sentence()
    assert "comes mostly through MLPs: 5.1 of 10.0 logits." in margin_with(mlps=5.1).sentence()


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "L1H1 writes 4.0 of 10.0 logits of L2H0’s preference."),
        ({"margin": 3.0, "mlps": 1.0}, "L1H1 writes 4.0 logits of L2H0’s preference; others take it down to 3.0."),
        (
            {"mlps": 6.0},
            "L2H0’s preference comes mostly through MLPs: 6.0 of 10.0 logits. Of the heads, L1H1 writes most: 4.0.",
        ),
        (
            {"mlps": 6.0, "writers": -np.ones((1, 2))},
            "L2H0’s preference comes mostly through MLPs: 6.0 of 10.0 logits.",
        ),
        (
            {"embedding": 9.0, "writers": np.zeros((0, 2))},
            "L2H0’s preference comes mostly from the tokens themselves: 9.0 of 10.0 logits.",
        ),
        (
            {"writers": np.zeros((0, 2))},
            "No earlier head writes L2H0’s preference.",
        ),
        ({"margin": -0.1}, "On random tokens said twice, L2H0 prefers other keys than those of its job."),
    ],
)
def test_the_sentence_says_who_writes_and_never_what_causes(parts, sentence):
    said = margin_with(**parts).sentence()
    assert said == sentence
    assert "cause" not in said


def first_writers(margins: Margins) -> dict[str, str]:
    return {str(head): str(margin.first.writer) for head, margin in margins.readers.items()}


CLASSROOM_INDUCTION = ["L1H1", "L1H2", "L1H5", "L2H2", "L2H3", "L2H5", "L2H7", "L3H5", "L3H7"]


def test_in_the_model_that_ships_one_head_writes_first_for_all_nine():
    readers = dict.fromkeys(map(HeadId.parse, CLASSROOM_INDUCTION), "induction")
    margins = compute_margins(classroom_model(), readers)
    assert first_writers(margins) == dict.fromkeys(CLASSROOM_INDUCTION, "L0H3")
    assert all("comes mostly through MLPs" in margin.sentence() for margin in margins.readers.values())


@pytest.mark.parametrize(
    ("model", "first"),
    [
        (
            SMOLLM2,
            {
                "L17H3": "L16H0",
                "L17H4": "L16H0",
                "L18H6": "L16H0",
                "L18H7": "L16H0",
                "L20H6": "L19H3",
                "L23H2": "L22H1",
                "L23H7": "L22H1",
            },
        ),
        (GEMMA3, {"L5H1": "L4H1", "L5H2": "L4H1", "L11H2": "L10H1"}),
    ],
)
def test_in_real_models_the_writers_that_matter_come_first_and_all_parts_add_up(model, first):
    loaded = real_model(model)
    readers = dict.fromkeys(map(HeadId.parse, first), "induction")
    margins = compute_margins(loaded, readers)
    assert first_writers(margins) == first
    own = own_margins(loaded, "induction")
    for head, margin in margins.readers.items():
        assert whole_of(margin) == pytest.approx(own[head], abs=0.01)


def test_one_head_writes_nine_tenths_of_what_smollm2_s_l17h3_goes_by():
    margin = compute_margins(real_model(SMOLLM2), {HeadId(17, 3): "induction"}).readers[HeadId(17, 3)]
    assert margin.margin == pytest.approx(14.6, abs=0.1)
    assert margin.first.logits == pytest.approx(13.5, abs=0.1)
    assert margin.first.share == pytest.approx(0.92, abs=0.01)
