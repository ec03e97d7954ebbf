"""How does a version get its plan at registration, and how is it found again when it is loaded?

The plan is made and judged where the artifact is asked its golden rows (golden.py), on rows of the
newest snapshot that it was trained on. Its bytes go into the store, and their digest, with what was
measured, into the signed manifest. Whatever fails, the version has no plan and its estimator
serves.
"""

from __future__ import annotations

import base64
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tenure.errors import TenureError
from tenure.plans import TOLERANCE, Agreement, Compiled, Refused, Unreadable
from tenure.records import Candidate, Column
from tenure.registry.opening import open_ledger
from tenure.registry.store import Store
from tenure.spec import load_spec

if TYPE_CHECKING:
    from tenure.plans.plan import Plan
    from tenure.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanQuestion:
    """What a plan is to be made for, and measured on.

    `reference_file` is a local file with a snapshot's Parquet, None where there is none.
    """

    reference_file: str | None
    classes: tuple[Any, ...]
    task: str
    tolerance: float


def reference_object(candidate: Candidate, workspace: Workspace) -> str | None:
    """Return the store's digest of the newest snapshot that a candidate was trained on."""
    ledger = open_ledger(workspace)
    for digest in reversed(candidate.training_set.snapshots):
        snapshot = ledger.snapshot(candidate.model, digest)
        if snapshot is not None and snapshot.rows:
            return snapshot.object
    return None


def tolerance_of(candidate: Candidate, store: Store, workspace: Workspace) -> float | None:
    """Return how far a plan may be from its estimator, None where the spec wants no plan."""
    try:
        frozen = store.get_json(candidate.lineage.spec)
        wanted = frozen["deployment"]["serving"].get("compiled")
    except (TenureError, KeyError, TypeError):
        try:
            wanted = load_spec(candidate.model, workspace).deployment.serving.compiled
        except TenureError:
            wanted = None
    if wanted is False:
        return None
    if wanted is None or wanted is True:
        return TOLERANCE
    return wanted["tolerance"] if isinstance(wanted, dict) else wanted.tolerance


def planned(
    estimator: Any, question: dict[str, Any], features: tuple[Column, ...], golden: Any
) -> dict[str, Any]:
    """Return what becomes of a plan, for an answer through a pipe: it, or why there is none."""
    from tenure.plans.compiling import compiled, ready_by
    from tenure.registry.frames import cast

    try:
        kept = compiled(
            estimator,
            _reference(question["reference_file"], features, golden),
            features,
            question["classes"],
            question["task"],
            ready_by(features, cast),
            tolerance=question["tolerance"],
        )
    except Refused as refused:
        return {"no_plan": str(refused)}
    except Exception as error:  # noqa: BLE001 - the artifact serves without a plan
        return {"no_plan": f"making it raised {type(error).__name__}"}
    if kept is None:
        return {"no_plan": None}
    return {
        "plan": {
            "content": base64.b64encode(kept.content).decode(),
            "kind": kept.kind,
            "agreement": asdict(kept.agreement),
            "most_rows": kept.most_rows,
        }
    }


def _reference(file: str | None, features: tuple[Column, ...], golden: Any) -> Any:
    import numpy as np
    import pandas as pd
    import pyarrow.parquet as pq

    from tenure.plans.compiling import MOST_ROWS
    from tenure.registry.frames import cast

    if file is None:
        return golden
    table = pq.read_table(file, columns=[column.name for column in features])
    if table.num_rows > MOST_ROWS:
        chosen = np.linspace(0, table.num_rows - 1, MOST_ROWS).round().astype(np.int64)
        table = table.take(chosen)
    seen = cast(table.to_pandas(), features)
    return cast(pd.concat([golden, seen], ignore_index=True), features)


def kept_plan(answer: dict[str, Any], store: Store, tolerance: float, what: str) -> Compiled | None:
    """Keep the plan in an answer; return what the manifest says of it, None where there is none."""
    made = answer.get("plan")
    if made is None:
        if answer.get("no_plan"):
            _log.info("%s has no plan: %s; its estimator serves", what, answer["no_plan"])
        return None
    return Compiled(
        object=store.put_bytes(base64.b64decode(made["content"])),
        kind=made["kind"],
        agreement=Agreement(**made["agreement"]),
        tolerance=tolerance,
        most_rows=made["most_rows"],
    )


def read_plan(compiled: Compiled, store: Store) -> Plan:
    """Return a version's plan.

    Raises:
        Unreadable: it is damaged, of another format or another release of treelite.
        ObjectMissing, ObjectDamaged: the store lacks its bytes, or they are not the same.
    """
    from tenure.plans.packing import unpack

    plan = unpack(store.get_bytes(compiled.object))
    if plan.kind != compiled.kind:
        raise Unreadable(f"it is {plan.kind}, and the manifest says {compiled.kind}")
    return plan
