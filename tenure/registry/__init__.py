"""The ledger, the store, and the only doors through which an artifact is kept and loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenure.registry.archive import backup, restore_backup
    from tenure.registry.artifacts import (
        Loaded,
        dump_estimator,
        load_candidate,
        load_version,
        register,
    )
    from tenure.registry.deploying import deploy, rollback
    from tenure.registry.leases import Lease
    from tenure.registry.ledger import Ledger
    from tenure.registry.opening import close_ledger, open_ledger
    from tenure.registry.reach import collect
    from tenure.registry.store import Store, open_store
    from tenure.registry.upgrading import upgrade
    from tenure.registry.verification import Finding, Severity, verify

__all__ = [
    "Finding",
    "Lease",
    "Ledger",
    "Loaded",
    "Severity",
    "Store",
    "backup",
    "close_ledger",
    "collect",
    "deploy",
    "dump_estimator",
    "load_candidate",
    "load_version",
    "open_ledger",
    "open_store",
    "register",
    "restore_backup",
    "rollback",
    "upgrade",
    "verify",
]

_HOME = {
    "Finding": "verification",
    "Lease": "leases",
    "Ledger": "ledger",
    "Loaded": "artifacts",
    "Severity": "verification",
    "Store": "store",
    "backup": "archive",
    "close_ledger": "opening",
    "collect": "reach",
    "deploy": "deploying",
    "dump_estimator": "artifacts",
    "load_candidate": "artifacts",
    "load_version": "artifacts",
    "open_ledger": "opening",
    "open_store": "store",
    "register": "artifacts",
    "restore_backup": "archive",
    "rollback": "deploying",
    "upgrade": "upgrading",
    "verify": "verification",
}


def __getattr__(name: str) -> Any:
    # SQLAlchemy and the artifact code load where they are used: `tenure --help` needs neither.
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
