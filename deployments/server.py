"""Does the Prefect server answer yet?

All parts start at the same time; those that need the server import what they need meanwhile.
"""

from __future__ import annotations

import time

from prefect.client.orchestration import get_client

from tenure.errors import NoPrefectServer

PATIENCE_S = 120.0
LOOK_S = 0.2


def await_server(patience_s: float = PATIENCE_S) -> None:
    """Return as soon as the server answers.

    Raises:
        NoPrefectServer: it did not for `patience_s` seconds.
    """
    until = time.monotonic() + patience_s
    with get_client(sync_client=True) as client:
        while True:
            failed = client.api_healthcheck()
            if failed is None:
                return
            if time.monotonic() > until:
                detail = f"{client.api_url} did not answer for {patience_s:.0f} s"
                raise NoPrefectServer(detail=detail) from failed
            time.sleep(LOOK_S)
