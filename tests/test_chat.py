"""A text as a chat turn: the model's own template around it, in real special tokens, visible and no evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from components import run_line, token_strip
from components.address import Question, fix_href, head_href, heads_href, roles_href
from components.chip import said_twice
from components.head import pipeline_line
from components.head.head_page import heatmap_href
from components.head.head_view import head_view
from components.head.recent_prompts import other_texts
from components.roles import stage
from components.roles.roles_view import roles_view
from tests.fake_service import MODEL, PLAIN, FakeHeadlight
from tests.patterns import text_tokens
from tests.test_components_roles import words
from tests.test_head_detection import CATALOGUE, Seen, ideal_heads, summarised
from tests.tiny_models import byte_level_tokenizer, random_model
from utils.analysis import analyze
from utils.byte_pieces import places_left_out
from utils.chat import ChatTurn, has_template, mark_template
from utils.circuits.own_token import text_place
from utils.cut_words import cut_words
from utils.demonstration import Demonstration
from utils.errors import Fix, UserError
from utils.experiments.runs import Kind, RunQuestion
from utils.forward_pass import encode_prompt, run_forward_pass, tokens_of
from utils.heads import HeadId
from utils.measures.reading import Reading
from utils.models.loader import load_model_from
from utils.reasons import count_typed, too_short_reason

TEMPLATE = (
    "{% for message in messages %}<|turn|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn|>cat\n{% endif %}"
)
SENTENCE = "the cat sat on the log and the cat sat on"
ROOM = 60


def save_chat_model(folder, model_type="gpt2", template=TEMPLATE):
    """A tiny random model as one is downloaded, whose tokenizer has a chat template with special tokens of its own."""
    tokenizer = byte_level_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|turn|>", "<|end|>"]})
    tokenizer.chat_template = template
    random_model(model_type, len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_model_from(save_chat_model(tmp_path_factory.mktemp("chat") / "tiny"))


@pytest.fixture(scope="module")
def with_start(tmp_path_factory):
    """A tiny OPT, which begins every text with its start mark, id 1."""
    return load_model_from(save_chat_model(tmp_path_factory.mktemp("opt") / "tiny", "opt"))


def plain_ids(loaded, text):
    return loaded.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids


def frame_ids(loaded):
    """What the template of the tests puts around a text, written out by hand."""
    turn, end = (loaded.tokenizer.convert_tokens_to_ids(mark) for mark in ("<|turn|>", "<|end|>"))
    new_line = plain_ids(loaded, "\n")
    before = [turn, *plain_ids(loaded, "user"), *new_line]
    return before, [end, *new_line, turn, *plain_ids(loaded, "cat"), *new_line]


def test_the_template_stands_around_the_text_in_its_own_special_tokens(loaded):
    before, after = frame_ids(loaded)
    assert encode_prompt(loaded, ChatTurn(SENTENCE), ROOM).ids == [*before, *plain_ids(loaded, SENTENCE), *after]
    turn = [{"role": "user", "content": SENTENCE}]
    written = loaded.tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    assert loaded.tokenizer.decode(encode_prompt(loaded, ChatTurn(SENTENCE), ROOM).ids) == written


def test_marks_of_the_template_that_a_student_types_stay_plain_text(loaded):
    before, after = frame_ids(loaded)
    typed = encode_prompt(loaded, ChatTurn("<|turn|>cat"), ROOM).ids[len(before) : -len(after)]
    assert typed == plain_ids(loaded, "<|turn|>cat")
    assert not {before[0], after[0]} & set(typed)
    assert loaded.tokenizer.backend_tokenizer.encode_special_tokens


def test_tokens_of_the_template_are_marked_and_not_counted_as_typed(loaded):
    tokens = tokens_of(loaded, encode_prompt(loaded, ChatTurn("the cat"), ROOM))
    assert [token.word for token in tokens if token.is_typed] == ["the", "cat"]
    assert tokens[0].word == "⟨turn⟩"
    assert tokens[-1].word == "⏎"
    assert count_typed(tokens) == 2
    assert too_short_reason(tokens) == "Two tokens are too few to tell. Add a few words."
    assert cut_words(tokens) == ()  # "user" of the template is several tokens here


def test_the_strip_shows_the_template_as_marks_and_says_what_they_are(loaded):
    tokens = tokens_of(loaded, encode_prompt(loaded, ChatTurn("the cat"), ROOM))
    items = token_strip.layout(tokens, Demonstration("induction")).children[1].children
    dimmed = ["token--start" in item.children.className for item in items]
    assert dimmed == [token.is_template for token in tokens]
    assert token_strip.token_label(tokens[0], 0, (), tokens) == "⟨turn⟩, of the chat template, position 0"


def test_the_stage_says_what_the_marks_are_where_there_are_some():
    view = roles_view(FakeHeadlight(), Question(MODEL, PLAIN))
    forward = view.analysis.forward
    marked = replace(forward, tokens=mark_template(forward.tokens, 2, 1))
    said = words(stage.layout(replace(view, analysis=replace(view.analysis, forward=marked)), "induction"))
    assert stage.CHAT_TEMPLATE in said
    assert stage.CHAT_TEMPLATE not in words(stage.layout(view, "induction"))


def test_the_start_mark_stands_once_before_the_template(with_start, tmp_path):
    encoded = encode_prompt(with_start, ChatTurn(SENTENCE), ROOM)
    before, after = frame_ids(with_start)
    assert encoded.ids == [1, *before, *plain_ids(with_start, SENTENCE), *after]
    assert encoded.typed_ids(1) == plain_ids(with_start, SENTENCE)
    tokens = tokens_of(with_start, encoded)
    assert [token.is_start for token in tokens[:2]] == [True, False]
    assert not tokens[0].is_template
    own = load_model_from(save_chat_model(tmp_path / "own", "opt", "{{ bos_token }}" + TEMPLATE))
    assert encode_prompt(own, ChatTurn(SENTENCE), ROOM).ids == encoded.ids


def test_what_is_too_long_is_cut_from_the_text_and_never_from_the_template(loaded):
    before, after = frame_ids(loaded)
    encoded = encode_prompt(loaded, ChatTurn(SENTENCE), len(before) + len(after) + 3)
    assert encoded.ids == [*before, *plain_ids(loaded, SENTENCE)[:3], *after]
    assert encoded.text == ChatTurn("the cat sat")
    assert "tokens were left out" in encoded.notices[0].sentence
    with pytest.raises(UserError, match="The chat template alone has") as refused:
        encode_prompt(loaded, ChatTurn(SENTENCE), len(before) + len(after))
    assert refused.value.fix.prompt == SENTENCE


def test_rows_of_the_template_are_no_evidence_but_the_text_may_look_at_it(loaded):
    forward = run_forward_pass(loaded, ChatTurn(SENTENCE), ROOM)
    n_before, n = len(frame_ids(loaded)[0]), len(plain_ids(loaded, SENTENCE))
    typed = list(range(n_before, n_before + n))
    evidence = analyze(forward, None).evidence
    assert evidence["previous_token"].rows.tolist() == typed
    assert evidence["previous_token"].targets[n_before, n_before - 1]
    assert evidence["positional"].rows.tolist() == typed
    assert evidence["diffuse"].rows.tolist() == typed
    assert set(evidence["induction"].rows.tolist()) <= set(typed)
    assert not any(each.n_unread for each in evidence.values())
    place = text_place(forward)
    assert place is not None
    assert place.query_pos in typed


@dataclass(frozen=True)
class SeenTurn(Seen):
    """What the checker needs of a forward pass, with a template around the text."""

    @property
    def reading(self) -> Reading:
        return replace(super().reading, left_out=places_left_out(self.tokens))


def test_why_nothing_repeats_is_said_of_the_text_and_not_of_the_template():
    tokens = text_tokens("a", "b", "c", "a", "b", "d", "e", "f", "a")
    marked = mark_template(tokens, 5, 1)
    seen = SeenTurn(ideal_heads([token.id for token in tokens]), marked)
    summary = summarised(seen, CATALOGUE)["induction"]
    assert summary.status == "not_applicable"
    assert summary.reason == "an induction head needs a token it has seen before. All 3 tokens here are different."


def test_a_model_without_a_template_or_with_a_damaged_one_refuses_and_offers_plain_text(loaded, tmp_path):
    plain = load_model_from(save_chat_model(tmp_path / "plain", template=None))
    damaged = load_model_from(save_chat_model(tmp_path / "damaged", template="{% for message in %}"))
    silent = load_model_from(save_chat_model(tmp_path / "silent", template="nobody speaks"))
    for model, sentence in ((plain, "has no chat template"), (damaged, "cannot be used"), (silent, "cannot be used")):
        with pytest.raises(UserError, match=sentence) as refused:
            encode_prompt(model, ChatTurn(SENTENCE), ROOM)
        assert refused.value.fix == Fix("Read it as plain text", prompt=SENTENCE)
        assert type(refused.value.fix.prompt) is str
        assert encode_prompt(model, SENTENCE, ROOM).ids == plain_ids(model, SENTENCE)


def test_a_template_is_found_in_the_files_without_loading_anything(tmp_path):
    assert not has_template(None)
    assert not has_template(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("[]", encoding="utf-8")
    assert not has_template(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}), encoding="utf-8")
    assert has_template(tmp_path)
    assert has_template(save_chat_model(tmp_path / "saved"))
    assert not has_template(save_chat_model(tmp_path / "none", template=None))


def test_a_chat_turn_is_another_question_than_the_same_text():
    text, turn = "the cat", ChatTurn("the cat")
    assert (text != turn, turn != text, turn == ChatTurn(text)) == (True, True, True)
    assert len({("m", text), ("m", turn), ("m", ChatTurn(text))}) == 2
    assert (type(str(turn)), f"{turn}") == (str, text)
    assert said_twice(turn) == ChatTurn("the cat. the cat.")
    assert said_twice(text) == "the cat. the cat."
    assert other_texts(["the cat", "a dog"], turn) == [ChatTurn("a dog")]


def test_every_address_keeps_the_chat_turn_and_a_way_out_leaves_it():
    question = Question.from_search("?model=m&prompt=hi+there&chat=1", MODEL)
    assert question == Question("m", ChatTurn("hi there"))
    assert question.is_chat
    for href in (
        roles_href("m", question.prompt),
        head_href("m", question.prompt, 1, 2),
        heads_href("m", question.prompt, role="induction"),
        heatmap_href(question, HeadId(1, 2)),
    ):
        assert Question.from_search(href[href.index("?") :], MODEL) == question
    way_out = fix_href(Fix("", prompt="hi there"), "m", question.prompt)
    assert not Question.from_search(way_out[way_out.index("?") :], MODEL).is_chat
    assert not Question.from_search("?prompt=hi&chat=0", MODEL).is_chat


@pytest.mark.parametrize("prompt", [ChatTurn("hi"), "hi"])
def test_an_experiment_that_a_page_asks_for_is_about_the_chat_turn_and_not_its_text(prompt):
    """What a browser keeps has been JSON, in which a chat turn is a text like any other."""
    asked = run_line.question(Kind.SCAN, Question(MODEL, prompt), "?", second="ho")
    begun = []
    runs = SimpleNamespace(start=lambda question, *_others: begun.append(question))
    run_line.begin(SimpleNamespace(experiments=SimpleNamespace(runs=runs)), json.loads(json.dumps(asked)), 0)
    (question,) = begun
    assert question == RunQuestion(Kind.SCAN, MODEL, prompt, second="ho")
    assert isinstance(question.prompt, ChatTurn) == isinstance(prompt, ChatTurn)


@pytest.mark.parametrize("address", ["/api/analyze", "/api/ablate"])
def test_scripts_ask_for_a_chat_turn_with_true(client, service, address):
    body = {"model": MODEL, "prompt": "go home now", "heads": [[0, 1]]}
    assert client.post(address, json=body | {"chat": True}).status_code == 200
    assert client.post(address, json=body | {"chat": False}).status_code == 200
    asked = [prompt for _model, prompt in service.asked]
    assert {type(prompt) for prompt in asked} == {ChatTurn, str}
    refused = client.post(address, json=body | {"chat": "yes"})
    assert (refused.status_code, refused.json["error"]) == (400, "Whether it is a chat turn must be true or false.")


def test_the_heatmap_of_a_chat_turn_is_that_of_a_chat_turn(client, service):
    client.get(f"/heatmap?model={MODEL}&prompt=go+home+now&layer=0&head=1&chat=1")
    assert service.asked[-1] == (MODEL, ChatTurn("go home now"))


def test_the_page_of_a_head_counts_the_template():
    view = head_view(FakeHeadlight(), Question(MODEL, PLAIN), "?layer=0&head=1")
    forward = view.analysis.forward
    marked = replace(forward, tokens=mark_template(forward.tokens, 2, 1))
    said = words(pipeline_line.layout(replace(view, analysis=replace(view.analysis, forward=marked))))
    assert "3 are the model’s chat template, which nobody typed." in said
    assert "chat template" not in words(pipeline_line.layout(view))


def test_a_second_copy_is_of_the_text_alone(loaded):
    encoded = encode_prompt(loaded, ChatTurn(SENTENCE), ROOM)
    assert np.array_equal(encoded.typed_ids(0), plain_ids(loaded, SENTENCE))
