from __future__ import annotations

import fcntl
import io
import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import orjson
import pytest

from tenure.cli.output import Line, Table, cell, write_blocks, write_error, write_json
from tenure.errors import ModelNotFound
from tests.conftest import PROJECT
from tests.unit.cli.calling import Shell

BLOCKS = [
    Line("A head", "bold"),
    Table(("model", "rows"), [("fraud", 1_234_567), ("a-very-long-name" * 12, None)]),
]


class Color(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Thing:
    color: Color
    at: datetime
    by: dict[int, float]


def test_a_pipe_gets_plain_aligned_text_that_is_never_cut() -> None:
    out = io.StringIO()
    write_blocks(BLOCKS, out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "A head"
    assert lines[3].startswith("a-very-long-name" * 12 + "  -")
    assert lines[2].index("1,234,567") == lines[1].index("rows")
    assert "\x1b" not in out.getvalue()


def test_control_characters_never_reach_a_terminal() -> None:
    out = io.StringIO()
    write_blocks([Line("a\x1b[31mb\x07\x9b"), Table(("x",), [("c\x1b]0;t\nd",)])], out)
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
    assert "\x9b" not in out.getvalue()
    assert "c�]0;t d" in out.getvalue()


def test_json_holds_records_enums_and_times() -> None:
    out = io.StringIO()
    write_json(Thing(Color.RED, datetime(2026, 5, 3, tzinfo=UTC), {0: 1.0}), out)
    assert orjson.loads(out.getvalue()) == {
        "color": "red",
        "at": "2026-05-03T00:00:00Z",
        "by": {"0": 1.0},
    }
    assert out.getvalue().count("\n") == 1


def test_an_error_is_text_or_json_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = ModelNotFound(model="scam", known="fraud")
    write_error(error, as_json=False)
    write_error(error, as_json=True)
    out, err = capsys.readouterr()
    assert out == ""
    text, as_json = err.splitlines()
    assert text.startswith("There is no model 'scam'; known: fraud.")
    assert set(orjson.loads(as_json)) == {"code", "message", "facts", "remedy"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), ("", "-"), (False, "no"), (3, "3"), (1.5, "1.5"), (("a", 1), "('a', 1)")],
)
def test_cells(value: object, shown: str) -> None:
    assert cell(value) == shown


def on_a_terminal(words: list[str], **env: str) -> str:
    main, side = pty.openpty()
    whole = {**os.environ, "PYTHONPATH": str(PROJECT), "TERM": "xterm-256color", **env}
    whole.pop("FORCE_COLOR", None)
    with subprocess.Popen(
        [sys.executable, "-m", "tenure", *words],
        stdout=side,
        stderr=side,
        stdin=subprocess.DEVNULL,
        env=whole,
    ) as process:
        os.close(side)
        said = b""
        try:
            while part := os.read(main, 65_536):
                said += part
        except OSError:
            pass
        assert process.wait(60) == 0
    os.close(main)
    return said.decode()


def test_a_terminal_gets_colour_unless_it_is_refused(shell: Shell) -> None:
    root = shell.workspace.root
    (root / "config" / "models" / "fraud.yaml").write_text("name: fraud\n", encoding="utf-8")
    words = ["--workspace", str(root), "--project", str(PROJECT), "models"]
    assert "\x1b[" in on_a_terminal(words)
    plain = on_a_terminal(words, NO_COLOR="1")
    assert "\x1b[3" not in plain
    assert "fraud" in plain


def test_a_reader_that_leaves_is_no_error(shell: Shell) -> None:
    for number in range(150):
        name = f"a-model-whose-name-is-nearly-as-long-as-it-{number}"
        file = shell.workspace.models_folder / f"{name}.yaml"
        file.write_text(f"name: {name}\n", encoding="utf-8")
    reader, writer = os.pipe()
    # A pipe that holds less than is written, so that the command must notice that nobody reads on.
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4_096)
    with subprocess.Popen(
        [sys.executable, "-m", "tenure", "--workspace", str(shell.workspace.root), "models"],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "TENURE_PROJECT": str(PROJECT)},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        os.close(writer)
        first = os.read(reader, 5)
        os.close(reader)
        _, complaint = command.communicate()
    assert first == b"model"
    assert (complaint, command.returncode) == ("", 141)


def test_outside_of_any_project_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tenure.cli.app import run

    for name in ("TENURE_WORKSPACE", "TENURE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(["models", "--json"]) == 2
    error = orjson.loads(capsys.readouterr().err)
    assert error["code"] == "ProjectNotFound"
    assert str(tmp_path) in error["message"]
    assert run(["--workspace", str(tmp_path), "--project", str(PROJECT), "models"]) == 2
    assert "is no workspace" in capsys.readouterr().err
