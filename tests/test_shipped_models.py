"""What ships is what it claims to be: every model in models/, its card, and its catalogue."""

from __future__ import annotations

import json
import math
import re

import pytest
import torch

from utils.catalogue.file import load_catalogues
from utils.model_config import MODELS
from utils.models.loader import load_model_from
from utils.roles import ROLES
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.toy.dynamics import load_dynamics, phase_change

SHIPPED = sorted(path.name for path in SHIPPED_MODELS_DIR.iterdir() if path.is_dir())
CATALOGUES = load_catalogues()
DEFAULT = Settings().default_model
MEGABYTE = 2**20
ONE_LAYER, TWO_LAYERS = "classroom-attn-1l", "classroom-attn-2l"


@pytest.fixture(scope="module")
def service():
    return Headlight(Settings())


def card_of(name):
    return (SHIPPED_MODELS_DIR / name / "README.md").read_text(encoding="utf-8")


def training_facts(name):
    return json.loads((SHIPPED_MODELS_DIR / name / "training.json").read_text(encoding="utf-8"))


def test_the_default_model_ships():
    assert DEFAULT in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_listed_catalogued_and_described(name):
    assert name in MODELS
    assert name in CATALOGUES
    assert "held-out" in card_of(name).lower()


def test_models_hold_no_pickles_and_stay_small():
    files = [path for path in SHIPPED_MODELS_DIR.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".md"}
    assert sum(path.stat().st_size for path in files) <= 45 * MEGABYTE
    assert (SHIPPED_MODELS_DIR / DEFAULT / "model.safetensors").stat().st_size <= 16 * MEGABYTE


@pytest.mark.parametrize("name", SHIPPED)
def test_every_promise_of_a_suggested_prompt_is_kept(service, name):
    for role in ROLES:
        for suggestion in CATALOGUES[name].categories[role].suggested_prompts:
            summary = service.analyze(name, suggestion.text).roles[role]
            assert (summary.n_active, len(summary.heads)) == (suggestion.lights, suggestion.of), (role, suggestion.text)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_role_with_heads_has_a_prompt_that_lights_it(name):
    for role in ROLES:
        category = CATALOGUES[name].categories[role]
        assert bool(category.top_heads) == bool(category.suggested_prompt), role


def test_the_default_model_has_grown_the_roles_that_the_app_is_about():
    catalogue = CATALOGUES[DEFAULT]
    assert catalogue.usual("previous_token").score.max() >= 0.6
    assert catalogue.usual("induction").score.max() >= 0.6
    assert catalogue.usual("positional").excess.max() > 0.4


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != ONE_LAYER])
def test_every_shipped_model_of_several_layers_has_a_previous_token_and_an_induction_head(name):
    for role in ("previous_token", "induction"):
        assert CATALOGUES[name].usual(role).excess.max() > 0.4


def test_one_layer_has_no_induction_head_and_two_that_learnt_the_same_have():
    one, two = (CATALOGUES[name].usual("induction").score.max() for name in (ONE_LAYER, TWO_LAYERS))
    assert one < 0.1
    assert two > 0.6
    recipes = [training_facts(name)["recipe"] for name in (ONE_LAYER, TWO_LAYERS)]
    assert recipes[0] == recipes[1]


@pytest.mark.parametrize(("name", "has_changed"), [("classroom-attn-1l", False), ("classroom-attn-2l", True)])
def test_the_kept_copies_of_the_toys_show_a_phase_change_in_two_layers_alone(name, has_changed):
    dynamics = load_dynamics(SHIPPED_MODELS_DIR / name)
    assert dynamics is not None
    assert (phase_change(dynamics.best("induction"), dynamics.steps) is not None) == has_changed
    assert (dynamics.second_copy_loss[-1] < dynamics.second_copy_loss[0] / 2) == has_changed
    finished = CATALOGUES[name].usual("induction").score.max()
    assert dynamics.best("induction")[-1] == pytest.approx(finished, abs=0.05)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_s_loss_beats_the_bigram_of_the_same_tokens(name):
    """The card's figures are measured by scripts/write_model_card.py; here only that they say what they must."""
    rows = dict(re.findall(r"^\| (this model|a bigram model)[^|]*\| (\d\.\d\d) \|$", card_of(name), flags=re.MULTILINE))
    assert float(rows["this model"]) < float(rows["a bigram model"])


def test_the_default_model_continues_simple_english():
    loaded = load_model_from(SHIPPED_MODELS_DIR / DEFAULT, DEFAULT)
    sentence = "Once upon a time there was a little girl. She went to the park to play with her friends."
    ids = [loaded.start_mark_id, *loaded.tokenizer.encode(sentence, add_special_tokens=False)]
    batch = torch.tensor([ids])
    with torch.inference_mode():
        loss = loaded.model(input_ids=batch, labels=batch).loss.item()
    assert loss < math.log(20)  # far below the log of its 4,096 tokens, 8.3


def test_the_done_sentence_lights_heads_for_real_reasons(service):
    """The cat sat on the mat. The cat sat on the: what the README promises for a first look."""
    analysis = service.analyze(DEFAULT, "The cat sat on the mat. The cat sat on the")
    induction = analysis.roles["induction"]
    assert induction.status == "active"
    ids = analysis.forward.token_ids
    for head in induction.heads:
        if head.is_active:
            look = head.evidence[0]
            assert ids[look.key_pos - 1] == ids[look.query_pos]
    assert analysis.roles["previous_token"].status == "active"


@pytest.mark.parametrize("name", SHIPPED)
def test_training_facts_are_kept_beside_the_weights(name):
    facts = training_facts(name)
    assert facts["tokens_trained_on"] > 0
    assert facts.get("corpus_files") or facts["made_by"]
