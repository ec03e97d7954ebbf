"""What does a batch hold, in its types and treated, so that it can be judged?

Nothing untreated is ever stored: a batch that cannot be read, brings other columns or types, or
holds personal data that nobody declared gets no object at all, only the reasons.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tenure.intake.contract import Typed, bring_into_types, contract_of
from tenure.intake.fetching import fetch
from tenure.intake.reading import Broken, read
from tenure.records import Batch, Column, Outcome, Staged, Violation, ViolationKind
from tenure.registry.arrow import with_categories, write_table
from tenure.registry.specs import spec_in_force
from tenure.registry.times import bounds, row_times
from tenure.spec import ModelSpec
from tenure.spec.personal import Finding, search
from tenure.spec.treatment import stored_columns, treat_table, unfit_treatments

if TYPE_CHECKING:
    from tenure.workspace import Workspace

log = logging.getLogger(__name__)
_TEXTUAL = ("string", "category", "date", "datetime")


def stage(batch: Batch, workspace: Workspace) -> Staged:
    """Read a batch in its types, treat its declared columns, search it for personal data.

    Returns:
        A handle to the treated rows as Parquet; without an object if the batch cannot be used, and
        then with the reasons. Nothing is raised for what a file holds.

    Raises:
        SourceUnreachable: the source cannot be read now; try again.
        ModelNotFound, BadSpec: the spec cannot be read.
    """
    spec = spec_in_force(batch.model, workspace)
    contract = contract_of(spec, workspace)
    texts = frozenset(column.name for column in contract or () if column.type in _TEXTUAL)
    try:
        reading = read(batch.name, fetch(batch, spec, workspace), spec.data, texts)
    except Broken as broken:
        found = _violation("readable", broken.kind, broken.message)
        is_empty = broken.kind is ViolationKind.EMPTY
        return _without_object(batch, 0, (found,), sealed=not is_empty or bool(spec.data.treat))
    typed = bring_into_types(reading, contract, spec.data)
    personal = _personal(typed, spec)
    misfits = _misfits(typed.columns, spec) if typed.table is not None else []
    for note in typed.violations:
        log.info("Batch %s of '%s': %s", batch.digest[:12], batch.model, note.message)
    found = (*typed.violations, *personal, *misfits)
    if typed.table is None or personal or misfits:
        sealed = bool(personal) or bool(spec.data.treat)
        return _without_object(batch, reading.rows, found, sealed=sealed, columns=typed.columns)
    return _with_object(batch, typed, found, spec, workspace)


def _with_object(
    batch: Batch,
    typed: Typed,
    found: Sequence[Violation],
    spec: ModelSpec,
    workspace: Workspace,
) -> Staged:
    table = treat_table(typed.table, spec.data, workspace)
    columns = with_categories(table, stored_columns(typed.columns, spec.data))
    object_digest, size, digest = write_table(table, columns, workspace)
    start_at, end_at = time_bounds(table, columns, spec)
    return Staged(
        model=batch.model,
        batch=batch.digest,
        object=object_digest,
        size=size,
        digest=digest,
        rows=table.num_rows,
        columns=columns,
        violations=tuple(found),
        start_at=start_at,
        end_at=end_at,
        arrival=typed.columns,
        sealed=bool(spec.data.treat),
    )


def _without_object(
    batch: Batch,
    rows: int,
    found: Sequence[Violation],
    *,
    sealed: bool,
    columns: tuple[Column, ...] = (),
) -> Staged:
    return Staged(
        model=batch.model,
        batch=batch.digest,
        object=None,
        size=0,
        digest=None,
        rows=rows,
        columns=columns,
        violations=tuple(found),
        arrival=columns,
        sealed=sealed,
    )


def time_bounds(table: Any, columns: Sequence[Column], spec: ModelSpec) -> tuple[Any, Any]:
    """Return the first and the last time of the rows, None without `data.time`."""
    names = {column.name for column in columns}
    if spec.data.time is None or not names.issuperset(spec.data.time.columns):
        return None, None
    return bounds(row_times(table, columns, spec.data))


def _violation(rule: str, kind: ViolationKind, message: str, **facts: Any) -> Violation:
    return Violation(rule=rule, kind=kind, outcome=Outcome.FAIL, message=message, **facts)


def _personal(typed: Typed, spec: ModelSpec) -> list[Violation]:
    exempt = {*spec.data.treat, *spec.data.not_personal}
    findings: list[Finding] = []
    for name, values in typed.texts.items():
        if name not in exempt:
            findings += search(name, values)
    return [
        _violation(
            "personal",
            ViolationKind.PERSONAL,
            f"Column '{one.column}' holds {one.kind} in {one.rows} rows; write data.treat: "
            f"{{{one.column}: drop}} (mask, pseudonymise), or data.not_personal if they are none.",
            column=one.column,
            rows=one.rows,
        )
        for one in findings
    ]


def _misfits(columns: Sequence[Column], spec: ModelSpec) -> list[Violation]:
    return [
        _violation(
            "treatment",
            ViolationKind.SCHEMA,
            f"data.treat of column '{name}' cannot be applied: {what}.",
            column=name,
        )
        for name, what in unfit_treatments(columns, spec.data).items()
    ]
