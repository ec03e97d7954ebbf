"""How does a folder of partitions become a folder of predictions, each partition once?

A partition's bytes are its identity: its predictions are one Parquet file, named by it and by the
digest of those bytes, which appears whole and holds its own record. So a run that was killed goes
on where it was, and what was scored is not scored again. One version answers for one whole
partition, also where several processes or machines share its rows.
"""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tenure.errors import Halted, NoChampion, ScoringRefused, SlotVacant
from tenure.records import Assignment
from tenure.registry import open_ledger
from tenure.registry.halts import is_automatic
from tenure.serving.batch.folders import Folder
from tenure.serving.batch.hands import Alone, Hands, Lost, Processes, cores
from tenure.serving.batch.orders import (
    AnyOrder,
    Bad,
    Cut,
    Finished,
    Hindered,
    JoinOrder,
    Known,
    Order,
    PieceOrder,
    Reply,
    Terms,
    Unfit,
    Waiting,
)
from tenure.spec import load_spec
from tenure.spec.model import ModelSpec, ScoringSpec
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

ATTEMPTS = 3
CHUNK_ROWS = 1 << 17
PIECE_ROWS = 1 << 20
# A process of its own is worth its start from so many bytes on.
BYTES_A_PROCESS = 16 << 20
CLUSTER = "TENURE_DASK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a run has come.

    Attributes:
        partitions: how many are done, one way or another.
        of: how many there are.
        rows: how many were scored so far.
        share: of the bytes of all partitions, 0 to 1.
    """

    partitions: int
    of: int
    rows: int
    share: float


Progress = Callable[[Standing], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSummary:
    """What one run of scoring did.

    Attributes:
        scored: names of the partitions that were scored now.
        known: how many had been scored before.
        rows: how many rows were scored now.
        versions: which versions did it.
        failed: name and reason of each one that could not be scored; tried again next time.
        waiting: names of those that are still being written.
    """

    model: str
    scored: tuple[str, ...]
    known: int
    rows: int
    versions: tuple[int, ...]
    failed: tuple[tuple[str, str], ...]
    waiting: tuple[str, ...]
    destination: str


def score(
    model: str,
    workspace: Workspace,
    *,
    actor: str,
    progress: Progress | None = None,
    workers: int | None = None,
) -> ScoreSummary:
    """Score every partition of the spec's source that was not scored yet.

    Args:
        model: its name.
        workspace: where it is.
        actor: who asked; stands in each manifest.
        progress: called whenever some rows more are done.
        workers: processes of this machine, 1 for none but this one, instead of what the spec says
            (also where it names a cluster).

    Raises:
        ModelNotFound, BadSpec, NoChampion, SlotVacant: there is nothing to score with.
        Halted: a person halted the model's automation, and no person asks.
        ScoringRefused: the spec says not where, or there is no such folder.
        ArtifactRefused, ObjectMissing, ObjectDamaged: the champion is not fit to load.
        ClusterUnreachable: the spec names a cluster, and nobody is there.
    """
    spec = load_spec(model, workspace)
    scoring = _scoring(spec)
    source = Folder(workspace.locate(scoring.source))
    destination = Folder(workspace.locate(scoring.destination))
    if not source.exists():
        raise ScoringRefused(model=model, detail=f"there is no folder {source.where}")
    sizes = source.sizes(scoring.pattern)
    terms = Terms(
        model=model,
        data=spec.data,
        source=workspace.locate(scoring.source),
        destination=workspace.locate(scoring.destination),
        actor=actor,
        workspace=workspace,
        chunk_rows=CHUNK_ROWS,
        piece_rows=PIECE_ROWS,
    )
    in_office(terms)
    destination.sweep()
    run = _Run(terms, sizes, progress)
    if sizes:
        run.carry_out(_hands(scoring, workers, sum(sizes.values())))
    return run.summary(destination.where)


def _scoring(spec: ModelSpec) -> ScoringSpec:
    if spec.scoring is None:
        detail = "its spec has no `scoring: {source, destination}`"
        raise ScoringRefused(model=spec.name, detail=detail)
    return spec.scoring


def in_office(terms: Terms) -> tuple[Assignment, int]:
    """Return who answers for the model now, and its version.

    Raises:
        NoChampion, SlotVacant: nobody does.
        Halted: a person halted the model's automation, and the actor is no person.
    """
    ledger = open_ledger(terms.workspace)
    slot, halt = ledger.slot(terms.model), ledger.halted(terms.model)
    if slot is None:
        raise NoChampion(model=terms.model)
    if slot.version is None:
        raise SlotVacant(model=terms.model, since=f"{slot.since:%Y-%m-%d %H:%M}", why=slot.reason)
    if halt is not None and is_automatic(terms.actor):
        raise Halted(model=terms.model, by=halt.by, since=halt.since, why=halt.reason)
    return slot, slot.version


def _hands(scoring: ScoringSpec, workers: int | None, size: int) -> Hands:
    address = scoring.cluster or os.environ.get(CLUSTER)
    if workers is None and address:
        from tenure.serving.batch.cluster import Cluster

        return Cluster(address)
    wanted = workers or scoring.workers or min(cores(), 1 + size // BYTES_A_PROCESS)
    return Alone() if wanted == 1 else Processes(wanted)


@dataclass
class _Big:
    """A partition that was cut, while its pieces are under way."""

    cut: Cut
    missing: int


@dataclass
class _Run:
    """One run's way through the partitions of a source."""

    terms: Terms
    sizes: dict[str, int]
    progress: Progress | None
    queue: deque[AnyOrder] = field(default_factory=deque)
    big: dict[str, _Big] = field(default_factory=dict)
    attempts: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    scored: dict[str, int] = field(default_factory=dict)
    versions: set[int] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    known: int = 0
    rows: int = 0
    done: dict[str, float] = field(default_factory=dict)

    def carry_out(self, hands: Hands) -> None:
        """Give every order and take every reply; nobody is left at work afterwards."""
        names, under_way = iter(self.sizes), 0
        try:
            while True:
                while under_way < hands.width:
                    order = self._next(names, may_cut=hands.width > 1)
                    if order is None:
                        break
                    hands.give(order)
                    under_way += 1
                if not under_way:
                    return
                order, reply = hands.take()
                under_way -= 1
                self._note(order, reply)
                if self.progress is not None:
                    self.progress(self._standing())
        finally:
            hands.close()

    def _next(self, names: Iterator[str], *, may_cut: bool) -> AnyOrder | None:
        # What was begun goes first, so that a partition is whole early and its pieces are gone.
        if self.queue:
            return self.queue.popleft()
        for name in names:
            try:
                slot, version = in_office(self.terms)
            except (SlotVacant, Halted) as error:  # since this run began
                self.failed[name] = str(error)
                self._over(name)
                continue
            return Order(
                terms=self.terms, name=name, version=version, epoch=slot.epoch, may_cut=may_cut
            )
        return None

    def _note(self, order: AnyOrder, reply: Reply | Lost) -> None:
        if order.name in self.over:  # another piece has ended the matter
            return
        match reply:
            case Unfit(error=error):
                raise error
            case Lost(reason=reason, may_try_again=may) if not may:
                self._fail(order, reason)
            case Lost(reason=reason) | Hindered(reason=reason):
                self._try_again(order, reason)
            case Bad(reason=reason):
                self._fail(order, reason)
            case Cut():
                self._cut(order, reply)
            case Finished(rows=rows) if isinstance(order, PieceOrder):
                self._one_piece_less(order, rows)
            case Known():
                self.known += 1
                self._over(order.name)
            case Waiting():
                self.waiting.append(order.name)
                self._over(order.name)
            case Finished(rows=rows):
                self.scored[order.name] = rows
                self.versions.add((order if isinstance(order, Order) else order.order).version)
                if isinstance(order, Order):
                    self.rows += rows
                self._over(order.name)

    def _cut(self, order: AnyOrder, cut: Cut) -> None:
        assert isinstance(order, Order)
        count = len(cut.rows)
        self.big[order.name] = _Big(cut, count)
        self.queue.extend(PieceOrder(order=order, cut=cut, number=each) for each in range(count))

    def _one_piece_less(self, asked: PieceOrder, rows: int) -> None:
        big = self.big[asked.name]
        big.missing -= 1
        self.rows += rows
        share = rows / sum(big.cut.rows)
        self.done[asked.name] = self.done.get(asked.name, 0.0) + self.sizes[asked.name] * share
        if not big.missing:
            self.queue.appendleft(JoinOrder(order=asked.order, cut=asked.cut))

    def _try_again(self, order: AnyOrder, reason: str) -> None:
        what = (type(order).__name__, order.name, getattr(order, "number", 0))
        self.attempts[what] += 1
        if self.attempts[what] >= ATTEMPTS:
            self._fail(order, f"{reason} Tried {ATTEMPTS} times.")
            return
        _log.warning("'%s' of '%s' is tried again: %s", order.name, self.terms.model, reason)
        self.queue.append(order)

    def _fail(self, order: AnyOrder, reason: str) -> None:
        self.failed[order.name] = reason
        self._over(order.name)
        _log.warning("a file of '%s' cannot be scored: %s", self.terms.model, reason)

    def _over(self, name: str) -> None:
        self.over.add(name)
        if self.big.pop(name, None) is not None:
            self.queue = deque(each for each in self.queue if each.name != name)
        self.done[name] = float(self.sizes[name])

    def _standing(self) -> Standing:
        return Standing(
            partitions=len(self.over),
            of=len(self.sizes),
            rows=self.rows,
            share=sum(self.done.values()) / max(sum(self.sizes.values()), 1),
        )

    def summary(self, destination: str) -> ScoreSummary:
        """Return what was done."""
        return ScoreSummary(
            model=self.terms.model,
            scored=tuple(sorted(self.scored)),
            known=self.known,
            rows=sum(self.scored.values()),
            versions=tuple(sorted(self.versions)),
            failed=tuple(sorted(self.failed.items())),
            waiting=tuple(sorted(self.waiting)),
            destination=destination,
        )
