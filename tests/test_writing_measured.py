"""The test of every head's writing: hand-made heads with known answers, heads that know nothing, the real models."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

import utils.writing.tables as tables_module
import utils.writing.text_writing as text_writing
from tests.real_models import GEMMA3, SMOLLM2, real_model
from utils.activity import decide_role
from utils.analysis import analyze
from utils.catalogue.building import holders_of
from utils.catalogue.file import load_catalogues
from utils.catalogue.inputs import read_sentences
from utils.circuits.weights import output_weights
from utils.forward_pass import run_forward_pass
from utils.heads import HeadId
from utils.measures.figures import RoleScores
from utils.measures.states import State
from utils.measures.written import Write
from utils.models.loader import LoadedModel, load_model_from
from utils.roles import ROLES, writing_roles
from utils.scoring import score_text
from utils.settings import SHIPPED_MODELS_DIR
from utils.writing import measuring
from utils.writing.measured import WritingMeasured
from utils.writing.measuring import measure_writing, name_sentences
from utils.writing.tables import WritingTables, writing_tables
from utils.writing.text_writing import with_writing
from utils.writing.word_tokens import word_tokens

LENGTHS = (6, 9, 20, 40, 100)
MOST_FALSE = 0.05
IN_TEXT = (
    "Anna and Peter met on Monday. One, two, three. Then Anna gave Tom the book, and Tom gave it to Peter. A B C D. "
)


@pytest.fixture(scope="module")
def gpt2() -> LoadedModel:
    return load_model_from(SHIPPED_MODELS_DIR / "classroom-gpt2")


def names_of(found: WritingMeasured, role: str) -> list[str]:
    """The heads that hold a role in full."""
    full = holders_of(role, found.scores[role]).full
    return [str(HeadId(int(layer), int(head))) for layer, head in zip(*np.nonzero(full), strict=True)]


class TestHandMadeHeads:
    """Four heads of one layer whose values are made by hand: one number per tested word, so that what each writes is
    known: its own word up, its own word down, the next item of a list up, and the same whatever it looks at."""

    @pytest.fixture(scope="class")
    def made(self, gpt2) -> tuple[WritingTables, torch.Tensor]:
        words = word_tokens(gpt2.tokenizer)
        n = len(words.columns)
        own = torch.eye(n)
        following = torch.eye(n)
        for each in words.testable_lists:
            for item, after in each.steps():
                place, target = words.columns.index(item), words.columns.index(after)
                following[place] = 0.5 * own[place] + own[target]
        constant = torch.randn(1, n, generator=torch.Generator().manual_seed(0)).expand(n, n)
        to_logits = torch.stack([own, -own, following, constant])[None]
        values = torch.eye(n).expand(1, 4, n, n)
        return WritingTables(words, to_logits, values.mean(dim=2), torch.zeros(1)), values

    @pytest.mark.parametrize(
        ("role", "holders"),
        [("copying", [True, False, False, False]), ("copy_suppression", [False, True, False, False])],
    )
    def test_the_own_word_up_or_down_is_copying_or_holding_back(self, made, role, holders):
        found = measuring._on_own_tokens(*made, ROLES[role].measure.write)
        full = holders_of(role, found).full[0]
        assert full[[0, 1, 3]].tolist() == [holders[0], holders[1], holders[3]]
        assert found.score[0, 0 if role == "copying" else 1] == 1.0

    def test_what_follows_is_next_in_a_list_and_what_came_before_is_not(self, made):
        found, lists = measuring._on_lists(*made)
        assert holders_of("successor", found).full[0].tolist() == [False, False, True, False]
        assert all(shares[0, 2] == 1.0 for shares in lists.values())
        tables, values = made
        backwards = WritingTables(
            tables.words, tables.to_logits.transpose(-1, -2), tables.mean_values, tables.mean_column
        )
        turned, _ = measuring._on_lists(backwards, values)
        assert turned.backwards[0, 2] > 0.9
        assert not holders_of("successor", turned).all[0, 2]

    def test_a_head_that_knows_a_list_in_both_directions_knows_no_order(self):
        scores = RoleScores.of(73, np.array([[0.6, 0.6]]), 1 / 295)
        both = RoleScores(73, scores.score, scores.chance, scores.excess, backwards=np.array([[0.36, 0.34]]))
        assert holders_of("successor", both).full[0].tolist() == [False, True]


def test_a_model_with_random_weights_holds_nothing(gpt2):
    torch.manual_seed(1)
    fresh = AutoModelForCausalLM.from_config(copy.deepcopy(gpt2.config), attn_implementation="eager").eval()
    random = LoadedModel("random", gpt2.family, fresh, gpt2.tokenizer, gpt2.config, gpt2.start_mark_id)
    found = measure_writing(random, 0)
    assert all(names_of(found, role) == [] for role in found.scores)
    assert "does not solve" in found.untested["name_mover"]


@pytest.fixture(scope="module")
def random_outputs(gpt2) -> dict[int, torch.Tensor]:
    """For every layer output weights without meaning, as large as its own: [head, d_head, d_model]."""
    generator, found = torch.Generator().manual_seed(0), {}
    for layer in range(gpt2.n_layers):
        own = output_weights(gpt2, layer)
        drawn = torch.randn(own.shape, generator=generator)
        found[layer] = drawn * (own.norm(dim=(1, 2)) / drawn.norm(dim=(1, 2)))[:, None, None]
    return found


@pytest.fixture
def random_writers(gpt2, random_outputs, monkeypatch) -> WritingTables:
    """Heads that look as they do and write at random."""
    for module in (tables_module, text_writing):
        monkeypatch.setattr(module, "output_weights", lambda _loaded, layer: random_outputs[layer])
    return writing_tables(gpt2, load_catalogues()["classroom-gpt2"].mean_values)


def test_heads_that_look_as_they_do_and_write_at_random_hold_nothing(gpt2, random_writers):
    values = measuring.word_values(gpt2, random_writers.words, lambda _n: None)
    for write in (Write.COPY, Write.SUPPRESS):
        assert measuring._on_own_tokens(random_writers, values, write).score.max() < 0.1
    assert measuring._on_lists(random_writers, values)[0].score.max() < 0.25


@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_and_light_a_lamp_on_a_text_hardly_ever(gpt2, random_writers, n_tokens):
    n_active = dict.fromkeys(writing_roles(), 0)
    n_asked = dict.fromkeys(writing_roles(), 0)
    for text in texts_of(gpt2, n_tokens):
        scored = score_text(with_writing(gpt2, random_writers, run_forward_pass(gpt2, text, 128)).reading)
        for role in n_active:
            if len(scored.evidence[role].rows):
                state = decide_role(scored, role, None, 8).state
                n_active[role] += int((state == State.ACTIVE).sum())
                n_asked[role] += state.size
    assert sum(n_active.values()) <= MOST_FALSE * sum(n_asked.values())
    assert n_asked["copying"] >= 300


def texts_of(loaded: LoadedModel, n_tokens: int) -> list[str]:
    """Texts of about so many tokens: running sentences, and one with names, days, numbers and letters."""
    found = []
    for source in (" ".join(read_sentences()), IN_TEXT * 20):
        ids = loaded.tokenizer.backend_tokenizer.encode(source, add_special_tokens=False).ids
        found += [loaded.tokenizer.decode(ids[begin : begin + n_tokens]) for begin in range(0, 6 * n_tokens, n_tokens)]
    return found


class TestShipped:
    """What the catalogue says, measured again."""

    @pytest.fixture(scope="class")
    def found(self, gpt2) -> WritingMeasured:
        return measure_writing(gpt2, 0)

    def test_it_copies_and_neither_holds_back_nor_goes_on(self, found):
        assert found.scores["copying"].score[2, 5] > 0.95
        assert found.scores["copy_suppression"].score.max() < 0.02
        assert names_of(found, "successor") == []

    def test_its_catalogue_is_this(self, found):
        catalogue = load_catalogues()["classroom-gpt2"]
        for role, scores in found.scores.items():
            assert np.abs(catalogue.usual(role).score - scores.score).max() < 0.0001
        assert np.abs(catalogue.mean_values - found.mean_values).max() < 0.001 * np.abs(found.mean_values).max()
        assert catalogue.untested == dict(found.untested)

    def test_a_model_of_notes_cannot_be_tested_and_says_so(self):
        found = measure_writing(load_model_from(SHIPPED_MODELS_DIR / "classroom-tunes"), 0)
        assert set(found.untested) == set(writing_roles())
        assert all(reason.endswith("cannot be tested.") for reason in found.untested.values())


def test_name_sentences_ask_for_one_of_two_names_that_are_one_token(gpt2):
    sentences = name_sentences(gpt2, 0)
    assert len(sentences) == 64
    for ids, right, wrong in sentences:
        assert right != wrong
        assert (ids.count(right), ids.count(wrong)) == (1, 2)
    assert sentences == name_sentences(gpt2, 0)


@pytest.mark.parametrize("name", [SMOLLM2, GEMMA3])
class TestRealModels:
    """Which heads of real models write what; the words of the test are Headlight's own, so shares are near, not equal,
    those measured with other words."""

    @pytest.fixture(scope="class")
    def found(self, request) -> dict[str, WritingMeasured]:
        return {}

    def measured(self, found: dict[str, WritingMeasured], name: str) -> WritingMeasured:
        if name not in found:
            found[name] = measure_writing(real_model(name), 0)
        return found[name]

    def test_each_job_has_these_heads(self, found, name):
        catalogue = load_catalogues()[name]
        measured = self.measured(found, name)
        held = {role: set(names_of(measured, role)) for role in writing_roles()}
        if name == SMOLLM2:
            assert held["copy_suppression"] == {"L23H3", "L24H4"}
            assert held["successor"] == set()
            assert {"L23H0", "L23H2", "L24H5"} <= held["copying"]
            assert {"L23H0", "L23H1", "L23H2", "L23H7"} == held["name_mover"]
        else:
            assert held["successor"] == {"L12H0"}
            assert {"L11H3", "L13H3", "L17H2"} <= held["copy_suppression"]
            assert {"L11H2", "L12H1", "L12H3"} <= held["copying"]
            assert {"L11H2", "L12H1", "L12H3"} == held["name_mover"]
        for role, scores in measured.scores.items():
            assert np.abs(catalogue.usual(role).score - scores.score).max() < 0.02

    def test_the_only_successor_knows_days_months_and_ordinals_by_heart(self, found, name):
        lists = self.measured(found, name).lists
        best = {each: float(shares[12, 0]) if name == GEMMA3 else float(shares.max()) for each, shares in lists.items()}
        if name == GEMMA3:
            assert [best[each] for each in ("days", "months", "ordinals")] == [1.0, 1.0, 1.0]
            assert min(best.values()) > 0.7
        assert set(lists) == {"days", "months", "number words", "digits", "ordinals", "letters"}


MOVERS_TEXT = "Then Anna and Peter had a long talk. Anna handed the letter to"
LIVE = [
    (SMOLLM2, "name_mover", MOVERS_TEXT, {"L23H0": 0.89, "L23H1": 0.88, "L23H2": 0.65}),
    (SMOLLM2, "copy_suppression", MOVERS_TEXT, {"L24H4": 0.97, "L23H3": 0.65}),
    (SMOLLM2, "copy_suppression", "All's fair in love and", {"L23H3": 0.96}),
    (GEMMA3, "copying", MOVERS_TEXT, {"L11H2": 0.70}),  # names alone are .53 of it
    (GEMMA3, "name_mover", MOVERS_TEXT, {"L12H1": 0.55}),
    (GEMMA3, "successor", "Monday, Tuesday, Wednesday,", {"L12H0": 0.89}),
    (GEMMA3, "successor", "January, February, March,", {"L12H0": 0.87}),
    (GEMMA3, "successor", "one, two, three,", {"L12H0": 0.80}),
    (GEMMA3, "successor", "A B C D E", {"L12H0": 0.98}),
]  # scores that independent code found on the same weights


@pytest.mark.parametrize(("name", "role", "text", "wanted"), LIVE)
def test_on_these_texts_these_heads_do_it(name, role, text, wanted):
    loaded, catalogue = real_model(name), load_catalogues()[name]
    forward = with_writing(loaded, writing_tables(loaded, catalogue.mean_values), run_forward_pass(loaded, text, 128))
    summary = analyze(forward, catalogue).roles[role]
    scores = {str(head.id): head for head in summary.heads}
    for head, score in wanted.items():
        assert scores[head].activation_score == pytest.approx(score, abs=0.06)
        assert scores[head].is_active
        assert scores[head].evidence[0].push * ROLES[role].measure.write.sign > 0.3
