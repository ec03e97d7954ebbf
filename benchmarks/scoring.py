"""How many rows a second does batch scoring predict, beside the script that one would write?

A logistic pipeline over 10 mixed columns, on Parquet partitions. The script reads a partition by
pandas, asks the pipeline for probabilities and writes them by pandas, one partition after the
other. Both start fresh, on the same partitions, in turn; time and CPU count from the start of the
process to its end, so the start of our processes and the checks of the version are in them.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmarks.registry import aim
from tenure.records import Column
from tenure.registry import deploy, dump_estimator, open_ledger, open_store, register
from tenure.registry.frames import cast
from tenure.serving.batch.hands import cores
from tenure.spec import load_spec
from tenure.spec.digests import frozen
from tenure.workspace import Workspace, open_workspace
from tests.unit.registry.lives import candidate_record, evaluation

PROJECT = Path(__file__).parents[1]
ACTOR = "automation:bench"
NUMBERS = ("income", "debt", "age", "balance", "tenure")
LABELS = {
    "country": ("at", "de", "fr", "ng", "us"),
    "channel": ("app", "shop", "web"),
    "device": ("android", "ios", "pc"),
}
FEATURES = (
    *(Column(name=name, type="float64") for name in NUMBERS),
    Column(name="items", type="int64"),
    *(Column(name=name, type="category", categories=known) for name, known in LABELS.items()),
    Column(name="is_new", type="bool"),
)
SPEC = """\
name: bench
owner: ann@bank.example
data: {source: data, target: y, key: [order]}
training: {pipeline: "examples.iris:make_pipeline"}
scoring: {source: in, destination: out}
"""
OURS = """\
import sys
from pathlib import Path
from tenure.workspace import open_workspace
workspace = open_workspace(".", project=sys.argv[1])
summary = score("bench", workspace, actor="automation:bench", workers=int(sys.argv[2]))
assert not summary.failed, summary.failed
Path("rows").write_text(str(summary.rows))
"""
SCRIPT = """\
import sys
from pathlib import Path
import joblib
import pandas as pd
pipeline = joblib.load(sys.argv[1])
for file in sorted(Path(sys.argv[2]).glob("*.parquet")):
    rows = pd.read_parquet(file)
    shares = pipeline.predict_proba(rows[list(pipeline.feature_names_in_)])
    made = pd.DataFrame(shares, columns=[f"probability.{label}" for label in pipeline.classes_])
    made.insert(0, "order", rows["order"])
    made["prediction"] = pipeline.classes_[shares.argmax(axis=1)]
    made.to_parquet(Path(sys.argv[3]) / file.name)
"""


def rows(count: int, seed: int) -> pd.DataFrame:
    """Return rows of ten mixed columns and a key."""
    draw = np.random.default_rng(seed)
    made: dict[str, Any] = {name: draw.normal(size=count) for name in NUMBERS}
    made["income"][draw.random(count) < 0.05] = np.nan
    made["items"] = draw.integers(1, 9, count)
    for name, known in LABELS.items():
        made[name] = draw.choice(known, count)
    made["is_new"] = draw.random(count) < 0.5
    made["order"] = np.char.add("o", np.arange(count).astype(str))
    return pd.DataFrame(made)


def furnish(root: Path, partitions: int, count: int) -> Workspace:
    """Make a workspace with a champion and partitions, and the pipeline for the script."""
    for name in ("config/models", "in", "script"):
        (root / name).mkdir(parents=True)
    (root / "config/models/bench.yaml").write_text(SPEC)
    workspace = open_workspace(root, project=PROJECT)
    known = rows(20_000, seed=0)
    is_high = (known["debt"] + known["items"] / 4 + known["is_new"]) > 2
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    encoded = make_column_transformer(
        (numbers, [*NUMBERS, "items"]),
        (OneHotEncoder(handle_unknown="ignore"), list(LABELS)),
        remainder="passthrough",
    )
    pipeline = make_pipeline(encoded, LogisticRegression())
    pipeline.fit(cast(known, FEATURES), np.where(is_high, "late", "paid"))
    joblib.dump(pipeline, root / "pipeline.joblib")
    (root / "script.py").write_text(SCRIPT)
    (root / "ours.py").write_text(OURS)
    enter_office(pipeline, known, workspace)
    for number in range(partitions):
        rows(count, seed=number + 1).to_parquet(root / f"in/part-{number:03d}.parquet")
    return workspace


def enter_office(pipeline: Any, known: pd.DataFrame, workspace: Workspace) -> None:
    """Register the pipeline as a version, with all that a load checks, and deploy it."""
    digest, size, names = dump_estimator(pipeline, workspace)
    record = candidate_record("bench", "bench", object=digest, size=size, names=names)
    spec = open_store(workspace).put_json(frozen(load_spec("bench", workspace)))
    made = replace(
        record,
        features=FEATURES,
        task="classification",
        classes=tuple(pipeline.classes_.tolist()),
        lineage=replace(record.lineage, spec=spec),
    )
    kept = open_ledger(workspace).record_candidate(made, actor=ACTOR)
    sink = io.BytesIO()
    known[[column.name for column in FEATURES]].head(20).to_parquet(sink)
    version = register(kept, evaluation(kept), sink.getvalue(), workspace, actor=ACTOR)
    deploy("bench", version.number, workspace, actor=ACTOR, reason="It is measured.")


def timed(command: list[str], root: Path) -> tuple[float, float]:
    """Run a command; return its wall seconds, and CPU seconds of it and all its children."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    subprocess.run([sys.executable, *command], check=True, cwd=root, env=env)
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, used


