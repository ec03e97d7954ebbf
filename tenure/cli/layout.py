"""Which parts does a running Tenure have, and where do they listen?"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tenure.cli import parts
from tenure.cli.parts import HOST, Part
from tenure.cli.prefect import UpState, environment, outside_address
from tenure.errors import BadSetting
from tenure.workspace import Workspace, find_project, read_settings

SERVER, QUICK, LONG, WATCHER, ENDPOINT = "server", "quick", "long", "watcher", "endpoint"
NAMES = (SERVER, QUICK, LONG, WATCHER, ENDPOINT)
SUPERVISOR = "up"
MOST_WORKERS = 64
PORTS = {"prefect": 4200, "endpoint": 8080}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What is to be started, and where it listens."""

    parts: tuple[Part, ...]
    addresses: dict[str, str]
    notes: tuple[str, ...]


def order_of_stopping(names: Iterable[str]) -> list[str]:
    """Return the names so that nothing loses what it still needs: the server comes last."""
    order = (LONG, QUICK, WATCHER, ENDPOINT, SERVER)
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def log_file(name: str, workspace: Workspace) -> Path:
    """Return where a part writes."""
    return workspace.state / "logs" / f"{name}.log"


def wanted_ports(workspace: Workspace) -> dict[str, int]:
    """Return the ports that the settings name, else the usual ones.

    Raises:
        BadSetting: `ports` is no mapping of known names to ports.
    """
    named = read_settings(workspace.root).get("ports") or {}
    file = str(workspace.root / "config" / "settings.yaml")
    if not isinstance(named, dict) or set(named) - set(PORTS):
        raise BadSetting(file=file, key="ports", got=named, wanted="{prefect: N, endpoint: N}")
    for name, port in named.items():
        if not isinstance(port, int) or not 0 < port < 65536:
            raise BadSetting(file=file, key=f"ports.{name}", got=port, wanted="1 … 65535")
    return PORTS | named


def wanted_workers(workspace: Workspace) -> int:
    """Return how many processes shall answer requests for predictions: 1 if nothing is said.

    Raises:
        BadSetting: `serving` is no mapping that says so.
    """
    named = read_settings(workspace.root).get("serving") or {}
    file = str(workspace.root / "config" / "settings.yaml")
    if not isinstance(named, dict) or set(named) - {"workers", "admin_port"}:
        wanted = "{workers: N, admin_port: N}"
        raise BadSetting(file=file, key="serving", got=named, wanted=wanted)
    count = named.get("workers", 1)
    if type(count) is not int or not 0 < count <= MOST_WORKERS:
        raise BadSetting(file=file, key="serving.workers", got=count, wanted=f"1 … {MOST_WORKERS}")
    return count


def wanted_admin_port(workspace: Workspace) -> int:
    """Return where metrics are asked for; 0, a free port, if nothing is said.

    Raises:
        BadSetting: it is no port.
    """
    port = (read_settings(workspace.root).get("serving") or {}).get("admin_port", 0)
    if type(port) is not int or not 0 <= port < 65536:
        file = str(workspace.root / "config" / "settings.yaml")
        raise BadSetting(file=file, key="serving.admin_port", got=port, wanted="0 … 65535")
    return port


def choose_ports(workspace: Workspace, before: UpState | None) -> tuple[dict[str, int], list[str]]:
    """Return a port for each listener, and a note for each that was taken."""
    chosen, notes = {}, []
    for name, port in wanted_ports(workspace).items():
        part = SERVER if name == "prefect" else ENDPOINT
        if before and part in before.parts and before.parts[part].process():
            chosen[name] = int(before.addresses[name].rsplit(":", 1)[1])
        else:
            chosen[name] = parts.free_port(port)
        if chosen[name] != port:
            notes.append(f"port {port} is taken; {name} listens on {chosen[name]}")
    return chosen, notes


def lay_out(workspace: Workspace, before: UpState | None = None) -> Layout:
    """Return the parts of a workspace; no server of its own if an address of one is named."""
    outside = outside_address(workspace)
    ports, notes = choose_ports(workspace, before)
    api = outside or f"http://{HOST}:{ports['prefect']}/api"
    addresses = {
        "prefect": api.removesuffix("/api"),
        "api": api,
        "endpoint": f"http://{HOST}:{ports['endpoint']}",
    }
    made = [] if outside else [_server(workspace, ports["prefect"])]
    if outside:
        notes.append(f"Prefect's server is the one at {api}")
    made += [
        _module(QUICK, ("deployments.serve", "quick"), "Serving quick", workspace, api),
        _module(LONG, ("deployments.serve", "long"), "Serving long", workspace, api),
        _module(WATCHER, ("deployments.watch",), "Watching", workspace, api),
        _endpoint(workspace, api, ports["endpoint"]),
    ]
    return Layout(parts=tuple(made), addresses=addresses, notes=tuple(notes))


def _server(workspace: Workspace, port: int) -> Part:
    command = ("-m", "prefect", "server", "start", "--host", HOST, "--port", str(port))
    # The pages ask the address that these name: without them 4200, whatever the port is.
    told = {
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api",
    }
    return Part(
        name=SERVER,
        command=(sys.executable, *command),
        env=environment(workspace) | told,
        folder=workspace.project or find_project(),
        log=log_file(SERVER, workspace),
        is_ready=lambda _: parts.answers(f"http://{HOST}:{port}/api/ready"),
        port=port,
    )


def _module(name: str, module: tuple[str, ...], says: str, workspace: Workspace, api: str) -> Part:
    log = log_file(name, workspace)
    return Part(
        name=name,
        command=(sys.executable, "-m", *module),
        env=environment(workspace, api),
        folder=workspace.project or find_project(),
        log=log,
        is_ready=lambda size: _has_said(log, size, says),
    )


def _endpoint(workspace: Workspace, api: str, port: int) -> Part:
    module = ("-m", "tenure.serving", "--host", HOST, "--port", str(port))
    module += ("--workers", str(wanted_workers(workspace)))
    module += ("--admin-port", str(wanted_admin_port(workspace)))
    return Part(
        name=ENDPOINT,
        command=(sys.executable, *module),
        env=environment(workspace, api),
        folder=workspace.project or find_project(),
        log=log_file(ENDPOINT, workspace),
        is_ready=lambda _: parts.answers(f"http://{HOST}:{port}/health/live"),
        port=port,
    )


def _has_said(log: Path, size: int, text: str) -> bool:
    """Say whether a part wrote a text after its log had a size."""
    if not log.exists():
        return False
    with log.open("rb") as file:
        file.seek(size)
        return text.encode() in file.read()
