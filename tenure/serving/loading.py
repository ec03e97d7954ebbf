"""When is a version fit to answer in this process?

In this order: signature, identity and library releases; the golden rows in a limited subprocess;
size, digest and allowlist; a first prediction here, which warms it. Whatever fails leaves alone
what serves.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pandas as pd

from tenure.errors import ArtifactRefused, LedgerMissing, TenureError, VersionNotFound
from tenure.records import Assignment, Column, GateVerdict, Slot, Stage, Version
from tenure.registry import load_version, open_ledger, open_store
from tenure.registry.agreement import must_agree
from tenure.registry.artifacts import check_golden, check_manifest, named
from tenure.registry.frames import cast
from tenure.registry.manifests import Manifest
from tenure.registry.opening import format_file, ledger_file
from tenure.serving.planning import answering, one_thread
from tenure.serving.rules import ServingRules, rules_of
from tenure.serving.runtime import Runtime
from tenure.serving.standing import Seen
from tenure.serving.sunset import going
from tenure.spec import load_spec
from tenure.workspace import Workspace


def load_runtime(version: Version, workspace: Workspace, *, isolated: bool = True) -> Runtime:
    """Return a version that has passed every check, warm.

    Args:
        version: what is to be loaded.
        workspace: where it is.
        isolated: whether the golden rows are asked in a limited subprocess first, as a process
            wants that serves others meanwhile; they are asked here in any case.

    Raises:
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not fit to serve.
    """
    store = open_store(workspace)
    manifest = check_manifest(version, store, workspace)
    if isolated:
        check_golden(manifest, store, workspace, named(version))
    loaded = load_version(version.model, version.number, workspace)
    rules = rules_of(version, workspace)
    one_thread(loaded.estimator)
    runtime = Runtime(
        model=version.model,
        version=version.number,
        task=loaded.manifest.task,
        asked=asked_columns(loaded.manifest.features, rules, workspace, version.model),
        features=loaded.manifest.features,
        classes=loaded.manifest.classes,
        rules=rules,
        estimator=loaded.estimator,
        workspace=workspace,
        compiled=answering(loaded.manifest, rules, store, named(version)),
    )
    _warm(runtime, loaded.manifest, workspace)
    return runtime


def asked_columns(
    features: tuple[Column, ...], rules: ServingRules, workspace: Workspace, model: str
) -> tuple[Column, ...]:
    """Return the features as a client sends them: treated columns in the type they arrive in."""
    treated = set(rules.data.treat) if rules.data is not None else set()
    if not treated.intersection(feature.name for feature in features):
        return features
    arriving = {column.name: column for column in open_ledger(workspace).contract(model) or ()}
    return tuple(
        arriving.get(feature.name, feature) if feature.name in treated else feature
        for feature in features
    )


def _warm(runtime: Runtime, manifest: Manifest, workspace: Workspace) -> None:
    rows = pd.read_parquet(io.BytesIO(open_store(workspace).get_bytes(manifest.golden_rows)))
    what = f"version {runtime.version} of '{runtime.model}'"
    try:
        found = runtime.predict(cast(rows, runtime.features), probabilities=True)
    except Exception as error:
        detail = f"it raised {type(error).__name__} on its golden rows"
        raise ArtifactRefused(what=what, detail=detail) from error
    said: dict[str, Any] = {"predict": found.values}
    if found.probabilities is not None:
        said["predict_proba"] = found.probabilities
    if not found.not_finite:
        wanted = {method: manifest.golden[method] for method in said}
        must_agree(said, wanted, tolerance=manifest.tolerance, what=what)


def version_loader(workspace: Workspace) -> Callable[[Assignment], Runtime]:
    """Return how a router loads what the ledger names."""

    def load(assignment: Assignment) -> Runtime:
        assert assignment.version is not None
        version = open_ledger(workspace).version(assignment.model, assignment.version)
        return load_runtime(version, workspace)

    return load


def stage_reader(workspace: Workspace) -> Callable[[str, int], Stage | None]:
    """Return how a router learns how fit a version is; None where there is no such version."""

    def stage(model: str, number: int) -> Stage | None:
        if not format_file(workspace).exists():
            return None
        try:
            return open_ledger(workspace).version(model, number).stage
        except VersionNotFound:
            return None

    return stage


class Closing:
    """Says whether a model's own address is gone: its champion was retired, and its spec says so.

    Asked again only when the slot has moved.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: dict[str, tuple[int, bool]] = {}

    def __call__(self, slot: Assignment) -> bool:
        """Return whether requests for the model are answered by 410."""
        known = self._known.get(slot.model)
        if known is None or known[0] != slot.epoch:
            known = self._known[slot.model] = (slot.epoch, self._asked(slot))
        return known[1]

    def _asked(self, slot: Assignment) -> bool:
        try:
            if slot.version is not None:
                judged = open_ledger(self._workspace).evaluation(slot.model, slot.version)
                if judged.verdict is not GateVerdict.FALLBACK:
                    return False
            return load_spec(slot.model, self._workspace).retirement.answer == "gone"
        except TenureError:
            return False


class LedgerReader:
    """Reads slots, shares and cases when the ledger's head has moved; never makes a ledger."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._head: object = None

    def __call__(self) -> Seen | None:
        """Return what the ledger says now, or None if nothing has changed since the last call.

        Raises:
            LedgerMissing, LedgerDamaged, LedgerBusy: the ledger cannot be read now.
        """
        file = ledger_file(self._workspace)
        if not file.exists() or not format_file(self._workspace).exists():
            if self._head is None and not self._workspace.state.joinpath("format").exists():
                return Seen(slots=())
            raise LedgerMissing(where=str(file))
        ledger = open_ledger(self._workspace)
        head = ledger.head()
        if head == self._head:
            return None
        slots = tuple(ledger.assignments())
        held = {(each.model, each.slot): each.version for each in slots}
        # A share is that of a version: what moved between the two questions is asked again.
        shares = {
            each.model: each.share
            for each in ledger.open_rollouts()
            if held.get((each.model, Slot.CHALLENGER)) == each.version
        }
        leaving = going(ledger.undone_cases())
        self._head = head
        return Seen(slots=slots, shares=shares, going=leaving)
