from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from tenure.serving.keys import digest_of_key, key_file, read_keys
from tests.unit.cli.calling import Shell


def said(shell: Shell, *words: str) -> Any:
    found = shell(*words, "--json")
    assert found.code == 0, found.err
    return found.json


def refused(shell: Shell, *words: str) -> tuple[int, Any]:
    found = shell(*words, "--json")
    return found.code, found.error


def test_a_key_is_made_listed_and_revoked(shell: Shell) -> None:
    made = said(shell, "key", "add", "web shop", "--role", "predict", "--role", "feedback")
    assert (made["roles"], made["models"], made["expires_at"]) == (
        ["predict", "feedback"],
        None,
        None,
    )
    (kept,) = read_keys(shell.workspace)
    assert (kept.id, kept.name) == (made["id"], "web shop")
    assert kept.sha256 == digest_of_key(made["secret"])
    assert made["secret"].encode() not in key_file(shell.workspace).read_bytes()
    (listed,) = said(shell, "key", "list")
    assert listed["opens"] is True
    assert made["secret"] not in orjson.dumps(listed).decode()
    assert said(shell, "key", "revoke", made["id"])["opens"] is False
    once = said(shell, "key", "list")
    assert said(shell, "key", "revoke", made["id"]) == once[0], "doing it again changes nothing"


def test_a_key_can_end_by_itself(shell: Shell) -> None:
    made = said(shell, "key", "add", "x", "--role", "metrics", "--expires", "90d")
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < left <= timedelta(days=90)


@pytest.mark.parametrize(
    "given",
    [
        ("x", "--role", "root"),
        ("x", "--role", "predict", "--model", "nobody"),
        ("x", "--role", "predict", "--expires", "soon"),
        ("x", "--role", "predict", "--expires", "0d"),
        ("a\nb", "--role", "predict"),
        ("", "--role", "predict"),
    ],
)
def test_a_key_of_no_use_is_not_made(shell: Shell, given: tuple[str, ...]) -> None:
    code, error = refused(shell, "key", "add", *given)
    assert (code, error["code"]) == (2, "BadKeyAsked")
    assert read_keys(shell.workspace) == ()


def test_an_unknown_key_is_not_revoked(shell: Shell) -> None:
    code, error = refused(shell, "key", "revoke", "0" * 12)
    assert (code, error["code"]) == (2, "NoSuchKey")
