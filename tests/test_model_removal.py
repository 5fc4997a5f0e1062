"""Only what the operator added can be removed, only where it lies, and for a moment it can be had back."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest

from tests.model_folders import SHIPPED, copy_model
from utils.catalogue.file import save_catalogue
from utils.catalogue.store import own_catalogue_path
from utils.errors import UserError
from utils.models.listing import list_models
from utils.models.removal import HIDDEN_PREFIX, Removals, removable
from utils.models.sources.directories import OperatorFolder
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings

MODEL, DEFAULT = "school-model", "classroom-gpt2"


@pytest.fixture
def settings(tmp_path) -> Settings:
    settings = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", offline=True)
    copy_model(settings.models_dir / MODEL)
    return settings


@pytest.fixture
def service(settings) -> Headlight:
    return Headlight(settings)


def catalogue_as(service: Headlight, name: str) -> None:
    """An own catalogue for a model: that of the model that ships."""
    shipped = service.catalogue(DEFAULT)
    save_catalogue(own_catalogue_path(service.settings), shipped.model_copy(update={"model_name": name}))


def names(service: Headlight) -> list[str]:
    return [choice.name for choice in service.models() if choice.available]


def entry_of(settings: Settings, name: str):
    return next(entry for entry in list_models(settings) if entry.name == name)


def test_a_removed_model_is_gone_and_comes_back_whole(service):
    catalogue_as(service, MODEL)
    files = sorted(path.name for path in (service.settings.models_dir / MODEL).iterdir())
    service.analyze(MODEL, "The cat sat on the mat.")
    service.remove_model(MODEL, in_use=DEFAULT)
    assert MODEL not in names(service)
    assert service.catalogue(MODEL) is None
    with pytest.raises(UserError):
        service.analyze(MODEL, "The cat sat on the mat.")
    service.undo_removal(MODEL)
    assert MODEL in names(service)
    assert service.catalogue(MODEL) is not None
    assert sorted(path.name for path in (service.settings.models_dir / MODEL).iterdir()) == files


def test_after_a_while_the_files_are_deleted_and_undo_says_so(settings):
    removals = Removals(settings, undo_s=0.05)
    removals.remove(entry_of(settings, MODEL))
    deadline = time.monotonic() + 10
    while list(settings.models_dir.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(settings.models_dir.iterdir()) == []
    with pytest.raises(UserError, match="too late"):
        removals.undo(MODEL)


def test_what_an_earlier_server_had_hidden_is_deleted_with_the_next_removal(settings):
    copy_model(settings.models_dir / f"{HIDDEN_PREFIX}0123")
    assert [entry.name for entry in list_models(settings) if entry.name.startswith(".")] == []
    Removals(settings).remove(entry_of(settings, MODEL))
    assert not (settings.models_dir / f"{HIDDEN_PREFIX}0123").exists()


def test_only_the_own_catalogue_of_a_shipped_model_can_be_removed(service, settings):
    assert removable(entry_of(settings, DEFAULT)) is None
    catalogue_as(service, DEFAULT)
    removal = removable(entry_of(settings, DEFAULT))
    assert removal.files is None
    assert removal.catalogue is not None
    Removals(settings).remove(entry_of(settings, DEFAULT))
    assert (SHIPPED / "model.safetensors").is_file()
    assert service.catalogue(DEFAULT) is not None


def test_the_models_that_ship_are_safe_even_where_the_operators_directory_is_theirs(tmp_path):
    link = tmp_path / "models"
    link.symlink_to(SHIPPED_MODELS_DIR)
    for models_dir in (SHIPPED_MODELS_DIR, link, SHIPPED_MODELS_DIR.parent):
        settings = Settings(models_dir=models_dir, data_dir=tmp_path / "data", offline=True)
        assert removable(entry_of(settings, DEFAULT)) is None
        mistaken = replace(entry_of(settings, DEFAULT), folder=models_dir / DEFAULT, source=OperatorFolder(settings))
        if models_dir != SHIPPED_MODELS_DIR.parent:
            assert removable(mistaken) is None


def test_of_a_linked_folder_only_the_link_is_removed(tmp_path, settings):
    elsewhere = copy_model(tmp_path / "elsewhere")
    (settings.models_dir / "linked").symlink_to(elsewhere)
    removals = Removals(settings, undo_s=0.05)
    removals.remove(entry_of(settings, "linked"))
    deadline = time.monotonic() + 10
    while len(list(settings.models_dir.iterdir())) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [path.name for path in settings.models_dir.iterdir()] == [MODEL]
    assert (elsewhere / "model.safetensors").is_file()


def test_a_folder_below_a_link_that_leads_out_is_left_alone(tmp_path, settings):
    outside = tmp_path / "outside"
    copy_model(outside / "Qwen2.5-0.5B")
    (settings.models_dir / "Qwen").symlink_to(outside)
    entry = entry_of(settings, "Qwen/Qwen2.5-0.5B")
    assert entry.folder is not None
    assert removable(entry) is None


def test_a_model_in_use_cannot_be_removed(service, monkeypatch):
    with pytest.raises(UserError, match="in use"):
        service.remove_model(MODEL, in_use=MODEL)
    monkeypatch.setattr(service.jobs, "is_running", lambda model: model == MODEL)
    with pytest.raises(UserError, match="in use"):
        service.remove_model(MODEL, in_use=DEFAULT)
    assert MODEL in names(service)


@pytest.mark.parametrize(
    "name", ["../outside", "/etc", f"../{MODEL}", f"{MODEL}/..", ".", "", f"./{MODEL}", f"{MODEL}/", "no-such-model"]
)
def test_a_name_from_the_browser_is_never_a_path(service, tmp_path, name):
    (tmp_path / "outside").mkdir()
    shutil.copy(SHIPPED / "config.json", tmp_path / "outside")
    with pytest.raises(UserError, match="does not know"):
        service.remove_model(name, in_use=DEFAULT)
    assert (tmp_path / "outside" / "config.json").is_file()
    assert MODEL in names(service)
