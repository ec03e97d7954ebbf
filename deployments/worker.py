"""How does a team's machine carry out runs from a work pool?

`python -m deployments.worker [--pool tenure] [--limit 2]`, after `python -m deployments.sync --pool
tenure`. Runs work in this checkout (`working_dir`), not in a copy made for each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from prefect.workers.process import ProcessWorker


def main(arguments: Sequence[str] | None = None) -> int:
    """Work until this process is told to stop."""
    parser = argparse.ArgumentParser(prog="deployments.worker", description=__doc__)
    parser.add_argument("--pool", default="tenure")
    parser.add_argument("--limit", type=int, default=2, help="Runs at a time.")
    given = parser.parse_args(arguments)
    asyncio.run(ProcessWorker(work_pool_name=given.pool, limit=given.limit).start())
    return 0


if __name__ == "__main__":
    sys.exit(main())
