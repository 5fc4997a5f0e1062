"""What may be asked of an experiment, and what its figures may be said to mean."""

from __future__ import annotations

import pytest
import torch

from tests.fake_service import N_HEADS, N_LAYERS
from utils.errors import UserError
from utils.experiments.distribution import kl_nats
from utils.experiments.questions import OFF_MEANS, Method, check_heads, check_position, read_method
from utils.experiments.verdict import Kind, Measured, judge
from utils.heads import HeadId, Shape

SHAPE = Shape(N_LAYERS, N_HEADS)
ALL_HEADS = SHAPE.all()


def measured(
    kl: float, prob: float = 0.5, direct: float | None = None, controls=((0.1, 0.55), (0.2, 0.65)), n_heads: int = 1
) -> Measured:
    """Controls: pairs of KL and first probability, here three times over so that they are not few."""
    kls, probs = zip(*(list(controls) * 3), strict=True) if controls else ((), ())
    return Measured(n_heads, kl, direct, prob, kls, probs)


def test_heads_come_back_sorted_and_each_once():
    assert check_heads([(2, 1), (0, 3), (2, 1)], SHAPE) == (HeadId(0, 3), HeadId(2, 1))


@pytest.mark.parametrize(
    ("heads", "sentence", "status"),
    [
        ([], "nothing to switch off", 400),
        ([(4, 0)], "no layer 4, head 0", 404),
        ([(0, 8)], "no layer 0, head 8", 404),
        ([(0, 0), (-1, 0)], "no layer −1", 404),
        (ALL_HEADS, "all 32 heads", 400),
    ],
)
def test_heads_that_cannot_be_switched_off_are_refused_with_what_to_do(heads, sentence, status):
    with pytest.raises(UserError, match=sentence) as refusal:
        check_heads(heads, SHAPE)
    assert refusal.value.status == status
    assert refusal.value.hint.endswith(".")


def test_all_heads_but_one_may_be_off():
    assert len(check_heads(ALL_HEADS[1:], SHAPE)) == 31


def test_positions_are_python_s():
    assert [check_position(position, 5) for position in (0, 4, -1, -5)] == [0, 4, 4, 0]
    for position in (5, -6, 10**30):
        with pytest.raises(UserError, match="This text has 5 tokens"):
            check_position(position, 5)


def test_an_unknown_method_is_refused_with_those_there_are():
    assert [read_method(name) for name in ("zero", "mean", "resample")] == list(Method) == list(OFF_MEANS)
    with pytest.raises(UserError, match="no method") as refusal:
        read_method("Zero")
    assert "zero, mean or resample" in refusal.value.hint


def test_kl_is_zero_for_the_same_guesses_and_right_for_two_by_hand():
    generator = torch.Generator().manual_seed(0)
    logits = 5 * torch.randn(50, 97, generator=generator)
    assert (kl_nats(logits, logits) == 0).all()
    assert (kl_nats(logits, logits + 3) < 1e-12).all()
    assert (kl_nats(logits[0], logits[1:]) > 0).all()
    before, after = torch.tensor([0.75, 0.25]).log(), torch.tensor([0.5, 0.5]).log()
    assert float(kl_nats(before, after)) == pytest.approx(0.1308, abs=1e-4)  # .75 ln 1.5 + .25 ln .5
    assert float(kl_nats(after, before)) == pytest.approx(0.1438, abs=1e-4)  # not symmetric: .5 ln(2/3) + .5 ln 2


ONE_LARGE = (*((0.1, 0.55),) * 5, (0.2, 0.65))


@pytest.mark.parametrize(
    ("figures", "kind"),
    [
        (measured(0.5, prob=0.1), Kind.MATTERS),
        (measured(0.5, prob=0.6), Kind.ONLY_OTHER_GUESSES),
        (measured(0.15, prob=0.1), Kind.ONLY_FIRST_GUESS),
        (measured(0.15, prob=0.6), Kind.NO_MORE_THAN_RANDOM),
        (measured(0.2, prob=0.55), Kind.NO_MORE_THAN_RANDOM),  # the same as a draw is no more than it
        (measured(0.19, prob=0.6, controls=ONE_LARGE), Kind.MORE_THAN_MOST),
        (measured(0.05, prob=0.6, direct=0.9), Kind.TAKEN_OVER),
        (measured(0.05, prob=0.6, direct=0.15), Kind.NO_MORE_THAN_RANDOM),  # the direct effect is no larger either
        (measured(0.19, prob=0.6, direct=0.3), Kind.NO_MORE_THAN_RANDOM),  # most of it is left
        (measured(0.5, prob=0.1, direct=0.9), Kind.MATTERS),
        (measured(0.0005, prob=0.1, controls=((0.0001, 0.5),)), Kind.NEXT_TO_NOTHING),
        (measured(0.5, controls=()), Kind.NO_CONTROL),
    ],
)
def test_the_verdict_says_what_was_measured_and_no_more(figures, kind):
    verdict = judge(figures)
    assert verdict.kind is kind
    assert verdict.sentence.endswith(".")
    assert ("took over" in verdict.sentence) == (kind is Kind.TAKEN_OVER)


def test_the_verdict_speaks_of_one_head_or_of_several():
    assert "this head changes the guesses no more than a random head: 3 of 6" in judge(measured(0.15, 0.6)).sentence
    most = judge(measured(0.19, 0.6, controls=ONE_LARGE)).sentence
    assert "changes the guesses more than 15 of 18 draws of other heads; 3 change them as much." in most
    assert (
        "these 3 heads change the guesses no more than 3 random heads" in judge(measured(0.15, 0.6, n_heads=3)).sentence
    )


def test_the_verdict_says_where_the_other_heads_are_from():
    few = Measured(1, 0.5, None, 0.1, (0.1,) * 7, (0.6,) * 7, "from layers 16 to 20")
    assert judge(few).sentence.endswith("more changes than with any of 7 draws of other heads from layers 16 to 20.")


def test_few_draws_are_said_to_be_few():
    few = Measured(1, 0.5, None, 0.1, (0.1,), (0.6,))
    assert "Only 1 draw of other heads could be made" in judge(few).sentence
    assert "care" not in judge(measured(0.5, 0.1)).sentence
