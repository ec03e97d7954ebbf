"""Partitions to score and what came of them, for the tests of batch scoring."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tenure.workspace import Workspace
from tests.unit.serving import lives

ROWS = [{"order": f"00{place}", **lives.ROW, "amount": 10.0 * place} for place in range(7)]


def put(workspace: Workspace, name: str, rows: list[dict[str, Any]] | str = ROWS) -> Path:
    """Lay a partition into the source that has rested for long."""
    file = workspace.root / "score" / "in" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    match rows, file.suffix:
        case str(), _:
            file.write_text(rows)
        case _, ".csv":
            pd.DataFrame(rows).to_csv(file, index=False)
        case _, ".parquet":
            pd.DataFrame(rows).to_parquet(file)
        case _:
            file.write_bytes(b"\n".join(orjson.dumps(row) for row in rows))
    os.utime(file, (1, 1))
    return file


def put_groups(workspace: Workspace, name: str, groups: int, rows: int = 50) -> Path:
    """Lay a Parquet partition of some row groups into the source."""
    frame = lives.frame(groups * rows)
    frame.insert(0, "order", [f"{place:06d}" for place in range(len(frame))])
    file = workspace.root / "score" / "in" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pandas(frame), file, row_group_size=rows)
    os.utime(file, (1, 1))
    return file


def out(workspace: Workspace) -> Path:
    """Return the folder of the predictions."""
    return workspace.root / "score" / "out"


def outputs(workspace: Workspace) -> dict[str, bytes]:
    """Return the bytes of each output by its name."""
    return {file.name: file.read_bytes() for file in sorted(out(workspace).glob("*.parquet"))}


def predicted(workspace: Workspace) -> pd.DataFrame:
    """Return the rows of all outputs."""
    files = sorted(out(workspace).glob("*.parquet"))
    return pd.concat([pq.ParquetFile(file).read().to_pandas() for file in files])


def manifests(workspace: Workspace) -> list[dict[str, Any]]:
    """Return what the manifests say, by the outputs' names."""
    found = sorted((out(workspace) / "_manifests").iterdir())
    return [orjson.loads(file.read_bytes()) for file in found]


def left_behind(workspace: Workspace) -> list[str]:
    """Return what lies in the work folder."""
    return sorted(str(each) for each in (out(workspace) / "_work").rglob("*") if each.is_file())
