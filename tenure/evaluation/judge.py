"""Which of tonight's candidates is the best, and does it take office?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tenure.errors import MetricUnknown, NothingToJudge
from tenure.evaluation import checks
from tenure.evaluation.agreement import agreement, agreement_check
from tenure.evaluation.baseline import baseline
from tenure.evaluation.compare import Paired, compare, intervals
from tenure.evaluation.details import Details
from tenure.evaluation.gate import Decision, decide
from tenure.evaluation.holdout import judge_holdout
from tenure.evaluation.judged import Contender, Judged
from tenure.evaluation.leakage import leakage_check
from tenure.evaluation.metrics import KNOWN, PRIMARY, Metric, metrics_for, value_of
from tenure.evaluation.page_parts import Answers, details_of, empty_details
from tenure.evaluation.progressive import judge_progressive
from tenure.evaluation.wording import compared_sentence, stays
from tenure.records import (
    Candidate,
    Comparison,
    Evaluation,
    GateCheck,
    GateVerdict,
    MetricValue,
    Outcome,
    Snapshot,
    digest_of,
    to_json,
)
from tenure.registry import open_ledger, open_store
from tenure.registry.frames import read_frames
from tenure.spec import load_spec
from tenure.spec.model import ModelSpec

if TYPE_CHECKING:
    from tenure.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Reigning:
    """Who holds the slot: number and candidate (None where nobody does), and its epoch."""

    number: int | None
    candidate: Candidate | None
    epoch: int


def evaluate(model: str, candidates: Sequence[Candidate], workspace: Workspace) -> Evaluation:
    """Choose the best of tonight's candidates and judge it."""
    if not candidates:
        raise NothingToJudge(model=model)
    spec = load_spec(model, workspace)
    reigning = _reigning(model, workspace)
    snapshots = open_ledger(workspace).snapshots(model)
    judged = _collect(spec, candidates, reigning, snapshots, workspace)
    if judged is None:
        unjudged = _nothing_to_judge_on(spec, candidates[-1], reigning)
        details = empty_details(spec, candidates[-1], unjudged.primary)
        return _keep(unjudged, details, workspace)
    primary = _metrics(spec, judged.truth.kind)
    paired, decision = _compare(spec, judged, reigning, primary)
    place = decision.chosen if decision else _best(judged, primary)
    subject = _subject(spec, judged, judged.contenders[place], primary)
    plain = baseline(_known_target(spec, judged, snapshots, workspace), judged.truth, primary.name)
    answers = Answers(subject=subject, place=place, champion=reigning.number, baseline=plain)
    found = _asked_alone(answers)
    details = details_of(answers, paired, workspace)
    if details["leakage"] is not None:
        found.append(leakage_check(details["leakage"], model))
    may_win = decision is None or decision.verdict is GateVerdict.WINS
    if judged.method == "progressive" and may_win:
        alike = agreement(judged, subject.contender, primary, subject.seed, workspace)
        details["agreement"] = alike
        found.append(agreement_check(alike, primary, model))
    comparison = _comparison(spec, judged, reigning, primary, paired, decision)
    evaluation = _verdict(spec, subject, reigning, found, comparison, decision)
    return _keep(evaluation, details, workspace)


def _subject(
    spec: ModelSpec, judged: Judged, contender: Contender, primary: Metric
) -> checks.Subject:
    values = intervals(
        metrics_for(judged.truth.kind),
        judged.truth,
        contender.outputs,
        cluster=judged.cluster,
        resamples=spec.evaluation.gate.resamples,
        seed=spec.training.seed,
    )
    return checks.Subject(
        spec=spec,
        judged=judged,
        contender=contender,
        primary=primary,
        values=values,
        seed=spec.training.seed,
    )


def _asked_alone(answers: Answers) -> list[GateCheck]:
    """Ask what needs no champion; slices' outcomes go to the answers as well."""
    subject = answers.subject
    by_slice, answers.slice_floors = checks.slice_floors(subject)
    return [
        checks.enough_rows(subject.judged, subject.spec),
        checks.usable_predictions(subject.contender, subject.spec.name),
        *checks.floors(subject),
        checks.beats_baseline(subject, answers.baseline),
        *by_slice,
    ]


def load_details(evaluation: Evaluation, workspace: Workspace) -> Details:
    """Return what an evaluation keeps for its page."""
    return cast(Details, open_store(workspace).get_json(evaluation.details))


def _reigning(model: str, workspace: Workspace) -> Reigning:
    ledger = open_ledger(workspace)
    slot = ledger.slot(model)
    if slot is None or slot.version is None:
        return Reigning(number=None, candidate=None, epoch=slot.epoch if slot else 0)
    version = ledger.version(model, slot.version)
    candidate = ledger.candidate(version.candidate)
    return Reigning(number=slot.version, candidate=candidate, epoch=slot.epoch)


