"""Who notices a file that arrives, and what a person did by command?

`python -m deployments.watch`: the ledger's row first, then the event that leads to a run. Commands
act on the ledger alone; their events are sent from here, too.
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
from tenure.registry import open_ledger
from tenure.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)

ACTOR = "system:watcher"
OUTBOX_S = 1.0


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
    teller = threading.Thread(target=tell_others, args=(workspace, stop), daemon=True)
    teller.start()
    intake.watch(workspace, on_arrival, stop, actor=ACTOR)
    teller.join()


def tell_others(workspace: Workspace, stop: threading.Event) -> None:
    """Send the events of what others put on record, an approval or a halt, within a second or two.

    What a run puts on record it tells itself; an event that both send is one event.
    """
    ledger, waited = open_ledger(workspace), 0
    while not stop.wait(OUTBOX_S):
        try:
            waiting = ledger.unsent(1)
            if waiting and waiting[0].seq == waited:
                tell(workspace)
            waited = waiting[0].seq if waiting else 0
        except TenureError as error:
            log.error("Events wait: %s", error)


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
