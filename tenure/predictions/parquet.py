"""How does a Parquet file get its name only once it is whole and on the disk?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table; whoever is killed midway leaves no file of this name, or the whole one."""
    import pyarrow.parquet as pq

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.fresh")
    with open(fresh, "wb") as target:
        pq.write_table(table, target, compression="zstd")
        target.flush()
        os.fsync(target.fileno())
    os.replace(fresh, path)
    for each in (path.parent, path.parent.parent, path.parent.parent.parent):
        folder = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
