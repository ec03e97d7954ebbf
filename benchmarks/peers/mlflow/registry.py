"""MLflow's registry doing what Tenure's does: run by benchmarks/registry.py in MLflow's own venv.

Versions are seeded through MLflow's own tables in bulk, because its API takes 20 ms each; what is
measured goes through MlflowClient. Prints one JSON object: median milliseconds by operation.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DO_NOT_TRACK"] = "true"

from mlflow import MlflowClient
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore


def seed(folder: Path, versions: int) -> MlflowClient:
    uri = f"sqlite:///{folder / f'mlflow-{versions}.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_registered_model("fraud")
    store = SqlAlchemyStore(uri)
    now = int(time.time() * 1000)
    first = client.create_model_version("fraud", source="s3://bucket/fraud/1")
    with store.ManagedSessionMaker() as session:
        template = session.query(SqlModelVersion).filter_by(name="fraud", version=1).one()
        columns = {
            column.name: getattr(template, column.name)
            for column in SqlModelVersion.__table__.columns
        }
        session.bulk_insert_mappings(
            SqlModelVersion,
            [
                {**columns, "version": number, "creation_time": now, "last_updated_time": now}
                for number in range(2, versions + 1)
            ],
        )
    assert int(first.version) == 1
    return client


def median_ms(do: Callable[[int], object], times: int) -> float:
    do(0)
    took = []
    for turn in range(1, times + 1):
        begun = time.perf_counter()
        do(turn)
        took.append(time.perf_counter() - begun)
    return statistics.median(took) * 1000


def measure(folder: Path, versions: int, times: int) -> dict[str, float]:
    client = seed(folder, versions)

    def newest(_: int) -> object:
        return client.search_model_versions(
            "name='fraud'", max_results=100, order_by=["version_number DESC"]
        )

    return {
        "promote": median_ms(
            lambda turn: client.set_registered_model_alias("fraud", "champion", 1 + turn % versions),
            times,
        ),
        "get the champion": median_ms(
            lambda _: client.get_model_version_by_alias("fraud", "champion"), times
        ),
        "list the newest 100": median_ms(newest, times),
        "register": median_ms(
            lambda turn: client.create_model_version("fraud", source=f"s3://bucket/{turn}"), times
        ),
    }


def writers(folder: Path, count: int, turns: int) -> float:
    """Promotions a second of several processes at once on the model with 100 versions."""
    import subprocess

    uri = f"sqlite:///{folder / 'mlflow-100.db'}"
    code = (
        "import sys, time\nfrom mlflow import MlflowClient\n"
        "c = MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])\n"
        "c.set_registered_model_alias('fraud', 'champion', 1)\n"
        "print('ready', flush=True)\ninput()\nbegun = time.time()\n"
        "for n in range(int(sys.argv[2])):\n"
        "    c.set_registered_model_alias('fraud', 'champion', 1 + n % 100)\n"
        "print(begun, time.time())\n"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, uri, str(turns)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(count)
    ]
    for one in running:
        one.stdout.readline()
    for one in running:
        one.stdin.write("\n")
        one.stdin.flush()
    spans = [tuple(map(float, one.stdout.read().split())) for one in running]
    for one in running:
        one.wait()
    return count * turns / (max(end for _, end in spans) - min(begun for begun, _ in spans))


def main() -> None:
    folder, times = Path(sys.argv[1]), int(sys.argv[2])
    sizes = [int(size) for size in sys.argv[3].split(",")]
    found = {str(size): measure(folder, size, times) for size in sizes}
    result = {"sizes": found, "writers": writers(folder, 8, 3)}
    (folder / "mlflow.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main()
