"""A role with nothing but its entry, and a function or a measure: every page shows it, in words from the registry."""

from __future__ import annotations

import re

import numpy as np
import pytest
from dash._utils import to_json

import utils.catalogue.file
import utils.catalogue.store
from app import PAGES
from components.address import Question
from components.all_heads import all_heads_page
from components.circuits import circuits_page
from components.head import head_page
from components.learn import learn_page
from components.roles import roles_page, stage
from components.roles.roles_view import roles_view
from components.score_bar import two_decimals
from tests import fake_service
from tests.fake_circuits import SHARES, WRITER, CircuitsService
from tests.fake_service import HALF_WRITER, MODEL, PLAIN, FakeHeadlight
from tests.made_up_roles import FIRST_HALF, FLAT, MADE_UP, TWO_BACK
from tests.model_folders import few_texts
from tests.test_components_heads import head_search, nodes, search_for, text_of, with_class
from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.run import measure_catalogue
from utils.catalogue.schema import ModelCatalogue
from utils.heads import HeadId
from utils.measures.reading import Need
from utils.models.loader import load_model_from
from utils.models.weights import name_weights
from utils.roles import ROLES, needs_of_roles
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings

HEADS = {TWO_BACK.key: HeadId(0, 1), FLAT.key: HeadId(0, 3), FIRST_HALF.key: HALF_WRITER}
QUESTION = Question(MODEL, PLAIN)

REAL_MODELS = ("classroom-attn-2l", "classroom-attn-1l")
REAL_PROMPT = "The old king lost his ring in the river. The old king lost his ring in the"


@pytest.fixture
def made_up(monkeypatch):
    """The registry with the made-up roles in it: the entries, and nothing else."""
    for key, role in MADE_UP.items():
        monkeypatch.setitem(ROLES, key, role)
    return MADE_UP


@pytest.fixture
def service(made_up, monkeypatch):
    """The fake service, with one head that looks two tokens back."""
    monkeypatch.setitem(fake_service.JOBS, HEADS[TWO_BACK.key], {TWO_BACK.key: 6.0})
    for made in (fake_service.fake_forward, fake_service.fake_catalogue):
        made.cache_clear()
    yield FakeHeadlight()
    for made in (fake_service.fake_forward, fake_service.fake_catalogue):
        made.cache_clear()


@pytest.fixture(params=list(MADE_UP))
def role(request):
    return MADE_UP[request.param]


@pytest.fixture
def score(service, role) -> str:
    """What the role's head scores on the text, as a page writes it."""
    (entry,) = [e for e in service.analyze(MODEL, PLAIN).roles[role.key].heads if e.id == HEADS[role.key]]
    assert entry.is_active
    return two_decimals(entry.activation_score)


def sentence_of(component, class_name: str) -> str:
    """The words of the one element with a class, spaces as a reader sees them."""
    (element,) = with_class(component, class_name)
    return re.sub(r"\s+", " ", text_of(element))


def test_the_roles_page_has_its_card_and_counts_it(service, role, score):
    page = roles_page.layout(service, QUESTION)
    words = text_of(page)
    assert all(part in words for part in (role.display_name, score, role.sentence, role.definition, role.source))
    assert "of eight jobs of looking" in words
    assert "12 jobs, and the heads that do them" in words
    assert not re.search("(of|the) nine|nine jobs", words.lower())


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (TWO_BACK.key, r"At boat 9 it looks at over 7 with \d+ % of its attention\."),
        (FLAT.key, r"At \w+ \d it shares its attention among \d+ tokens\. None gets more than \d+ % ?\."),
        (FIRST_HALF.key, r"At \w+ \d it looks at that very token, with \d+ % of its attention\."),
    ],
)
def test_the_stage_proves_it_with_the_tokens_and_no_more(service, key, sentence):
    shown = stage.layout(roles_view(service, QUESTION), key)
    head = service.analyze(MODEL, PLAIN).roles[key].strongest.id
    assert f"{MADE_UP[key].display_name}, as head {head} does it" in text_of(shown)
    assert re.match(sentence, sentence_of(shown, "strip-sentence"))