def disagreement(root: Path) -> float:
    """Return the largest difference between both sides' probabilities; labels must be the same."""
    largest = 0.0
    for file in sorted((root / "script").glob("*.parquet")):
        theirs = pd.read_parquet(file)
        (ours_file,) = (root / "out").glob(f"{file.stem}-*.parquet")
        ours = pd.read_parquet(ours_file)
        assert (ours["order"] == theirs["order"]).all()
        assert (ours["prediction"] == theirs["prediction"]).all()
        apart = (ours["probability.late"] - theirs["probability.late"]).abs().max()
        largest = max(largest, float(apart))
    return largest


def main() -> None:
    """Measure both, print rows a second and CPU, and end with the aims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=8)
    parser.add_argument("--rows", type=int, default=1_000_000, help="a partition")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores())
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tenure bench ") as name:
        root = Path(name)
        furnish(root, options.partitions, options.rows)
        few = compare(root, options.workers, options)
        all_of_them = compare(root, options.partitions, options)
        apart = disagreement(root)
    report(few, all_of_them, options, apart)


Took = dict[str, tuple[float, float]]


def compare(root: Path, partitions: int, options: argparse.Namespace) -> Took:
    """Let both sides score some of the partitions in turn; return median wall and CPU seconds."""
    sides = {
        "tenure": ["ours.py", str(PROJECT), str(options.workers)],
        "script": ["script.py", "pipeline.joblib", "in", "script"],
    }
    files = sorted((root / "in").glob("*.parquet"))
    for file in files[partitions:]:
        file.rename(root / file.name)
    found: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(options.times):
        shutil.rmtree(root / "out", ignore_errors=True)
        for side, command in sides.items():
            found[side].append(timed(command, root))
        assert int((root / "rows").read_text()) == partitions * options.rows
    for file in files[partitions:]:
        (root / file.name).rename(file)
    middle = statistics.median
    return {
        side: (middle(wall for wall, _ in took), middle(cpu for _, cpu in took))
        for side, took in found.items()
    }


def report(few: Took, all_of_them: Took, options: argparse.Namespace, apart: float) -> None:
    """Print both sides, whole and without their start, and the aims."""
    total = options.partitions * options.rows
    more = total - options.workers * options.rows
    print(f"{total:,} rows, {options.workers} processes, {cores()} cores")
    print(f"{'':24}{'wall s':>10}{'rows/s':>14}{'CPU s':>10}{'rows/CPU s':>14}")
    rates: dict[str, tuple[float, float]] = {}
    for side, (wall, cpu) in all_of_them.items():
        line(side, total, wall, cpu)
        # What every further row costs once processes run and the version is loaded.
        rates[side] = wall - few[side][0], cpu - few[side][1]
        line(f"{side}, further rows", more, *rates[side])
    print(f"labels are the same; probabilities differ by {apart:.1e} at most")
    aim("scoring_rows_per_s", more / rates["tenure"][0], ">=", 1_000_000)
    aim("scoring_rows_per_cpu_s_times_cores", cores() * more / rates["tenure"][1], ">=", 1_000_000)
    aim("scoring_times_less_cpu_than_the_script", rates["script"][1] / rates["tenure"][1], ">=", 3)
    whole = all_of_them["script"][0] / all_of_them["tenure"][0]
    aim("scoring_times_quicker_than_the_script_start_and_all", whole, ">=", 2)


def line(name: str, count: int, wall: float, cpu: float) -> None:
    """Print one line of the table."""
    print(f"{name:24}{wall:>10.2f}{count / wall:>14,.0f}{cpu:>10.2f}{count / cpu:>14,.0f}")


if __name__ == "__main__":
    main()
