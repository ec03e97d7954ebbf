"""What is said of a warning, a case, a retirement, a restored version, a halt, a week?

Every text says who answers for the model, what happens next, how to stop it, where the evidence is,
and the head of the ledger, so that whoever keeps notices holds a witness of the record. They are
made of records' own sentences, which hold no row values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tenure.notices.links import Links, case_path
from tenure.records import Action, AuditRow, Case, CaseState, Decision, Rollout, RolloutState
from tenure.records.rollout import step_name

LONGEST = 600
"""Letters of a reason that a notice repeats."""


class Tone(StrEnum):
    """How a notice is coloured; the names are Apprise's."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message, ready to go."""

    title: str
    body: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What every text of a model needs beside its record: owner, links, the ledger's head."""

    model: str
    owner: str
    links: Links
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """What a model's line of a digest says."""

    model: str
    owner: str
    serves: str
    readings: int
    warnings: int
    retrains: int
    retired: int
    open_case: str
    quarantined: int
    halted: bool


def about_decision(decision: Decision, setting: Setting, page: str | None = None) -> Notice:
    """Say that a window was bad, and what follows: a warning, or more that was held back.

    `page` is where the window's own page lies, under the pages folder.
    """
    model, what = decision.model, f"version {decision.version}"
    if decision.action is Action.WARN:
        title = f"{model}: warning about {what}"
        following = "Nothing is changed; the next windows decide whether more follows."
    else:
        title = f"{model}: {_verb(decision.action)} {what} was decided and not carried out"
        following = (
            "Nothing is changed: the spec says dry_run."
            if decision.dry_run
            else "Nothing is changed, automation may not act now; `tenure status` says why."
        )
    lines = [_cut(decision.reason), *_held(decision.held_back)]
    body = _body(lines, following, setting, page or f"{model}/index.html", stops=True)
    return Notice(title=title, body=body, tone=Tone.WARNING)


def about_case(
    case: Case, setting: Setting, decision: Decision | None = None, *, asked: str = ""
) -> Notice:
    """Say how far a case has come, what is wanted of whom, and how often the version is `asked`."""
    title, following, tone = _stand(case)
    lines = [_cut(case.reason), *_held(decision.held_back if decision else ())]
    lines += [f"Version {case.version}: {asked}"] if asked else []
    if case.is_over and case.outcome:
        lines.append(f"Outcome: {_cut(case.outcome)}")
    if case.state is CaseState.WAITING:
        lines += _asks(case, setting)
    path = case_path(case.model, case.id)
    body = _body(lines, following, setting, path, case=case, stops=not case.is_over)
    return Notice(title=f"{case.model}: {title}", body=body, tone=tone)


def about_restored(row: AuditRow, setting: Setting) -> Notice:
    """Say that a version is fit to serve again, who restored it, and why."""
    number = row.body["version"]
    lines = [f"{row.actor} restored version {number}: {_cut(row.reason)}"]
    following = "It stands by; `tenure deploy` or `tenure rollback` lets it serve."
    body = _body(lines, following, setting, f"{setting.model}/index.html")
    title = f"{setting.model}: version {number} was restored"
    return Notice(title=title, body=body, tone=Tone.INFO)


def about_automation(row: AuditRow, setting: Setting) -> Notice:
    """Say that an automation of Prefect does not do its work, or does again."""
    troubled = row.kind == "automation_troubled"
    following = (
        "Nothing is lost: `reconcile` does each minute what it should have started. "
        "`tenure sync` makes one again that is gone, a person enables one that is disabled."
        if troubled
        else "Nothing is to be done."
    )
    name = row.body["automation"]
    body = _body([_cut(row.reason)], following, setting, "index.html")
    title = f"{name}: {row.body['kind']}" if troubled else f"{name}: works again"
    return Notice(title=title, body=body, tone=Tone.WARNING if troubled else Tone.INFO)


