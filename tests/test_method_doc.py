"""The worked example of docs/method.md is what the app computes."""

from pathlib import Path

import numpy as np
import pytest

from utils.measures.luck import luck_limit
from utils.scoring import evidence_for
from utils.service import Headlight
from utils.settings import Settings

METHOD = Path(__file__).resolve().parent.parent / "docs" / "method.md"
PROMPT = "The cat sat on the mat. The cat sat on the"


@pytest.fixture(scope="module")
def page():
    return METHOD.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def analysis():
    return Headlight(Settings()).analyze("classroom-gpt2", PROMPT)


def test_the_example_s_tokens_are_the_model_s(page, analysis):
    row = "| " + " | ".join(token.label for token in analysis.forward.tokens) + " |"
    assert row in page


def test_every_number_of_the_example_is_on_the_page(page, analysis):
    head = next(h for h in analysis.roles["induction"].heads if h.id == (2, 5))
    evidence = evidence_for("induction", np.array(analysis.forward.token_ids))
    numbers = [
        *(look.weight for look in head.evidence),
        head.activation_score,
        head.chance,
        head.excess,
        head.usual,
        head.threshold,
        luck_limit(evidence),
    ]
    missing = [number for number in numbers if f"{number:.4f}" not in page]
    assert missing == []
    assert head.is_active
