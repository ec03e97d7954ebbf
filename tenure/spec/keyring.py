"""Which secret keys does a workspace have, beside the one that signs?

Each is 32 random bytes in a file of its own in the key folder, made at first use with mode 0600.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from tenure.workspace import Workspace

KEY_BYTES = 32


def secret_key(purpose: Literal["pseudonym", "sealing"], workspace: Workspace) -> bytes:
    """Return the 32 bytes of the key for a purpose; the first use makes it."""
    file = workspace.key_folder / f"{purpose}.key"
    try:
        return file.read_bytes()
    except FileNotFoundError:
        _make(file)
        return file.read_bytes()


def _make(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.{os.urandom(4).hex()}.fresh")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(os.urandom(KEY_BYTES))
        target.flush()
        os.fsync(target.fileno())
    try:
        os.link(fresh, file)
    except FileExistsError:
        pass  # another process was first, and what it pseudonymised must stay the same
    finally:
        fresh.unlink()
