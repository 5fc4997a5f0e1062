"""Pickled weights become safetensors that hold the same tensors; whatever is more than weights is not read."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from scripts import convert_weights
from scripts.convert_weights import convert, main
from tests.tiny_models import save_tiny_model
from utils.errors import UserError
from utils.models.completeness import missing_files, pickled_weights
from utils.models.files import find_model_dir
from utils.models.loader import load_model_from
from utils.settings import Settings

EMBEDDING, UNEMBEDDING = "transformer.wte.weight", "lm_head.weight"


def pickled_model(folder: Path, model_type: str = "gpt2", n_shards: int = 1) -> tuple[Path, dict[str, torch.Tensor]]:
    """A model's folder as older ones are on the hub, with pickles alone, and the weights in them."""
    save_tiny_model(folder, model_type)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    if n_shards == 1:
        torch.save(weights, folder / "pytorch_model.bin")
        return folder, weights
    shards = {f"pytorch_model-{number}.bin": names[number::n_shards] for number in range(n_shards)}
    for file_name, held in shards.items():
        torch.save({name: weights[name] for name in held}, folder / file_name)
    index = {"weight_map": {name: file_name for file_name, held in shards.items() for name in held}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return folder, weights


def assert_same(written: dict[str, torch.Tensor], original: dict[str, torch.Tensor]) -> None:
    assert set(written) == set(original)
    for name, tensor in original.items():
        assert written[name].dtype == tensor.dtype
        assert torch.equal(written[name], tensor)


def test_a_pickle_becomes_one_safetensors_file_with_the_same_tensors(tmp_path):
    folder, weights = pickled_model(tmp_path / "old")
    files_before = {path.name for path in folder.iterdir()}
    assert [path.name for path in convert(folder)] == ["model.safetensors"]
    assert_same(load_file(folder / "model.safetensors"), weights)
    assert {path.name for path in folder.iterdir()} == files_before | {"model.safetensors"}
    assert missing_files(folder) == []
    assert load_model_from(folder).n_layers == 3


def test_several_pickles_become_as_many_files_and_an_index_that_names_them(tmp_path):
    folder, weights = pickled_model(tmp_path / "old", "qwen2", n_shards=3)
    written = convert(folder)
    assert [path.name for path in written] == [
        *(f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)),
        "model.safetensors.index.json",
    ]
    assert_same({name: tensor for path in written[:3] for name, tensor in load_file(path).items()}, weights)
    index = json.loads(written[3].read_text())
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in weights.values())
    assert all(name in load_file(folder / file) for name, file in index["weight_map"].items())
    assert load_model_from(folder).n_layers == 3


def test_a_tied_unembedding_is_written_once_and_loads_as_the_embedding(tmp_path):
    folder, weights = pickled_model(tmp_path / "old")
    torch.save(weights | {UNEMBEDDING: weights[EMBEDDING]}, folder / "pytorch_model.bin")
    convert(folder)
    assert_same(load_file(folder / "model.safetensors"), weights)
    model = load_model_from(folder).model
    assert torch.equal(model.lm_head.weight, weights[EMBEDDING].float())


