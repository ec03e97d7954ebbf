"""Which process carries out the runs of a verb on one machine?

`python -m deployments.serve quick|long`. Two processes with a limit each, so that a rollback never
waits behind two trainings. Each applies its deployments as it starts, as `sync` does.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence

from prefect.runner import Runner

from deployments import automations, backlog
from deployments.build import LONG, QUICK, VERBS, build
from deployments.server import await_server
from deployments.sync import drop_schedules, existing_deployment
from tenure.errors import BadInput, TenureError
from tenure.registry.specs import orphaned_specs
from tenure.spec import ModelSpec, read_all
from tenure.workspace import Workspace, open_workspace

log = logging.getLogger(__name__)

GROUPS = {"quick": QUICK, "long": LONG}
LIMITS = {"quick": 4, "long": 2}
STARTED = "Serving"


def sound_specs(workspace: Workspace) -> tuple[list[ModelSpec], list[str]]:
    """Return the specs in force without a mistake, and the names of those with one."""
    readings = read_all(workspace)
    wrong = [one.name for one in readings if one.spec is None]
    for one in wrong:
        log.error("config/models/%s.yaml has mistakes; `tenure check` prints them.", one)
    sound = [one.spec for one in readings if one.spec is not None]
    return [*sound, *orphaned_specs(workspace)], wrong


def apply_all(runner: Runner, group: str, workspace: Workspace) -> None:
    """Apply the group's deployments and let the runner look for their runs."""
    specs, wrong = sound_specs(workspace)
    for verb in GROUPS[group]:
        existing = existing_deployment(verb)
        deployment = build(verb, specs, existing, untouched=wrong)
        applied = runner.add_deployment(deployment)
        drop_schedules(verb, specs, applied, untouched=wrong)  # pyright: ignore
    ids = {verb: found.id for verb in VERBS if (found := existing_deployment(verb))}
    if set(ids) == set(VERBS) and not wrong:
        automations.apply(automations.wanted(specs, ids))


def serve(group: str, workspace: Workspace) -> None:
    """Carry out the runs of a group's verbs until this process is told to stop."""
    await_server()
    runner = Runner(name=f"tenure-{group}", limit=LIMITS[group], pause_on_shutdown=False)
    apply_all(runner, group, workspace)
    dropped = backlog.coalesce(GROUPS[group])
    log.warning("%s %s; %d late runs were put together.", STARTED, group, dropped)
    asyncio.run(runner.start())


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve from the command line."""
    parser = argparse.ArgumentParser(prog="deployments.serve", description=__doc__)
    parser.add_argument("group", choices=sorted(GROUPS))
    given = parser.parse_args(arguments)
    try:
        serve(given.group, open_workspace())
    except TenureError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code if isinstance(error, BadInput) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
