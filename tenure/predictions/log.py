"""How does the log get from spool files into Parquet, once each, and how is it read?

A finished spool file becomes one Parquet file a model and version, whose name is derived from the
spool file's: whoever is killed midway leaves either the spool file or the same Parquet file again.
A reader takes the spool file's rows only while there is no Parquet file of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenure.predictions.frames import ENDING, is_being_written, read_frames
from tenure.predictions.parquet import write_table
from tenure.predictions.schema import entries_of
from tenure.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SLOT, _SHADOW = "slot", "shadow"
_LONGEST_SPOOL = timedelta(days=7)
"""A spool file is closed long before; rows of a file begun earlier are none of a later time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What one carry-over did."""

    files: int
    rows: int


@dataclass(frozen=True, slots=True)
class _Part:
    """The entries of one version in one spool file."""

    spool: str
    line: dict[str, Any]
    entries: list[dict[str, Any]]

    def path(self, folder: Path) -> Path:
        model, version = self.line["model"], self.line["version"]
        day = f"{self.spool[:4]}-{self.spool[4:6]}-{self.spool[6:8]}"
        return folder / model / day / f"{self.spool}-v{version}.parquet"


def spool_folder(workspace: Workspace) -> Path:
    """Return where server processes write their spool files."""
    return workspace.spool / "log"


def log_folder(workspace: Workspace) -> Path:
    """Return where the log's Parquet files are: MODEL/DAY/FILE.parquet."""
    return workspace.state / "predictions"


def carry(workspace: Workspace) -> Carried:
    """Turn every finished spool file into Parquet, once each, however often called or killed.

    A torn tail (of a killed process) is left out; all that was whole before it is kept.
    """
    files = rows = 0
    for file in sorted(spool_folder(workspace).glob(f"*{ENDING}")):
        try:
            source = open(file, "rb")  # noqa: SIM115
        except FileNotFoundError:
            continue
        with source:
            if is_being_written(source) or not file.exists():
                continue
            for part in _parts(source, file):
                write_table(_table(part), part.path(log_folder(workspace)))
                rows += sum(len(entry["ids"]) for entry in part.entries)
            file.unlink()
            files += 1
    return Carried(files=files, rows=rows)


def read(
    model: str,
    workspace: Workspace,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    version: int | None = None,
    columns: Sequence[str] | None = None,
    shadows: bool = False,
) -> pd.DataFrame:
    """Return the logged predictions of a model, oldest first; what is still in the spool as well.

    Columns: id, at (UTC), model, version, epoch, slot, latency_ms, prediction, `probability.CLASS`
    and `input.COLUMN` as far as versions have them, and `flags` where guards found something.

    Args:
        model: its name.
        workspace: whose log it is.
        since: aware; rows at or after it.
        until: aware; rows before it.
        version: only what this version answered; None for all.
        columns: which columns, beside id and at, as far as they are there; None for all.
        shadows: whether what a shadow said, which nobody was answered, is read too.
    """
    import pandas as pd

    folder = log_folder(workspace)
    spooled = {part.path(folder): part for part in _spooled(workspace)}
    # Listed after the spool: what is carried over between the two is then in both, never in none.
    there = set(folder.glob(f"{model}/*/*.parquet"))
    kept = [path for path in sorted(there) if _may_hold(path, since, version)]
    fresh = [
        spooled[path]
        for path in sorted(spooled.keys() - there)
        if spooled[path].line["model"] == model and version in (None, spooled[path].line["version"])
    ]
    wanted = None if columns is None else [*dict.fromkeys(["id", "at", *columns])]
    looked_at = None if wanted is None else [*dict.fromkeys([*wanted, _SLOT])]
    tables = [_load(path, looked_at) for path in kept]
    tables += [_picked(_table(part), looked_at) for part in fresh]
    if not shadows:
        tables = [_without_shadows(table) for table in tables]
    frames = [_between(_picked(table, wanted), since, until) for table in tables]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        plain = ["id", "at", "model", "version", "epoch", "prediction"]
        return pd.DataFrame(columns=wanted or plain)
    joined = pd.concat(frames, ignore_index=True)
    return joined.sort_values(["at", "id"], kind="stable", ignore_index=True)


def _spooled(workspace: Workspace) -> Iterator[_Part]:
    for file in sorted(spool_folder(workspace).glob(f"*{ENDING}")):
        try:
            with open(file, "rb") as source:
                yield from _parts(source, file)
        except FileNotFoundError:
            continue  # carried over meanwhile; its Parquet file is there


