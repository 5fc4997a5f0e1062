"""Where a model's files are found, and what is said when they are not."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub.errors import GatedRepoError, HTTPError

import utils.settings
from utils.errors import UserError
from utils.models.completeness import missing_files
from utils.models.files import find_model_dir, local_model_dir, local_model_names, require_local_model_dir
from utils.models.sources import hub, hub_cache
from utils.settings import Settings


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Empty directories in the three places on this computer, and a hub that cannot be reached."""
    places = SimpleNamespace(shipped=tmp_path / "models", own=tmp_path / "own", cache=tmp_path / "cache")
    for folder in vars(places).values():
        folder.mkdir()
    monkeypatch.setattr(utils.settings, "SHIPPED_MODELS_DIR", places.shipped)
    monkeypatch.setattr(hub_cache.constants, "HF_HUB_CACHE", str(places.cache))
    places.settings = Settings(models_dir=places.own, data_dir=tmp_path / "data")
    set_hub(monkeypatch, error=HTTPError("no route to host"))
    return places


def set_hub(monkeypatch, files=(), pull_requests=(), error=None):
    """Replace the hub: what it lists, or how it fails. Returns the downloads that were asked for."""
    downloads = []

    def model_info(self, name, timeout, files_metadata, revision=None):
        assert timeout <= 15
        if error:
            raise error
        return SimpleNamespace(sha="abc123", siblings=[SimpleNamespace(rfilename=file, lfs=None) for file in files])

    def get_repo_discussions(self, name, author):
        return iter(pull_requests)

    def snapshot_download(name, **options):
        downloads.append((name, options))
        return "/downloaded"

    monkeypatch.setattr(hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(hub.HfApi, "get_repo_discussions", get_repo_discussions)
    monkeypatch.setattr(hub, "snapshot_download", snapshot_download)
    return downloads


def put_model(folder: Path, *files: str) -> Path:
    folder.mkdir(parents=True)
    for file in files or ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / file).write_text("{}")
    return folder


def put_in_cache(places, name, *files):
    return put_model(places.cache / f"models--{name.replace('/', '--')}" / "snapshots" / "abc123", *files)


def test_the_shipped_folder_comes_before_the_operator_s_and_that_before_the_cache(places):
    cached = put_in_cache(places, "gpt2")
    assert find_model_dir("gpt2", places.settings) == cached
    own = put_model(places.own / "gpt2")
    assert find_model_dir("gpt2", places.settings) == own
    shipped = put_model(places.shipped / "gpt2")
    assert find_model_dir("gpt2", places.settings) == shipped


def test_a_folder_that_is_not_complete_is_passed_over(places):
    put_model(places.shipped / "gpt2", "config.json", "tokenizer.json")
    own = put_model(places.own / "gpt2")
    assert find_model_dir("gpt2", places.settings) == own


@pytest.mark.parametrize("folder", ["pythia-70m", "EleutherAI/pythia-70m"])
def test_a_model_with_an_owner_is_found_with_and_without_the_owner_s_folder(places, folder):
    own = put_model(places.own / folder)
    assert find_model_dir("EleutherAI/pythia-70m", places.settings) == own


def test_pickled_weights_do_not_count(places):
    folder = put_model(places.own / "gpt2", "config.json", "tokenizer.json", "pytorch_model.bin")
    assert missing_files(folder) == ["model.safetensors"]
    assert local_model_dir("gpt2", places.settings) is None


def test_weights_in_several_files_need_all_of_them(places):
    folder = put_model(places.own / "gpt2", "config.json", "vocab.json", "merges.txt", "a.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}))
    assert missing_files(folder) == ["b.safetensors"]
    (folder / "b.safetensors").touch()
    assert missing_files(folder) == []
    index.write_text("[1, 2")
    assert missing_files(folder) == ["model.safetensors.index.json"]


def test_a_folder_that_the_operator_added_is_offered_by_its_name(places):
    put_model(places.own / "my-model")
    put_model(places.own / "half-a-model", "config.json")
    put_model(places.shipped / "gpt2")
    assert local_model_names(places.settings) == ["gpt2", "my-model"]
    assert find_model_dir("my-model", places.settings) == places.own / "my-model"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../own", "/", "own/../secret", "bert-base-uncased", "a" * 5000, "a\0b"]
)
def test_a_name_is_never_taken_for_a_path_or_an_address(places, monkeypatch, name):
    downloads = set_hub(monkeypatch, files=["model.safetensors"])
    put_model(places.own.parent / "secret")
    put_model(places.own / "deep" / "inside")
    for asked in (name, str(places.own.parent / "secret"), "deep/inside", "deep"):
        with pytest.raises(UserError, match="does not know") as refused:
            find_model_dir(asked, places.settings)
        assert refused.value.status == 404
        assert refused.value.fix.model == "classroom-gpt2"
    assert downloads == []


