"""Under which names does Prefect have our automations, and what does each wait for?

`deployments` makes them; the tasks ask after them.
"""

from __future__ import annotations

from dataclasses import dataclass

INGEST, TRAIN, MONITOR = "tenure-ingest", "tenure-train", "tenure-monitor"
RETRAIN, RETIRE, HALT = "tenure-retrain", "tenure-retire", "tenure-halt"
ALARM, ZOMBIES = "tenure-alarm", "tenure-crash-zombies"
STARTING = (INGEST, TRAIN, MONITOR, RETRAIN, RETIRE, HALT)
EVERY = (*STARTING, ALARM, ZOMBIES)
NEEDED = {INGEST, RETRAIN, RETIRE, HALT, ALARM, ZOMBIES}
"""Those that there are whatever the specs say, as soon as there is a model."""

CASE_EVENTS = ("case_opened", "case_answered", "case_lapsed")


@dataclass(frozen=True, slots=True)
class Trigger:
    """Which rows of the ledger, told as events, an automation starts a verb's runs by."""

    verb: str
    kinds: tuple[str, ...]


TRIGGERS = {
    INGEST: Trigger("ingest", ("batch_arrived",)),
    TRAIN: Trigger("train", ("batch_accepted",)),
    # The event itself is a hint without a row; what closes a window of arrived data is a batch.
    MONITOR: Trigger("monitor", ("batch_accepted",)),
    RETRAIN: Trigger("train", ("retrain_decided", *CASE_EVENTS)),
    RETIRE: Trigger("retire", ("retirement_decided", *CASE_EVENTS)),
}
