"""A model that does not read text, of a family that Headlight does not know: what its adapter says is what happens."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, StableLmConfig

from scripts.training_tunes import LOWEST, TuneSampler, make_tune, note_labels, tune_texts
from tests.precision import WEIGHT
from tests.tiny_models import save_tiny_model
from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.run import measure_catalogue, texts_for
from utils.errors import UserError
from utils.experiments.reference_values import reference_texts
from utils.forward_pass import run_forward_pass
from utils.model_config import AttentionLayout, Projections
from utils.models.adapter import FILE_NAME, Adapter, family_in, read_adapter
from utils.models.completeness import missing_files
from utils.models.loader import load_model_from

LABELS = ("begin", *(f"stroke{number}" for number in range(40)))
TEXTS = tuple(" ".join(f"stroke{(start + 7 * step) % 40}" for step in range(12)) for start in range(20))
ADAPTER = {
    "tokens_are": "pen strokes",
    "labels": LABELS,
    "start_label": "begin",
    "test_texts": TEXTS,
    "prompts": TEXTS[:3],
    "family": {"like": "llama", "display_name": "StableLM", "norm": "layer"},
}
PROMPT = "stroke3 stroke5 stroke3 stroke5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random model of a family that is not in the registry, with labels in place of a tokenizer."""
    folder = tmp_path_factory.mktemp("strokes") / "strokes"
    config = StableLmConfig(
        vocab_size=len(LABELS),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    (folder / FILE_NAME).write_text(json.dumps(ADAPTER), encoding="utf-8")
    return folder


def write(tmp_path, **changes):
    (tmp_path / FILE_NAME).write_text(json.dumps({**ADAPTER, **changes}), encoding="utf-8")
    return tmp_path


def test_labels_take_the_place_of_a_tokenizer(folder):
    assert missing_files(folder) == []
    forward = run_forward_pass(load_model_from(folder), PROMPT, 64)
    assert [token.word for token in forward.tokens] == ["start", "stroke3", "stroke5", "stroke3", "stroke5"]
    assert [token.id for token in forward.tokens] == [0, 4, 6, 4, 6]
    assert all(prediction.token.word in (*LABELS[1:], "⟨end⟩") for prediction in forward.predictions)


def test_patterns_are_the_bare_models(folder):
    loaded = load_model_from(folder)
    forward = run_forward_pass(loaded, PROMPT, 64)
    bare = loaded.model(torch.tensor([forward.token_ids]), output_attentions=True).attentions
    assert np.allclose(forward.patterns, torch.stack(bare)[:, 0].detach().numpy(), rtol=0, atol=WEIGHT)


def test_a_word_that_is_no_label_is_refused_with_an_example_that_works(folder):
    loaded = load_model_from(folder)
    with pytest.raises(UserError) as refused:
        run_forward_pass(loaded, "stroke3 Hello", 64)
    assert refused.value.sentence == 'This model reads pen strokes, and "Hello" is none of them.'
    assert "begin" not in refused.value.hint
    assert "stroke0, stroke1" in refused.value.hint
    run_forward_pass(loaded, refused.value.fix.prompt, 64)


def test_the_start_mark_cannot_be_typed(folder):
    with pytest.raises(UserError):
        run_forward_pass(load_model_from(folder), "begin stroke3", 64)


def test_the_catalogue_reads_the_adapters_own_texts(folder):
    loaded = load_model_from(folder)
    texts = texts_for(loaded, seed=0)
    assert [len(sequence) for sequence in texts.inputs.sentences] == [13] * len(TEXTS)
    assert texts.prompts == frozenset(TEXTS[:3])
    catalogue = measure_catalogue(PyVeneEngine(loaded), "sha256:0", texts, 64, progress=lambda _read: None)
    assert catalogue.shape.as_tuple == (2, 4)
    assert not catalogue.heads_of("induction"), "a random model has none"


def test_what_stands_in_for_a_head_is_measured_on_the_adapters_own_texts(folder):
    expected = [[0, *(LABELS.index(word) for word in text.split())] for text in TEXTS]
    assert reference_texts(load_model_from(folder)) == expected


def test_a_family_can_be_described_without_labels(tmp_path):
    save_tiny_model(tmp_path, "llama")
    (tmp_path / FILE_NAME).write_text(json.dumps({"family": {"like": "llama", "display_name": "Mine"}}))
    loaded = load_model_from(tmp_path)
    assert loaded.family.display_name == "Mine"
    assert len(run_forward_pass(loaded, "The cat sat", 64).tokens) > 1


def test_a_family_may_say_itself_where_queries_keys_and_values_stand(tmp_path):
    layout = {"projections": "by_head", "names": ["qkv"], "norm": None, "is_scaled": False}
    described = {"like": "llama", "attention_layout": layout}
    (tmp_path / "adapter.json").write_text(json.dumps({"family": described}))
    family = family_in(tmp_path, "stablelm")
    assert family.attention_layout == AttentionLayout(Projections.BY_HEAD, ("qkv",), None, is_scaled=False)


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"projections": "sideways", "names": [], "norm": None},
        {"projections": "by_head", "norm": None},
        {"projections": "by_head", "names": ["qkv"]},
        {"projections": "by_head", "names": "q", "norm": None},
        {"projections": "by_head", "names": ["q", "k", "v"], "norm": None},
        {"projections": "separate", "names": ["qkv"], "norm": None},
        {"projections": "by_head", "names": ["qkv"], "norm": None, "scaled": False},
        3,
    ],
)
def test_a_layout_that_is_described_wrongly_is_a_sentence(tmp_path, layout):
    (tmp_path / "adapter.json").write_text(json.dumps({"family": {"like": "llama", "attention_layout": layout}}))
    with pytest.raises(UserError, match=r"adapter\.json of .* cannot be used"):
        family_in(tmp_path, "stablelm")


