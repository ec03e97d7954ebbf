"""What becomes of a model in office: what is seen of it, and what is decided about it?

Nothing heavy is imported before it is used; Evidently only by `evidence`, when a window is judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenure.monitoring.decision import decide
    from tenure.monitoring.explaining import explain
    from tenure.monitoring.judging import (
        expire,
        judge,
        settle_retrain,
        superseded_due,
        watch_age,
    )
    from tenure.monitoring.policy import policy_of
    from tenure.monitoring.reading import read_window
    from tenure.monitoring.references import keep_reference
    from tenure.monitoring.windows import due_windows

__all__ = [
    "decide",
    "due_windows",
    "expire",
    "explain",
    "judge",
    "keep_reference",
    "policy_of",
    "read_window",
    "settle_retrain",
    "superseded_due",
    "watch_age",
]

_HOME = {
    "decide": "decision",
    "due_windows": "windows",
    "expire": "judging",
    "explain": "explaining",
    "judge": "judging",
    "keep_reference": "references",
    "policy_of": "policy",
    "read_window": "reading",
    "settle_retrain": "judging",
    "superseded_due": "judging",
    "watch_age": "judging",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