def _collect(
    spec: ModelSpec,
    candidates: Sequence[Candidate],
    reigning: Reigning,
    snapshots: Sequence[Snapshot],
    workspace: Workspace,
) -> Judged | None:
    held = [each for each in candidates if each.holdout is not None]
    champion = reigning.candidate
    if champion is not None and champion.task != candidates[0].task:
        champion = None
    if held:
        return judge_holdout(spec, held, champion, snapshots, workspace)
    kept = open_ledger(workspace).candidates(spec.name)
    return judge_progressive(spec, candidates, champion, snapshots, kept, workspace)


def _metrics(spec: ModelSpec, kind: str) -> Metric:
    """Return the primary metric, once every metric that the spec names is known to fit."""
    primary = spec.evaluation.primary or PRIMARY[kind]
    floors = [floor.metric for floor in spec.evaluation.slice_floors]
    for name in [primary, *spec.evaluation.gates, *floors]:
        if name not in KNOWN or kind not in KNOWN[name].kinds:
            raise MetricUnknown(
                model=spec.name,
                metric=name,
                kind={"binary": "two classes", "many": "many classes"}.get(kind, kind),
                known=", ".join(each.name for each in metrics_for(kind)),
            )
    return KNOWN[primary]


def _compare(
    spec: ModelSpec, judged: Judged, reigning: Reigning, primary: Metric
) -> tuple[Paired | None, Decision | None]:
    gate, rows = spec.evaluation.gate, judged.unseen
    if judged.champion is None or not rows.any():
        return None, None
    cluster = judged.cluster
    paired = compare(
        primary,
        judged.truth.take(rows),
        [each.outputs.take(rows) for each in judged.contenders],
        judged.champion.take(rows),
        cluster=None if cluster is None else np.unique(cluster[rows], return_inverse=True)[1],
        resamples=gate.resamples,
        seed=spec.training.seed,
    )
    if paired is None:
        return None, None
    return paired, decide(paired.evidence, rule=gate.rule, z=gate.z, margin=gate.margin)


def _best(judged: Judged, primary: Metric) -> int:
    values = [value_of(primary, judged.truth, each.outputs) for each in judged.contenders]
    known = [-np.inf if value is None else primary.sign * value for value in values]
    return int(np.argmax(known))


def _known_target(
    spec: ModelSpec, judged: Judged, snapshots: Sequence[Snapshot], workspace: Workspace
) -> Any:
    """Return labels that a baseline may learn from: those before the judged rows, else theirs."""
    target = spec.data.target
    first = judged.snapshots[0].seq
    earlier = [each.digest for each in snapshots if each.seq < first]
    if judged.method == "progressive" and earlier:
        return read_frames(spec.name, earlier, workspace, columns=[target])[target].dropna()
    names = [each.digest for each in judged.snapshots]
    return read_frames(spec.name, names, workspace, columns=[target])[target].dropna()


def _comparison(
    spec: ModelSpec,
    judged: Judged,
    reigning: Reigning,
    primary: Metric,
    paired: Paired | None,
    decision: Decision | None,
) -> Comparison | None:
    if paired is None or decision is None or reigning.number is None:
        return None
    place, gate = decision.chosen, spec.evaluation.gate
    variance = float(paired.evidence.covariance[place, place])
    return Comparison(
        method=judged.method,
        metric=primary.name,
        rows=int(judged.unseen.sum()),
        batches=len(np.unique(judged.batch[judged.unseen])),
        champion=reigning.number,
        champion_value=paired.other,
        candidate_value=float(paired.values[place]),
        difference=float(paired.evidence.differences[place]),
        standard_error=float(np.sqrt(max(variance, 0.0))),
        low=float(paired.low[place]),
        high=float(paired.high[place]),
        rule=gate.rule,
        z=gate.z,
        margin=gate.margin,
    )


def _verdict(
    spec: ModelSpec,
    subject: checks.Subject,
    reigning: Reigning,
    found: list[GateCheck],
    comparison: Comparison | None,
    decision: Decision | None,
) -> Evaluation:
    compared = _compared_check(spec, subject, reigning, comparison, decision)
    found = [*found, compared] if compared is not None else found
    verdict, reason = _decide(spec, reigning, found, decision)
    promotes = verdict in (GateVerdict.FIRST, GateVerdict.WINS)
    if promotes and spec.evaluation.gate.mode == "dry_run":
        promotes = False
        reason += " The gate is on dry_run: nothing is promoted."
    if promotes and spec.tier != "low":
        promotes = False
        reason += f" Tier {spec.tier}: it takes office once people approve, by `tenure approve`."
    if not promotes:
        reason += f" {stays(reigning.number)}"
    metrics = tuple(
        MetricValue(name=name, value=value, low=low, high=high, rows=len(subject.judged.truth))
        for name, (value, low, high) in subject.values.items()
    )
    return Evaluation(
        model=spec.name,
        candidate=subject.contender.candidate.id,
        verdict=verdict,
        promotes=promotes,
        reason=reason,
        primary=subject.primary.name,
        metrics=metrics,
        checks=tuple(found),
        comparison=comparison,
        champion_epoch=reigning.epoch,
        details="",
    )


