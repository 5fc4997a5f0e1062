"""A TransformerLens state dict becomes the toy model: held against TransformerLens' own formula, written out here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scripts.convert_weights import convert, main
from scripts.transformer_lens_toy import config_of
from tests.precision import of_size
from tests.tiny_models import byte_level_tokenizer
from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.run import score_model, texts_for
from utils.errors import UserError
from utils.forward_pass import run_forward_pass
from utils.models.files import local_model_dir
from utils.models.loader import LoadedModel, load_model, load_model_from
from utils.settings import Settings

N_LAYERS, N_HEADS, D_MODEL, D_HEAD, N_CONTEXT = 2, 3, 24, 8, 32
ARENA = "callummcdougall/attn_only_2L_half"


def random_state(vocab_size: int) -> dict[str, torch.Tensor]:
    """What `HookedTransformer.state_dict()` of an attention-only shortformer holds."""
    torch.manual_seed(0)
    state = {
        "embed.W_E": torch.randn(vocab_size, D_MODEL),
        "pos_embed.W_pos": torch.randn(N_CONTEXT, D_MODEL),
        "unembed.W_U": torch.randn(D_MODEL, vocab_size),
        "unembed.b_U": torch.randn(vocab_size),
    }
    for layer in range(N_LAYERS):
        place = f"blocks.{layer}.attn"
        for letter in "QKV":
            state[f"{place}.W_{letter}"] = torch.randn(N_HEADS, D_MODEL, D_HEAD) * 0.2
            state[f"{place}.b_{letter}"] = torch.randn(N_HEADS, D_HEAD)
        state[f"{place}.W_O"] = torch.randn(N_HEADS, D_HEAD, D_MODEL)
        state[f"{place}.b_O"] = torch.randn(D_MODEL)
        state[f"{place}.mask"] = torch.ones(N_CONTEXT, N_CONTEXT, dtype=torch.bool).tril()
        state[f"{place}.IGNORE"] = torch.tensor(float("-inf"))
    return state


def logits_by_formula(state, ids):
    """One head at a time: queries and keys read stream + positions, values the stream."""
    stream = state["embed.W_E"][ids]
    hidden = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
    for layer in range(N_LAYERS):
        part = {name.split(".")[-1]: tensor for name, tensor in state.items() if f"blocks.{layer}." in name}
        where, written = stream + state["pos_embed.W_pos"][: len(ids)], part["b_O"].clone().expand_as(stream)
        for head in range(N_HEADS):
            query = where @ part["W_Q"][head] + part["b_Q"][head]
            key = where @ part["W_K"][head] + part["b_K"][head]
            value = stream @ part["W_V"][head] + part["b_V"][head]
            pattern = (query @ key.T / D_HEAD**0.5).masked_fill(hidden, -torch.inf).softmax(-1)
            written = written + pattern @ value @ part["W_O"][head]
        stream = stream + written
    return stream @ state["unembed.W_U"] + state["unembed.b_U"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "attn_only_2L_half"
    tokenizer = byte_level_tokenizer()
    tokenizer.save_pretrained(folder)
    torch.save(random_state(len(tokenizer)), folder / "attn_only_2L_half.pth")
    return folder


def test_the_converted_model_gives_the_logits_of_the_original(folder):
    written = convert(folder)
    assert [path.name for path in written] == ["config.json", "model.safetensors"]
    model = load_model_from(folder).model
    ids = [1, 40, 41, 40, 41, 50]
    with torch.inference_mode():
        ours = model(torch.tensor([ids])).logits[0]
    by_formula = logits_by_formula(random_state(model.config.vocab_size), ids)
    assert torch.allclose(ours, by_formula, rtol=0, atol=of_size(ours))


def test_it_begins_every_text_with_its_start_mark(folder):
    convert(folder)
    forward = run_forward_pass(load_model_from(folder), "The cat", 16)
    assert forward.tokens[0].is_start
    assert forward.tokens[0].id == 1


def test_the_script_finds_the_folder_by_the_models_name(folder, monkeypatch, capsys):
    monkeypatch.setenv("HEADLIGHT_MODELS_DIR", str(folder.parent))
    assert main(["--model", ARENA]) == 0
    assert "config.json" in capsys.readouterr().out


def test_a_model_with_mlps_is_refused(folder):
    state = random_state(20) | {"blocks.0.mlp.W_in": torch.zeros(3, 3)}
    with pytest.raises(UserError, match=r"blocks\.0\.mlp\.W_in"):
        config_of(state, 0)


def test_a_bare_pickle_that_is_no_toy_asks_for_its_config(folder):
    torch.save({"weight": torch.zeros(2)}, folder / "attn_only_2L_half.pth")
    with pytest.raises(UserError, match=r"config\.json is missing"):
        convert(folder)


@pytest.fixture(scope="module")
def arena() -> LoadedModel:
    settings = Settings.from_environment()
    if local_model_dir(ARENA, settings) is None:
        pytest.skip(f"{ARENA} IS NOT HERE: its published heads were NOT checked (see scripts/convert_weights.py)")
    return load_model(ARENA, settings)


def scores_on_random_tokens(loaded: LoadedModel, role: str) -> np.ndarray:
    return (
        score_model(PyVeneEngine(loaded), texts_for(loaded, 0).inputs, progress=lambda _read: None).scores[role].score
    )


@pytest.mark.parametrize(
    ("role", "heads"),
    [
        ("previous_token", [(0, 7)]),
        ("current_token", [(0, 9)]),
        ("positional", [(0, 3)]),
        ("induction", [(1, 4), (1, 10)]),
    ],
)
def test_the_published_toy_has_its_published_heads(arena, role, heads):
    scores = scores_on_random_tokens(arena, role)
    assert all(scores[head] > 0.4 for head in heads), {head: round(float(scores[head]), 2) for head in heads}
