"""How does `open_inference.proto` become what `messages.py` reads? Needs grpcio-tools.

`python -m tenure.serving.grpc.generate` writes it anew; a test compares.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE / "open_inference.proto"
DESCRIPTORS = HERE / "open_inference.binpb"


def compiled() -> bytes:
    """Return the descriptors of the protocol's messages, as protoc makes them."""
    from grpc_tools import protoc  # type: ignore[import-not-found]

    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "made")
        told = protoc.main(["", f"-I{HERE}", f"--descriptor_set_out={made}", SOURCE.name])
        if told != 0:
            raise SystemExit(told)
        return made.read_bytes()


if __name__ == "__main__":
    DESCRIPTORS.write_bytes(compiled())
    sys.exit(0)
