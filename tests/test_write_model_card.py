"""The model card: its numbers are measured, and the comparison with a bigram model is on the very same tokens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import scripts.write_model_card as card
from scripts.measure_model import continuation, held_out_loss, next_token_losses, repeated_segments
from tests.test_catalogue_building import catalogue_of, even_head, ideal_head, random_head
from utils.catalogue.file import save_catalogue
from utils.catalogue.inputs import read_sentences
from utils.models.loader import load_model_from
from utils.settings import SHIPPED_MODELS_DIR

MODEL_DIR = SHIPPED_MODELS_DIR / "classroom-gpt2"
TRAINING = {
    "recipe": {"steps": 6000, "seed": 0},
    "phases": [[0, 6000, {"natural": 0.6, "repeat": 0.4}]],
    "tokens_trained_on": 12_288_000,
    "corpus_tokens": 7_700_000,
    "corpus_files": ["fairytaleqa.txt", "tinystories_2k.txt"],
}


@pytest.fixture(scope="module")
def loaded():
    return load_model_from(MODEL_DIR)


@pytest.fixture(scope="module")
def text_ids(loaded) -> np.ndarray:
    return np.array(loaded.tokenizer.encode(" ".join(read_sentences()[:12]), add_special_tokens=False))


def test_every_held_out_token_but_the_first_counts_once(loaded, text_ids):
    """Against a loop that predicts one token at a time from the same window."""
    ids = text_ids[:150]
    losses = []
    for position in range(1, len(ids)):
        window_start = (position - 1) // 128 * 128
        context = torch.tensor([[loaded.start_mark_id, *ids[window_start:position].tolist()]])
        with torch.inference_mode():
            log_probs = torch.log_softmax(loaded.model(input_ids=context).logits[0, -1].float(), dim=-1)
        losses.append(-float(log_probs[ids[position]]))
    assert held_out_loss(loaded, ids) == pytest.approx(np.mean(losses), abs=1e-4)


def test_the_likeliest_token_has_the_smallest_loss(loaded, text_ids):
    losses, right = next_token_losses(loaded, text_ids[None, :60])
    assert losses.shape == right.shape == (1, 59)
    assert losses[right].max() < np.log(loaded.config.vocab_size)


def test_a_model_with_induction_heads_reads_the_second_copy_better(loaded):
    first, second, right = repeated_segments(loaded)
    assert second < first - 2
    assert right > 0.3


def test_a_continuation_is_new_text_and_always_the_same(loaded):
    added = continuation(loaded, "Once upon a time there was a little")
    assert added.strip()
    assert added == continuation(loaded, "Once upon a time there was a little")


@pytest.fixture
def trained(tmp_path, loaded, text_ids) -> dict[str, Path]:
    """A trained model's directory, the directory of its training run, and a catalogue."""
    folder, work, catalogue = tmp_path / "classroom-gpt2", tmp_path / "work", tmp_path / "catalogue.json"
    folder.mkdir()
    work.mkdir()
    for path in MODEL_DIR.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "README.md").unlink(missing_ok=True)
    (folder / "training.json").unlink(missing_ok=True)
    (folder / "training.json").write_text(json.dumps(TRAINING))
    shutil.copy(MODEL_DIR / "tokenizer.json", work)
    np.savez(work / "tokens.npz", train=text_ids, held_out=text_ids[:100], files=np.array(["a.txt"]))
    heads = [[ideal_head("induction"), even_head], [random_head(1), ideal_head("positional")]]
    save_catalogue(catalogue, catalogue_of(heads).model_copy(update={"model_name": "classroom-gpt2"}))
    return {"--model": folder, "--work": work, "--catalogue": catalogue}


def run(trained: dict[str, Path]) -> int:
    return card.main([str(part) for pair in trained.items() for part in pair])


def test_the_card_names_texts_licences_losses_and_the_roles_that_did_not_grow(trained):
    assert run(trained) == 0
    text = (trained["--model"] / "README.md").read_text(encoding="utf-8")
    assert "CDLA-Sharing-1.0" in text
    assert "Apache-2.0" in text
    assert "12.3 million tokens in 6,000 steps" in text
    assert "same 99 held-out tokens" in text
    assert "No heads: previous token, duplicate token, current token. That is normal" in text
    assert "Not tested: copying, holding back, next in a list, passing on a name." in text
    assert "| Induction | 1 | L0H0 | 1.00 | 1.00 | 1.00 | 0." in text
    assert "First token" not in text
    assert "| Resting |" not in text
    assert "2 of 4 heads have none of the nine jobs. 1 of 4 heads mostly rest" in text


def test_tokens_of_another_tokenizer_are_refused(trained, capsys):
    (trained["--work"] / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    assert run(trained) == 1
    assert "another tokenizer" in capsys.readouterr().err
    assert not (trained["--model"] / "README.md").exists()


def test_a_text_without_a_known_licence_is_refused(trained, capsys):
    (trained["--model"] / "training.json").write_text(json.dumps({**TRAINING, "corpus_files": ["diary.txt"]}))
    assert run(trained) == 1
    assert "diary.txt" in capsys.readouterr().err


def test_a_model_without_catalogue_is_refused(trained, capsys):
    trained["--catalogue"] = trained["--catalogue"].with_name("none.json")
    assert run(trained) == 1
    assert "analyze_heads.py" in capsys.readouterr().err