def test_an_unembedding_that_the_config_does_not_tie_keeps_a_copy_of_its_own(tmp_path):
    folder, weights = pickled_model(tmp_path / "old")
    config = json.loads((folder / "config.json").read_text()) | {"tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    torch.save(weights | {UNEMBEDDING: weights[EMBEDDING]}, folder / "pytorch_model.bin")
    convert(folder)
    assert_same(load_file(folder / "model.safetensors"), weights | {UNEMBEDDING: weights[EMBEDDING]})


def test_parts_of_one_memory_and_transposed_tensors_are_each_written_whole(tmp_path):
    folder, weights = pickled_model(tmp_path / "old")
    together = torch.stack([weights["transformer.h.0.ln_1.weight"], weights["transformer.h.0.ln_1.bias"]])
    name = "transformer.h.0.attn.c_attn.weight"
    views = {
        "transformer.h.0.ln_1.weight": together[0],
        "transformer.h.0.ln_1.bias": together[1],
        name: weights[name].T.contiguous().T,
    }
    torch.save(weights | views, folder / "pytorch_model.bin")
    convert(folder)
    assert_same(load_file(folder / "model.safetensors"), weights)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pth", "weights.pt"])
@pytest.mark.parametrize("wrapper", [None, "state_dict"])
def test_any_one_pickle_is_found_beside_what_a_trainer_leaves(tmp_path, name, wrapper):
    folder, weights = pickled_model(tmp_path / "old")
    (folder / "pytorch_model.bin").unlink()
    torch.save({wrapper: weights, "epoch": 3} if wrapper else weights, folder / name)
    torch.save({"lr": 1}, folder / "training_args.bin")
    torch.save({"step": 1}, folder / "optimizer.pt")
    assert pickled_weights(folder) == [name]
    convert(folder)
    assert_same(load_file(folder / "model.safetensors"), weights)


class Harmful:
    """What an attacker puts into a file of weights: reading it as a pickle would write a file."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


@pytest.mark.parametrize("as_archive", [True, False])
def test_a_pickle_with_code_in_it_is_refused_and_none_of_it_runs(tmp_path, as_archive):
    folder, weights = pickled_model(tmp_path / "old")
    target = tmp_path / "it-ran"
    content = {**weights, "extra": Harmful(target)}
    if as_archive:
        torch.save(content, folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="holds more than weights"):
        convert(folder)
    assert not target.exists()
    assert missing_files(folder) == ["model.safetensors"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"transformer.wte.weight": torch.zeros(2), "note": "hello"}, "holds more than plain weights, such as 'note'"),
        ({"sparse": torch.eye(3).to_sparse()}, "holds more than plain weights, such as 'sparse'"),
        ([torch.zeros(2)], "holds no table of weights"),
        ({}, "holds no table of weights"),
    ],
)
def test_a_pickle_that_is_no_table_of_weights_is_refused(tmp_path, content, sentence):
    folder, _ = pickled_model(tmp_path / "old")
    torch.save(content, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=sentence):
        convert(folder)


def test_weights_of_another_model_leave_the_folder_as_it_was(tmp_path):
    folder, weights = pickled_model(tmp_path / "old")
    torch.save({name: tensor for name, tensor in weights.items() if "h.1" not in name}, folder / "pytorch_model.bin")
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UserError, match="do not fit together"):
        convert(folder)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_copy_that_differs_in_one_bit_is_not_kept(tmp_path, monkeypatch):
    folder, _ = pickled_model(tmp_path / "old")

    def save_wrongly(tensors, path, metadata):
        name = "transformer.h.1.ln_1.bias"
        save_file(tensors | {name: torch.nextafter(tensors[name], torch.full_like(tensors[name], 9))}, path, metadata)

    monkeypatch.setattr(convert_weights, "save_file", save_wrongly)
    with pytest.raises(UserError, match=r"transformer\.h\.1\.ln_1\.bias did not survive"):
        convert(folder)
    assert missing_files(folder) == ["model.safetensors"]


def test_a_part_that_is_missing_and_a_part_outside_the_folder_are_not_looked_for(tmp_path):
    folder, weights = pickled_model(tmp_path / "old", n_shards=2)
    (folder / "pytorch_model-1.bin").unlink()
    torch.save(weights, tmp_path / "pytorch_model-1.bin")
    assert pickled_weights(folder) == []
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(index.read_text().replace("pytorch_model-1.bin", "../pytorch_model-1.bin"))
    assert pickled_weights(folder) == []


def test_a_folder_with_safetensors_has_nothing_to_convert(tmp_path, capsys):
    folder = save_tiny_model(tmp_path / "new")
    torch.save({}, folder / "pytorch_model.bin")
    assert main(["--model", str(folder)]) == 1
    assert "no pickled weights that need converting" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gpt2", "my-model"])
def test_a_model_of_pickles_alone_is_refused_with_the_command_that_then_makes_it_load(
    tmp_path, monkeypatch, capsys, name
):
    pickled_model(tmp_path / name)
    monkeypatch.setenv("HEADLIGHT_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("HEADLIGHT_OFFLINE", "1")
    settings = Settings.from_environment()
    with pytest.raises(UserError) as refused:
        find_model_dir(name, settings)
    error = refused.value
    assert error.sentence == (
        f"The weights of {name} are a pickle (pytorch_model.bin). Headlight reads none, since a pickle can run code."
    )
    assert f"python scripts/convert_weights.py --model {name}" in error.hint
    assert error.status == 503
    assert error.fix.model == "classroom-gpt2"
    with pytest.raises(UserError, match="are a pickle"):
        load_model_from(tmp_path / name)
    assert main(["--model", name]) == 0
    assert "Every tensor equals its original" in capsys.readouterr().out
    assert find_model_dir(name, settings) == tmp_path / name
