"""The list of models: what is here, what is missing, what Headlight cannot read, and what it all weighs."""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import save_file

from scripts.write_model_card import _training
from tests.model_folders import SHIPPED, change_weights, copy_model
from utils.catalogue.file import save_catalogue
from utils.catalogue.store import own_catalogue_path
from utils.model_config import MODELS
from utils.models.card import read_training_facts
from utils.models.listing import Readiness, list_models
from utils.models.loader import load_model_from
from utils.models.weights import count_parameters, have_weights_changed, name_weights, remembered_weights_name
from utils.service import Headlight
from utils.settings import Settings

TRAINING = {
    "recipe": {"steps": 6000, "seed": 0},
    "phases": [[0, 6000, {"natural": 0.6, "repeat": 0.4}]],
    "tokens_trained_on": 12_288_000,
    "corpus_tokens": 7_700_000,
    "corpus_files": ["fairytaleqa.txt", "tinystories_2k.txt"],
}


@pytest.fixture
def settings(tmp_path) -> Settings:
    (tmp_path / "models").mkdir()
    return Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", offline=True)


def entry_of(settings: Settings, name: str):
    return next(entry for entry in list_models(settings) if entry.name == name)


def test_every_registered_model_is_listed_once_and_first(settings):
    copy_model(settings.models_dir / "school-model")
    assert [entry.name for entry in list_models(settings)] == [*MODELS, "school-model"]


def test_the_model_that_ships_is_ready_and_says_what_it_is(settings):
    entry = entry_of(settings, "classroom-gpt2")
    assert (entry.readiness, entry.source.place) == (Readiness.CATALOGUED, "came with Headlight")
    assert (entry.n_layers, entry.n_heads) == (4, 8)
    assert entry.n_bytes == sum(path.stat().st_size for path in SHIPPED.iterdir())


def test_parameters_are_counted_from_the_file_as_the_loaded_model_has_them():
    model = load_model_from(SHIPPED).model
    assert count_parameters(SHIPPED) == sum(parameter.numel() for parameter in model.parameters())


def test_masks_and_the_copy_of_the_embedding_are_not_counted(tmp_path):
    tensors = {
        "transformer.wte.weight": torch.zeros(5, 4),
        "transformer.h.0.attn.c_attn.bias": torch.zeros(12),
        "transformer.h.0.attn.bias": torch.zeros(1, 1, 8, 8),
        "transformer.h.0.attn.attention.masked_bias": torch.zeros(1),
        "gpt_neox.layers.0.attention.rotary_emb.inv_freq": torch.zeros(2),
        "lm_head.weight": torch.zeros(5, 4),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"tie_word_embeddings": true}')
    assert count_parameters(tmp_path) == 20 + 12
    (tmp_path / "config.json").write_text('{"tie_word_embeddings": false}')
    assert count_parameters(tmp_path) == 20 + 12 + 20


def test_a_folder_that_lacks_its_weights_names_what_was_found_and_what_is_missing(settings):
    folder = settings.models_dir / "half"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(SHIPPED / name, folder)
    entry = entry_of(settings, "half")
    assert entry.readiness is Readiness.UNREADABLE
    assert (entry.found, entry.missing) == (("config.json", "tokenizer.json"), ("model.safetensors",))
    assert entry.n_parameters is None


def test_a_family_that_cannot_be_read_is_named_with_those_that_can(settings):
    folder = copy_model(settings.models_dir / "strange")
    (folder / "config.json").write_text('{"model_type": "mamba"}')
    entry = entry_of(settings, "strange")
    assert entry.readiness is Readiness.UNREADABLE
    assert entry.problem.sentence.startswith('Headlight cannot read the family "mamba". It reads: GPT-2')


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "\x00"])
def test_a_damaged_config_does_not_break_the_list(settings, content):
    folder = copy_model(settings.models_dir / "broken")
    (folder / "config.json").write_text(content)
    (folder / "model.safetensors").write_bytes(b"\xff" * 20)
    entry = entry_of(settings, "broken")
    assert entry.n_parameters is None
    assert entry.n_layers is None


def test_folders_without_any_file_of_a_model_are_not_listed(settings):
    (settings.models_dir / "notes").mkdir()
    (settings.models_dir / "notes" / "readme.txt").write_text("not a model")
    copy_model(settings.models_dir / "Qwen" / "Qwen2.5-0.5B")
    listed = {entry.name: entry for entry in list_models(settings)}
    assert not {"notes", "Qwen"} & set(listed)
    assert listed["Qwen/Qwen2.5-0.5B"].source.place == "added here"


def test_models_that_are_not_here_say_why(settings):
    assert entry_of(settings, "gpt2").readiness in (Readiness.PUBLISHED_ONLY, Readiness.NOT_ANALYZED)
    assert entry_of(settings, "Qwen/Qwen3-0.6B").readiness in (Readiness.NOT_HERE, Readiness.NOT_ANALYZED)
    assert entry_of(settings, "meta-llama/Llama-3.2-1B").readiness is Readiness.NEEDS_PERMISSION
    service = Headlight(settings)
    save_catalogue(
        own_catalogue_path(settings), service.catalogue("classroom-gpt2").model_copy(update={"model_name": "gpt2"})
    )
    assert entry_of(settings, "gpt2").readiness is Readiness.CATALOGUE_ONLY


def test_a_model_that_does_not_ship_says_how_large_it_is():
    for spec in MODELS.values():
        assert (spec.shape is None) == (spec.millions is None) == spec.is_own, spec.name


def test_weights_that_change_get_another_name(tmp_path):
    folder = copy_model(tmp_path / "model")
    name = name_weights(folder)
    assert remembered_weights_name(folder) == name
    assert not have_weights_changed(name, folder)
    change_weights(folder)
    assert remembered_weights_name(folder) == name_weights(folder) != name
    assert have_weights_changed(name, folder)
    assert not have_weights_changed("revision:0123456789abcdef", folder)


def test_the_card_that_is_written_can_be_read_again(tmp_path):
    section = f"## What it was trained on\n\n{_training(TRAINING)}"
    text = f"# A model\n\n{section}\n\n## Limits\n\nNone."
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    facts = read_training_facts(tmp_path)
    assert [title.split(",")[0] for title in facts.texts] == ["FairytaleQA", "TinyStories"]
    assert facts.length.startswith("12.3 million tokens in 6,000 steps")
    assert "None" not in facts.length


@pytest.mark.parametrize("text", ["", "# Only a title", "## What it was trained on\n\n## Next", "\xff"])
def test_a_card_that_does_not_say_is_no_error(tmp_path, text):
    (tmp_path / "README.md").write_text(text, encoding="latin-1")
    assert read_training_facts(tmp_path) is None
    assert read_training_facts(tmp_path / "nowhere") is None
