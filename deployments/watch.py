"""Who notices a file that arrives?

`python -m deployments.watch`: the ledger's row first, then the event that leads to `ingest`.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading

from deployments.server import await_server
from tasks.events import tell
from tenure import intake
from tenure.errors import TenureError
from tenure.records import Batch
from tenure.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)

ACTOR = "system:watcher"


def watch(workspace: Workspace, stop: threading.Event) -> None:
    """Put each file that arrives on record and send its event, until `stop` is set."""

    def on_arrival(model: str, batch: Batch) -> None:
        log.warning("%s arrived for '%s': batch %s", batch.name, model, batch.digest[:12])
        try:
            tell(workspace)
        except TenureError as error:
            log.error("Its event waits: %s", error)

    await_server()
    log.warning("Watching the sources of %s", workspace.root)
    intake.watch(workspace, on_arrival, stop, actor=ACTOR)


def main() -> int:
    """Watch until this process is told to stop."""
    stop = threading.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, lambda *_: stop.set())
    logging.basicConfig(format="%(asctime)s | %(levelname)-7s | %(message)s")
    try:
        watch(open_workspace(), stop)
    except TenureError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
