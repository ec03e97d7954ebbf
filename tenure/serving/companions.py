"""Who else has a say in a request for predictions, beside router, engine and log?

Each is optional: a server without one answers all the same. They are called in this order: who
asks (before the body is read), which rows look wrong (before anything is computed), which answers
do (after), who else shall answer in the shade, and who counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tenure.serving.asks import Ask
    from tenure.serving.router import Reference
    from tenure.serving.runtime import Predicted


class Admission(Protocol):
    """Says who may ask; asked once a request, before its body is read."""

    def admit(
        self, method: str, path: str, query: bytes, headers: Mapping[bytes, bytes], client: str
    ) -> Any:
        """Return the caller.

        Raises:
            Problem: 400, 401, 403 or 429.
        """
        ...

    def lets(self, headers: Mapping[bytes, bytes], model: str) -> bool:
        """Say whether `admit` would let predictions of a model be asked for; counts nothing."""
        ...


class Shadows(Protocol):
    """Lets a shadow answer what the champion has answered already."""

    def mirror(self, answered: Reference, ask: Ask) -> None:
        """Take a request over, or drop and count it; never waits, never raises."""
        ...


class Guards(Protocol):
    """The rules of one version about rows and answers."""

    def look(self, ask: Ask) -> Any:
        """Return what is wrong with the rows, None if nothing is.

        Raises:
            Problem: the spec refuses such rows.
        """
        ...

    def judge(self, ask: Ask, found: Predicted) -> Any:
        """Return what is wrong with the answers, None if nothing is.

        Raises:
            Problem: the spec refuses such answers.
        """
        ...

    def instead(self) -> Reference:
        """Return the fallback, which answers what the spec gives to it.

        Raises:
            Problem: 503 where it is not in memory.
        """
        ...


class Guarding(Protocol):
    """Knows the guards of each version."""

    def of(self, reference: Reference) -> Guards | None:
        """Return the guards of a version, None if it has none."""
        ...

    def logged(self, reference: Reference, ask: Ask, found: Predicted) -> Any:
        """Return what the log says of each row, None where nothing is to be said of any."""
        ...


class Metrics(Protocol):
    """Counts; called for each request, so it may cost a microsecond."""

    def answered(
        self,
        door: str,
        model: str,
        version: str | int,
        slot: str,
        status: int,
        seconds: float,
        rows: int = 0,
    ) -> None:
        """Count one request; model, version and slot are empty where nothing answered."""
        ...

    def batch(self, rows: int) -> None:
        """Count one call of an estimator or plan."""
        ...
