"""Where do the parts that `tenure up` started listen?"""

from __future__ import annotations

import json

from tenure.workspace import Workspace


def endpoint_address(workspace: Workspace) -> str | None:
    """Return the prediction server's address, None where none is up."""
    try:
        up = json.loads(workspace.up_file.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return up.get("addresses", {}).get("endpoint")
