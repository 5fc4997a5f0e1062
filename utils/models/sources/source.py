"""What every source of weights can do: say what it has, say what it could bring, bring it, and let go of it again."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from utils.errors import UserError
from utils.settings import Settings

NETWORK_TIMEOUT_S = 15.0  # for every answer of a network, whoever waits for it

Progress = Callable[[float, str], object]
"""Told how far a fetch is: the share that is done, in [0, 1], and the step in words. What it raises ends the fetch."""


@dataclass(frozen=True)
class Offer:
    """What a source could bring of a model.

    Args: n_bytes: to transfer, None where only the source knows. n_bytes_kept: on disk afterwards. needs_network: the
    files come from elsewhere. terms: what has to be read and accepted first, None where nothing has. is_estimate: both
    sizes are about so. needs_account: its owner wants to know who asks, before anything can be fetched.
    """

    n_bytes: int | None = None
    n_bytes_kept: int | None = None
    needs_network: bool = True
    terms: str | None = None
    is_estimate: bool = False
    needs_account: bool = False


class Source(ABC):
    """One place where models' files are, or come from.

    place: how the Models page says that a model is from here ("came with Headlight"). ships: its files are part of
    Headlight and are never changed.
    """

    place: ClassVar[str]
    ships: ClassVar[bool] = False

    def __init__(self, settings: Settings):
        self.settings = settings

    def folders(self, name: str) -> Iterable[Path]:  # noqa: ARG002 # a source that keeps nothing has none
        """Where this source keeps that model's files, the best first; a folder may be incomplete or not exist.

        A name that a browser sent is only ever compared with what exists, unless it is in the registry.
        """
        return ()

    def own_folders(self) -> Iterable[Path]:
        """All folders here, whatever is in them, by which models that are in no registry are found."""
        return ()

    @property
    def removable_from(self) -> Path | None:
        """The directory whose folders may be removed; None where this source lets go of nothing."""
        return None

    def offered_names(self) -> Iterable[str]:
        """Models that are in no registry, and that this source could bring."""
        return ()

    def offer(self, name: str) -> Offer | None:  # noqa: ARG002
        """What `fetch` would bring of a model; None where this source cannot."""
        return None

    def terms(self, name: str) -> str | None:  # noqa: ARG002
        """The words of the terms that an offer names; None where it names none. Raises UserError where out of reach."""
        return None

    def fetch(self, name: str, progress: Progress) -> Path:  # noqa: ARG002
        """Bring a model here, verified, all or nothing, and say into which folder.

        Raises: UserError where it cannot be had, with what to do next; whatever `progress` raises.
        """
        raise UserError(f"{name} cannot be fetched from here.", "Add its files by hand.", status=503)


def no_progress(_share: float, _step: str) -> None:
    """For whoever does not want to know."""
