"""SmolLM2 and Gemma 3 as they come from the package registry: what they say, and what their heads were found to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from app import create_app
from tests.real_models import GEMMA3, SMOLLM2, real_folder, real_model, settings_with
from utils.catalogue.file import load_catalogues
from utils.experiments.verdict import Kind
from utils.forward_pass import run_forward_pass
from utils.head_detection import verify_head_activation
from utils.models.files import local_model_dir
from utils.models.listing import Readiness, list_models
from utils.models.sources.store import read_note
from utils.models.weights import name_weights
from utils.roles import ROLES
from utils.service import Headlight

FRIENDS = "When Mary and John went to the store, John gave a drink to"
REAL = pytest.mark.parametrize("name", [SMOLLM2, GEMMA3])
SHAPES = {SMOLLM2: (30, 9), GEMMA3: (18, 4)}
# The strongest heads, found by independent code on the same weights.
STRONGEST = {
    SMOLLM2: {
        "previous_token": [("L16H0", 0.75)],
        "induction": [("L18H6", 0.91), ("L17H4", 0.77)],
        "duplicate_token": [("L14H3", 0.75), ("L8H0", 0.70)],
    },
    GEMMA3: {"induction": [("L5H1", 0.86)], "duplicate_token": [("L3H3", 0.68)], "previous_token": [("L2H3", 0.64)]},
}


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Headlight:
    return Headlight(settings_with(SMOLLM2, tmp_path_factory.mktemp("real")))


@REAL
def test_its_catalogue_ships_and_belongs_to_the_fetched_weights(name):
    catalogue = load_catalogues()[name]
    assert (catalogue.num_layers, catalogue.num_heads) == SHAPES[name]
    assert catalogue.provenance.weights == name_weights(real_folder(name))
    assert catalogue.provenance.max_difference_to_detect_head <= 1e-6


@pytest.mark.parametrize("name", STRONGEST)
def test_its_catalogue_has_the_heads_that_independent_code_found(name):
    categories = load_catalogues()[name].categories
    for role, heads in STRONGEST[name].items():
        found = {str(head.id): round(head.score, 2) for head in categories[role].top_heads}
        for head, score in heads:
            assert found[head] == pytest.approx(score, abs=0.011), (role, head)


def test_smollm2_has_heads_of_every_role_but_one():
    categories = load_catalogues()[SMOLLM2].categories
    assert {role for role in ROLES if not categories[role].n_heads_holding} == {"successor"}


@REAL
def test_it_has_the_shape_and_the_start_mark_of_its_maker(name):
    loaded = real_model(name)
    assert (loaded.n_layers, loaded.n_heads) == SHAPES[name]
    assert loaded.start_mark_id == (2 if name == GEMMA3 else None)
    assert read_note(real_folder(name)).bits == 4


@REAL
def test_its_patterns_are_those_of_the_bare_model(name):
    loaded = real_model(name)
    forward = run_forward_pass(loaded, FRIENDS, 64)
    with torch.no_grad():
        bare = loaded.model(torch.tensor([forward.token_ids]), output_attentions=True)
    np.testing.assert_allclose(forward.patterns, torch.stack(bare.attentions)[:, 0].numpy(), atol=2e-6)
    best = torch.softmax(bare.logits[0, -1], dim=-1).max().item()
    assert forward.predictions[0].prob == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize(
    ("text", "ids"),
    [("Steps:\n\n1. Wash", [1116, 33]), ("if a:\n    1 + 2", [2367, 33]), (" ½", [216, 16738])],
)
def test_smollm2_splits_digits_from_what_stands_before_them(text, ids):
    """By hand from the file's own merges: each digit is a piece by itself before anything is joined."""
    found = real_model(SMOLLM2).tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    assert any(found[at : at + 2] == ids for at in range(len(found)))


def test_smollm2_says_mary_with_more_than_85_percent_through_the_api(service):
    client = create_app(service).server.test_client()
    answer = client.post("/api/analyze", json={"model": SMOLLM2, "prompt": FRIENDS}).json
    assert answer["predictions"][0]["token"].strip("·") == "Mary"
    assert answer["predictions"][0]["prob"] > 0.85
    assert {role for role in ROLES if not answer["categories"][role]["n_holding"]} == {"successor"}


def test_a_repeated_sentence_lights_the_induction_heads_of_smollm2(service):
    text = "The river was cold and the old boat was slow. The river was cold and the old"
    analysis = service.analyze(SMOLLM2, text)
    assert analysis.roles["induction"].status == "active"
    assert analysis.forward.predictions[0].token.word == "boat"


@pytest.mark.parametrize("method", ["zero", "mean", "resample"])
def test_an_induction_head_of_smollm2_is_compared_with_its_own_layer_and_matters(service, method):
    """Its control used to leave out the 181 heads that rest, and so came mostly from layers 0 to 3."""
    text = "The river was cold and the old boat was slow. The river was cold and the old"
    result = service.ablate(SMOLLM2, text, [(18, 6)], method)
    drawn = {layer for draw in result.controls for layer, _head in draw.heads}
    assert drawn <= {17, 18, 19}
    assert len(result.controls) >= 5
    assert result.verdict.kind is Kind.MATTERS


def test_a_head_of_gemma_is_compared_with_three_layers_of_four(tmp_path):
    """Four heads a layer are too few, and the answer says so."""
    answer = Headlight(settings_with(GEMMA3, tmp_path)).ablate(GEMMA3, "The river was cold. The river", [(5, 1)])
    assert answer.as_json()["controls_from"] == [4, 5, 6]
    assert answer.control_layers.reason == "layer 5 alone has too few"


def test_live_scores_are_those_of_the_public_function(service):
    forward = service.forward(SMOLLM2, "The river was cold. The river was cold.")
    shown = service.analyze(SMOLLM2, forward.prompt).roles["induction"].heads[0]
    pattern = forward.patterns[shown.id.layer, shown.id.head]
    again = verify_head_activation(pattern, forward.token_ids, None, "induction")
    assert shown.activation_score == pytest.approx(again, abs=1e-6)


def test_a_fetched_model_is_ready_at_once(service):
    entry = next(entry for entry in list_models(service.settings) if entry.name == SMOLLM2)
    assert entry.readiness is Readiness.CATALOGUED
    assert entry.note.quantisation == "Q4_1"
    assert local_model_dir(SMOLLM2, service.settings) == entry.folder
