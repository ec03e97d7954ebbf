"""Who may call the prediction server, and where is that kept?

A key is 256 random bits, shown once when it is made. Its file, beside the signing keys and never in
the ledger, a spec or the settings, holds only its SHA-256: a slow hash protects passwords that can
be guessed, and nobody guesses 256 bits; it would only make each request dear.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from tenure.errors import KeyFileBroken, NoSuchKey
from tenure.records import from_json, to_json
from tenure.workspace import Workspace

FILE = "serving-keys.json"
_FORMAT = 1
_KEY = re.compile(r"tenure_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


class Role(StrEnum):
    """What a key is for."""

    PREDICT = "predict"
    """Ask for predictions, and look at what serves."""
    TEST = "test"
    """The same, and choose the slot that answers."""
    FEEDBACK = "feedback"
    """Bring labels and overrides."""
    METRICS = "metrics"
    """Read the metrics."""
    ADMIN = "admin"
    """Read metrics, status and pages."""


ALLOWED_BY: dict[Role, frozenset[Role]] = {
    Role.PREDICT: frozenset({Role.PREDICT, Role.TEST}),
    Role.TEST: frozenset({Role.TEST}),
    Role.FEEDBACK: frozenset({Role.FEEDBACK}),
    Role.METRICS: frozenset({Role.METRICS, Role.ADMIN}),
    Role.ADMIN: frozenset({Role.ADMIN}),
}
"""By what is to be done, the roles that may do it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as it is kept: all but the secret.

    Attributes:
        id: stands in the key itself, so that it is found without trying all.
        name: whose it is.
        sha256: of the whole key, in hexadecimal.
        models: which models it is for; None for all.
        expires_at: from when on it opens nothing; None for never.
        revoked_at: since when it opens nothing.
    """

    id: str
    name: str
    sha256: str
    roles: tuple[Role, ...]
    models: tuple[str, ...] | None
    made_at: datetime
    made_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Say whether it opens nothing any more."""
        return self.revoked_at is not None or (
            self.expires_at is not None and now >= self.expires_at
        )

    def may(self, role: Role) -> bool:
        """Say whether one of its roles allows something."""
        return not ALLOWED_BY[role].isdisjoint(self.roles)


def key_file(workspace: Workspace) -> Path:
    """Return where the keys of a workspace's prediction server are kept."""
    return workspace.key_folder / FILE


def id_of(text: str) -> str | None:
    """Return the id that stands in a key, None for a text that is none."""
    matched = _KEY.fullmatch(text)
    return None if matched is None else matched[1]


def digest_of_key(text: str) -> str:
    """Return what is kept of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_keys(workspace: Workspace) -> tuple[Key, ...]:
    """Return every key that was ever made, oldest first; none if there is no file.

    Raises:
        KeyFileBroken: the file cannot be read, or everybody may.
    """
    return read_key_file(key_file(workspace))


def read_key_file(file: Path) -> tuple[Key, ...]:
    """Return the keys in a file; see `read_keys`."""
    try:
        with open(file, "rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise KeyFileBroken(file=str(file), detail=error.strerror or "it cannot be read") from error
    if mode & 0o077:
        raise KeyFileBroken(file=str(file), detail="others than its owner may open it (chmod 600)")
    try:
        said = orjson.loads(content)
        if said["format"] != _FORMAT:
            raise ValueError
        return tuple(from_json(Key, each) for each in said["keys"])
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileBroken(file=str(file), detail="it is not what `tenure key` writes") from error


def add_key(
    workspace: Workspace,
    name: str,
    *,
    roles: Sequence[Role],
    models: Sequence[str] | None,
    actor: str,
    expires_at: datetime | None = None,
) -> tuple[Key, str]:
    """Make a key and keep its digest.

    Returns:
        What is kept, and the key itself, which nobody can read again.

    Raises:
        KeyFileBroken: the file cannot be read or written.
    """
    key_id = secrets.token_hex(6)
    text = f"tenure_{key_id}_{secrets.token_urlsafe(32)}"
    made = Key(
        id=key_id,
        name=name,
        sha256=digest_of_key(text),
        roles=tuple(dict.fromkeys(roles)),
        models=None if models is None else tuple(dict.fromkeys(models)),
        made_at=datetime.now(UTC),
        made_by=actor,
        expires_at=expires_at,
    )
    with _locked(workspace) as file:
        _write(file, [*read_key_file(file), made])
    return made, text


def revoke_key(workspace: Workspace, key_id: str) -> Key:
    """Let a key open nothing any more; doing it again changes nothing.

    Raises:
        NoSuchKey: there is none of this id.
        KeyFileBroken: the file cannot be read or written.
    """
    with _locked(workspace) as file:
        keys = read_key_file(file)
        found = next((each for each in keys if each.id == key_id), None)
        if found is None:
            raise NoSuchKey(key=key_id)
        if found.revoked_at is not None:
            return found
        revoked = replace(found, revoked_at=datetime.now(UTC))
        _write(file, [revoked if each is found else each for each in keys])
        return revoked


@contextmanager
def _locked(workspace: Workspace) -> Iterator[Path]:
    file = key_file(workspace)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KeyFileBroken(file=str(file), detail=error.strerror or "no folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(lock)


def _write(file: Path, keys: Sequence[Key]) -> None:
    said: dict[str, Any] = {"format": _FORMAT, "keys": [to_json(each) for each in keys]}
    fresh = file.with_suffix(f".{os.getpid()}.fresh")
    try:
        target = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(target, "wb") as opened:
            opened.write(orjson.dumps(said, option=orjson.OPT_INDENT_2))
            opened.flush()
            os.fsync(opened.fileno())
        os.replace(fresh, file)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        detail = error.strerror or "it cannot be written"
        raise KeyFileBroken(file=str(file), detail=detail) from error
