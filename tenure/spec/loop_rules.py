"""Do monitoring, decisions and fallback fit together, and the rest of the spec?"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tenure.spec.document import Document, Path_
from tenure.spec.loop import Rung
from tenure.spec.model import ModelSpec

RUNGS = ("warn", "retrain", "retire")
BY_THE_LOG = ("max_latency_ratio", "max_difference", "max_loss")
"""The limits of a rollout that are judged by what the prediction log holds."""


def note_loop_conflicts(spec: ModelSpec, document: Document) -> None:
    """Note every mistake about what happens to a model in office."""
    _rungs_say_something(spec, document)
    _rungs_rise(spec, document)
    _fallback_is_there(spec, document)
    _guards_have_a_fallback(spec, document)
    _rollouts_can_be_judged(spec, document)
    _windows_can_be_read(spec, document)
    _receivers_are_names(spec, document)


def rungs(spec: ModelSpec) -> Iterator[tuple[str, Rung]]:
    """Yield each rung that the spec has, mildest first."""
    for name in RUNGS:
        rung = getattr(spec.monitoring, name)
        if rung is not None:
            yield name, rung


def watched_columns(spec: ModelSpec) -> Iterator[tuple[Path_, str]]:
    """Yield each place under `monitoring` that names a column, and the column."""
    monitoring = spec.monitoring
    for key in ("columns", "leave_out"):
        for index, name in enumerate(getattr(monitoring, key)):
            yield ("monitoring", key, index), name
    for key in ("methods", "thresholds"):
        for name in getattr(monitoring, key):
            yield ("monitoring", key, name), name
    for rung_name, rung in rungs(spec):
        for name in rung.columns:
            yield ("monitoring", rung_name, "columns", name), name
    labels = spec.data.labels
    if labels is not None and labels.key != ["id"]:
        for index, name in enumerate(labels.key):
            yield ("data", "labels", "key", index), name


def _rungs_say_something(spec: ModelSpec, document: Document) -> None:
    for name, rung in rungs(spec):
        said = rung.model_dump(exclude={"windows"}, exclude_defaults=True)
        if not said:
            wanted = "at least one number, such as share: 0.5"
            document.mistake(("monitoring", name), "a rung that nothing crosses", wanted)


def _rungs_rise(spec: ModelSpec, document: Document) -> None:
    """A rung that is crossed by less than a milder one would hide that one."""
    steps = list(rungs(spec))
    for (mild, below), (name, rung) in pairwise(steps):
        for key in ("share", "weighted_share", "prediction", "missing_share"):
            low, high = getattr(below, key), getattr(rung, key)
            if low is not None and high is not None and high < low:
                document.mistake(
                    ("monitoring", name, key),
                    f"{high:g}, less than monitoring.{mild}.{key}, {low:g}",
                    f"{low:g} or more",
                )


def _fallback_is_there(spec: ModelSpec, document: Document) -> None:
    deployment = spec.deployment
    path = ("deployment", "fallback")
    if deployment.fallback == "constant" and deployment.constant is None:
        document.mistake(path, "'constant' without a constant", "deployment.constant")
    if deployment.fallback == "rule" and deployment.rule is None:
        document.mistake(path, "'rule' without a rule", "deployment.rule: module:function")
    retires = spec.monitoring.retire is not None or spec.decisions.when_attempts_spent == "retire"
    if deployment.fallback == "none" and retires and not deployment.may_leave_vacant:
        document.mistake(
            path,
            "'none' for a model that automation may retire",
            "another fallback, or deployment.may_leave_vacant: true",
            "without either, automation would refuse each retirement",
        )


def _guards_have_a_fallback(spec: ModelSpec, document: Document) -> None:
    """A guard that hands rows to a fallback of none would answer each of them with 503."""
    if spec.deployment.fallback != "none":
        return
    guards = spec.deployment.serving.guards
    for path, said in guards.outcomes():
        if said == "fallback":
            document.mistake(
                ("deployment", "serving", "guards", *path),
                "'fallback' with deployment.fallback: none",
                "'flag' or 'refuse', or another deployment.fallback",
                "nobody would be there to answer, and each such request would read 503",
            )


def _rollouts_can_be_judged(spec: ModelSpec, document: Document) -> None:
    """Without a log nothing is known of a step but who failed: no other limit could be broken."""
    rollout = spec.deployment.rollout
    if rollout is None or spec.deployment.serving.log != "off":
        return
    # Labels are judged where any arrive, so their limit alone is no wish unless it was written.
    meant = [name for name in BY_THE_LOG if name != "max_loss" or name in rollout.model_fields_set]
    unknown = [name for name in meant if getattr(rollout, name) is not None]
    if unknown:
        document.mistake(
            ("deployment", "rollout"),
            f"{' and '.join(unknown)} with deployment.serving.log: off",
            "deployment.serving.log: outputs (or inputs)",
            "only the log knows latencies and answers; a rollout by errors alone says "
            + ", ".join(f"{name}: null" for name in unknown),
        )


def _windows_can_be_read(spec: ModelSpec, document: Document) -> None:
    monitoring = spec.monitoring
    logged = monitoring.source == "predictions"
    if spec.deployment.serving.log != "inputs" and logged:
        document.mistake(
            ("monitoring", "source"),
            f"'predictions', of which deployment.serving.log keeps '{spec.deployment.serving.log}'",
            "data, or deployment.serving.log: inputs",
        )
    if monitoring.window.kind == "batches" and logged:
        document.mistake(
            ("monitoring", "window"),
            "windows by batches of a log that has none",
            "days or rows",
        )
    of_data = monitoring.source == "data" or (
        monitoring.source == "auto" and spec.deployment.serving.log != "inputs"
    )
    if monitoring.window.days and of_data and spec.data.time is None:
        document.mistake(
            ("monitoring", "window", "days"),
            "windows by days of data without a time",
            "batches or rows, or data.time",
        )


def _receivers_are_names(spec: ModelSpec, document: Document) -> None:
    for index, name in enumerate(spec.notify.to):
        if not name.isidentifier():
            document.mistake(
                ("notify", "to", index),
                "what is no name of an environment variable",
                "a name such as FRAUD_TEAM_URL, whose value holds the address",
            )
