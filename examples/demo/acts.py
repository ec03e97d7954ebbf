"""What happens in the demo: iris, two months of card payments, and a file that ends a career.

Past days are played by calling the flows in this process against the real server, by the
workspace's clock. The last act runs on the real clock and goes the whole way: file, watcher, event,
automation, runner, and nobody touches anything.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from examples.demo.asking import ask, requests_of, shares, until
from examples.demo.screen import Screen, Told
from examples.demo.stage import NotAsPromised, clock_of, hands_off
from examples.fraud import transactions as fraud
from examples.iris import flowers
from tenure.errors import TenureError
from tenure.records import (
    Action,
    Batch,
    BatchState,
    Case,
    CaseState,
    Cause,
    Decision,
    Evaluation,
    GateVerdict,
    Version,
)
from tenure.registry import Ledger, open_ledger
from tenure.workspace import Workspace

FILES = 15
DAYS_A_FILE = 4
FIRST_NIGHT = 1
TESTERS_FROM, BAD_FILE, GAPS_FILE = 3, 5, 7
MARKETPLACE_FROM, RESELLERS_FROM = 8, 8
INSIDERS_FROM = FILES - 1
SPECIES = [1, 0, 2, 1, 1]


def play(workspace: Workspace, addresses: dict[str, str], screen: Screen) -> Told:
    """Play all acts and return what happened.

    Raises:
        NotAsPromised: something did not happen that the demo is there to show.
    """
    from deployments.replay import replay

    today = datetime.now(fraud.ZONE).date()
    with hands_off(addresses["api"]), replay(workspace, api=addresses["api"]):
        clock_of(workspace).set(_at(_start(today), 6))
        accuracy, answer = _iris(workspace, addresses, screen)
        _past(workspace, today, screen)
    clock_of(workspace).release()
    served = _last_file(workspace, today, addresses, screen)
    with replay(workspace, api=addresses["api"]):
        refused = _restore(workspace, screen)
    return _summary(workspace, accuracy, answer, served, refused)


def _start(today: date) -> date:
    """Return the first past day; the last days before today are left for the last act."""
    return today - timedelta(days=(FILES + 1) * DAYS_A_FILE)


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=fraud.ZONE)


def _iris(
    workspace: Workspace, addresses: dict[str, str], screen: Screen
) -> tuple[float, dict[str, Any]]:
    """Take the flowers in, train, and ask the endpoint for five of them."""
    from flows.ingest import ingest
    from flows.train import train

    screen.act("Iris", "150 flowers, a random forest, 30 % held out")
    file = flowers.write(workspace.root / "data" / "iris")
    with screen.console.status("ingest"):
        ingest("iris", path=str(file))
    batch = open_ledger(workspace).batches("iris")[0]
    screen.done(f"{file.name} is {batch.state.value}", "validated, kept as an immutable snapshot")
    with screen.console.status("train"):
        train("iris")
    version, evaluation = _newest("iris", open_ledger(workspace))
    accuracy = next(m.value for m in evaluation.metrics if m.name == "accuracy")
    if accuracy is None or round(accuracy, 4) != 1.0:
        raise NotAsPromised(f"Iris reached an accuracy of {accuracy}; 1.00 was promised.")
    screen.done(f"version {version.number}: accuracy {accuracy:.2f}", evaluation.reason)
    answer = ask("iris", flowers.instances(), addresses["endpoint"])
    said = [int(each) for each in answer["predictions"]]
    if said != SPECIES:
        raise NotAsPromised(f"Five flowers were taken for {said}; {SPECIES} was promised.")
    names = ", ".join(flowers.SPECIES[each] for each in said)
    screen.done(f"five new flowers, asked over HTTP: {' '.join(map(str, said))}", names)
    return accuracy, answer


def _past(workspace: Workspace, today: date, screen: Screen) -> None:
    """Play past days of card payments: a file each fourth morning, a training the night after."""
    from flows.ingest import ingest
    from flows.monitor import monitor
    from flows.train import train

    start, ledger = _start(today), open_ledger(workspace)
    days = FILES * DAYS_A_FILE
    screen.act("Fraud", f"{days} past days of card payments, a file each fourth morning")
    for number in range(FILES):
        day = start + timedelta(days=number * DAYS_A_FILE)
        frame = _as_sent(number, _traffic(day, start))
        file = fraud.write(day, frame, workspace.root / "data" / "fraud")
        following = day + timedelta(days=DAYS_A_FILE)
        clock_of(workspace).set(_at(following, 1))
        with screen.console.status(f"{day:%a %-d %b}: ingest"):
            ingest("fraud", path=str(file))
        batch = ledger.batches("fraud")[0]
        _tell_batch(day, batch, len(frame), ledger, screen)
        if number == BAD_FILE and batch.state is not BatchState.QUARANTINED:
            raise NotAsPromised("The bad file was not put into quarantine.")
        if number < FIRST_NIGHT or batch.state is not BatchState.ACCEPTED:
            continue
        before = len(ledger.decisions("fraud"))
        with screen.console.status(f"{day:%a %-d %b}: monitor"):
            monitor("fraud")
        _tell_decisions(ledger.decisions("fraud")[before:], screen)
        clock_of(workspace).set(_at(following, 3))
        with screen.console.status(f"{day:%a %-d %b}: train"):
            train("fraud")
        _tell_version(*_newest("fraud", ledger), screen)


def _traffic(day: date, start: date) -> Any:
    """Return the payments of a file's days, with the rings that are at work then."""
    import pandas as pd

    begins, ends = _rings(start)
    frames = [frame for _, frame in fraud.days(day, DAYS_A_FILE, begins=begins, ends=ends)]
    return pd.concat(frames, ignore_index=True)


