"""Is there any path left on which a retired version could be reached?"""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenure.errors import StillServed, TenureError
from tenure.predictions.status import read_statuses
from tenure.registry import load_version, open_ledger, open_store

if TYPE_CHECKING:
    from tenure.workspace import Workspace

PATIENCE_S = 5.0
"""How long a server process may take to notice what the ledger says."""
_EVERY_S = 0.1
_ANSWER_S = 5.0
GONE = 410


def probe(model: str, version: int, workspace: Workspace) -> dict[str, str]:
    """Try every path to a version; return by path how it was refused.

    The slots, the store's handle, the loader, and each address where a prediction server lives.

    Raises:
        StillServed: it can be reached; the error says on which paths.
    """
    began = time.monotonic()
    while True:
        refused, open_paths = _try_all(model, version, workspace)
        if not open_paths:
            return refused
        if time.monotonic() - began >= PATIENCE_S:
            raise StillServed(model=model, version=version, detail="; ".join(open_paths))
        time.sleep(_EVERY_S)


def _try_all(model: str, version: int, workspace: Workspace) -> tuple[dict[str, str], list[str]]:
    refused: dict[str, str] = {}
    found: list[str] = []
    for path, answer, is_open in (
        _slots(model, version, workspace),
        _store(model, version, workspace),
        _loader(model, version, workspace),
        *_servers(model, version, workspace),
    ):
        if is_open:
            found.append(f"{path}: {answer}")
        else:
            refused[path] = answer
    return refused, found


Tried = tuple[str, str, bool]


def _slots(model: str, version: int, workspace: Workspace) -> Tried:
    held = [
        each.slot.value
        for each in open_ledger(workspace).assignments()
        if each.model == model and each.version == version
    ]
    return "slots", f"it holds {', '.join(held)}" if held else "none points at it", bool(held)


def _store(model: str, version: int, workspace: Workspace) -> Tried:
    known = open_ledger(workspace).version(model, version)
    if not open_store(workspace).exists(known.object):
        return "store", "ObjectMissing", False
    case = open_ledger(workspace).case_against(model, version)
    step = case.done("archive") if case is not None else None
    others = step.facts["still_needed_by"] if step else []
    if others:
        return "store", f"the same bytes belong to {', '.join(others)}", False
    return "store", "it holds its bytes", True


def _loader(model: str, version: int, workspace: Workspace) -> Tried:
    try:
        load_version(model, version, workspace)
    except TenureError as error:
        return "loader", error.code, False
    return "loader", "it loads", True


def _servers(model: str, version: int, workspace: Workspace) -> list[Tried]:
    tried: list[Tried] = []
    statuses = [each for each in read_statuses(workspace) if not each.is_draining]
    for status in statuses:
        served = status.serving.get(model)
        answers = served is not None and served.version == version
        holds = answers or version in status.held.get(model, [])
        says = "it answers by it" if answers else "requests hold it" if holds else "it is not there"
        tried.append((f"memory of process {status.pid}", says, holds))
    for address in sorted({each.address for each in statuses}):
        code = _ask(address, f"/v1/models/{model}/versions/{version}")
        tried.append((address, f"HTTP {code}" if code else "no answer", code not in (GONE, None)))
    return tried


def _ask(address: str, path: str) -> int | None:
    """Return the status that an address answers with, None where nobody does."""
    parts = urlsplit(address)
    if not parts.port:
        return None
    host = parts.hostname or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - not bound here
    connection = http.client.HTTPConnection(host, parts.port, timeout=_ANSWER_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
