"""What the steps of a rollout ask of the place where a model runs; they do not know which place it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from assay.rollout.traffic import Reply


class Traffic(Protocol):
    """Requests to a candidate and to the version that serves now."""

    def warm_up(self) -> None:
        """Ask both versions a few times; what comes back counts for nothing."""

    def shift(self, percent: int) -> None:
        """Let about `percent` of the requests go to the candidate from now on."""

    def send(self, percent: int, wanted: int) -> Iterator[tuple[Mapping[str, Any], Reply]]:
        """Send requests until the candidate had `wanted` of them, or far too many were needed.

        Yields:
            The row that was asked about, and the reply.
        """


class Target(Traffic, Protocol):
    """A place where a candidate is up beside the version that serves. Leaving it before `promote` restores it.

    Attributes:
        name: `local` or `kubernetes`.
        way: How requests are divided, for people.
        url: Where the candidate itself answers.
        candidate: Version that wants to serve.
        stable: Version that serves now and is compared with; None where there is none.
        own_logs: Versions whose predictions are logged where they can be read afterwards.
        up_to_date: Where the candidate is the champion, nothing has to be changed here.
        live: People's requests go through it, so that a candidate that fails its smoke tests may get none of them.
    """

    name: str
    way: str
    url: str
    candidate: int
    stable: int | None
    own_logs: frozenset[int]
    live: bool

    @property
    def up_to_date(self) -> bool:
        """See above."""

    def promote(self, then: Callable[[], None]) -> None:
        """Let the candidate be what serves and call `then`, which moves the alias; if that raises, nothing is moved."""
