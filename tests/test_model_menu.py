"""The model menu: what can be asked now, by what it is, and what a person who chooses wants to know."""

from __future__ import annotations

import pytest

from components import model_menu, model_words
from components.address import Question
from tests.model_folders import copy_model
from tests.test_components_roles import every, words
from utils.heads import Shape
from utils.model_config import MODELS, Kind, kind_of
from utils.models.sources.store import SourceNote
from utils.models.speed import Speed
from utils.service import Headlight, ModelChoice
from utils.settings import Settings

QUESTION = Question("classroom-gpt2", "The cat sat.")


def choice(name: str, kind: Kind = Kind.REAL, available: bool = True, **facts) -> ModelChoice:
    return ModelChoice(name, name, kind, available, **({"catalogued": True} | facts))


def menu(*choices: ModelChoice, default: str = "") -> list[str]:
    """The lines of the menu from top to bottom."""
    return [words(item) for item in model_menu.layout("header", choices, QUESTION, default).children]


def test_models_stand_below_what_they_are_and_empty_headings_are_left_out():
    shown = menu(choice("toy", Kind.TOY), choice("own", Kind.ADDED), choice("small", Kind.CLASSROOM), choice("big"))
    assert shown == [
        "Real language models",
        "big",
        "Classroom models",
        "small",
        "Added here",
        "own",
        "Toys and tunes",
        "toy",
        "All models",
    ]
    assert menu(choice("big")) == ["Real language models", "big", "All models"]


def test_a_line_says_heads_size_and_speed_and_leaves_out_what_is_unknown():
    facts = {"shape": Shape(30, 9), "n_bytes": 272_600_000, "speed": Speed(12.0, 0.31)}
    assert menu(choice("big ", **facts))[1] == "big 30 × 9 heads, 273 MB, answers in 0.3 s"
    assert menu(choice("big ", shape=Shape(4, 8), catalogued=False))[1] == "big 4 × 8 heads, heads not analysed yet"


def test_the_default_model_says_where_to_start():
    shown = menu(choice("big"), choice("other"), default="big")
    assert [line for line in shown if "start here" in line] == ["big start here"]


@pytest.mark.parametrize(("n_absent", "last"), [(0, "All models"), (1, "All models1 more can be added")])
def test_absent_models_are_one_line_that_leads_to_the_models_page(n_absent, last):
    absent = [choice(f"absent {number}", available=False) for number in range(n_absent)]
    layout = model_menu.layout("header", [choice("big"), *absent], QUESTION, "")
    assert words(layout.children[-1]) == last
    assert layout.children[-1].href == "/models?model=classroom-gpt2&prompt=The+cat+sat."
    assert len(every(layout, "menu-item")) == 2


def test_a_menu_without_any_model_still_leads_to_the_models_page():
    assert menu() == ["All models"]
    assert menu(*(choice(str(number), available=False) for number in range(17))) == ["All models17 more can be added"]


def test_the_model_that_is_asked_is_marked():
    layout = model_menu.layout("header", [choice("classroom-gpt2"), choice("big")], QUESTION, "")
    assert [words(item) for item in every(layout, "menu-item") if getattr(item, "active", False)] == ["classroom-gpt2"]


@pytest.mark.parametrize(
    ("read_s", "said"),
    [
        (0.004, "answers at once"),
        (0.0999, "answers at once"),
        (0.1, "answers in 0.1 s"),
        (1.26, "answers in 1.3 s"),
        (9.96, "answers in 10 s"),
        (12.4, "answers in 12 s"),
    ],
)
def test_speeds_in_words(read_s, said):
    assert model_words.answers(Speed(1.0, read_s)) == said


def test_weights_are_called_reduced_only_where_they_were():
    notes = (
        *(
            SourceNote(made_from="a", quantisation=name, bits=bits, hashes={})
            for name, bits in (("Q8_0", 8), ("F16", 16))
        ),
        None,
    )
    assert [model_words.as_distributed(note) for note in notes] == ["8-bit weights, as distributed", "", ""]


def test_each_registered_model_has_its_kind():
    assert {name for name in MODELS if kind_of(name) is Kind.CLASSROOM} == {
        "classroom-gpt2",
        "classroom-qwen2",
        "classroom-neox",
        "classroom-opt",
    }
    assert {name for name in MODELS if kind_of(name) is Kind.TOY} == {
        "classroom-attn-2l",
        "classroom-attn-1l",
        "classroom-tunes",
        "callummcdougall/attn_only_2L_half",
    }
    assert kind_of("somebody's folder") is Kind.ADDED


def test_an_own_folder_stands_in_the_menu_with_its_facts_and_one_that_cannot_be_read_does_not(tmp_path):
    settings = Settings(models_dir=tmp_path / "models", data_dir=tmp_path / "data", offline=True)
    copy_model(settings.models_dir / "school-model")
    quantised = copy_model(settings.models_dir / "quantised")
    config = (quantised / "config.json").read_text(encoding="utf-8")
    (quantised / "config.json").write_text(
        config.replace("{", '{"quantization_config": {"quant_method": "gptq"}, ', 1), encoding="utf-8"
    )
    choices = {choice.name: choice for choice in Headlight(settings).models()}
    school = choices["school-model"]
    assert (school.kind, school.available, school.shape) == (Kind.ADDED, True, Shape(4, 8))
    assert school.n_bytes == sum(path.stat().st_size for path in (settings.models_dir / "school-model").iterdir())
    assert "quantised" not in choices
