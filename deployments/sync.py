"""Do Prefect's deployments, schedules and automations agree with the specs? Make it so.

`python -m deployments.sync [--plan] [--json] [--pool NAME]`. Doing it again changes nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from deployments import automations
from deployments.build import VERBS, Pool, build, process_environment, schedules_of
from tenure.errors import TenureError
from tenure.registry.specs import keep_spec, orphaned_specs, orphans
from tenure.spec import ModelSpec, load_all
from tenure.workspace import Workspace, find_project, open_workspace

ACTOR = "system:sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """What a sync changed (or would change), and which models serve without a spec."""

    changes: tuple[str, ...]
    orphans: tuple[str, ...]


def existing_deployment(verb: str) -> DeploymentResponse | None:
    """Return a verb's deployment as the server has it."""
    with get_client(sync_client=True) as client:
        try:
            return client.read_deployment_by_name(f"{verb}/{verb}")
        except ObjectNotFound:
            return None


def sync(
    workspace: Workspace,
    *,
    verbs: Sequence[str] = VERBS,
    pool: Pool | None = None,
    plan: bool = False,
) -> Synced:
    """Make Prefect agree with the specs, or say with `plan` what that would change.

    An orphaned model is watched on by its last spec, so that its schedule of `monitor` stays.

    Raises:
        BadSpec: with every mistake; nothing was changed.
        httpx.HTTPError: the server cannot be reached.
    """
    todays = load_all(workspace)
    specs = [*todays, *orphaned_specs(workspace)]
    standing = {verb: existing_deployment(verb) for verb in verbs}
    changes = [line for verb in verbs for line in differences(verb, specs, standing[verb], pool)]
    if not plan:
        for spec in todays:
            keep_spec(spec, workspace, actor=ACTOR)
        if pool:
            _make_pool(pool)
        ids = {verb: _apply(verb, specs, standing[verb], pool) for verb in verbs}
        if set(VERBS) <= set(ids):
            changes += automations.apply(automations.wanted(specs, ids))
    return Synced(changes=tuple(changes), orphans=tuple(orphans(workspace)))


def differences(
    verb: str,
    specs: Sequence[ModelSpec],
    existing: DeploymentResponse | None,
    pool: Pool | None = None,
) -> list[str]:
    """Return a line for each thing about a verb's deployment that the specs want otherwise."""
    if existing is None:
        return [f"deployment {verb}: made"]
    lines: list[str] = []
    wanted = {one.slug: one for one in schedules_of(verb, specs)}
    found = {one.slug: one for one in existing.schedules}
    for slug in sorted({*wanted, *found}, key=str):
        match wanted.get(slug), found.get(slug):
            case new, None:
                lines.append(f"schedule {verb} of {slug}: made")
            case None, _:
                lines.append(f"schedule {verb} of {slug}: removed")
            case new, old if new and old and new.schedule != old.schedule:
                lines.append(f"schedule {verb} of {slug}: changed")
    offered = existing.parameter_openapi_schema or {}
    choices = offered.get("properties", {}).get("model", {}).get("enum")
    if choices is not None and [m for m in choices if m != "no-model-yet"] != sorted(
        spec.name for spec in specs
    ):
        lines.append(f"choices of {verb}: {', '.join(sorted(spec.name for spec in specs))}")
    if pool and existing.work_pool_name != pool.name:
        lines.append(f"work pool of {verb}: {pool.name}")
    return lines


def _apply(
    verb: str, specs: Sequence[ModelSpec], existing: DeploymentResponse | None, pool: Pool | None
) -> UUID:
    applied = build(verb, specs, existing, pool=pool).apply()
    assert isinstance(applied, UUID)
    drop_schedules(verb, specs, applied)
    return applied


def drop_schedules(
    verb: str, specs: Sequence[ModelSpec], deployment: UUID, untouched: Sequence[str] = ()
) -> None:
    """Delete the schedules that no spec names; applying leaves them."""
    slugs = {*(one.slug for one in schedules_of(verb, specs)), *untouched}
    with get_client(sync_client=True) as client:
        for schedule in client.read_deployment_schedules(deployment):
            if schedule.slug not in slugs:
                client.delete_deployment_schedule(deployment, schedule.id)


def _make_pool(pool: Pool) -> None:
    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name=pool.name, type="process"), overwrite=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Sync from the command line; exit 1 if a model serves without a spec."""
    parser = argparse.ArgumentParser(prog="deployments.sync", description=__doc__)
    parser.add_argument(
        "--plan", action="store_true", help="Say what would change, change nothing."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON.")
    parser.add_argument("--pool", help="Send runs to this process work pool, not to `serve`.")
    given = parser.parse_args(arguments)
    try:
        workspace = open_workspace()
        pool = None
        if given.pool:
            where = str(find_project())
            pool = Pool(name=given.pool, working_dir=where, env=process_environment())
        synced = sync(workspace, pool=pool, plan=given.plan)
    except TenureError as error:
        sys.stderr.write((json.dumps(error.as_dict()) if given.json else str(error)) + "\n")
        return error.exit_code
    if given.json:
        sys.stdout.write(json.dumps(asdict(synced)) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in synced.changes or ("Nothing to change.",))
        for model in synced.orphans:
            sys.stderr.write(
                f"Model '{model}' serves and has no spec config/models/{model}.yaml.\n"
            )
    return 1 if synced.orphans else 0


if __name__ == "__main__":
    sys.exit(main())
