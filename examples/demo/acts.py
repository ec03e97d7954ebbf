"""What happens in the demo: iris, two weeks of card payments, and a file that is dropped.

Past days are played by calling the flows in this process against the real server, by the
workspace's clock. The last act runs on the real clock and goes the whole way: file, watcher, event,
automation, runner, deployment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import httpx

from examples.demo.screen import Screen, Told
from examples.demo.stage import NotAsPromised, clock_of, hands_off
from examples.fraud import transactions as fraud
from examples.iris import flowers
from tenure.records import Batch, BatchState, Evaluation, Version
from tenure.registry import Ledger, open_ledger
from tenure.workspace import Workspace

DAYS = 13
BAD_DAY = 4
GAPS_DAY = 7
TESTERS_FROM = 5
RESELLERS_FROM = 12
FIRST_NIGHT = 3
WAIT_S = 150.0
SPECIES = [1, 0, 2, 1, 1]

T = TypeVar("T")


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
    served = _drop(workspace, today, addresses, screen)
    return _summary(workspace, accuracy, answer, served)


def _start(today: date) -> date:
    """Return the first past day; yesterday is left for the last act."""
    return today - timedelta(days=DAYS + 1)


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
    answer = _ask("iris", flowers.instances(), addresses["endpoint"])
    said = [int(each) for each in answer["predictions"]]
    if said != SPECIES:
        raise NotAsPromised(f"Five flowers were taken for {said}; {SPECIES} was promised.")
    names = ", ".join(flowers.SPECIES[each] for each in said)
    screen.done(f"five new flowers, asked over HTTP: {' '.join(map(str, said))}", names)
    return accuracy, answer


def _past(workspace: Workspace, today: date, screen: Screen) -> None:
    """Play past days of card payments: a batch each morning, a training each night."""
    from flows.ingest import ingest
    from flows.train import train

    start = _start(today)
    screen.act("Fraud", f"{DAYS} past days of card payments: a batch a day, a training a night")
    folder = workspace.root / "data" / "fraud"
    for number, (day, traffic) in enumerate(fraud.days(start, DAYS, begins=_begins(start))):
        frame = _as_sent(number, traffic)
        file = fraud.write(day, frame, folder)
        following = day + timedelta(days=1)
        clock_of(workspace).set(_at(following, 1))
        with screen.console.status(f"{day:%a %-d %b}: ingest"):
            ingest("fraud", path=str(file))
        batch = open_ledger(workspace).batches("fraud")[0]
        _tell_batch(day, batch, len(frame), open_ledger(workspace), screen)
        if number == BAD_DAY and batch.state is not BatchState.QUARANTINED:
            raise NotAsPromised("The bad day was not put into quarantine.")
        if number < FIRST_NIGHT or batch.state is not BatchState.ACCEPTED:
            continue
        clock_of(workspace).set(_at(following, 3))
        with screen.console.status(f"{day:%a %-d %b}: train"):
            train("fraud")
        _tell_version(*_newest("fraud", open_ledger(workspace)), screen)


def _as_sent(number: int, traffic: Any) -> Any:
    """Return a day as the terminals sent it, which was not always well."""
    match number:
        case n if n == BAD_DAY:
            return fraud.corrupted(traffic)
        case n if n == GAPS_DAY:
            return fraud.with_gaps(traffic)
        case _:
            return traffic


def _begins(start: date) -> dict[str, date]:
    """Return when the rings begin that were not there at first."""
    return {
        "testers": start + timedelta(days=TESTERS_FROM),
        "resellers": start + timedelta(days=RESELLERS_FROM),
    }


def _drop(
    workspace: Workspace, today: date, addresses: dict[str, str], screen: Screen
) -> dict[str, Any]:
    """Drop today's file and wait until what came of it serves, or was refused."""
    ledger = open_ledger(workspace)
    before = ledger.versions("fraud", limit=1)[0].number
    champion = ledger.slot("fraud")
    screen.act("Now", "a file is dropped; watcher, event, automation and runner do the rest")
    traffic = next(iter(fraud.days(today - timedelta(days=1), 1)))[1]
    file = fraud.write(today - timedelta(days=1), traffic, workspace.root / "data" / "fraud")
    screen.done(f"{file.name} lies in {file.parent}")
    with screen.working("taken in"):
        _until(lambda: _taken(file.name, ledger), "the dropped file to be taken in")
    with screen.working("trained and judged"):
        _until(lambda: ledger.versions("fraud", limit=1)[0].number > before, "a version of it")
    version, evaluation = _newest("fraud", ledger)
    if evaluation.promotes:
        _until(lambda: ledger.slot("fraud") != champion, "the version to be deployed")
    _tell_version(version, evaluation, screen)
    held = ledger.slot("fraud")
    assert held is not None, "the past has left a champion"
    rows = _requests(traffic.iloc[:: len(traffic) // 4])
    answer = _until(
        lambda: _answer_of(held.version, rows, addresses["endpoint"]), "the endpoint to follow"
    )
    shares = " ".join(f"{share:.2f}" for share in _shares(answer))
    screen.done(
        f"five payments of the day, asked over HTTP, by version {answer['version']}: {shares}"
    )
    return answer


def _taken(name: str, ledger: Ledger) -> bool:
    return any(
        batch.name == name and batch.state is not BatchState.ARRIVED
        for batch in ledger.batches("fraud", limit=3)
    )


def _requests(frame: Any) -> list[dict[str, Any]]:
    apart = ["transaction", "at", "customer", "is_fraud"]
    return frame.drop(columns=apart).to_dict(orient="records")


def _answer_of(
    version: int | None, rows: list[dict[str, Any]], endpoint: str
) -> dict[str, Any] | None:
    answer = _ask("fraud", rows, endpoint)
    return answer if int(answer["version"]) == version else None


def _shares(answer: dict[str, Any]) -> list[float]:
    """Return the probability of fraud of each row."""
    return [float(row[-1]) for row in answer["probabilities"]]


def _ask(model: str, rows: list[dict[str, Any]], endpoint: str) -> dict[str, Any]:
    """Ask the endpoint for predictions, as any client would."""
    url = f"{endpoint}/v1/models/{model}:predict"

    def asked() -> dict[str, Any] | None:
        body = {"instances": rows, "probabilities": True}
        reply = httpx.post(url, json=body, timeout=30)
        return reply.json() if reply.status_code == 200 else None

    return _until(asked, f"an answer of {url}", limit_s=30)


def _until(look: Callable[[], T | None], what: str, limit_s: float = WAIT_S) -> T:
    """Look until there is something, and return it."""
    until = time.monotonic() + limit_s
    while not (found := look()):
        if time.monotonic() > until:
            raise NotAsPromised(f"Waited {limit_s:.0f} s for {what}.")
        time.sleep(0.2)
    return found


def _newest(model: str, ledger: Ledger) -> tuple[Version, Evaluation]:
    version = ledger.versions(model, limit=1)[0]
    return version, ledger.evaluation(model, version.number)


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
    workspace: Workspace, accuracy: float, answer: dict[str, Any], served: dict[str, Any]
) -> Told:
    """Return what happened, from the ledger; what is missing is said as a failure."""
    ledger = open_ledger(workspace)
    batches = ledger.batches("fraud", limit=100)
    versions = [(v, ledger.evaluation("fraud", v.number)) for v in ledger.versions("fraud")]
    tenures = ledger.tenures("fraud")
    bad = [b for b in batches if b.state is BatchState.QUARANTINED]
    refused = [(v, e) for v, e in versions if not e.promotes]
    if len(tenures) < 2 or not refused:
        raise NotAsPromised("A promotion and a refused promotion were promised.")
    last, why = refused[0]
    return Told(
        facts=(
            ("iris", f"accuracy {accuracy:.2f}; five flowers are {_spaced(answer)}"),
            ("batches", f"{len(batches)} of card payments, {len(bad)} of them in quarantine"),
            ("why", bad[0].reason or ""),
            ("versions", f"{len(versions)} of fraud, {len(tenures)} held office"),
            ("refused", f"version {last.number}: {why.reason}"),
            (
                "serves",
                f"version {served['version']}, epoch {served['epoch']}: {tenures[-1].reason}",
            ),
        )
    )


def _spaced(answer: dict[str, Any]) -> str:
    return " ".join(str(int(each)) for each in answer["predictions"])
