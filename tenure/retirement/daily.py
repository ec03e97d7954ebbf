"""Could every model that serves fall back today?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenure.errors import Halted, TenureError
from tenure.records import Slot
from tenure.registry import open_ledger
from tenure.retirement.checking import prove
from tenure.retirement.fallbacks import deployment_of, ensure_fallback, is_fallback

if TYPE_CHECKING:
    from tenure.workspace import Workspace


def check_fallbacks(workspace: Workspace, *, actor: str) -> list[str]:
    """Ask the golden rows of each model's fallback once a day; say in sentences what is wrong.

    A fallback that is missing is registered; one that was checked within a day in this environment
    costs a digest. One model's trouble holds up no other.
    """
    wrong = []
    for slot in open_ledger(workspace).assignments():
        if slot.slot is not Slot.CHAMPION or slot.version is None:
            continue
        try:
            _check(slot.model, slot.version, workspace, actor)
        except Halted:
            continue
        except TenureError as error:
            wrong.append(f"The fallback of '{slot.model}' is not fit to serve: {error}")
    return wrong


def _check(model: str, serving: int, workspace: Workspace, actor: str) -> None:
    ledger = open_ledger(workspace)
    if deployment_of(model, workspace).fallback == "none":
        return
    if is_fallback(ledger.version(model, serving), workspace):
        return
    number = ensure_fallback(model, serving, workspace, actor=actor)
    if number is not None:
        prove(ledger.version(model, number), workspace, actor=actor)