def _compared_check(
    spec: ModelSpec,
    subject: checks.Subject,
    reigning: Reigning,
    comparison: Comparison | None,
    decision: Decision | None,
) -> GateCheck | None:
    """Say how the comparison with the champion went; None where there is nobody to compare with."""
    if reigning.number is None or spec.evaluation.gate.mode == "disabled":
        return None
    if comparison is None or decision is None:
        why = (
            "there is no row that neither had seen"
            if subject.judged.champion is not None and not subject.judged.unseen.any()
            else f"{subject.primary.name} could not be computed for both"
        )
        return GateCheck(
            name="champion",
            outcome=Outcome.UNKNOWN,
            message=f"The candidate was not compared with version {reigning.number}: {why}.",
        )
    short = checks.enough_rows(subject.judged, spec, subject.judged.unseen)
    if short.outcome is Outcome.UNKNOWN:
        message = f"Beside version {reigning.number}: {short.message}"
        return replace(short, name="champion", message=message)
    outcome = {GateVerdict.WINS: Outcome.PASS, GateVerdict.UNKNOWN: Outcome.UNKNOWN}.get(
        decision.verdict, Outcome.FAIL
    )
    return GateCheck(
        name="champion",
        outcome=outcome,
        message=compared_sentence(
            subject.primary, comparison, decision.verdict, decision.threshold
        ),
        wanted=f"more than {decision.threshold:.4g}",
        got=f"{comparison.difference:.4g}",
    )


BLOCKS_FIRST = ("rows", "predictions")


def _decide(
    spec: ModelSpec, reigning: Reigning, found: list[GateCheck], decision: Decision | None
) -> tuple[GateVerdict, str]:
    """Return the verdict and its reason: what could not run, what fails, then the comparison."""
    for check in found:
        if check.name in BLOCKS_FIRST and check.outcome is Outcome.UNKNOWN:
            return GateVerdict.UNKNOWN, _sentence(check)
    alone = [check for check in found if check.name != "champion"]
    failing = [check.message for check in alone if check.outcome is Outcome.FAIL]
    if failing:
        return GateVerdict.FAILS_FLOOR, " ".join(failing)
    for check in alone:
        if check.outcome is Outcome.UNKNOWN:
            return GateVerdict.UNKNOWN, _sentence(check)
    if reigning.number is None:
        return GateVerdict.FIRST, (
            f"It is the first version of '{spec.name}' and passes every floor."
        )
    if spec.evaluation.gate.mode == "disabled":
        return GateVerdict.WINS, (
            f"It passes every floor of '{spec.name}'; the gate is disabled, so it was not compared "
            f"with version {reigning.number}."
        )
    compared = next(check for check in found if check.name == "champion")
    if compared.outcome is Outcome.UNKNOWN or decision is None:
        return GateVerdict.UNKNOWN, _sentence(compared)
    return decision.verdict, compared.message


def _sentence(check: GateCheck) -> str:
    return f"{check.message} Wanted: {check.wanted}." if check.wanted else check.message


def _nothing_to_judge_on(spec: ModelSpec, candidate: Candidate, reigning: Reigning) -> Evaluation:
    message = (
        f"No batch has come that earlier fits of '{spec.name}' had not seen, so nothing can be "
        "judged yet."
    )
    check = GateCheck(name="rows", outcome=Outcome.UNKNOWN, message=message)
    kind = "regression"
    if candidate.classes:
        kind = "binary" if len(candidate.classes) == 2 else "many"
    return Evaluation(
        model=spec.name,
        candidate=candidate.id,
        verdict=GateVerdict.UNKNOWN,
        promotes=False,
        reason=f"{message} {stays(reigning.number)}",
        primary=spec.evaluation.primary or PRIMARY[kind],
        metrics=(),
        checks=(check,),
        comparison=None,
        champion_epoch=reigning.epoch,
        details="",
    )


def _keep(evaluation: Evaluation, details: Details, workspace: Workspace) -> Evaluation:
    store = open_store(workspace)
    evaluation = replace(evaluation, details=store.put_json(details))
    body = to_json(evaluation)
    del body["digest"]
    digest = store.put_json(body)
    assert digest == digest_of(body)
    return replace(evaluation, digest=digest)
