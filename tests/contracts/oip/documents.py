"""How are the protocol's documents read? README.md says what is amended, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_ERROR = {
    "description": "What a client did wrong.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": {"type": "string", "minLength": 1}},
                "required": ["error"],
            }
        }
    },
}


def document(name: str) -> dict[str, Any]:
    """Return one of the protocol's OpenAPI documents."""
    found = json.loads((FOLDER / name).read_text())
    others = [path for path in found["paths"] if path.endswith(("_stream", "/generate"))]
    for path in others:
        del found["paths"][path]
    for operations in found["paths"].values():
        for method in operations.keys() & {"get", "post"}:
            operations[method]["responses"].setdefault("4XX", _ERROR)
    schemas = found["components"]["schemas"]
    if "TensorData" in schemas:
        schemas["TensorData"] = {"type": "array"}
    return found