def test_a_model_that_is_nowhere_is_refused_with_the_files_and_the_folder(places):
    with pytest.raises(UserError) as refused:
        find_model_dir("EleutherAI/pythia-70m", places.settings)
    error = refused.value
    assert error.sentence == "Pythia 70M could not be downloaded: the hub cannot be reached, or does not have it."
    assert error.status == 503
    offline = Settings(models_dir=places.own, data_dir=places.settings.data_dir, offline=True)
    with pytest.raises(UserError) as refused:
        find_model_dir("EleutherAI/pythia-70m", offline)
    error = refused.value
    assert error.sentence == (
        "Pythia 70M is not on this computer. Headlight is set to stay off the network. Your text is safe."
    )
    assert error.hint.startswith("Put config.json, model.safetensors and tokenizer.json into the folder pythia-70m")
    assert error.status == 503
    assert error.fix.label == "Use Classroom GPT-2"
    assert str(places.own) not in error.sentence + error.hint


def test_a_question_never_fetches_and_leads_to_the_row_that_can(places, monkeypatch):
    set_hub(monkeypatch, error=AssertionError("the hub was asked"))
    with pytest.raises(UserError, match="Pythia 70M is not on this computer yet") as refused:
        require_local_model_dir("EleutherAI/pythia-70m", places.settings)
    fix = refused.value.fix
    assert (fix.shows_models, fix.model) == (True, "EleutherAI/pythia-70m")


def test_a_folder_that_is_begun_says_what_is_missing_under_its_own_name_too(places):
    put_model(places.own / "my-model", "config.json", "model.safetensors")
    with pytest.raises(UserError, match=r"my-model is not complete\. Still missing: tokenizer\.json"):
        require_local_model_dir("my-model", places.settings)


def test_a_folder_with_an_adapter_alone_is_told_from_a_model(places):
    put_model(places.own / "my-lora", "adapter_config.json", "adapter_model.safetensors", "tokenizer.json")
    with pytest.raises(UserError, match=r"holds only an adapter \(LoRA\)"):
        require_local_model_dir("my-lora", places.settings)


def test_offline_never_asks_the_hub(places, monkeypatch):
    set_hub(monkeypatch, error=AssertionError("the hub was asked"))
    with pytest.raises(UserError, match="stay off the network"):
        find_model_dir("gpt2", Settings(models_dir=places.own, data_dir=places.settings.data_dir, offline=True))


def test_only_configuration_tokenizer_and_safetensors_are_downloaded(places, monkeypatch):
    downloads = set_hub(monkeypatch, files=["model.safetensors", "pytorch_model.bin", "modeling_gpt2.py"])
    assert find_model_dir("gpt2", places.settings) == Path("/downloaded")
    ((name, options),) = downloads
    assert (name, options["revision"]) == ("gpt2", "abc123")
    patterns = [Path(pattern) for pattern in options["allow_patterns"]]
    assert not any(
        Path(file).match(str(pattern)) for pattern in patterns for file in ("x.bin", "x.py", "x.pt", "x.pkl")
    )


def test_where_the_owner_left_only_pickles_the_hub_s_own_conversion_is_taken(places, monkeypatch):
    title = "Adding `safetensors` variant of this model"
    other = SimpleNamespace(is_pull_request=True, title="Adding something else", num=3)
    conversion = SimpleNamespace(is_pull_request=True, title=title, num=7)
    downloads = set_hub(monkeypatch, files=["pytorch_model.bin"], pull_requests=[other, conversion])
    find_model_dir("facebook/opt-125m", places.settings)
    assert downloads[0][1]["revision"] == "refs/pr/7"


def test_pickles_alone_are_refused(places, monkeypatch):
    downloads = set_hub(monkeypatch, files=["pytorch_model.bin"])
    with pytest.raises(UserError, match="no safetensors"):
        find_model_dir("facebook/opt-125m", places.settings)
    assert downloads == []


def test_a_gated_model_says_what_its_owner_asks_for(places, monkeypatch):
    response = SimpleNamespace(headers={}, request=None, status_code=403)
    set_hub(monkeypatch, error=GatedRepoError("gated", response=response))
    with pytest.raises(UserError, match="asks for an account") as refused:
        find_model_dir("meta-llama/Llama-3.2-1B", places.settings)
    assert refused.value.hint.startswith("Accept the licence")


def test_the_newest_complete_snapshot_of_the_cache_is_taken(places):
    old = put_in_cache(places, "gpt2")
    new = put_model(old.parent / "def456")
    incomplete = put_model(old.parent / "fff999", "config.json")
    for age, folder in enumerate((incomplete, new, old)):
        os.utime(folder, (1_000_000 - age, 1_000_000 - age))
    assert local_model_dir("gpt2", places.settings) == new


def test_a_model_of_our_own_is_never_looked_for_on_the_hub(places, monkeypatch):
    set_hub(monkeypatch, error=AssertionError("the hub was asked"))
    with pytest.raises(UserError, match="comes with Headlight"):
        find_model_dir("classroom-gpt2", places.settings)
