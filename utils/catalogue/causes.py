"""What one head is good for on the second copy of a text, and whether that can be told from chance."""

from __future__ import annotations

from dataclasses import dataclass

SURE_FROM = 2  # standard errors


@dataclass(frozen=True)
class HeadCause:
    """By how many nats per token the loss on the second copy rises without a head, and the standard error of that mean.

    Negative where the loss falls: the head holds back what comes.
    """

    second_copy_nats: float
    standard_error: float

    @property
    def is_sure(self) -> bool:
        """Whether it is at least two standard errors away from no change at all."""
        return self.second_copy_nats != 0 and abs(self.second_copy_nats) >= SURE_FROM * self.standard_error

    def as_json(self) -> dict[str, float]:
        return {"second_copy_nats": self.second_copy_nats, "standard_error": self.standard_error}
