"""Parts of characters are no evidence, neither as the token that looks nor as the one that is looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from components.roles.headline import PARTS_OF_CHARACTERS, headline, lead
from tests.patterns import PATTERN_ROLES, even_pattern, ideal_pattern
from tests.test_tokens import tokenizer_of
from tests.tiny_models import byte_level_tokenizer, classroom_model
from utils.analysis import analyze, unexplained_heads
from utils.byte_pieces import is_mostly_pieces, notices_about, pieces_of_characters, places_left_out
from utils.catalogue.engines import PyVeneEngine
from utils.catalogue.file import load_catalogues
from utils.catalogue.inputs import CatalogueInputs
from utils.catalogue.run import count_active, score_model, writer_of
from utils.forward_pass import run_forward_pass
from utils.measures.reading import LeftOut, Reading
from utils.reasons import ONLY_UNREAD
from utils.roles import ROLES
from utils.scoring import ScorePool, evidence_in, score_text
from utils.service import Headlight
from utils.settings import Settings
from utils.tokens import Token, tokens_from_ids
from utils.writing.tables import writing_tables
from utils.writing.text_writing import with_writing

MODEL = "classroom-gpt2"
ONLY_PIECES = "😀😀😀😀你好你好😀😀"
WITH_PIECES = "The girl found a red ball 😀. The girl found a red ball 😀. The girl found a"


def pieces_at(n: int, *positions: int) -> LeftOut:
    is_piece = np.isin(np.arange(n), positions)
    return LeftOut(is_piece, is_piece)


def reading_of(text, pattern, *positions: int) -> Reading:
    """A text of one-letter tokens, of which those at some positions are parts of a character."""
    ids = np.array([ord(letter) for letter in text])
    return Reading(ids, pattern[None, None], left_out=pieces_at(len(text), *positions))


def rows_of(role: str, text: str, *positions: int) -> list[int]:
    return evidence_in(role, reading_of(text, even_pattern(len(text)), *positions)).rows.tolist()


def read(text: str):
    loaded, catalogue = classroom_model(), load_catalogues()[MODEL]
    tables = writing_tables(loaded, catalogue.mean_values)
    return analyze(with_writing(loaded, tables, run_forward_pass(loaded, text, 128)), catalogue)


def tokens_of(text: str):
    tokenizer = byte_level_tokenizer()
    return tokens_from_ids(tokenizer, tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


@pytest.mark.parametrize(
    ("role", "text", "piece", "rows"),
    [
        ("previous_token", "abcdef", 3, [2, 5]),  # row 3 stands on the piece, row 4 would look at it
        ("current_token", "abcdef", 3, [1, 2, 4, 5]),
        ("positional", "abcdef", 3, [1, 2, 4, 5]),
        ("positional", "abcdef", 0, []),  # every row would look at it
        ("diffuse", "abcdef", 3, [1, 2, 4, 5]),
        ("induction", "abcxdabc", 3, [5, 6]),  # what followed the earlier c is the piece
        ("duplicate_token", "yabcxdabc", 2, [6, 8]),  # the earlier b is one
    ],
)
def test_rows_that_stand_on_a_piece_or_predict_one_are_left_out(role, text, piece, rows):
    assert rows_of(role, text, piece) == rows
    evidence = evidence_in(role, reading_of(text, even_pattern(len(text)), piece))
    assert evidence.n_unread == len(rows_of(role, text)) - len(rows)
    assert evidence.is_unread == (not rows)
    assert len(evidence.chance) == len(rows)
    assert np.flatnonzero(evidence.targets.any(axis=1)).tolist() == (rows if role != "diffuse" else [])


def test_a_head_that_does_a_job_on_pieces_alone_scores_nothing_and_one_that_does_it_elsewhere_all():
    on_pieces, elsewhere = np.eye(6), np.eye(6)
    for row in (3, 4):
        on_pieces[row] = np.eye(6)[row - 1]
    for row in (1, 2, 5):
        elsewhere[row] = np.eye(6)[row - 1]
    score = {
        name: float(score_text(reading_of("abcdef", pattern, 3)).roles["previous_token"].score[0, 0])
        for name, pattern in {"on pieces": on_pieces, "elsewhere": elsewhere}.items()
    }
    assert score == {"on pieces": 0.0, "elsewhere": 1.0}


def test_evenness_and_peak_are_those_of_the_other_rows():
    pattern = even_pattern(6)
    pattern[3] = np.eye(6)[0]
    scores = score_text(reading_of("abcdef", pattern, 3)).roles["diffuse"]
    assert (scores.n_rows, scores.score[0, 0], scores.peak[0, 0]) == (4, pytest.approx(1), pytest.approx(0, abs=1e-9))
    reading = reading_of("abcdef", pattern, 3).of_head((0, 0))
    measure, evidence = ROLES["diffuse"].measure, evidence_in("diffuse", reading)
    assert [row.query_pos for row in measure.evidence_rows(reading, evidence)] == [1, 2, 4, 5]
    assert measure.yardsticks(reading, None)[1][1] == pytest.approx(0, abs=1e-9)
    assert measure.focus(reading, evidence, measure.strongest_looks(reading, evidence, 1)).query_pos != 3


def test_a_pool_of_texts_leaves_out_what_one_text_does():
    reading = reading_of("abcxdabc", ideal_pattern("induction", [ord(letter) for letter in "abcxdabc"]), 3)
    pool = ScorePool(PATTERN_ROLES)
    pool.add(reading)
    pooled, alone = pool.result(), score_text(reading).roles
    assert {key: scores.n_rows for key, scores in pooled.items()} == {key: each.n_rows for key, each in alone.items()}
    assert all(np.array_equal(pooled[key].score, alone[key].score, equal_nan=True) for key in alone)


def test_a_look_at_a_piece_is_not_unexplained():
    pattern = np.eye(8)
    pattern[6] = np.eye(8)[3]
    patterns = pattern[None, None]
    assert len(unexplained_heads(patterns, [])) == 1
    assert unexplained_heads(patterns, [], pieces_at(8, 3)) == ()
    assert unexplained_heads(patterns, [], pieces_at(8, 6)) == ()


def test_a_text_in_whole_characters_has_no_place_that_is_left_out():
    assert places_left_out(tokens_of("The cat sat.")) is None
    left_out = places_left_out(tokens_of("The cat sat on the mat. 😀"))
    assert left_out is not None
    assert left_out.queries.tolist() == [False] * (len(left_out.queries) - 4) + [True] * 4
    assert np.array_equal(left_out.queries, left_out.keys)


def test_a_character_is_counted_in_its_own_pieces_however_often_it_comes():
    assert pieces_of_characters(tokens_of("😀😀 猫 a猫")) == {"😀": 4, "猫": 3}
    # 你 is E4 BD A0, 好 is E5 A5 BD: the middle piece holds the end of one and the start of the other.
    assert pieces_of_characters(tokens_from_ids(tokenizer_of(["ä½", "łå", "¥½"]), [0, 1, 2])) == {"你": 2, "好": 2}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("cat 😀 😀", "This model has no token for “😀”. It reads it as 4 byte pieces."),
        ("é 猫", "This model has no tokens for “é” and “猫”. It reads each as up to 3 byte pieces."),
        ("猫が好き", "This model has no tokens for “猫”, “が”, “好” and 1 more. It reads each as up to 3 byte pieces."),
        ("\u200b", "This model has no token for “⟨ZWSP⟩”. It reads it as 3 byte pieces."),
    ],
)
def test_the_notice_names_the_characters_and_counts_their_pieces(text, sentence):
    (notice,) = notices_about(tokens_of(text))
    assert notice.sentence == sentence
    assert notices_about(tokens_of("The cat sat.")) == ()


def test_a_text_of_pieces_alone_lights_no_job_and_says_why():
    analysis = read(ONLY_PIECES)
    assert {summary.status for summary in analysis.roles.values()} <= {"not_applicable", "no_heads", "not_testable"}
    assert analysis.roles["induction"].reason == ONLY_UNREAD
    assert analysis.right_now == ()
    assert any("no tokens for “😀”" in notice.sentence for notice in analysis.notices)
    assert headline(analysis) == "None of the five jobs of looking or the three of writing lights up on your text."
    assert lead(analysis, has_catalogue=True) == PARTS_OF_CHARACTERS


def test_words_beside_an_emoji_are_judged_as_ever_and_the_catalogue_counts_as_the_page_does():
    analysis = read(WITH_PIECES)
    pieces = {at for at, token in enumerate(analysis.forward.tokens) if token.broken}
    assert len(pieces) == 8
    assert analysis.roles["induction"].status == "active"
    for evidence in analysis.evidence.values():
        queries, keys = np.nonzero(evidence.targets)
        assert not pieces & {*evidence.rows.tolist(), *queries.tolist(), *keys.tolist()}
    engine, catalogue = PyVeneEngine(classroom_model()), load_catalogues()[MODEL]
    counted = count_active(
        engine, catalogue, 128, lambda _read: None, writer_of(engine.loaded, catalogue, 128), WITH_PIECES
    )
    assert counted == {key: (each.n_active, len(each.heads)) for key, each in analysis.roles.items()}
    unmasked = score_text(replace(analysis.forward.reading, left_out=None)).roles
    assert analysis.live["previous_token"].n_rows < unmasked["previous_token"].n_rows


def test_scores_beside_switched_off_heads_leave_out_the_same_places():
    service = Headlight(Settings(offline=True))
    live = service.analyze(MODEL, WITH_PIECES).live
    before = service.experiments.later_patterns(MODEL, WITH_PIECES, [(0, 3)]).before_scores
    for role in PATTERN_ROLES:
        scores = live[role]
        assert before[role] == pytest.approx(scores.score, abs=1e-5, nan_ok=True)


def test_sentences_of_a_catalogue_are_judged_as_texts_and_its_random_tokens_are_not():
    tokenizer = classroom_model().tokenizer
    sentence, plain = (np.array(tokenizer.encode(text, add_special_tokens=False)) for text in ("cat 😀 dog", "cat dog"))
    rows = {
        name: score_model(PyVeneEngine(classroom_model()), inputs, lambda _read: None).scores
        for name, inputs in {
            "sentence": CatalogueInputs(0, (plain,), (sentence,), (sentence,)),
            "random": CatalogueInputs(0, (sentence,), (plain,), (plain,)),
        }.items()
    }
    assert rows["sentence"]["positional"].n_rows == len(sentence) - 4 - 1
    assert rows["random"]["positional"].n_rows == len(plain) - 1


def test_of_a_text_that_is_mostly_pieces_nothing_is_evidence():
    """Worked example: three of five typed tokens are pieces; of the other two, spaces, a head may look as it likes."""

    def token(broken: bool) -> Token:
        return Token(1, "x", "x", "x", broken=("é①",) if broken else ())

    start = Token(0, "", "start", "start", is_start=True)
    mostly = [start, *(token(broken) for broken in (True, False, True, False, True))]
    assert is_mostly_pieces(mostly)
    assert places_left_out(mostly).queries.all()
    half = [start, *(token(broken) for broken in (True, False, True, False))]
    assert not is_mostly_pieces(half)
    assert places_left_out(half).queries.tolist() == [False, True, False, True, False]
