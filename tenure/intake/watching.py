"""Who notices that a file arrived, without being told?

One loop over the sources of all models. The system's notices only wake it: what counts is what two
looks at a source see, so that a lost notice loses no file. Folders are looked at when they change
and at least each second, URLs each `poll_s`; specs that come, change or go are followed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tenure.errors import NotInSource, StillBeingWritten, TenureError
from tenure.intake.arrival import receive_new
from tenure.intake.sources import SETTLE_S, Arrival, Source, look, source_of
from tenure.records import Batch
from tenure.registry.specs import orphaned_specs
from tenure.spec import read_all

if TYPE_CHECKING:
    from tenure.workspace import Workspace

log = logging.getLogger(__name__)
POLL_S = 10.0
LONGEST_WAIT_S = 1.0
_Looks = tuple[object, ...]


@dataclass(slots=True)
class _Watched:
    """What was seen of one source so far."""

    source: Source
    taken: dict[str, _Looks] = field(default_factory=dict)
    waiting: dict[str, tuple[_Looks, float]] = field(default_factory=dict)
    next_look: float = 0.0
    trouble: str = ""

    def settled(self) -> list[Arrival]:
        """Look at the source; return the files that stood still since an earlier look."""
        now = time.monotonic()
        there = {arrival.location: arrival for arrival in look(self.source)}
        self.taken = {place: looks for place, looks in self.taken.items() if place in there}
        fresh = {
            place: arrival
            for place, arrival in there.items()
            if self.taken.get(place) != arrival.looks
        }
        before, self.waiting = self.waiting, {}
        for place, arrival in fresh.items():
            looks, since = before.get(place, ((), now))
            self.waiting[place] = (arrival.looks, since if looks == arrival.looks else now)
        return [
            fresh[place] for place, (_, since) in self.waiting.items() if now - since >= SETTLE_S
        ]

    def take(self, arrival: Arrival) -> None:
        """Remember that a file was taken as it is now."""
        self.taken[arrival.location] = arrival.looks
        self.waiting.pop(arrival.location, None)


def watch(
    workspace: Workspace,
    on_arrival: Callable[[str, Batch], None],
    stop: threading.Event,
    *,
    actor: str = "system:watcher",
    poll_s: float = POLL_S,
) -> None:
    """Put each file that arrives on record, then call `on_arrival`, until `stop` is set.

    The ledger's row comes first; what `on_arrival` does is a hint and may fail. Bytes that the
    ledger knows already are no arrival. Trouble with one source holds up no other.

    Args:
        workspace: whose sources.
        on_arrival: called with the model's name and the new batch.
        stop: ends the loop, within about a second.
        actor: who is named in the ledger.
        poll_s: how often URLs are looked at.
    """
    watched: dict[str, _Watched] = {}
    specs_seen: object = None
    while not stop.is_set():
        specs_now = _specs_look(workspace)
        if specs_now != specs_seen:
            watched, specs_seen = _follow(watched, workspace), specs_now
        for one in watched.values():
            if time.monotonic() >= one.next_look:
                _take_settled(one, workspace, on_arrival, actor)
                one.next_look = time.monotonic() + (0.0 if one.source.is_local else poll_s)
                if one.waiting and not one.source.is_local:
                    one.next_look = time.monotonic() + SETTLE_S
        _wait(watched, workspace, stop)


def _specs_look(workspace: Workspace) -> object:
    try:
        files = sorted(workspace.models_folder.iterdir())
        return [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    except OSError:
        return None


def _follow(watched: dict[str, _Watched], workspace: Workspace) -> dict[str, _Watched]:
    """Return what is watched under today's specs; a spec with mistakes is watched as before."""
    now: dict[str, _Watched] = {}
    for reading in read_all(workspace):
        known = watched.get(reading.name)
        if reading.spec is None:
            log.warning("The spec of '%s' has mistakes; `tenure check` prints them.", reading.name)
            now |= {reading.name: known} if known else {}
            continue
        source = source_of(reading.spec, workspace)
        same = known is not None and known.source == source
        now[reading.name] = known if same and known else _Watched(source)
    for spec in orphaned_specs(workspace):
        known, source = watched.get(spec.name), source_of(spec, workspace)
        same = known is not None and known.source == source
        now[spec.name] = known if same and known else _Watched(source)
    return now


def _take_settled(
    one: _Watched,
    workspace: Workspace,
    on_arrival: Callable[[str, Batch], None],
    actor: str,
) -> None:
    try:
        settled = one.settled()
        one.trouble = ""
    except TenureError as error:
        if str(error) != one.trouble:
            one.trouble = str(error)
            log.warning("%s", error)
        return
    for arrival in sorted(settled, key=lambda each: (each.modified_at, each.name)):
        try:
            batch, is_new = receive_new(one.source.model, arrival, workspace, actor=actor)
        except StillBeingWritten:
            continue
        except NotInSource:
            one.take(arrival)
            continue
        except (TenureError, OSError) as error:
            log.warning("'%s' of '%s' waits: %s", arrival.name, one.source.model, error)
            continue
        one.take(arrival)
        if is_new:
            _tell(on_arrival, batch)


def _tell(on_arrival: Callable[[str, Batch], None], batch: Batch) -> None:
    try:
        on_arrival(batch.model, batch)
    except Exception:
        # The ledger has the row: whoever asks what is due finds the batch without this call.
        log.exception("Nobody could be told of batch %s of '%s'.", batch.digest[:12], batch.model)


def _wait(watched: dict[str, _Watched], workspace: Workspace, stop: threading.Event) -> None:
    """Wait for a change in a folder, for the next look at what waits, or for the end."""
    import watchfiles

    waits = any(one.waiting for one in watched.values())
    longest_s = SETTLE_S if waits else LONGEST_WAIT_S
    folders = {one.source.where for one in watched.values() if one.source.is_local}
    folders.add(str(workspace.models_folder))
    there = [folder for folder in sorted(folders) if Path(folder).is_dir()]
    try:
        changes = watchfiles.watch(
            *there,
            watch_filter=None,
            debounce=100,
            step=50,
            rust_timeout=int(longest_s * 1000),
            yield_on_timeout=True,
            recursive=False,
            raise_interrupt=False,
            stop_event=stop,
        )
        next(changes, None)
        changes.close()
    except (OSError, RuntimeError):
        stop.wait(longest_s)  # no notices to be had: the looks alone find what arrives
    if waits:
        stop.wait(SETTLE_S / 3)
