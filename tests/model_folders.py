"""Folders of models for tests: copies of the one that ships, as an operator would put them into a directory."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from utils.catalogue.jobs import CatalogueJobs
from utils.catalogue.run import CatalogueTexts, texts_for
from utils.catalogue.suggestions import Candidate
from utils.experiments.second_copy import random_segments
from utils.models.loader import LoadedModel
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings

SHIPPED = SHIPPED_MODELS_DIR / "classroom-gpt2"
START_MARK = "<|endoftext|>"
FEW_CANDIDATES = {
    "plain": (Candidate("The little girl went to the park with her friend."),),
    "repeating": (Candidate("red blue green red blue green red blue green"),),
}


def copy_model(folder: Path) -> Path:
    """The model that ships under another name; its tokenizer says that texts begin with a start mark, since no
    registry does."""
    shutil.copytree(SHIPPED, folder)
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    start, text = {"SpecialToken": {"id": START_MARK, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [start, text],
        "pair": [start, text, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {START_MARK: {"id": START_MARK, "ids": [0], "tokens": [START_MARK]}},
    }
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


def change_weights(folder: Path) -> None:
    """Other weights of the same shape: the last number of the file differs."""
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def few_texts(loaded: LoadedModel, seed: int) -> CatalogueTexts:
    """The first texts of a real analysis: enough that every role has evidence, few enough for a fast test."""
    texts = texts_for(loaded, seed)
    inputs = replace(
        texts.inputs,
        repeated=texts.inputs.repeated[:2],
        sentences=texts.inputs.sentences[:3],
        passages=texts.inputs.passages[:1],
    )
    kind = {key: "repeating" if key in ("induction", "duplicate_token") else "plain" for key in texts.candidates}
    few = {key: FEW_CANDIDATES[kind[key]] for key in texts.candidates}
    return CatalogueTexts(inputs, few, random_segments(loaded, 2, 4, seed))


def service_on_few_texts(folder: Path, model: str) -> Headlight:
    """A server with one more model of this name, a copy of the shipped one, which it analyses on few texts."""
    settings = Settings(models_dir=folder / "models", data_dir=folder / "data", offline=True)
    copy_model(settings.models_dir / model)
    service = Headlight(settings)
    service.jobs = CatalogueJobs(settings, service._models.get, few_texts)
    return service
