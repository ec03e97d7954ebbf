"""`python -m tenure.serving --workspace DIR --host 127.0.0.1 --port N`."""

import os
import sys

# Before numpy is imported: one computing thread a process; more only get in each other's way.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from tenure.serving.server import main  # noqa: E402

sys.exit(main())
