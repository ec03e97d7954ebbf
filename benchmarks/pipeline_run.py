"""One `train` flow on the benchmark's model in this process, measured part by part.

`python -m benchmarks.pipeline_run` is the new process of `make bench-pipeline`; it prints JSON.
"""

from __future__ import annotations

import argparse
import resource
from pathlib import Path
from typing import Any

import orjson

from benchmarks.meter import Meter, cpu_s, wall_s

MODEL = "mixed"

GATE, ASKED, AGAIN = "gate: champion, intervals, checks", "asked", "rows read again"

LACKS = {
    "validation of the training set": ("tenure.training.planning:_training_sets",),
    GATE: ("tenure.evaluation:evaluate",),
    "page's tables and curves": ("tenure.evaluation.judge:details_of",),
    "leakage": ("tenure.evaluation.page_parts:look",),
    "importances": ("tenure.evaluation.page_parts:importances",),
    "golden rows": ("tenure.registry.golden:ask", "tenure.evaluation:golden_rows"),
    "page": ("tenure.pages:write_evaluation_page", "tenure.pages:write_model_page"),
}
"""What the bare script does not do: the row's name, and the functions that do it."""

INSIDE = {
    ASKED: ("tenure.evaluation.holdout:ask",),
    AGAIN: ("tenure.evaluation.holdout:read_frames", "tenure.evaluation.judge:read_frames"),
}
"""What happens inside them and is, all or in part, the bare script's work too."""


def watched() -> Meter:
    """Return a meter that counts the parts that the bare script lacks."""
    meter = Meter()
    for name, functions in (LACKS | INSIDE).items():
        meter.watch(name, *functions)
    return meter


def lacking(meter: Meter) -> dict[str, float]:
    """Return the CPU of each part that the bare script lacks, in one run.

    Candidate and champion are both asked about the held-out rows: the candidate's half is what the
    bare script calls scoring. That rows are read again, since no frame travels between stages, is
    the price of orchestration.
    """
    parts = {name: meter.parts.get(name, 0.0) for name in LACKS}
    parts[GATE] += meter.parts.get(ASKED, 0.0) / 2
    return parts


def train_once() -> dict[str, float]:
    """Run the flow; return its CPU and wall seconds."""
    from flows.train import train

    begun, clock = cpu_s(), wall_s()
    train(MODEL)
    return {"cpu_s": cpu_s() - begun, "wall_s": wall_s() - clock}


def main() -> None:
    """Train once, in this new process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--api", required=True)
    given = parser.parse_args()
    from deployments.replay import replay
    from tenure.workspace import open_workspace

    with replay(open_workspace(given.workspace), api=given.api):
        measured: dict[str, Any] = train_once()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(orjson.dumps(measured | {"cpu_s": cpu_s(), "peak_bytes": peak}).decode())


if __name__ == "__main__":
    main()
