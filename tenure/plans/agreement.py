"""How far do a plan and its estimator agree, and who measured it?"""

from __future__ import annotations

from dataclasses import dataclass

TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What was measured between a plan and its estimator; labels were equal on every row.

    Attributes:
        exact: whether every number was the very same, bit by bit.
        max_difference: the largest difference of a number (a probability, or what is predicted,
            relative to its size where that is above one).
        rows: on how many rows.
    """

    exact: bool
    max_difference: float
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A plan as a version's manifest signs it.

    Attributes:
        object: the digest of the plan's bytes in the store.
        kind: what computes, "linear" or "trees".
        agreement: what was measured at registration.
        tolerance: how far the plan may be from the estimator, then and ever after.
        most_rows: from more rows in one call on the estimator itself was measured to be quicker;
            None where the plan is quicker for any number.
    """

    object: str
    kind: str
    agreement: Agreement
    tolerance: float
    most_rows: int | None


class Declined(Exception):
    """A plan does not answer these rows; the estimator does, or says what is wrong with them."""


class Unreadable(Exception):
    """Bytes that are no plan of this format; the text says why."""


class Refused(Exception):
    """A plan does not agree with its estimator; the text says where, and never a row's value."""
