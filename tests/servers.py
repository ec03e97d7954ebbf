"""Real parts that tests start: a Prefect server from a migrated seed, and whole workspaces."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

PROJECT = Path(__file__).parents[1]


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would lead to somebody else's server or folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "TENURE_"))}
    return kept | {"DO_NOT_TRACK": "1", "NO_COLOR": "1"} | more


@cache
def migrated_seed() -> Path:
    """A Prefect database with all migrations done, made once a test run (8 s)."""
    home = Path(tempfile.mkdtemp(prefix="tenure-seed-"))
    subprocess.run(
        [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"],
        env=clean_environment(PREFECT_HOME=str(home)),
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    return home / "prefect.db"


def plant_seed(home: Path) -> None:
    """Give a fresh PREFECT_HOME the migrated database."""
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated_seed(), home / "prefect.db")


def eventually(look: Callable[[], Any], patience_s: float = 300.0, every_s: float = 0.3) -> Any:
    """Return what `look` returns as soon as it is true; fail with its last answer."""
    until = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, f"still {found!r} after {patience_s:.0f} s"
        time.sleep(every_s)


def free_port() -> int:
    from tenure.cli.parts import free_port

    return free_port(0)


@contextmanager
def prefect_server(home: Path, **more: str) -> Iterator[str]:
    """A Prefect server on a free port, with more in its environment; yields its address."""
    plant_seed(home)
    port = free_port()
    log = (home / "server.log").open("wb")
    listen = ("--host", "127.0.0.1", "--port", str(port))
    server = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", *listen],
        env=clean_environment(PREFECT_HOME=str(home), **more),
        cwd=PROJECT,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    api = f"http://127.0.0.1:{port}/api"
    try:
        eventually(lambda: server.poll() is not None or is_ready(api))
        assert server.poll() is None, (home / "server.log").read_text()[-2000:]
        yield api
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        log.close()


@cache
def shared_server() -> str:
    """The one Prefect server of this test run, for all that needs no server of its own."""
    until_the_end = ExitStack()
    atexit.register(until_the_end.close)
    home = Path(tempfile.mkdtemp(prefix="tenure-prefect-"))
    return until_the_end.enter_context(prefect_server(home))


def is_ready(api: str) -> bool:
    try:
        return httpx.get(f"{api}/ready", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