def _rings(start: date) -> tuple[dict[str, date], dict[str, date]]:
    """Return what begins when, and what ends when."""

    def morning(number: int) -> date:
        return start + timedelta(days=number * DAYS_A_FILE)

    begins = {
        "testers": morning(TESTERS_FROM),
        "resellers": morning(RESELLERS_FROM),
        "insiders": morning(INSIDERS_FROM),
        fraud.MARKETPLACE: morning(MARKETPLACE_FROM),
    }
    return begins, dict.fromkeys(fraud.USUAL_RINGS, morning(INSIDERS_FROM))


def _as_sent(number: int, traffic: Any) -> Any:
    """Return a file as the terminals sent it, which was not always well."""
    match number:
        case n if n == BAD_FILE:
            return fraud.corrupted(traffic)
        case n if n == GAPS_FILE:
            return fraud.with_gaps(traffic)
        case _:
            return traffic


def _last_file(
    workspace: Workspace, today: date, addresses: dict[str, str], screen: Screen
) -> dict[str, Any]:
    """Drop the last file and wait until the champion that it condemns is out of office."""
    ledger = open_ledger(workspace)
    champion = ledger.slot("fraud")
    assert champion is not None, "the past has left a champion"
    screen.act("Now", "a file is dropped; watcher, event, automation and runner do the rest")
    start = _start(today)
    day = start + timedelta(days=FILES * DAYS_A_FILE)
    traffic = _traffic(day, start)
    file = fraud.write(day, traffic, workspace.root / "data" / "fraud")
    screen.done(f"{file.name} lies in {file.parent}")
    with screen.working("taken in"):
        until(lambda: _taken(file.name, ledger), "the dropped file to be taken in")
    with screen.working("judged by the monitor"):
        case = until(lambda: _retirement(ledger), "the monitor to decide")
    screen.refused(f"decided: retire version {case.version}", case.reason)
    with screen.working("carried out"):
        case = until(lambda: _over(case, ledger), "the retirement to be carried out")
    screen.done("the record is signed", case.outcome)
    stands_in = ledger.slot("fraud")
    assert stands_in is not None, "a slot is never taken away"
    rows = requests_of(traffic.iloc[:: len(traffic) // 4])
    answer = until(
        lambda: _answer_of(stands_in.version, rows, addresses["endpoint"]), "the endpoint to follow"
    )
    said = " ".join(f"{share:.2f}" for share in shares(answer))
    screen.done(
        f"five payments of the day, asked over HTTP, by version {answer['version']}: {said}"
    )
    return answer


def _taken(name: str, ledger: Ledger) -> bool:
    return any(
        batch.name == name and batch.state is not BatchState.ARRIVED
        for batch in ledger.batches("fraud", limit=3)
    )


def _retirement(ledger: Ledger) -> Case | None:
    """Return the case that ends a career in office; that of a version replaced long ago is none."""
    retires = [case for case in ledger.cases("fraud") if case.action is Action.RETIRE]
    cases = [case for case in retires if case.cause is not Cause.SUPERSEDED]
    return cases[-1] if cases else None


def _over(case: Case, ledger: Ledger) -> Case | None:
    found = ledger.case(case.id)
    return found if found.state is CaseState.CLOSED else None


def _answer_of(
    version: int | None, rows: list[dict[str, Any]], endpoint: str
) -> dict[str, Any] | None:
    answer = ask("fraud", rows, endpoint)
    return answer if int(answer["version"]) == version else None


def _restore(workspace: Workspace, screen: Screen) -> str:
    """Try to bring the retired version back without a person, and return why it is refused."""
    from flows.restore import restore

    case = _retirement(open_ledger(workspace))
    assert case is not None, "the last act has retired a version"
    try:
        restore("fraud", case.version, "It was the best that we ever had.")
    except TenureError as error:
        screen.refused(f"restore of version {case.version}", str(error))
        return str(error)
    raise NotAsPromised("A retired version came back and no person had asked for it.")


def _newest(model: str, ledger: Ledger) -> tuple[Version, Evaluation]:
    """Return the newest version that was fitted to be judged, and what the gate said of it."""
    for version in ledger.versions(model, limit=5):
        evaluation = ledger.evaluation(model, version.number)
        if evaluation.verdict is not GateVerdict.FALLBACK:
            return version, evaluation
    raise NotAsPromised(f"'{model}' has no version.")


def _tell_decisions(decisions: list[Decision], screen: Screen) -> None:
    for decision in decisions:
        if decision.action is Action.KEEP:
            continue
        screen.refused(f"            monitor: {decision.action.value}", decision.reason)


def _tell_batch(day: date, batch: Batch, rows: int, ledger: Ledger, screen: Screen) -> None:
    said = f"{day:%a} {day.day:2} {day:%b}  {rows} payments"
    if batch.state is BatchState.QUARANTINED:
        screen.refused(f"{said}: quarantine", batch.reason or "")
        return
    kept = ledger.snapshot("fraud", batch.snapshot) if batch.snapshot else None
    apart = rows - kept.rows if kept else 0
    screen.done(f"{said} {batch.state.value}", f"{apart} rows split off" if apart else "")


def _tell_version(version: Version, evaluation: Evaluation, screen: Screen) -> None:
    found = next((m for m in evaluation.metrics if m.name == evaluation.primary), None)
    value = f"{found.value:.3f}" if found and found.value is not None else "unknown"
    said = f"            version {version.number}, {evaluation.primary} {value}"
    if evaluation.promotes:
        screen.done(f"{said}: takes office", evaluation.reason)
    else:
        screen.kept(f"{said}: the champion stays", evaluation.reason)


def _summary(
    workspace: Workspace,
    accuracy: float,
    answer: dict[str, Any],
    served: dict[str, Any],
    not_restored: str,
) -> Told:
    """Return what happened, from the ledger; what is missing is said as a failure."""
    ledger = open_ledger(workspace)
    batches = ledger.batches("fraud", limit=100)
    versions = [(v, ledger.evaluation("fraud", v.number)) for v in ledger.versions("fraud")]
    judged = [(v, e) for v, e in versions if e.verdict is not GateVerdict.FALLBACK]
    tenures = ledger.tenures("fraud")
    bad = [b for b in batches if b.state is BatchState.QUARANTINED]
    lost = [(v, e) for v, e in judged if not e.promotes]
    retrains = [case for case in ledger.cases("fraud") if case.action is Action.RETRAIN]
    case = _retirement(ledger)
    if len(tenures) < 3 or not lost or not retrains or case is None:
        raise NotAsPromised("Promotions, a refusal, a retrain and a retirement were promised.")
    last, why = lost[0]
    readings = ledger.readings("fraud", limit=1000)
    return Told(
        facts=(
            ("iris", f"accuracy {accuracy:.2f}; five flowers are {_spaced(answer)}"),
            ("files", f"{len(batches)} of card payments, {len(bad)} of them in quarantine"),
            ("why", bad[0].reason or ""),
            ("versions", f"{len(judged)} of fraud, {len({t.version for t in tenures})} in office"),
            ("refused", f"version {last.number}: {why.reason}"),
            ("watched", f"{len(readings)} windows, {len(retrains)} retrain(s) because of them"),
            ("retired", f"version {case.version}, case {case.id[:12]}: {case.reason}"),
            ("steps", ", ".join(step.name for step in case.steps)),
            ("restore", not_restored),
            (
                "serves",
                f"version {served['version']}, epoch {served['epoch']}: {tenures[-1].reason}",
            ),
        )
    )


def _spaced(answer: dict[str, Any]) -> str:
    return " ".join(str(int(each)) for each in answer["predictions"])
