"""Where is this workspace's Prefect server?

The address comes from the environment, then from config/settings.yaml, then from what `tenure up`
wrote; never from a default port, where somebody else's server may listen.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from tenure.cli.parts import Running
from tenure.errors import NoPrefectServer
from tenure.workspace import Workspace, read_settings

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UpState:
    """What .tenure/up.json holds.

    Attributes:
        addresses: by name: `prefect` (pages), `api` (with /api), `endpoint` (predictions, pages).
        parts: by name: pid and start time.
        supervisor: the process that restarts parts.
        is_ready: whether everything was ready once.
        notes: what a person should know, a port that was taken.
    """

    addresses: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Running] = field(default_factory=dict)
    supervisor: Running | None = None
    is_ready: bool = False
    notes: tuple[str, ...] = ()


def read_up(workspace: Workspace) -> UpState | None:
    """Return what `tenure up` wrote, None where nothing is up or the file is damaged."""
    try:
        data: dict[str, Any] = orjson.loads(workspace.up_file.read_bytes())
        supervisor = data["supervisor"]
        return UpState(
            addresses=dict(data["addresses"]),
            parts={name: Running(**part) for name, part in data["parts"].items()},
            supervisor=Running(**supervisor) if supervisor else None,
            is_ready=bool(data["is_ready"]),
            notes=tuple(data["notes"]),
        )
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
        return None


def write_up(state: UpState, workspace: Workspace) -> None:
    """Put .tenure/up.json in place in one step."""
    workspace.up_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = workspace.up_file.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(orjson.dumps({"format": FORMAT, **asdict(state)}, option=orjson.OPT_INDENT_2))
    fresh.replace(workspace.up_file)


def outside_address(workspace: Workspace) -> str | None:
    """Return the address of a server that `tenure up` does not start, if one is named."""
    named = os.environ.get("PREFECT_API_URL")
    return named or read_settings(workspace.root).get("prefect_api_url")


def api_address(workspace: Workspace) -> str:
    """Return the address of the Prefect server's API.

    Raises:
        NoPrefectServer: none is named, or what was up is not up any more.
    """
    named = outside_address(workspace)
    if named:
        return str(named)
    state = read_up(workspace)
    if state is None or "api" not in state.addresses:
        raise NoPrefectServer(
            detail="PREFECT_API_URL is not set, prefect_api_url does not stand in "
            "config/settings.yaml, and nothing is up"
        )
    return state.addresses["api"]


def environment(workspace: Workspace, api: str | None = None) -> dict[str, str]:
    """Return the environment of a process that works for this workspace.

    Args:
        workspace: whose state and flows.
        api: the Prefect server's address with /api; None for the server itself.
    """
    env = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
    env |= {
        "TENURE_WORKSPACE": str(workspace.root),
        "PREFECT_HOME": str(workspace.state / "prefect"),
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }
    if workspace.project:
        env["TENURE_PROJECT"] = str(workspace.project)
    if api:
        env["PREFECT_API_URL"] = api
    return env
