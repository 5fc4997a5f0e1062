"""A student's own second text: its values at the same places stand in for heads that are off."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.precision import KL
from tests.real_models import SMOLLM2, real_folder
from tests.test_chat import save_chat_model
from tests.tiny_models import classroom_model
from utils.chat import ChatTurn
from utils.errors import UserError
from utils.experiments.controls import draw_controls
from utils.experiments.questions import Method
from utils.experiments.switch_off import switch_off
from utils.experiments.verdict import Kind
from utils.heads import HeadId
from utils.pyvene_engine import capture_head_values
from utils.service import Headlight
from utils.settings import Settings

MODEL = "tiny"
FIRST, SECOND, LONGER = "the cat sat on the mat", "the dog sat on the log", "the dog sat on the log and the cat saw"
MARY = "When Mary and John went to the shop, John gave the apple to"
JOHN = "When John and Mary went to the shop, Mary gave the apple to"
HEADS = (HeadId(0, 1), HeadId(1, 2))


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Headlight:
    folder = tmp_path_factory.mktemp("models")
    save_chat_model(folder / MODEL)
    return Headlight(Settings(models_dir=folder, data_dir=folder / "data", offline=True))


@pytest.fixture(scope="module")
def lab(service):
    return service.experiments


def ids_of(service: Headlight, text: str) -> list[int]:
    return list(service.forward(MODEL, text).token_ids)


def figures(result) -> list[float]:
    return [result.kl_nats, *(draw.kl_nats for draw in result.controls), *(guess.prob for guess in result.after)]


def by_hand(service: Headlight, first: list[int], second: list[int]) -> list[float]:
    """The same experiment, with the values of the second text read by a pass of its own."""
    loaded = service._models.get(MODEL)
    values = capture_head_values(loaded, torch.tensor([second]))[0][:, :, : len(first)]
    draws = draw_controls(loaded.shape, HEADS).draws
    return figures(switch_off(loaded, first, HEADS, draws, Method.RESAMPLE, values))


def test_each_place_gets_what_the_head_writes_at_the_same_place_of_the_second_text(service, lab):
    result = lab.switch_off(MODEL, FIRST, HEADS, "resample", second=SECOND)
    expected = by_hand(service, ids_of(service, FIRST), ids_of(service, SECOND))
    assert figures(result) == pytest.approx(expected, **KL)
    assert figures(result) != pytest.approx(figures(lab.switch_off(MODEL, FIRST, HEADS, "resample")), rel=1e-3)
    assert not [each for each in result.notices if "second text" in each.sentence]


def test_of_a_longer_second_text_the_rest_is_told_and_changes_nothing(service, lab):
    same = lab.switch_off(MODEL, FIRST, HEADS, "resample", second=SECOND)
    result = lab.switch_off(MODEL, FIRST, HEADS, "resample", second=LONGER)
    n = len(ids_of(service, FIRST))
    assert result.notices[-1].sentence == f"Of your second text only the first {n} tokens are used."
    assert figures(result) == pytest.approx(figures(same), **KL)


def test_a_second_text_that_is_too_short_is_refused_with_how_many_tokens_are_missing(service, lab):
    n, short = len(ids_of(service, FIRST)), len(ids_of(service, "the dog"))
    with pytest.raises(UserError) as refusal:
        lab.switch_off(MODEL, FIRST, HEADS, "resample", second="the dog")
    assert refusal.value.sentence == (
        f"Your second text is too short: it has {short} tokens, and the first has {n}, so {n - short} are missing."
    )
    at = lab.switch_off(MODEL, FIRST, HEADS, "resample", position=short - 1, second="the dog")
    assert at.position == short - 1, "up to an earlier token it is long enough"
    with pytest.raises(UserError, match="up to the chosen token, so 1 is missing"):
        lab.switch_off(MODEL, FIRST, HEADS, "resample", position=short, second="the dog")
    with pytest.raises(UserError, match="are missing"):
        lab.later_patterns(MODEL, FIRST, HEADS, "resample", second="the dog")
    with pytest.raises(UserError, match="are missing"):
        lab.scan(MODEL, FIRST, "resample", second="the dog")


@pytest.mark.parametrize("method", ["zero", "mean"])
def test_a_second_text_for_another_method_is_refused(lab, method):
    with pytest.raises(UserError, match="only where another text’s values stand in") as refusal:
        lab.switch_off(MODEL, FIRST, HEADS, method, second=SECOND)
    assert "resample" in refusal.value.hint


def test_the_same_text_is_refused_for_it_would_change_nothing(service, lab):
    with pytest.raises(UserError, match=r"Both texts are the same, so nothing would change"):
        lab.switch_off(MODEL, FIRST, HEADS, "resample", second=FIRST)
    n_alike = len(ids_of(service, "the cat sat on"))
    with pytest.raises(UserError, match="the same up to the chosen token"):
        lab.switch_off(MODEL, FIRST, HEADS, "resample", position=n_alike - 1, second="the cat sat on a mat and a log")


def test_a_blank_second_text_is_none(lab):
    plain = lab.switch_off(MODEL, FIRST, HEADS, "resample")
    assert figures(lab.switch_off(MODEL, FIRST, HEADS, "resample", second=" \n")) == figures(plain)
    assert figures(lab.switch_off(MODEL, FIRST, HEADS, "mean", second=" ")) != figures(plain)


@pytest.mark.parametrize("ask", ["switch_off", "later_patterns", "scan"])
def test_another_second_text_is_another_question(lab, ask):
    def effect(second: str) -> np.ndarray:
        heads = () if ask == "scan" else (HEADS,)
        result = getattr(lab, ask)(MODEL, FIRST, *heads, "resample", second=second)
        return np.asarray(result.after.moved if ask == "later_patterns" else result.kl_nats)

    first, other, again = effect(SECOND), effect("a cat saw the dog and the mat"), effect(SECOND)
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, rtol=1e-3, atol=0)


def test_what_cannot_be_read_of_it_is_told_as_of_the_second_text(lab):
    result = lab.switch_off(MODEL, FIRST, HEADS, "resample", second=f"{SECOND}\0")
    assert result.notices[-1].sentence == "Your second text: One character could not be read and was left out."


def test_a_second_text_far_too_long_is_cut_like_any_other(lab):
    result = lab.switch_off(MODEL, FIRST, HEADS, "resample", second=f"{SECOND} " * 20_000)
    assert "only the first" in result.notices[-1].sentence
    assert not [each for each in result.notices if "was cut" in each.sentence]


def test_for_a_chat_turn_the_second_text_is_one_too(service, lab):
    turn, other = ChatTurn(FIRST), ChatTurn(SECOND)
    result = lab.switch_off(MODEL, turn, HEADS, "resample", second=SECOND)
    expected = by_hand(service, ids_of(service, turn), ids_of(service, other))
    assert figures(result) == pytest.approx(expected, **KL)


def test_the_classic_pair_on_the_model_that_ships():
    """Both have the same number of tokens, and the names stand at the same places."""
    classroom_model()  # skips where it is absent
    service = Headlight(Settings())
    model = "classroom-gpt2"
    first, second = (service.forward(model, text) for text in (MARY, JOHN))
    differing = [place for place, (a, b) in enumerate(zip(first.token_ids, second.token_ids, strict=True)) if a != b]
    assert len(differing) == 3
    own, ours = (service.ablate(model, MARY, [(3, 7)], "resample", second=second) for second in (JOHN, ""))
    assert [guess.token.word for guess in own.before[:2]] == ["Mary", "John"]
    assert [round(guess.prob, 2) for guess in own.after[:2]] == [0.21, 0.70]
    assert [round(guess.prob, 2) for guess in ours.after[:2]] == [0.72, 0.20]
    assert own.notices == ()
    with pytest.raises(UserError, match="same up to the chosen token"):
        service.ablate(model, MARY, [(3, 7)], "resample", differing[0] - 1, JOHN)
    assert service.ablate(model, MARY, [(3, 7)], "resample", differing[0], JOHN).position == differing[0]


def test_the_classic_pair_on_a_real_model():
    """One head of SmolLM2 knows which name comes next: any other text takes little from Mary, the swapped one half."""
    real_folder(SMOLLM2)  # skips where it is absent
    service = Headlight(Settings.from_environment())
    own, ours = (service.ablate(SMOLLM2, MARY, [(23, 3)], "resample", second=second) for second in (JOHN, ""))
    assert own.before[0].token.word == "Mary"
    assert own.before[0].prob > 0.9
    assert own.after[0].prob < 0.5
    assert ours.after[0].prob > 0.8
    assert own.verdict.kind is Kind.MATTERS
