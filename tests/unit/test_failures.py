"""Does the text of a foreign error stay in one file that only its owner reads?"""

from __future__ import annotations

import stat
from pathlib import Path

import pandas as pd
import pytest

from tenure import failures
from tenure.errors import Disturbed, StaleEpoch, Unforeseen
from tenure.failures import keep, tellable
from tenure.workspace import Workspace

CANARY = "NL91ABNA0417164300"


def foreign() -> Exception:
    """An error of pandas that quotes a row, raised from another that does."""
    try:
        try:
            pd.Series([CANARY]).astype("float64")
        except ValueError as error:
            raise KeyError(CANARY) from error
    except KeyError as error:
        return error


def test_the_text_is_in_the_file_and_only_its_place_is_told(workspace: Workspace) -> None:
    failure = keep(foreign(), workspace)
    assert failure.file is not None
    text = failure.file.read_text()
    assert text.count(CANARY) >= 2
    assert stat.S_IMODE(failure.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(failure.file.parent.stat().st_mode) == 0o700
    assert failure.file.is_relative_to(workspace.state / "logs")
    assert CANARY not in str(failure)
    assert "KeyError at test_failures.py:" in str(failure)
    assert failure.id in str(failure)
    assert failure.id in failure.file.name


def test_where_is_the_last_line_that_is_no_librarys(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="float") as caught:
        pd.Series([CANARY]).astype("float64")
    assert keep(caught.value, workspace).where.startswith("test_failures.py:")


def test_what_stands_for_a_foreign_error_has_no_chain(workspace: Workspace) -> None:
    told = tellable(foreign(), workspace)
    assert isinstance(told, Unforeseen)
    assert CANARY not in f"{told} {told.facts} {told.as_dict()}"
    assert told.__cause__ is None
    passing = tellable(OSError(CANARY), workspace, may_pass=True)
    assert isinstance(passing, Disturbed)
    assert passing.is_transient


def test_our_own_error_is_told_as_it_is_without_its_chain(workspace: Workspace) -> None:
    ours = StaleEpoch(slot="champion", model="m", now=2, decided_at=1)
    ours.__cause__ = foreign()
    assert tellable(ours, workspace) is ours
    assert ours.__cause__ is None
    assert ours.__suppress_context__
    assert not (workspace.state / "logs" / "failures").exists()


def test_a_full_disk_keeps_nobody_from_telling(workspace: Workspace) -> None:
    workspace.state.mkdir(exist_ok=True)
    (workspace.state / "logs").write_text("no folder")
    failure = keep(foreign(), workspace)
    assert failure.file is None
    assert "could not be written" in str(failure)


def test_old_files_go(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "MOST_KEPT", 3)
    kept: list[Path | None] = [keep(foreign(), workspace).file for _ in range(5)]
    left = set((workspace.state / "logs" / "failures").iterdir())
    assert len(left) == 3
    assert kept[-1] in left
