"""The command line as a person calls it, in this process."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from tenure.cli.app import run
from tenure.workspace import Workspace


@dataclass(frozen=True)
class Said:
    """What a command left behind: exit code and both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)

    @property
    def error(self) -> Any:
        assert self.out == ""
        return orjson.loads(self.err)


class Shell:
    """Calls `tenure` for one workspace."""

    def __init__(self, workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
        self.workspace = workspace
        self.capsys = capsys

    def __call__(self, *words: str) -> Said:
        self.capsys.readouterr()
        place = ["--workspace", str(self.workspace.root), "--project", str(self.workspace.project)]
        code = run([*place, *words])
        out, err = self.capsys.readouterr()
        return Said(code, out, err)


def digest_of_folder(folder: Path) -> str:
    """Return a digest of every name, mode, time and byte below a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        whole.update(f"{path}{about.st_mode}{about.st_mtime_ns}".encode())
        whole.update(path.read_bytes() if path.is_file() else b"")
    return whole.hexdigest()