def _parts(source: Any, file: Path) -> list[_Part]:
    parts: dict[tuple[str, int], _Part] = {}
    for line in read_frames(source, file.name):
        key = (line["model"], line["version"])
        match line["kind"]:
            case "version":
                parts.setdefault(key, _Part(file.stem, line, []))
            case "many" | "answered":
                parts[key].entries.extend(entries_of(line, parts[key].line))
            case _:
                raise ValueError(f"spool file {file.name} holds a line of kind {line['kind']!r}")
    return [part for part in parts.values() if part.entries]


def _may_hold(path: Path, since: datetime | None, version: int | None) -> bool:
    """Say whether a file may hold what is asked for, by its day and its name."""
    if version is not None and not path.stem.endswith(f"-v{version}"):
        return False
    return since is None or path.parent.name >= f"{since.astimezone(UTC) - _LONGEST_SPOOL:%Y-%m-%d}"


def _load(path: Path, wanted: Sequence[str] | None) -> pa.Table:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    there = file.schema_arrow.names
    return file.read(columns=None if wanted is None else [one for one in wanted if one in there])


def _picked(table: pa.Table, wanted: Sequence[str] | None) -> pa.Table:
    if wanted is None:
        return table
    return table.select([name for name in wanted if name in table.column_names])


def _without_shadows(table: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    return table.filter(pc.field(_SLOT) != _SHADOW)


def _between(table: pa.Table, since: datetime | None, until: datetime | None) -> pd.DataFrame:
    import pyarrow.compute as pc

    if since is not None:
        table = table.filter(pc.field("at") >= since)
    if until is not None:
        table = table.filter(pc.field("at") < until)
    return table.to_pandas()


def _table(part: _Part) -> pa.Table:
    import pyarrow as pa

    columns: dict[str, Any] = {
        "id": pa.array([each for entry in part.entries for each in entry["ids"]], pa.string()),
        "at": pa.array(_repeated(part, "at_us"), pa.timestamp("us", tz="UTC")),
        "model": pa.array(_repeated(part, "model"), pa.string()),
        "version": pa.array(_repeated(part, "version"), pa.int64()),
        "epoch": pa.array(_repeated(part, "epoch"), pa.int64()),
        "slot": pa.array(_repeated(part, "slot"), pa.string()),
        "latency_ms": pa.array(
            [value / 1000 for value in _repeated(part, "latency_us")], pa.float64()
        ),
        "prediction": pa.array([value for entry in part.entries for value in entry["predictions"]]),
    }
    if any("flags" in entry for entry in part.entries):
        values = _each_row(part, lambda entry, row: entry["flags"][row])
        columns["flags"] = pa.array(values, pa.string())
    for place, label in enumerate(part.line["classes"]):
        values = _each_row(part, lambda entry, row, p=place: entry["probabilities"][row][p])
        columns[f"probability.{label}"] = pa.array(values, pa.float64())
    for name, kind in part.line["inputs"]:
        values = _each_row(part, lambda entry, row, n=name: entry["inputs"][n][row])
        columns[f"input.{name}"] = _typed(values, kind)
    return pa.table(columns)


def _repeated(part: _Part, name: str) -> list[Any]:
    return [entry[name] for entry in part.entries for _ in entry["ids"]]


def _each_row(part: _Part, pick: Any) -> list[Any]:
    found: list[Any] = []
    for entry in part.entries:
        for row in range(len(entry["ids"])):
            try:
                found.append(pick(entry, row))
            except (TypeError, KeyError):
                found.append(None)  # this entry holds no probabilities, or no inputs
    return found


def _typed(values: list[Any], kind: str) -> pa.Array:
    import pyarrow as pa

    match kind:
        case "int64" | "float64" | "bool":
            return pa.array(
                values, {"int64": pa.int64(), "bool": pa.bool_()}.get(kind, pa.float64())
            )
        case "datetime":
            moments = [value and datetime.fromisoformat(value) for value in values]
            return pa.array(moments, pa.timestamp("us", tz="UTC"))
        case "date":
            days = [value and datetime.fromisoformat(value).date() for value in values]
            return pa.array(days, pa.date32())
        case _:
            return pa.array(
                [None if value is None else str(value) for value in values], pa.string()
            )
