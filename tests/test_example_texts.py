"""The text that a page opens on, measured in every model that ships: its words are whole, and its jobs light up."""

from __future__ import annotations

from functools import cache

import pytest
from transformers import AutoTokenizer

from components.address import TOY_PROMPT
from components.prompt_bar import EXAMPLES
from utils.catalogue.file import load_catalogues
from utils.catalogue.suggestions import candidates
from utils.cut_words import cut_words
from utils.example_texts import DEFAULT_PROMPT
from utils.models.adapter import read_adapter
from utils.service import Headlight
from utils.settings import SHIPPED_MODELS_DIR, Settings
from utils.tokens import tokens_from_ids

SHIPPED = sorted(path.name for path in SHIPPED_MODELS_DIR.iterdir() if path.is_dir())
ADAPTERS = {name: read_adapter(SHIPPED_MODELS_DIR / name) for name in SHIPPED}
OF_TEXT = [name for name in SHIPPED if ADAPTERS[name] is None or not ADAPTERS[name].labels]
INFORMATIVE = ("previous_token", "induction", "duplicate_token", "current_token")


@pytest.fixture(scope="module")
def service():
    return Headlight(Settings(offline=True))


@cache
def tokenizer_of(name):
    return AutoTokenizer.from_pretrained(SHIPPED_MODELS_DIR / name) if name in OF_TEXT else ADAPTERS[name].tokenizer()


def cut_in(name, text):
    ids = tokenizer_of(name).backend_tokenizer.encode(text, add_special_tokens=False).ids
    return [cut.word for cut in cut_words(tokens_from_ids(tokenizer_of(name), ids))]


def test_a_word_that_the_classroom_vocabulary_does_not_have_is_found():
    assert cut_in("classroom-gpt2", "Hello, the cat sat on the mat.") == ["Hello", "mat"]


@pytest.mark.parametrize("name", OF_TEXT)
def test_every_word_of_the_opening_text_and_of_the_examples_is_one_token(name):
    texts = (DEFAULT_PROMPT, TOY_PROMPT, *(text for _, text in EXAMPLES))
    assert {text: cut for text in texts if (cut := cut_in(name, text))} == {}


@pytest.mark.parametrize("name", [name for name in SHIPPED if name not in OF_TEXT])
def test_a_model_of_notes_has_texts_of_its_own_and_they_are_whole(name):
    adapter = ADAPTERS[name]
    assert adapter is not None
    assert adapter.prompts
    assert [cut_in(name, text) for text in adapter.prompts] == [[]] * len(adapter.prompts)


@pytest.mark.parametrize("name", OF_TEXT)
def test_on_the_opening_text_every_job_that_tells_something_lights_up_and_the_guess_is_right(name, service):
    analysis = service.analyze(name, DEFAULT_PROMPT)
    held = [key for key in INFORMATIVE if load_catalogues()[name].heads_of(key)]
    assert {key: analysis.roles[key].status for key in held} == dict.fromkeys(held, "active")
    assert analysis.forward.predictions[0].token.word == "ball"


def test_the_model_that_the_pages_open_on_shows_three_jobs_that_tell_something(service):
    analysis = service.analyze(service.settings.default_model, DEFAULT_PROMPT)
    assert sum(analysis.roles[key].status == "active" for key in INFORMATIVE) >= 3


@pytest.mark.parametrize("name", OF_TEXT)
def test_a_suggested_prompt_holds_a_cut_word_only_where_no_whole_one_lights_as_many(name, service):
    for role, category in load_catalogues()[name].categories.items():
        chosen = [prompt.text for prompt in category.suggested_prompts]
        for prompt in category.suggested_prompts:
            if not cut_in(name, prompt.text):
                continue
            others = [c.text for c in candidates()[role] if c.text not in chosen and not cut_in(name, c.text)]
            lit = {text: service.analyze(name, text).roles[role].n_active for text in others}
            assert {text: n for text, n in lit.items() if n >= prompt.lights} == {}, (role, prompt.text)
