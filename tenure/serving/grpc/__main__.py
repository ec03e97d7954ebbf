"""`python -m tenure.serving.grpc --workspace DIR --host 127.0.0.1 --port N`."""

import os
import sys

# Before numpy is imported: one computing thread a process; more only get in each other's way.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

try:
    import google.protobuf
    import grpc
except ImportError as missing:
    sys.exit(
        f"The gRPC server needs '{missing.name}', which is not installed. "
        "Install the extra: pip install 'tenure[grpc]'."
    )

from tenure.serving.grpc.server import main  # noqa: E402

__all__ = ["google", "grpc", "main"]

sys.exit(main())
