"""`python -m tenure.serving --workspace DIR --host 127.0.0.1 --port N`."""

import os
import sys

from tenure.registry.golden import ALONE, LEAN

# Before numpy is imported: one computing thread a process; more only get in each other's way.
for name, value in (ALONE | LEAN).items():
    os.environ.setdefault(name, value)

from tenure.serving.server import main  # noqa: E402

sys.exit(main())
