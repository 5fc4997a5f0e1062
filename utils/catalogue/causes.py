"""What one head is good for on the second copy of a text, and whether that can be told from chance."""

from __future__ import annotations

from dataclasses import dataclass

SURE_FROM = 2  # standard errors


def is_sure(rise: float, standard_error: float) -> bool:
    """Whether a mean is at least two of its standard errors away from 0."""
    return rise != 0 and abs(rise) >= SURE_FROM * standard_error


@dataclass(frozen=True)
class HeadCause:
    """By how many nats per token the loss on the second copy rises without a head, and the standard error of that mean.

    Negative where the loss falls: the head holds back what comes.
    """

    second_copy_nats: float
    standard_error: float

    @property
    def is_sure(self) -> bool:
        """Whether it can be told from no change at all."""
        return is_sure(self.second_copy_nats, self.standard_error)

    def as_json(self) -> dict[str, float]:
        return {"second_copy_nats": self.second_copy_nats, "standard_error": self.standard_error}
