# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
"""What is judged of every batch, whether or not a suite says so?

That columns hold something, that numbers are of a size that estimators can hold, that times are
there and not in the future, and that a key comes once. It looks at the treated rows, at columns and
counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tenure.records import Column, Outcome, Staged, Violation, ViolationKind
from tenure.registry import open_ledger
from tenure.registry.arrow import read_table

if TYPE_CHECKING:
    from tenure.spec.model import DataSpec
    from tenure.workspace import Workspace

# scikit-learn's trees hold float32: what is beyond it becomes infinite there, or raises.
LARGEST = 3.4028234663852886e38


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the built-in checks look at.

    Attributes:
        staged: the batch.
        table: its treated rows, as an Arrow table.
        data: the spec's part about data.
        times: a Series with when each row happened, None without `data.time`.
        workspace: where earlier batches and the clock are.
    """

    staged: Staged
    table: Any
    data: DataSpec
    times: Any
    workspace: Workspace


def check(judged: Judged) -> list[Violation]:
    """Return what the built-in checks find, in a fixed order."""
    return [violation for one in CHECKS for violation in one(judged)]


def _found(
    rule: str, kind: ViolationKind, message: str, *, warns: bool = False, **facts: Any
) -> Violation:
    outcome = Outcome.WARN if warns else Outcome.FAIL
    return Violation(rule=rule, kind=kind, outcome=outcome, message=message, **facts)


def all_missing(judged: Judged) -> Iterator[Violation]:
    """A column without a single value says nothing and breaks fits."""
    for column in judged.staged.columns:
        if judged.table.column(column.name).null_count == judged.table.num_rows:
            yield _found(
                "all_missing",
                ViolationKind.MISSING,
                f"Column '{column.name}' has no value in any row.",
                column=column.name,
                rows=judged.table.num_rows,
            )


def constant(judged: Judged) -> Iterator[Violation]:
    """A column with one value in every row is worth a look."""
    import pyarrow.compute as pc

    if judged.table.num_rows < 2:
        return
    for column in judged.staged.columns:
        values = judged.table.column(column.name)
        # Most columns differ in their first rows already; only the others are counted whole.
        if pc.count_distinct(values.slice(0, 64), mode="all").as_py() > 1 or values.null_count:
            continue
        if pc.count_distinct(values, mode="all").as_py() == 1:
            yield _found(
                "constant",
                ViolationKind.RULE,
                f"Column '{column.name}' has the same value in every row.",
                warns=True,
                column=column.name,
            )


def extreme(judged: Judged) -> Iterator[Violation]:
    """Infinite numbers, and such as become infinite in an estimator, are refused."""
    import pyarrow.compute as pc

    for column in judged.staged.columns:
        if column.type != "float64":
            continue
        values = judged.table.column(column.name)
        span = pc.min_max(values).as_py()
        if all(bound is None or abs(bound) <= LARGEST for bound in span.values()):
            continue
        rows = pc.sum(pc.greater(pc.abs(values), LARGEST)).as_py()
        yield _found(
            "extreme",
            ViolationKind.RANGE,
            f"Column '{column.name}' holds numbers beyond ±{LARGEST:.2g} in {rows} rows.",
            column=column.name,
            rows=rows,
        )


def untimed(judged: Judged) -> Iterator[Violation]:
    """A row whose time cannot be told cannot be put in order."""
    if judged.times is None:
        return
    rows = int(judged.times.isna().sum())
    if rows:
        names = ", ".join(f"'{name}'" for name in judged.data.time.columns)  # type: ignore[union-attr]
        yield _found(
            "time",
            ViolationKind.TIME,
            f"The time of {rows} rows cannot be read from {names}; wanted ISO 8601, or "
            "data.time.format, and hours of 0..23.",
            rows=rows,
        )


def future(judged: Judged) -> Iterator[Violation]:
    """What has not happened yet, by more than the tolerance, is refused."""
    if judged.times is None:
        return
    now: datetime = judged.workspace.clock.now()
    hours = judged.data.future_tolerance_hours
    rows = int((judged.times > now + timedelta(hours=hours)).sum())
    if rows:
        yield _found(
            "future",
            ViolationKind.TIME,
            f"{rows} rows lie more than {hours:g} hours in the future "
            "(data.future_tolerance_hours).",
            rows=rows,
        )


def repeated_key(judged: Judged) -> Iterator[Violation]:
    """A key that comes twice is a correction; the spec says whether corrections are taken."""
    names = judged.data.key
    if not names or not {column.name for column in judged.staged.columns}.issuperset(names):
        return
    words = ", ".join(f"'{name}'" for name in names)
    keys = judged.table.select(names)
    distinct = keys.group_by(names).aggregate([])
    warns = judged.data.on_correction == "latest_wins"
    again = keys.num_rows - distinct.num_rows
    if again:
        what = f"{again} rows repeat a key ({words}) of the same batch{_policy(warns)}"
        yield _found("key", ViolationKind.UNIQUE, what, warns=warns, rows=again)
    earlier = _in_earlier_batches(judged, distinct)
    if earlier:
        what = f"{earlier} keys ({words}) came in an earlier batch{_policy(warns)}"
        yield _found("key_seen", ViolationKind.UNIQUE, what, warns=warns, rows=earlier)


def _policy(warns: bool) -> str:
    if warns:
        return "; the latest wins."
    return "; if they are corrections, write data.on_correction: latest_wins."


def _in_earlier_batches(judged: Judged, distinct: Any) -> int:
    """Count the keys of this batch that an accepted one brought; its own rows do not count."""
    import pyarrow as pa

    names = judged.data.key
    kinds = {column.name: column.type for column in judged.staged.columns}
    snapshots = open_ledger(judged.workspace).snapshots(judged.staged.model)
    if any(snapshot.digest == judged.staged.digest for snapshot in snapshots):
        return 0
    known = [
        read_table(snapshot.object, judged.workspace, names)
        for snapshot in snapshots
        if _same_kinds(snapshot.columns, kinds, names)
    ]
    if not known:
        return 0
    fresh = distinct.join(pa.concat_tables(known), names, join_type="left anti")
    return distinct.num_rows - fresh.num_rows


def _same_kinds(columns: tuple[Column, ...], kinds: dict[str, str], names: list[str]) -> bool:
    known = {column.name: column.type for column in columns}
    return all(known.get(name) == kinds[name] for name in names)


def repeated_rows(judged: Judged) -> Iterator[Violation]:
    """Whole rows that repeat are worth a look; what share a training set may hold is its check."""
    if judged.data.key:
        return
    names = judged.table.column_names
    again = judged.table.num_rows - judged.table.group_by(names).aggregate([]).num_rows
    if again:
        yield _found(
            "duplicates",
            ViolationKind.UNIQUE,
            f"{again} of {judged.table.num_rows} rows repeat another row.",
            warns=True,
            rows=again,
        )


RULES = ("all_missing", "constant", "extreme", "time", "future", "key", "duplicates")
"""Names of the checks, in their order; what begins with one is a finding of that check."""

OF_ROWS = frozenset({"extreme", "time", "future", "key", "duplicates"})

CHECKS: tuple[Callable[[Judged], Iterator[Violation]], ...] = (
    all_missing,
    constant,
    extreme,
    untimed,
    future,
    repeated_key,
    repeated_rows,
)
