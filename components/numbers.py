"""Numbers as the page writes them. Scores are decimals, weights and probabilities are percents: never mistaken."""

from __future__ import annotations

from utils.reasons import number_word


def percent(share: float, decimals: int = 0) -> str:
    """A weight or probability, `80 %`; `<1 %` rather than a zero that is none, `>99 %` rather than a false whole."""
    step = 10.0**-decimals
    if 0 < share * 100 < step / 2:
        return f"<{step:.{decimals}f} %"
    if 100 - step / 2 <= share * 100 < 100:
        return f">{100 - step:.{decimals}f} %"
    return f"{share * 100:.{decimals}f} %"


def probability(share: float) -> str:
    """How likely a guess is, `92 %`; `<1 %` for all that is less than one percent."""
    return "<1 %" if 0 < share < 0.01 else percent(share)


def in_words(number: int) -> str:
    """`four`, up to ten; digits above; `none` for 0."""
    return number_word(number).lower() if number else "none"


def with_minus(text: str) -> str:
    """Numbers in a text with a real minus sign, `−0.71`."""
    return text.replace("-", "−")


def times(multiple: float) -> str:
    """A multiple, `2.9 ×`."""
    return f"{multiple:.1f} ×"


def plural(number: int, noun: str) -> str:
    """`1 head`, `3 heads`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
