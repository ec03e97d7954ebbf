"""Tenure: the whole life of scikit-learn models on Prefect, on the record.

The verbs of the command line are functions here, of the same names: `tenure.train("fraud")`. Each
returns records and raises a `TenureError`; each is imported when it is first used.
`__init__.pyi` holds their types.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "approve": "controlling",
    "backup": "keeping",
    "cases": "controlling",
    "check": "checking",
    "deploy": "moving",
    "down": "up",
    "explain": "telling",
    "export": "exporting",
    "halt": "controlling",
    "history": "reading",
    "ingest": "runs",
    "logs": "up",
    "models": "reading",
    "monitor": "runs",
    "note": "telling",
    "page": "telling",
    "plan": "planning",
    "predict": "predicting",
    "restore": "controlling",
    "restore_backup": "keeping",
    "resume": "controlling",
    "retire": "runs",
    "rollback": "moving",
    "score": "runs",
    "show": "reading",
    "status": "status",
    "sync": "up",
    "train": "runs",
    "up": "up",
    "upgrade": "keeping",
    "verify": "keeping",
}

_GROUPS = {"key": "keys", "quarantine": "quarantine", "rollout": "rolling"}
"""Verbs with verbs of their own: modules that hold them."""


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"tenure.cli.{_HOMES[name]}"), name)
    if name in _GROUPS:
        return importlib.import_module(f"tenure.cli.{_GROUPS[name]}")
    if name == "open_workspace":
        return importlib.import_module("tenure.workspace").open_workspace
    raise AttributeError(f"module 'tenure' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(["__version__", "open_workspace", *_GROUPS, *_HOMES])
