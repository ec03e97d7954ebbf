"""A real Prefect server with a home of its own, for as long as a benchmark needs it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenure.cli import layout, parts
from tenure.workspace import find_project, open_workspace

READY_S = 120


@contextmanager
def prefect_server(folder: Path) -> Iterator[str]:
    """Start a server whose state lies in a folder; yield its address, with /api; stop it."""
    # Never the usual port: a Tenure that is started meanwhile would look for it.
    (folder / "config").mkdir(parents=True)
    ports = f"ports: {{prefect: {parts.free_port(0)}}}\n"
    (folder / "config" / "settings.yaml").write_text(ports, encoding="utf-8")
    laid = layout.lay_out(open_workspace(folder, project=find_project()))
    [part] = [each for each in laid.parts if each.name == layout.SERVER]
    process = parts.launch(part)
    try:
        until = time.monotonic() + READY_S
        while not part.is_ready(0):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"Prefect's server did not start:\n{part.log.read_text()[-4000:]}")
            time.sleep(0.2)
        yield laid.addresses["api"]
    finally:
        process.terminate()
        process.wait(timeout=30)