@pytest.mark.parametrize("drawing", ["lines", "grid"])
def test_the_page_of_its_head_shows_the_evidence(service, role, score, drawing):
    search = head_search(HEADS[role.key], prompt=PLAIN, view=drawing, role=role.key)
    words = text_of(head_page.layout(service, QUESTION, search))
    assert role.display_name in words
    assert score in words
    assert f"At each, a perfect head for this job {role.habit}." in words


def test_a_measure_says_what_its_score_is_held_against(service):
    words = text_of(head_page.layout(service, QUESTION, head_search(HALF_WRITER, prompt=PLAIN, role=FIRST_HALF.key)))
    assert re.search(r"Both halves alike\s*0\.50", words)


@pytest.mark.parametrize("tab", ["table", "map"])
@pytest.mark.parametrize("is_filtered", [False, True])
def test_all_heads_have_it_as_column_cell_and_filter(service, role, score, tab, is_filtered):
    chosen = {"role": role.key, "sort": f"{role.key}.up"} if is_filtered else {}
    words = text_of(all_heads_page.layout(service, QUESTION, search_for(PLAIN, tab=tab, **chosen)))
    name = role.display_name.lower()
    assert role.display_name in words
    assert "none of the six" not in words.lower()
    if tab == "table":
        assert f"{name} {score}, usual" in words
    elif is_filtered or role is not FLAT:  # a flat head is first of all a diffuse one
        assert f"{HEADS[role.key]}, " in words
        assert f"{name}, active, score {score}" in words


def test_what_stands_out_is_told_for_roles_that_can_be_compared(service):
    words = text_of(all_heads_page.layout(service, QUESTION, search_for(PLAIN)))
    assert f"{HEADS[TWO_BACK.key]}  looks two tokens back." in words


def test_learn_says_what_the_registry_says_and_leaves_out_what_nobody_wrote(service, role):
    page = learn_page.layout(service, QUESTION, "")
    (lesson,) = [node for node in nodes(page) if node["props"].get("id") == f"learn-{role.key}"]
    words = text_of(lesson)
    for part in (role.display_name, role.sentence, role.definition, role.formula, role.source):
        assert part in words
    assert f"Our score is {role.measure.score_means}." in words
    assert "A common mistake" not in words
    assert not with_class(lesson, "mini-strip")
    assert "The eight jobs of looking" in text_of(page)


@pytest.mark.parametrize("prompt", ["Hi", "red blue green", fake_service.REPEATING])
@pytest.mark.parametrize("has_catalogue", [True, False])
def test_every_page_is_there_whatever_the_text_and_without_a_catalogue(
    service, role, monkeypatch, prompt, has_catalogue
):
    if not has_catalogue:
        monkeypatch.setattr(service, "catalogue", lambda _model: None)
    question = Question(MODEL, prompt)
    stage.layout(roles_view(service, question), role.key)
    for page, search in (
        (roles_page, ""),
        (head_page, head_search(HEADS[role.key], prompt=prompt, role=role.key, view="grid")),
        (all_heads_page, search_for(prompt)),
        (all_heads_page, search_for(prompt, tab="map")),
        (learn_page, ""),
    ):
        names_roles = has_catalogue or "tab=map" not in search  # a map of heads whose jobs nobody knows names none
        assert (role.display_name in to_json(page.layout(service, question, search))) or not names_roles


def test_the_api_has_it_with_the_same_fields_as_any_other(service):
    categories = service.analyze(MODEL, PLAIN).as_json()["categories"]
    fields = {key: set(categories[key]) for key in ROLES}
    assert set(map(frozenset, fields.values())) == {frozenset(fields["induction"])}
    entries = {key: set(head) for key in MADE_UP for head in [categories[key]["heads"][0]]}
    assert set(map(frozenset, entries.values())) == {frozenset(categories["induction"]["heads"][0])}


def test_a_text_is_read_for_what_the_measures_need(made_up):
    assert needs_of_roles() == frozenset(Need)


