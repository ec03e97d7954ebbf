"""How does a new version take over step by step, and what stops it on the way?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenure.rollouts.control import abort, advance
    from tenure.rollouts.failures import note_failures
    from tenure.rollouts.judging import judge
    from tenure.rollouts.looks import last_look
    from tenure.rollouts.placing import Way, place, start
    from tenure.rollouts.seeing import look_at
    from tenure.rollouts.walking import Walked, walk, walk_one

__all__ = [
    "Walked",
    "Way",
    "abort",
    "advance",
    "judge",
    "last_look",
    "look_at",
    "note_failures",
    "place",
    "start",
    "walk",
    "walk_one",
]

_HOME = {
    "Walked": "walking",
    "Way": "placing",
    "abort": "control",
    "advance": "control",
    "judge": "judging",
    "last_look": "looks",
    "look_at": "seeing",
    "note_failures": "failures",
    "place": "placing",
    "start": "placing",
    "walk": "walking",
    "walk_one": "walking",
}


def __getattr__(name: str) -> Any:
    # A person at the command line waits for what is needed only: judging wants pandas.
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
