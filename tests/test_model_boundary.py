"""Whatever is wrong with a model's files ends as one sentence: from the loader, the API, the Models page, scripts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file

import scripts.analyze_heads as analyze_heads
import utils.models.boundary as boundary
from app import create_app
from tests.model_folders import copy_model
from tests.tiny_models import save_tiny_model
from utils.errors import UserError
from utils.models.boundary import reading
from utils.models.listing import list_models
from utils.models.loader import ModelStore, load_model_from
from utils.models.weights import layers_in_weights
from utils.service import Headlight
from utils.settings import Settings

PROMPT = "the cat sat on the mat"


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(models_dir=tmp_path / "own", data_dir=tmp_path / "data", offline=True)


@pytest.fixture
def folder(settings):
    return save_tiny_model(settings.models_dir / "tiny", "llama")


def change_json(path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def quantise(folder):
    change_json(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})


def break_tokenizer(folder):
    """tokenizers raises a bare Exception for a model that it does not know."""
    content = json.loads((folder / "tokenizer.json").read_text())
    content["model"] = {"type": "Nonsense"}
    (folder / "tokenizer.json").write_text(json.dumps(content))


def say_fewer_layers(folder):
    change_json(folder / "config.json", num_hidden_layers=2)


def say_absurdly_many_layers(folder):
    change_json(folder / "config.json", num_hidden_layers=10**9)


def say_absurdly_wide(folder):
    change_json(folder / "config.json", vocab_size=10**13)


def leave_only_an_adapter(folder):
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")


def take_the_tokenizer(folder):
    (folder / "tokenizer.json").unlink()


def add_a_matrix(folder):
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.extra.weight"] = torch.ones(2, 2)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def nest_the_config_deeply(folder):
    (folder / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)


KINDS = {
    quantise: "its weights are quantised with gptq",
    break_tokenizer: r"The vocabulary \(tokenizer\.json\) of tiny cannot be read",
    say_fewer_layers: "config.json says 2 layers, its weights have 3",
    say_absurdly_many_layers: "config.json says 1000000000 layers, its weights have 3",
    say_absurdly_wide: r"Not enough memory for tiny: it needs \d+\.\d GB, \d+\.\d GB are free",
    leave_only_an_adapter: r"holds only an adapter \(LoRA\)",
    take_the_tokenizer: r"The folder tiny is not complete\. Still missing: tokenizer\.json",
    add_a_matrix: "model.layers.1.extra.weight has no place in it",
    nest_the_config_deeply: r"The settings \(config\.json\) of tiny cannot be read",
}


@pytest.mark.parametrize(("damage", "sentence"), KINDS.items(), ids=lambda kind: getattr(kind, "__name__", ""))
def test_each_known_kind_is_one_sentence_everywhere(folder, settings, damage, sentence):
    damage(folder)
    with pytest.raises(UserError, match=sentence) as refused:
        load_model_from(folder, "tiny")
    assert refused.value.hint
    service = Headlight(settings)
    answer = create_app(service).server.test_client().post("/api/analyze", json={"model": "tiny", "prompt": PROMPT})
    assert answer.status_code == 503
    assert answer.json["error"].startswith(refused.value.sentence[:40])
    with pytest.raises(UserError, match=sentence):
        service.analyze("tiny", PROMPT)


@pytest.mark.parametrize("damage", [quantise, leave_only_an_adapter])
def test_the_models_page_knows_it_without_loading(folder, settings, damage):
    damage(folder)
    entry = next(entry for entry in list_models(settings) if entry.name == "tiny")
    assert not entry.is_here
    assert entry.problem.sentence.endswith(("quantised with gptq.", "is none itself."))


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Exception("bare"), "cannot be read: damaged"),
        (ImportError("No module named auto_gptq"), "cannot be read: damaged"),
        (RecursionError("too deep"), "cannot be read: damaged"),
        (MemoryError(), "not enough memory to read the weights"),
        (FileNotFoundError("gone"), "vanished while they were read"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_library_raises_is_a_sentence_and_the_log_has_the_trace(problem, sentence, caplog):
    with pytest.raises(UserError, match=sentence) as refused, reading("tiny", "weights"):
        raise problem
    assert refused.value.__cause__ is problem
    assert caplog.records[0].exc_info


def test_a_refusal_passes_the_boundary_as_it_is():
    refusal = UserError("No.", "Do this.")
    with pytest.raises(UserError) as refused, reading("tiny"):
        raise refusal
    assert refused.value is refusal


def test_memory_is_asked_before_anything_is_read(folder, monkeypatch):
    n_weights = sum(tensor.numel() for tensor in load_file(folder / "model.safetensors").values())
    needed = n_weights * 4 * boundary.WORKING_SHARE

    def have(free):
        monkeypatch.setattr(boundary.psutil, "virtual_memory", lambda: SimpleNamespace(available=free))

    have(int(needed * 1.01))
    load_model_from(folder)
    have(int(needed * 0.98))
    monkeypatch.setattr("utils.models.loader._read_weights", lambda *_: pytest.fail("read"))
    with pytest.raises(UserError, match="Not enough memory"):
        load_model_from(folder)


def test_precision_of_the_process_stays_as_it_is_while_a_model_is_read(folder, monkeypatch):
    """Another thread's tensors would be of half precision otherwise."""
    set_to = []
    monkeypatch.setattr(torch, "set_default_dtype", set_to.append)
    load_model_from(folder)
    assert set(set_to) <= {torch.float32}


