"""Models are loaded once, exactly, and refused in plain words when their files are wrong."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

import utils.models.loader as model_loader
from tests.tiny_models import TINY_CONFIGS, save_tiny_model
from tests.together import Gate, InBackground, at_once
from utils.errors import UserError
from utils.model_config import StartMark
from utils.models.loader import ModelStore, load_model_from
from utils.settings import Settings


@pytest.fixture
def own_models(tmp_path):
    """Settings whose own models directory holds one model, `tiny`."""
    save_tiny_model(tmp_path / "tiny")
    return Settings(models_dir=tmp_path, offline=True)


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_every_family_loads_in_float32_with_eager_attention_and_without_gradients(tmp_path, model_type):
    loaded = load_model_from(save_tiny_model(tmp_path / "tiny", model_type))
    assert model_type in loaded.family.model_types
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.float32}
    assert not any(weight.requires_grad for weight in loaded.model.parameters())
    assert loaded.model.config._attn_implementation == "eager"
    assert not loaded.model.training


def test_thirty_students_at_once_share_one_copy(own_models, monkeypatch):
    loads = []
    load_model = model_loader.load_model
    monkeypatch.setattr(model_loader, "load_model", lambda *asked: loads.append(asked) or load_model(*asked))
    store = ModelStore(own_models)
    with ThreadPoolExecutor(30) as pool:
        models = list(pool.map(store.get, ["tiny"] * 30))
    assert len(loads) == 1
    assert all(model is models[0] for model in models)


def test_different_models_that_are_first_asked_for_at_once_are_all_read(tmp_path):
    names = [f"tiny-{number}" for number in range(4)]
    for name in names:
        save_tiny_model(tmp_path / name)
    store = ModelStore(Settings(models_dir=tmp_path, offline=True))
    models = at_once([lambda name=name: store.get(name) for name in names])
    assert [str(model.name) for model in models] == names


def test_a_model_forgotten_while_it_is_read_is_read_again_by_those_who_ask_later(own_models, monkeypatch):
    load = Gate(model_loader.load_model)
    monkeypatch.setattr(model_loader, "load_model", load)
    store = ModelStore(own_models)
    before = InBackground(lambda: store.get("tiny"))
    load.wait_until_begun()
    joined = InBackground(lambda: store.get("tiny"))
    store.forget("tiny")
    after = InBackground(lambda: store.get("tiny"))
    load.wait_until_begun()
    load.let_go()
    new = after.result()
    assert before.result().name == new.name == "tiny"
    assert before.result() is not new
    assert joined.result() in (before.result(), new)
    assert store.get("tiny") is new
    assert load.n_begun == 2


def test_a_model_that_is_put_there_after_a_refusal_is_found_at_once(tmp_path):
    store = ModelStore(Settings(models_dir=tmp_path, offline=True))
    with pytest.raises(UserError):
        store.get("gpt2")
    save_tiny_model(tmp_path / "gpt2")
    assert store.get("gpt2").n_layers == 3


def test_unknown_names_leave_nothing_behind(own_models):
    store = ModelStore(own_models)
    for number in range(5):
        with pytest.raises(UserError, match="does not know"):
            store.get(f"unknown-{number}")
    assert store._locks == {}


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_damaged_file_is_a_sentence_and_not_a_trace(tmp_path, file):
    folder = save_tiny_model(tmp_path / "tiny")
    (folder / file).write_bytes(b"\x00{ not what it was")
    with pytest.raises(UserError, match="of tiny cannot be read: damaged") as refused:
        load_model_from(folder)
    assert refused.value.status == 503
    assert (file in refused.value.sentence) == (file != "model.safetensors")


def test_a_missing_file_is_named(tmp_path):
    folder = save_tiny_model(tmp_path / "tiny")
    (folder / "model.safetensors").rename(folder / "weights.elsewhere")
    with pytest.raises(UserError, match=r"Still missing: model\.safetensors"):
        load_model_from(folder)


def test_weights_that_lack_a_matrix_are_refused_rather_than_filled_with_random_numbers(tmp_path):
    folder = save_tiny_model(tmp_path / "tiny")
    weights = load_file(folder / "model.safetensors")
    del weights["transformer.h.1.attn.c_attn.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="do not fit"):
        load_model_from(folder)


def test_weights_of_another_shape_are_refused(tmp_path):
    folder = save_tiny_model(tmp_path / "tiny")
    change_config(folder, n_embd=64)
    with pytest.raises(UserError, match="do not fit"):
        load_model_from(folder)


def test_an_unsupported_family_is_named(tmp_path):
    folder = save_tiny_model(tmp_path / "tiny")
    change_config(folder, model_type="mamba")
    with pytest.raises(UserError, match='"mamba"'):
        load_model_from(folder)


def test_code_in_a_model_s_folder_is_never_run(tmp_path):
    folder = save_tiny_model(tmp_path / "tiny")
    trap = tmp_path / "it-ran"
    (folder / "trap.py").write_text(f"open({str(trap)!r}, 'w').close()\nclass Trap: pass\n")
    auto_map = {"AutoConfig": "trap.Trap", "AutoModelForCausalLM": "trap.Trap", "AutoTokenizer": ["trap.Trap", None]}
    change_config(folder, auto_map=auto_map)
    load_model_from(folder)
    change_config(folder, model_type="trap")
    with pytest.raises(UserError):
        load_model_from(folder)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("name", "model_type", "tokenizer_puts_one", "expected"),
    [
        ("somebody-s-model", "gpt2", False, None),
        ("somebody-s-model", "gpt2", True, 1),
        ("somebody-s-model", "opt", False, 1),
        ("somebody-s-model", "opt", True, 1),
        ("somebody-s-model", "qwen2", True, None),
        ("gpt2", "gpt2", True, None),
        ("classroom-gpt2", "gpt2", False, 1),
    ],
)
def test_the_start_mark_follows_the_registry_then_the_family(tmp_path, name, model_type, tokenizer_puts_one, expected):
    folder = save_tiny_model(tmp_path / name, model_type, puts_start_mark=tokenizer_puts_one)
    assert load_model_from(folder).start_mark_id == expected


def test_the_id_of_the_start_mark_comes_from_the_model_s_own_config(tmp_path):
    folder = save_tiny_model(tmp_path / "tiny", "opt")
    change_config(folder, bos_token_id=5)
    assert load_model_from(folder).start_mark_id == 5


def test_a_model_that_needs_a_start_mark_and_names_none_is_refused():
    with pytest.raises(ValueError, match="bos_token_id"):
        model_loader._start_mark_id(
            StartMark.ONE, SimpleNamespace(bos_token_id=None), SimpleNamespace(bos_token_id=None)
        )


def test_a_special_token_that_somebody_types_is_plain_text(tmp_path):
    tokenizer = load_model_from(save_tiny_model(tmp_path / "tiny")).tokenizer
    assert 1 not in tokenizer("a<|endoftext|>b").input_ids
    assert 1 not in tokenizer.backend_tokenizer.encode("a<|endoftext|>b", add_special_tokens=False).ids
