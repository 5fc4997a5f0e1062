"""What a head is good for, in words: the rise of a loss without it and its error; where nothing can be told, that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.numbers import with_minus

if TYPE_CHECKING:
    from utils.catalogue.causes import HeadCause

UNIT = "nats per token on a text said twice"
SMALLEST_ERROR = 0.001


def cause_sentence(cause: HeadCause) -> str:
    """Example: "Without it the loss on a text said twice rises by 4.9 ± 0.2 nats."."""
    told = "Without it the loss on a text said twice"
    if not cause.is_sure:
        return f"{told} shows no rise that can be told from chance."
    if cause.second_copy_nats < 0:
        return f"{told} falls by {rise(abs(cause.second_copy_nats), cause.standard_error)} nats: it holds back."
    return f"{told} rises by {rise(cause.second_copy_nats, cause.standard_error)} nats."


def rise(nats: float, error: float) -> str:
    """`4.9 ± 0.2`, `−0.32 ± 0.03`: as many decimals as the error has to say, one to three."""
    shown = max(error, SMALLEST_ERROR)
    decimals = next((n for n in (1, 2) if round(shown, n) > 0 and shown >= 0.95 * 10.0**-n), 3)
    return with_minus(f"{nats:.{decimals}f} ± {shown:.{decimals}f}")


def short_rise(cause: HeadCause | None) -> str:
    """A cell of a table: `4.9 ± 0.2`; `≈ 0` where nothing can be told from chance, `–` where nobody measured."""
    if cause is None:
        return "–"
    return rise(cause.second_copy_nats, cause.standard_error) if cause.is_sure else "≈ 0"


def spoken_rise(cause: HeadCause | None) -> str:
    """The same for a screen reader: `without it 4.9 ± 0.2 nats dearer`."""
    if cause is None:
        return "not measured without it"
    if not cause.is_sure:
        return "without it no rise that can be told from chance"
    more = "dearer" if cause.second_copy_nats > 0 else "cheaper, it holds back"
    return f"without it {rise(abs(cause.second_copy_nats), cause.standard_error)} nats {more}"
