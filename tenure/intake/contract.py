"""Does a batch bring exactly the columns that it must, in exactly their types?

The contract is what the spec declares under `data.columns`; else what was pinned when the first
good batch was accepted; before that it is inferred, conservatively, to be pinned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenure.intake.reading import Format, Reading
from tenure.intake.values import Unfit, fit, infer
from tenure.records import Column, Outcome, Violation, ViolationKind
from tenure.registry import open_ledger

if TYPE_CHECKING:
    from tenure.spec.model import DataSpec, ModelSpec
    from tenure.workspace import Workspace

LISTED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A reading brought into types.

    Attributes:
        columns: as they must arrive, in the contract's order; empty if that cannot be told.
        table: an Arrow table of them; None if a column or a type is wrong.
        texts: columns whose content is text, right or wrong, by name: to be searched.
        violations: what is wrong, or worth a note.
    """

    columns: tuple[Column, ...]
    table: Any
    texts: dict[str, Any]
    violations: tuple[Violation, ...]


def contract_of(spec: ModelSpec, workspace: Workspace) -> tuple[Column, ...] | None:
    """Return the columns that a batch of the model must bring, None before the first good batch."""
    if spec.data.columns:
        return tuple(Column(name=name, type=kind) for name, kind in spec.data.columns.items())
    return open_ledger(workspace).contract(spec.name)


def bring_into_types(
    reading: Reading, contract: tuple[Column, ...] | None, data: DataSpec
) -> Typed:
    """Judge a reading's columns and types, and return it typed if both are right."""
    import pyarrow as pa

    wrong = _names_wrong(reading, contract, data)
    by_name = dict(zip(reading.names, reading.arrays, strict=True))
    known = {column.name: column.type for column in contract or ()}
    kinds: dict[str, str] = {}
    fitted: dict[str, Any] = {}
    texts: dict[str, Any] = {}
    notes = _order_notes(reading, contract) if not wrong else []
    for name, values in by_name.items():
        kind = known.get(name) or _inferred(name, values, reading.format, data)
        made = kind if isinstance(kind, Unfit) else fit(name, values, kind, reading.format, data)
        if isinstance(made, Unfit):
            wrong.append(_type_wrong(name, made, known.get(name)))
            texts |= {name: values} if _is_text(values) else {}
            continue
        kinds[name], fitted[name] = str(kind), made
        texts |= {name: made} if kind in ("string", "category") else {}
    texts |= _twice(reading)
    if any(violation.outcome is Outcome.FAIL for violation in wrong):
        return Typed(columns=contract or (), table=None, texts=texts, violations=tuple(wrong))
    order = [column.name for column in contract] if contract else list(reading.names)
    columns = tuple(Column(name=name, type=kinds[name]) for name in order)
    table = pa.table({name: fitted[name] for name in order})
    return Typed(columns=columns, table=table, texts=texts, violations=tuple(wrong + notes))


def _inferred(name: str, values: Any, form: Format, data: DataSpec) -> Any:
    may_be_category = name not in data.key and name != data.group and name not in data.treat
    return infer(name, values, form, data, may_be_category=may_be_category)


def _is_text(values: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_string(values.type) or pa.types.is_large_string(values.type)


def _twice(reading: Reading) -> dict[str, Any]:
    """Return the texts of columns whose name was there before, under a name of their own."""
    seen: Counter[str] = Counter()
    found = {}
    for name, values in zip(reading.names, reading.arrays, strict=True):
        seen[name] += 1
        if seen[name] < reading.names.count(name) and _is_text(values):
            found[f"{name} ({seen[name]})"] = values
    return found


def _failed(rule: str, kind: ViolationKind, message: str, column: str | None = None) -> Violation:
    return Violation(rule=rule, kind=kind, outcome=Outcome.FAIL, message=message, column=column)


def _names_wrong(
    reading: Reading, contract: tuple[Column, ...] | None, data: DataSpec
) -> list[Violation]:
    kind = ViolationKind.SCHEMA
    found = []
    for name, times in Counter(reading.names).items():
        if times > 1:
            found.append(
                _failed(
                    "columns", kind, f"Column '{name}' is there {times} times; wanted once.", name
                )
            )
        elif not name.strip():
            found.append(_failed("columns", kind, "A column has no name."))
    wanted = [column.name for column in contract] if contract else _named_by_spec(data)
    missing = [name for name in wanted if name not in reading.names]
    if missing:
        one_cell = len(reading.names) == 1 and any(mark in reading.names[0] for mark in ";\t|")
        hint = " The header is one cell: wanted commas between names." if one_cell else ""
        asked = "" if contract else ", which the spec names,"
        message = f"{_columns(missing)}{asked} {_is(missing)} missing.{hint}"
        found.append(_failed("columns", kind, message, _only(missing)))
    extra = [name for name in dict.fromkeys(reading.names) if contract and name not in wanted]
    if extra:
        message = (
            f"{_columns(extra)} {_is(extra)} not expected; if wanted, write data.columns with "
            f"all columns and {_as_keys(extra)}."
        )
        found.append(_failed("columns", kind, message, _only(extra)))
    return found


def _named_by_spec(data: DataSpec) -> list[str]:
    """Return the columns that a spec speaks of, which any first batch must bring."""
    named = [data.target, *data.key, *(data.time.columns if data.time else ())]
    named += [data.group] if data.group else []
    return list(dict.fromkeys([*named, *data.treat, *data.leave_out]))


def _columns(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:LISTED])
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"Column{'s' if len(names) > 1 else ''} {shown}{more}"


def _is(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _as_keys(names: Sequence[str]) -> str:
    return "{" + ", ".join(f"{name}: …" for name in names[:LISTED]) + "}"


def _type_wrong(name: str, unfit: Unfit, wanted: str | None) -> Violation:
    if wanted is None:
        remedy = (
            f"write data.columns with all columns and {{{name}: string}} or {{{name}: float64}}"
        )
        message = f"Column '{name}' holds {unfit.got} in {unfit.rows} rows; {remedy}."
    else:
        better = "float64" if wanted == "int64" and "number" in unfit.got else "string"
        message = (
            f"Column '{name}' holds {unfit.got} in {unfit.rows} rows; wanted {wanted}. If the data "
            f"are right, write data.columns with all columns and {{{name}: {better}}}."
        )
    return Violation(
        rule="types",
        kind=ViolationKind.TYPE,
        outcome=Outcome.FAIL,
        message=message,
        column=name,
        rows=unfit.rows,
    )


def _order_notes(reading: Reading, contract: tuple[Column, ...] | None) -> list[Violation]:
    order = tuple(column.name for column in contract or ())
    # JSON's keys have no order, so nothing can be out of it.
    if not order or order == reading.names or reading.format is Format.JSONL:
        return []
    return [
        Violation(
            rule="columns",
            kind=ViolationKind.SCHEMA,
            outcome=Outcome.PASS,
            message="The columns came in another order; they were put in the contract's.",
        )
    ]
