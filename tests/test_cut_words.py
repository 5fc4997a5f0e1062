"""Words that are several tokens, and the text that the pages open on, in which there are none."""

from __future__ import annotations

from tests.test_tokens import tokenizer_of
from tests.tiny_models import byte_level_tokenizer, metaspace_tokenizer
from utils.cut_words import CutWord, cut_words
from utils.tokens import tokens_from_ids


def cut_in(pieces: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """The cut words of a text of exactly these pieces, in GPT-2's spelling."""
    tokens = tokens_from_ids(tokenizer_of(pieces), range(len(pieces)))
    return [(cut.word, cut.pieces) for cut in cut_words(tokens)]


def test_a_word_of_two_tokens_is_cut_and_says_into_which_pieces():
    assert cut_in(["The", "Ġcat", "Ġsat", "Ġon", "Ġthe", "Ġm", "at", "."]) == [("mat", ("m", "at"))]


def test_spaces_signs_and_numbers_end_a_word():
    assert cut_in(["Do", "Ċ", "n", "'", "t", "Ġ", "19", "84", ",", "Ġa", "b"]) == [("ab", ("a", "b"))]


def test_a_word_that_comes_again_is_told_once_and_another_spelling_is_another_word():
    assert [word for word, _ in cut_in(["H", "ello", "Ġhel", "lo"])] == ["Hello", "hello"]
    tokens = tokens_from_ids(tokenizer_of(["Ġm", "at", "Ġcat"]), [0, 1, 2, 0, 1])
    assert cut_words(tokens) == (CutWord("mat", ("m", "at")),)


def test_a_letter_of_several_bytes_is_a_letter_of_its_word():
    # é is C3 A9
    assert cut_in(["Ġcaf", "Ã", "©"]) == [("café", ("caf", "é①", "é②"))]
    assert cut_in(["ĠcafÃ©", "Ġcat"]) == []


def test_an_emoji_and_writing_without_spaces_are_no_words():
    _ids, tokens = _read(byte_level_tokenizer(), "😀 你好 ")
    assert len(tokens) > 5
    assert cut_words(tokens) == ()


def test_sentencepiece_words_are_told_alike():
    _ids, tokens = _read(metaspace_tokenizer(), "cat The cat hat")
    assert [cut.word for cut in cut_words(tokens)] == ["hat"]


def test_the_start_mark_is_no_part_of_a_word():
    tokens = tokens_from_ids(tokenizer_of(["<s>", "cat"]), [0, 1], has_start_mark=True)
    assert cut_words(tokens) == ()


def _read(tokenizer, text):
    ids = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    return ids, tokens_from_ids(tokenizer, ids)