def test_layers_are_counted_in_the_weights(folder, tmp_path):
    assert layers_in_weights(folder, "model.layers[{layer}]") == 3
    gpt2 = save_tiny_model(tmp_path / "gpt2")
    assert layers_in_weights(gpt2, "transformer.h[{layer}]") == 3
    assert layers_in_weights(gpt2, "somewhere.else[{layer}]") is None


def nest(path):
    path.write_text('{"a":' * 100_000)


def a_fifo(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def a_bad_like(path):
    path.write_text('{"family": {"like": []}}')


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("source.json", nest),
        ("config.json", nest),
        ("model.safetensors.index.json", nest),
        ("tokenizer_config.json", nest),
        ("adapter.json", nest),
        ("adapter.json", a_bad_like),
        ("model.safetensors", a_fifo),
        ("extra.safetensors", a_fifo),
        ("README.md", a_fifo),
    ],
)
def test_one_bad_folder_takes_no_page_down(folder, settings, file, damage):
    damage(folder / file)
    service = Headlight(settings)
    assert any(choice.name == "classroom-gpt2" for choice in service.models())
    assert any(entry.name == "tiny" for entry in list_models(settings))
    service.reads_chat("tiny")
    client = create_app(service).server.test_client()
    assert client.get("/").status_code == client.get("/models").status_code == 200


@pytest.mark.parametrize("number", [0, -1])
def test_a_config_without_heads_is_a_sentence(folder, number):
    change_json(folder / "config.json", num_attention_heads=number)
    with pytest.raises(UserError, match=r"config\.json"):
        load_model_from(folder, "tiny")


class TestFilesThatChangeWhileTheServerRuns:
    def test_other_weights_are_read_and_answer_anew(self, folder, settings):
        service = Headlight(settings)
        before = service.forward("tiny", PROMPT)
        assert service.forward("tiny", PROMPT) is before
        weights = load_file(folder / "model.safetensors")
        changed = {name: -tensor if "q_proj" in name else tensor for name, tensor in weights.items()}
        save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
        after = service.forward("tiny", PROMPT)
        assert abs(after.patterns - before.patterns).max() > 0.01

    def test_files_that_are_gone_are_said_to_be_gone_and_may_come_back(self, folder, settings):
        store = ModelStore(settings)
        loaded = store.get("tiny")
        away = folder.with_name(".away")
        folder.rename(away)
        with pytest.raises(UserError, match="does not know a model of that name"):
            store.get("tiny")
        away.rename(folder)
        assert store.get("tiny") is not loaded

    def test_unchanged_files_are_read_once(self, folder, settings, monkeypatch):
        store = ModelStore(settings)
        loaded = store.get("tiny")
        monkeypatch.setattr("utils.models.loader.load_model", lambda *_: pytest.fail("read again"))
        assert store.get("tiny") is loaded

    def test_a_folder_that_becomes_incomplete_is_noticed(self, folder, settings):
        service = Headlight(settings)
        service.analyze("tiny", PROMPT)
        (folder / "tokenizer.json").unlink()
        with pytest.raises(UserError, match=r"Still missing: tokenizer\.json"):
            service.analyze("tiny", PROMPT)


class TestTheStartMarkOfAFolder:
    """It is a matter of what is in the folder, never of what the folder is called."""

    def test_a_copy_of_a_shipped_model_under_another_name_keeps_its_start_mark(self, tmp_path):
        loaded = load_model_from(copy_model(tmp_path / "anything"))
        assert loaded.start_mark_id is not None

    @pytest.mark.parametrize(("rule", "has_one"), [("none", False), ("one", True)])
    def test_its_adapter_says_so_before_the_family(self, tmp_path, rule, has_one):
        folder = save_tiny_model(tmp_path / "anything", "llama", puts_start_mark=True)
        (folder / "adapter.json").write_text(json.dumps({"start_mark": rule}))
        assert (load_model_from(folder).start_mark_id is not None) is has_one

    def test_a_rule_that_does_not_exist_is_a_sentence(self, tmp_path):
        folder = save_tiny_model(tmp_path / "anything")
        (folder / "adapter.json").write_text('{"start_mark": "two"}')
        with pytest.raises(UserError, match=r"adapter\.json.*start_mark"):
            load_model_from(folder)


def test_a_script_that_was_given_several_models_goes_on_and_ends_with_1(
    folder, settings, tmp_path, monkeypatch, capsys
):
    good, bad = save_tiny_model(tmp_path / "good"), folder
    quantise(bad)
    monkeypatch.setattr(analyze_heads.Settings, "from_environment", lambda: replace(settings, max_tokens=32))
    seen = []
    analyze = analyze_heads.analyze_model

    def only_load(name, *others):
        if str(name) == str(good):
            seen.append(name)
            raise UserError("Seen.", "Enough.")
        return analyze(name, *others)

    monkeypatch.setattr(analyze_heads, "analyze_model", only_load)
    output = str(tmp_path / "out.json")
    assert analyze_heads.main(["--model", str(bad), str(good), "--engine", "pyvene", "--output", output]) == 1
    assert seen == [str(good)]
    assert "quantised with gptq" in capsys.readouterr().err


def test_a_file_that_may_not_be_read_is_a_sentence(folder, monkeypatch):
    if os.geteuid() == 0:
        opened = open

        def refuse(path, *others, **options):
            if str(path).endswith("config.json"):
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *others, **options)

        monkeypatch.setattr("io.open", refuse)
        monkeypatch.setattr("builtins.open", refuse)
    else:
        (folder / "config.json").chmod(0)
    with pytest.raises(UserError, match="cannot be read"):
        load_model_from(folder)