def about_orphan(row: AuditRow, setting: Setting) -> Notice:
    """Say that a model serves and has no spec any more."""
    following = (
        "Its windows are judged and its cases carried out as that spec says; nothing is trained. "
        f"Put config/models/{setting.model}.yaml back, or retire the model: "
        f'`tenure retire {setting.model} --to-fallback --reason "…"`.'
    )
    body = _body([_cut(row.reason)], following, setting, f"{setting.model}/index.html", stops=True)
    title = f"{setting.model}: it serves and has no spec"
    return Notice(title=title, body=body, tone=Tone.WARNING)


def about_rollout(rollout: Rollout, setting: Setting) -> Notice:
    """Say that a rollout waits for a person, or how it ended."""
    version, model = f"version {rollout.version}", rollout.model
    title, following, tone = {
        RolloutState.HELD: (
            f"the rollout of {version} waits for a person, at {step_name(rollout.share)}",
            f"`tenure rollout advance {model}` takes the next step, `abort` ends it.",
            Tone.WARNING,
        ),
        RolloutState.PROMOTED: (
            f"{version} took over by steps",
            f"`tenure rollback {model}` brings version {rollout.champion} back.",
            Tone.SUCCESS,
        ),
        RolloutState.ROLLED_BACK: (
            f"{version} was rolled back",
            f"Version {rollout.champion} answers every request again.",
            Tone.FAILURE,
        ),
    }.get(
        rollout.state,
        (
            f"the rollout of {version} ended",
            "It answers no request any more. If it is still fit to serve, "
            f"`tenure deploy {model} {rollout.version}` lets it try anew.",
            Tone.INFO,
        ),
    )
    lines = [_cut(rollout.outcome)] if rollout.outcome else []
    if rollout.verdict:
        lines.append(f"Evidence: {rollout.verdict}")
    stops = not rollout.is_over
    body = _body(lines, following, setting, f"{model}/index.html", stops=stops)
    return Notice(title=f"{model}: {title}", body=body, tone=tone)


def about_halt(row: AuditRow, setting: Setting) -> Notice:
    """Say that automation was halted, or may act again."""
    halted = row.kind == "automation_halted"
    scope = row.model or "all models"
    undo = "" if row.model is None else f" {row.model}"
    following = (
        f"Nothing is retrained, promoted, retired or told by itself until `tenure resume{undo}`; "
        "people may still act."
        if halted
        else "What became due meanwhile is carried out now."
    )
    lines = [f"{row.actor}: {_cut(row.reason)}"]
    path = f"{row.model}/index.html" if row.model else "index.html"
    body = _body(lines, following, setting, path, stops=not halted)
    verb = "halted" if halted else "resumed"
    tone = Tone.WARNING if halted else Tone.INFO
    return Notice(title=f"{scope}: automation {verb}", body=body, tone=tone)


def about_digest(week: str, lines: Sequence[Week], links: Links, head: str) -> Notice:
    """Say how a week went, a paragraph a model."""
    said = "\n\n".join(_week(line) for line in lines)
    ending = f"All models: {links.page('index.html')}\nRecord: {head}"
    troubled = any(line.open_case or line.halted or line.warnings for line in lines)
    return Notice(
        title=f"Week {week}: {_count(len(lines), 'model')}",
        body=f"{said}\n\n{ending}",
        tone=Tone.WARNING if troubled else Tone.INFO,
    )


