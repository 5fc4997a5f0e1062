"""Claims about switching a writer off: what its readers lose, and that a verdict says no more than was measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.fake_service import MODEL, PLAIN, REPEATING
from utils.experiments.path_experiment import PathExperiment, no_evidence, path_experiment, verdict
from utils.heads import HeadId

WRITER = HeadId(1, 4)
READERS = [HeadId(2, 3), HeadId(3, 1), HeadId(2, 6)]


def figures(after: float, controls: list[float], before: float = 0.9) -> PathExperiment:
    """Two induction heads that score alike, in each condition."""
    return PathExperiment(
        writer=WRITER,
        role="induction",
        readers=(HeadId(2, 3), HeadId(2, 6)),
        before=np.full(2, before),
        after=np.full(2, after),
        controls=np.array([[value, value] for value in controls]).reshape(-1, 2),
        control_names=tuple(f"L1H{number}" for number in range(len(controls))),
    )


@pytest.mark.parametrize(
    ("after", "controls", "sentence"),
    [
        (
            0.1,
            [0.88, 0.9],
            "Without L1H4 the induction heads lose most of their stripe; a random head changes little.",
        ),
        (
            0.1,
            [0.88, 0.9, 0.89, 0.4],
            "lose most of their stripe; none of 4 other heads takes as much. "
            "The strongest of them, L1H3, takes 0.50 of 0.90 on average; L1H4 takes 0.80.",
        ),
        (0.1, [0.71], "a random head changes little."),
        (0.1, [0.69], "The strongest of them, L1H0, takes 0.21 of 0.90 on average; L1H4 takes 0.80."),
        (0.7, [0.88, 0.9], "lose some of their stripe, more than without any of 2 other heads."),
        (0.7, [0.88], "lose some of their stripe, more than without any of 1 other head."),
        (0.7, [0.5, 0.9], "lose part of their stripe, but 1 of 2 other heads takes as much."),
        (0.7, [0.5, 0.6], "lose part of their stripe, but 2 of 2 other heads take as much."),
        (0.89, [0.88, 0.9], "L1H4 hardly matters here. Other heads may do its work."),
        (0.1, [], "there is no other head to compare with."),
    ],
)
def test_the_verdict_says_only_what_was_measured(after, controls, sentence):
    assert verdict(figures(after, controls)).endswith(sentence)


def test_heads_that_do_not_do_their_job_cannot_lose_it():
    assert "nothing can be said" in verdict(figures(0.0, [0.1], before=0.1))


def test_a_job_without_a_stripe_loses_score():
    lost = replace(figures(0.1, [0.9]), role="positional")
    assert verdict(lost) == "Without L1H4 the resting heads lose most of their score; a random head changes little."


def test_a_loss_is_clear_only_beyond_every_control():
    assert figures(0.1, [0.2]).is_clear
    assert not figures(0.1, [0.9, 0.1]).is_clear
    assert not figures(0.85, [0.9]).is_clear


def test_readers_are_followed_through_all_three_conditions(service):
    result = service.experiments.later_patterns(MODEL, REPEATING, [WRITER])
    test = path_experiment(result, "induction", READERS)
    assert test.readers == tuple(READERS)
    assert test.controls.shape == (len(result.controls), 3)
    live = service.analyze(MODEL, REPEATING).live["induction"].score
    assert test.before.tolist() == [live[head] for head in READERS]
    assert test.after.tolist() == [result.after.scores["induction"][head] for head in READERS]
    assert test.control_layers.words == "from the same layer"


def test_six_readers_are_followed_at_most(service):
    result = service.experiments.later_patterns(MODEL, REPEATING, [WRITER])
    many = [HeadId(3, head) for head in range(8)]
    assert path_experiment(result, "induction", many).readers == tuple(many[:6])


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        (REPEATING, ""),
        (PLAIN, "an induction head needs a token it has seen before"),
        ("Hi", "One token is too few to tell"),
    ],
)
def test_a_text_that_cannot_show_the_job_says_why(service, prompt, reason):
    said = no_evidence(service.analyze(MODEL, prompt), "induction")
    assert said.startswith(reason)
    assert bool(said) == bool(reason)
