"""Numbers as sentences and pages write them."""

from __future__ import annotations


def percent_words(share: float, decimals: int = 0) -> str:
    """A share as "12 %", rounded to so many decimals."""
    return f"{share:.{decimals}%}".replace("%", " %")


def signed(value: float) -> str:
    """A logit or a change of one, `+3.1`, `−0.4`; `0.0` for what rounds to nothing."""
    written = f"{value:+.1f}"
    return "0.0" if written in ("+0.0", "-0.0") else written.replace("-", "−")