def _stand(case: Case) -> tuple[str, str, Tone]:
    if case.action is Action.PROMOTE:
        return _stand_of_winner(case)
    version, verb = f"version {case.version}", _verb(case.action)
    retires = case.action is Action.RETIRE
    match case.state:
        case CaseState.WAITING:
            lapse = f" Without an answer by then: {case.on_timeout}." if case.deadline_at else ""
            wait = f" until {case.deadline_at:%Y-%m-%d %H:%M} UTC" if case.deadline_at else ""
            return (
                f"approval wanted for {verb} {version}",
                f"Nothing is changed before it is approved; the case waits{wait}.{lapse}",
                Tone.WARNING,
            )
        case CaseState.OPEN if retires:
            successor = f"version {case.successor}" if case.successor else "its fallback"
            return (
                f"{version} is being retired",
                f"The slot goes to {successor}, and {version} leaves office.",
                Tone.FAILURE,
            )
        case CaseState.OPEN:
            return (
                "a challenger is being trained",
                f"A challenger takes the slot only if it is better; until then {version} serves.",
                Tone.WARNING,
            )
        case CaseState.DECLINED:
            return f"{version} stays in office", "Nothing is changed.", Tone.INFO
        case CaseState.CLOSED if retires:
            undo = f'`tenure restore {case.model} {case.version} --reason "…"` takes it back.'
            return f"{version} was retired", f"{_sunset(case)} {undo}", Tone.FAILURE
        case CaseState.CLOSED:
            return "the retraining is over", "The next windows are judged as usual.", Tone.SUCCESS


def _stand_of_winner(case: Case) -> tuple[str, str, Tone]:
    version = f"version {case.version}"
    match case.state:
        case CaseState.WAITING:
            until = f" until {case.deadline_at:%Y-%m-%d %H:%M} UTC" if case.deadline_at else ""
            stays = f"Who serves now serves on{until}, and after that if nobody approves."
            return f"approval wanted for {version} to take office", stays, Tone.INFO
        case CaseState.OPEN:
            return f"{version} takes office", "It is deployed within a minute.", Tone.INFO
        case CaseState.DECLINED:
            return f"{version} does not take office", "Nothing is changed.", Tone.INFO
        case CaseState.CLOSED:
            return f"the case of {version} is over", "Its outcome says who serves.", Tone.SUCCESS


def _sunset(case: Case) -> str:
    moved = case.done("move_slot")
    has_moved = moved is not None and moved.facts.get("epoch_after") is not None
    since = f" since {moved.at:%Y-%m-%d %H:%M} UTC" if moved and has_moved else ""
    who = f"version {case.successor}" if case.successor else "nobody"
    return (
        f"Who asks for {case.model} is answered by {who}{since}; who asks for version "
        f"{case.version} by its number reads 410 and who took over."
    )


def _asks(case: Case, setting: Setting) -> list[str]:
    given = sum(each.approved for each in case.approvals)
    left = case.approvals_wanted - given
    who = "somebody else's approval" if given else _count(left, "approval")
    place = f", or the flow `approve` at {setting.links.prefect}" if setting.links.prefect else ""
    return [f"It wants {who}: `tenure approve {case.id[:12]}`{place}."]


def _body(
    lines: Iterable[str],
    following: str,
    setting: Setting,
    path: str,
    *,
    case: Case | None = None,
    stops: bool = False,
) -> str:
    told = [*lines, "", f"Model: {setting.model} (owner: {setting.owner})"]
    told.append(f"What happens next: {following}")
    if stops:
        told.append(f'To stop automation: `tenure halt {setting.model} --reason "…"`')
    explain = f" · `tenure explain {case.id[:12]}`" if case else ""
    told.append(f"Evidence: {setting.links.page(path)}{explain}")
    told.append(f"Record: {setting.head}")
    return "\n".join(told)


def _held(guards: Sequence[str]) -> list[str]:
    return [f"Held back: {_cut(guard)}" for guard in guards]


def _week(line: Week) -> str:
    facts = [
        line.serves,
        f"{_count(line.readings, 'window')} read, {_count(line.warnings, 'warning')}",
        f"{_count(line.retrains, 'retraining')}, {_count(line.retired, 'retirement')}",
    ]
    facts += [f"{_count(line.quarantined, 'batch', 'batches')} in quarantine"] * (
        line.quarantined > 0
    )
    facts += [f"open case: {line.open_case}"] * bool(line.open_case)
    facts += ["automation is halted"] * line.halted
    return f"{line.model} (owner: {line.owner}): {'; '.join(facts)}."


def _verb(action: Action) -> str:
    return {Action.RETIRE: "retiring", Action.RETRAIN: "retraining"}.get(action, "acting on")


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number or 'no'} {one if number == 1 else many or one + 's'}"


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…"
