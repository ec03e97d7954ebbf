"""Are Prefect's automations there that start runs by event, and do they work?

`tenure sync` makes them. One that somebody deleted or disabled loses nothing, since `reconcile`
does what it would have started, but a minute late; only a person enables one again.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import httpx

from tenure.cli.runs import Api
from tenure.errors import TenureError
from tenure.spec import ModelSpec, read_all
from tenure.workspace import Workspace

PREFIX = "tenure-"
PATIENCE_S = 2.0
GONE = "gone: `tenure sync` makes it again"
OFF = "disabled: a person enables it on Prefect's page, nothing else does"


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationLine:
    """An automation that does not do its work, and what to do."""

    automation: str
    trouble: str


def expected(specs: Iterable[ModelSpec]) -> set[str]:
    """Return the names of the automations that `deployments.automations` makes for some specs."""
    known = list(specs)
    names = {"crash-zombies", "alarm"}
    if known:
        names |= {"ingest", "retrain", "retire", "halt"}
    if any(spec.training.on_arrival for spec in known):
        names.add("train")
    if any(spec.monitoring.enabled for spec in known):
        names.add("monitor")
    return {PREFIX + name for name in names}


def look_after(workspace: Workspace) -> tuple[AutomationLine, ...] | None:
    """Return the automations that are gone or disabled; None where nobody can be asked."""
    specs = [reading.spec for reading in read_all(workspace) if reading.spec is not None]
    wanted = sorted(expected(specs))
    try:
        with closing(Api(workspace)) as api:
            api.http.timeout = httpx.Timeout(PATIENCE_S)
            named = {"automations": {"name": {"any_": wanted}}}
            answer = api.http.post("automations/filter", json=named)
            answer.raise_for_status()
            found = {one["name"]: bool(one["enabled"]) for one in answer.json()}
    except (TenureError, httpx.HTTPError):
        return None
    return tuple(
        AutomationLine(automation=name, trouble=OFF if name in found else GONE)
        for name in wanted
        if not found.get(name)
    )
