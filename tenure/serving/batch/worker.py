"""How does one process on this machine carry out orders, for as long as who started it lives?

`python -m tenure.serving.batch.worker FD`: a process of its own, which shares nothing with the one
that started it but a connection. When that one is killed the worker ends at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenure.serving.batch.orders import AnyOrder, Reply


def _end_with_parent() -> None:
    # Standard input is the parent's for its whole life and never written to.
    os.read(0, 1)
    os._exit(1)


def main() -> None:
    """Answer orders that come over the connection until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's to answer
    orders: Connection = Connection(int(sys.argv[1]))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            order = orders.recv()
        except EOFError:
            return
        orders.send(_perform(order))


def _perform(order: AnyOrder) -> Reply:
    import pyarrow as pa

    from tenure.serving.batch.working import perform

    # As many processes as cores: another thread of one would only be in the way of the others.
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    return perform(order)


if __name__ == "__main__":
    main()