def test_without_such_a_role_nobody_keeps_what_heads_hand_on():
    assert needs_of_roles() == {Need.PATTERNS, Need.WRITING}


@pytest.fixture(scope="module")
def real_catalogues() -> dict[str, ModelCatalogue]:
    """The toy pair measured for all roles, made-up ones included, by the steps that a catalogue job takes."""
    catalogues = {}
    with pytest.MonkeyPatch.context() as patch:
        for key, role in MADE_UP.items():
            patch.setitem(ROLES, key, role)
        for name in REAL_MODELS:
            folder = SHIPPED_MODELS_DIR / name
            loaded = load_model_from(folder)
            texts = few_texts(loaded, seed=0)
            catalogues[name] = measure_catalogue(
                PyVeneEngine(loaded), name_weights(folder), texts, 128, lambda _read: None
            )
    return catalogues


@pytest.fixture
def real_service(made_up, real_catalogues, monkeypatch, tmp_path) -> Headlight:
    """A server whose catalogues were measured with the made-up roles; the shipped file knows nothing of them."""
    monkeypatch.setattr(utils.catalogue.store, "CATALOGUE_PATH", tmp_path / "shipped" / "head_categories.json")
    settings = Settings(data_dir=tmp_path / "data", offline=True, default_model=REAL_MODELS[0])
    for catalogue in real_catalogues.values():
        utils.catalogue.file.save_catalogue(tmp_path / "data" / "head_categories.json", catalogue)
    return Headlight(settings)


def test_a_real_model_is_measured_for_it_offline(real_catalogues):
    for catalogue in real_catalogues.values():
        for key in MADE_UP:
            assert np.isfinite(catalogue.all_scores[key]).all()
        flat, diffuse = catalogue.all_scores[FLAT.key], catalogue.all_scores["diffuse"]
        assert flat == diffuse
        assert catalogue.holders_of(FLAT.key) == catalogue.holders_of("diffuse")


def test_offline_and_live_it_is_the_same_quantity(real_service, real_catalogues):
    """The score of one suggested prompt's text, once by the engine of the catalogue and once by the live pass."""
    name = REAL_MODELS[0]
    live = real_service.analyze(name, REAL_PROMPT)
    ids = np.array(live.forward.token_ids)
    values = real_service.forward(name, REAL_PROMPT).head_values
    shares = np.square(values[:, :, 1:], dtype=np.float64)
    by_hand = (shares[..., : shares.shape[-1] // 2].sum(axis=-1) / shares.sum(axis=-1)).mean(axis=-1)
    assert live.live[FIRST_HALF.key].score == pytest.approx(by_hand)
    assert len(ids) == values.shape[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("prompt", [REAL_PROMPT, PLAIN, "Hi"])
def test_every_page_of_a_real_model_opens(real_service, page, prompt):
    head = real_service.circuits.heads_of(REAL_MODELS[0])
    for layer, place in ((0, 0), (head.n_layers - 1, 1)):
        search = head_search(HeadId(layer, place), model=REAL_MODELS[0], prompt=prompt)
        assert page.module.layout(real_service, Question(REAL_MODELS[0], prompt), search) is not None


def test_the_circuits_page_says_what_it_notes_and_who_reads_that(made_up, monkeypatch):
    """Its head in the place of the best writer: a job that nobody wrote circuit words for."""
    monkeypatch.setitem(fake_service.JOBS, WRITER, {TWO_BACK.key: 6.0})
    for made in (fake_service.fake_forward, fake_service.fake_catalogue):
        made.cache_clear()
    try:
        service = CircuitsService(shares=SHARES)  # in which it writes most of what induction heads go by
        words = text_of(circuits_page.layout(service, Question(MODEL, fake_service.REPEATING), ""))
        assert f"{WRITER} looks two tokens back and notes what it finds." in words
        assert "Together that is the recipe of induction" not in words
    finally:
        for made in (fake_service.fake_forward, fake_service.fake_catalogue):
            made.cache_clear()
