"""The work of a run without Prefect, in a new process: `python -m benchmarks.loop_bare VERB`.

Done twice, each time on another batch or model: what the first time takes longer is imports. Prints
JSON.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

ACTOR = "automation:bench"
EMPTY = ("benchmarks.loop_empty",)
"""What an empty run imports too."""


class Times:
    """Seconds by part."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside."""
        begun = time.perf_counter()
        yield
        self.parts[name] = self.parts.get(name, 0.0) + time.perf_counter() - begun


def ingest(model: str, file: Path, workspace: Any) -> dict[str, float]:
    """Take a file in."""
    from tenure import intake, validation

    times = Times()
    with times.part("validate"):
        batch = intake.receive(model, str(file), workspace, actor=ACTOR)
        staged = intake.stage(batch, workspace)
        report = validation.validate(staged, workspace)
        intake.admit(staged, report, workspace, actor=ACTOR)
    return times.parts


def train(model: str, workspace: Any) -> dict[str, float]:
    """Train on what was accepted, put the winner into office, and load it as an endpoint does."""
    from tenure import evaluation, registry, training
    from tenure.registry import open_ledger

    times, ledger = Times(), open_ledger(workspace)
    with times.part("fit"):
        plan = training.plan(model, workspace)
        fits = [training.fit(model, order, workspace, actor=ACTOR) for order in plan.fits]
    with times.part("evaluate"):
        judged = evaluation.evaluate(model, fits, workspace)
        candidate = ledger.candidate(judged.candidate)
        assert candidate is not None
        golden = evaluation.golden_rows(candidate, workspace)
    with times.part("register"):
        version = registry.register(candidate, judged, golden, workspace, actor=ACTOR)
    with times.part("load"):
        registry.load_version(model, version.number, workspace)
    return times.parts


def retirement(model: str, workspace: Any) -> dict[str, float]:
    """Take a champion out of office, as far as its slot is on its fallback."""
    from tenure import registry, retirement
    from tenure.registry import open_ledger

    ledger, times = open_ledger(workspace), Times()
    case = retirement.open_retirement(
        model, to_fallback=True, reason="A benchmark.", actor=ACTOR, workspace=workspace
    )
    with times.part("verify"):
        case = retirement.verify_successor(case, workspace, actor=ACTOR)
    with times.part("move"):
        retirement.move_slot(case, workspace, actor=ACTOR)
    slot = ledger.slot(model)
    assert slot is not None
    assert slot.version is not None
    with times.part("load"):
        registry.load_version(model, slot.version, workspace)
    return times.parts


def heavy() -> list[str]:
    """Return which libraries are in memory that a retirement has no business with."""
    return sorted({"evidently", "great_expectations"} & set(sys.modules))


def main() -> None:
    """Measure the work of one run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=["ingest", "train", "retire"])
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--models", nargs=2, required=True)
    parser.add_argument("--files", nargs=2, type=Path, default=[None, None])
    given = parser.parse_args()
    for name in EMPTY:
        import_module(name)
    begun = time.perf_counter()
    import_module(f"flows.{given.verb}")
    imported = time.perf_counter() - begun
    from tenure.workspace import open_workspace

    workspace = open_workspace(given.workspace)
    does = {
        "ingest": lambda place: ingest(given.models[place], given.files[place], workspace),
        "train": lambda place: train(given.models[place], workspace),
        "retire": lambda place: retirement(given.models[place], workspace),
    }[given.verb]
    cold, warm = does(0), does(1)
    late = max(sum(cold.values()) - sum(warm.values()), 0.0)
    print(orjson.dumps({"imports": imported + late, "work": warm, "heavy": heavy()}).decode())


if __name__ == "__main__":
    main()