def test_a_layout_may_be_left_unsaid_though_another_family_has_one(tmp_path):
    (tmp_path / "adapter.json").write_text(json.dumps({"family": {"like": "llama", "attention_layout": None}}))
    assert family_in(tmp_path, "stablelm").attention_layout is None


def test_without_an_adapter_an_unknown_family_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot read the family"):
        family_in(tmp_path, "stablelm")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"labels": ("a", "a")}, "every label must be different"),
        ({"labels": ("begin", "two words")}, "without spaces"),
        ({"test_texts": ["stroke1 nonsense"]}, "nonsense"),
        ({"prompts": []}, "must be there"),
        ({"start_label": "nowhere"}, "start_label"),
        ({"lables": []}, "lables"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path, changes, what):
    with pytest.raises(ValueError, match=what):
        read_adapter(write(tmp_path, **changes))


@pytest.mark.parametrize(
    "family", [{"like": "nobody"}, {}, {"like": "llama", "norm": "wild"}, {"like": "llama", "x": 1}]
)
def test_a_wrong_family_is_a_sentence(tmp_path, family):
    with pytest.raises(UserError):
        family_in(write(tmp_path, family=family), "stablelm")


class TestTunes:
    def test_every_note_has_one_label_and_lengths_alternate(self):
        labels = note_labels()
        assert len(set(labels)) == len(labels) == 61
        assert labels[1 + 2 * (60 - LOWEST)] == "C4"
        assert labels[2 + 2 * (60 - LOWEST)] == "C4_"

    def test_phrases_return_in_a_tune(self):
        tunes = [make_tune(np.random.default_rng(seed)) for seed in range(20)]
        assert all(
            any(tune[i : i + 3] in [tune[j : j + 3] for j in range(i)] for i in range(3, len(tune) - 2))
            for tune in tunes
        )

    def test_rows_are_the_same_for_the_same_seed_and_begin_with_the_mark(self):
        one, other = (TuneSampler(np.random.default_rng(3)).batch(6, 64, {"natural": 0.5}) for _ in range(2))
        assert np.array_equal(one, other)
        assert one.shape == (6, 64)
        assert (one[:, 0] == 0).all()
        assert (one[:, 1:] > 0).all()
        assert one.max() < len(note_labels())

    def test_texts_are_made_of_labels(self):
        Adapter(
            labels=tuple(note_labels()), start_label="start", test_texts=tuple(tune_texts(3, 0)), prompts=("C4 D4",)
        )
