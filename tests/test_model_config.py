"""The registry says of every family and model what the models themselves say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.tiny_models import D_MODEL, FAMILY_OF_TYPE, N_HEADS, N_LAYERS, TINY_CONFIGS, classroom_model, random_model
from utils.errors import UserError
from utils.model_config import FAMILIES, MODELS, Norm, Positions, StartMark, family_of, family_of_type


def module_at(model: nn.Module, path: str) -> nn.Module:
    """The module that a path of the registry leads to, such as `transformer.h[0].attn`."""
    return model.get_submodule(path.replace("[", ".").replace("]", ""))


def test_every_model_type_of_every_family_is_tried_here():
    assert set(TINY_CONFIGS) == set(FAMILY_OF_TYPE)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_a_family_is_found_by_its_config_and_reads_its_sizes(model_type):
    config = random_model(model_type).config
    family = family_of(config)
    assert model_type in family.model_types
    assert (family.n_layers(config), family.n_heads(config)) == (N_LAYERS, N_HEADS)
    shares_keys = "num_key_value_heads" in TINY_CONFIGS[model_type] and family.n_kv_heads_attr is not None
    assert family.n_kv_heads(config) == (2 if shares_keys else N_HEADS)
    assert family.max_positions(config) == (None if family.positions is Positions.ALIBI else 64)


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_the_paths_of_a_family_lead_to_what_they_name(model_type):
    model = random_model(model_type)
    family = family_of(model.config)
    assert module_at(model, family.embedding_path) is model.get_input_embeddings()
    assert module_at(model, family.unembedding_path) is model.get_output_embeddings()
    final = module_at(model, family.final_norm_path)
    assert isinstance(final, torch.nn.Identity) if family.norm is Norm.NONE else final.weight.shape == (D_MODEL,)
    for layer in range(N_LAYERS):
        block = module_at(model, family.block_path.format(layer=layer))
        attention = module_at(model, family.attention_path.format(layer=layer))
        assert any(module is attention for module in block.modules())
    with pytest.raises(AttributeError):
        module_at(model, family.block_path.format(layer=N_LAYERS))


@pytest.mark.parametrize("model_type", TINY_CONFIGS)
def test_a_family_s_attention_layout_and_positions_name_modules_that_are_there(model_type):
    model = random_model(model_type)
    family = family_of(model.config)
    layout, block = family.attention_layout, module_at(model, family.block_path.format(layer=1))
    attention = module_at(model, family.attention_path.format(layer=1))
    assert all(attention.get_submodule(name).weight.dim() == 2 for name in layout.names)
    assert (layout.norm is None) == (family.norm is Norm.NONE)
    assert layout.norm is None or block.get_submodule(layout.norm).weight.shape == (D_MODEL,)
    if family.position_embedding_path is not None:
        rows = module_at(model, family.position_embedding_path).weight[family.n_rows_before_positions :]
        assert rows.shape == (family.max_positions(model.config), D_MODEL)
    norms_of_embeddings = [name for name, _ in model.named_modules() if name.endswith("embeddings_layernorm")]
    assert norms_of_embeddings == [path for path in (family.embedding_norm_path,) if path is not None]


def test_an_unknown_family_is_refused_with_the_names_of_those_that_can_be_read():
    with pytest.raises(UserError) as refused:
        family_of_type("mamba")
    assert '"mamba"' in refused.value.sentence
    assert all(family.display_name in refused.value.sentence for family in FAMILIES.values())


def test_every_model_is_of_a_known_family_and_has_a_folder_of_its_own():
    assert all(spec.family in FAMILIES for spec in MODELS.values() if spec.name != "classroom-tunes")
    assert MODELS["classroom-tunes"].family is None  # its adapter describes it
    assert len({spec.folder for spec in MODELS.values()}) == len(MODELS)
    assert len({spec.display_name for spec in MODELS.values()}) == len(MODELS)


def test_gpt2_has_no_start_mark_and_opt_and_the_classroom_model_have_one():
    assert MODELS["gpt2"].start_mark is StartMark.NONE
    assert MODELS["facebook/opt-125m"].start_mark is StartMark.ONE
    assert MODELS["classroom-gpt2"].start_mark is StartMark.ONE


def test_the_shipped_model_is_what_the_registry_says():
    loaded = classroom_model()
    assert loaded.family.key == MODELS[loaded.name].family
    assert loaded.start_mark_id == loaded.config.bos_token_id
