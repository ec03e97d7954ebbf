"""How does a version leave office for good, step by step, and how does it come back?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenure.retirement.control import approve, halt, only_waiting, resume
    from tenure.retirement.daily import check_fallbacks
    from tenure.retirement.fallbacks import fallback_of, is_fallback, register_fallback
    from tenure.retirement.opening import open_retirement, open_superseded
    from tenure.retirement.record import load_record
    from tenure.retirement.restoring import restore
    from tenure.retirement.retaining import purge_due
    from tenure.retirement.steps import (
        STEPS,
        archive,
        carry_out,
        close,
        drain,
        move_slot,
        probe,
        settle_data,
        turn_off,
        verify_successor,
    )
    from tenure.retirement.watching import watch_retired

__all__ = [
    "STEPS",
    "approve",
    "archive",
    "carry_out",
    "check_fallbacks",
    "close",
    "drain",
    "fallback_of",
    "halt",
    "is_fallback",
    "load_record",
    "move_slot",
    "only_waiting",
    "open_retirement",
    "open_superseded",
    "probe",
    "purge_due",
    "register_fallback",
    "restore",
    "resume",
    "settle_data",
    "turn_off",
    "verify_successor",
    "watch_retired",
]

_HOME = {
    "STEPS": "steps",
    "approve": "control",
    "archive": "steps",
    "carry_out": "steps",
    "check_fallbacks": "daily",
    "close": "steps",
    "drain": "steps",
    "fallback_of": "fallbacks",
    "halt": "control",
    "is_fallback": "fallbacks",
    "load_record": "record",
    "move_slot": "steps",
    "only_waiting": "control",
    "open_retirement": "opening",
    "open_superseded": "opening",
    "probe": "steps",
    "purge_due": "retaining",
    "register_fallback": "fallbacks",
    "restore": "restoring",
    "resume": "control",
    "settle_data": "steps",
    "turn_off": "steps",
    "verify_successor": "steps",
    "watch_retired": "watching",
}


def __getattr__(name: str) -> Any:
    # A retirement is to be quick: scikit-learn loads only where a fallback is fitted.
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
