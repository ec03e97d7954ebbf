"""The commands of docs/guides/protocol.md answer when they are pasted."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from sklearn.linear_model import LogisticRegression

from examples.iris.flowers import COLUMNS, flowers
from tenure.records import Column
from tenure.registry import dump_estimator, open_ledger, register
from tests.faults.serving_processes import PROJECT, Running, start
from tests.unit.registry.lives import candidate_record, evaluation
from tests.unit.serving import lives

GUIDE = (PROJECT / "docs/guides/protocol.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```\n(curl .*?)```", GUIDE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def served_flowers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with the guide's model."""
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    folder = tmp_path_factory.mktemp("guide")
    with lives.copied(template, folder / "a workspace") as workspace:
        rows = flowers()[list(COLUMNS)]
        made = LogisticRegression(max_iter=500).fit(rows, flowers()["species"])
        digest, size, names = dump_estimator(made, workspace)
        spec = lives.write_spec(workspace, "iris")
        record = candidate_record("iris", "0", object=digest, size=size, names=names)
        record = replace(
            record,
            features=tuple(Column(name=name, type="float64") for name in COLUMNS),
            task="classification",
            classes=(0, 1, 2),
            lineage=replace(record.lineage, spec=spec),
        )
        kept = open_ledger(workspace).record_candidate(record, actor=lives.ACTOR)
        sink = io.BytesIO()
        rows.head(10).to_parquet(sink)
        judged = evaluation(kept)
        number = register(kept, judged, sink.getvalue(), workspace, actor=lives.ACTOR).number
        lives.promote(workspace, number, "iris")
        running = start(workspace, Path(folder, "server.log"))
        yield running
        running.process.terminate()
        running.process.wait(60)


def test_the_guide_s_commands_answer(served_flowers: Running) -> None:
    assert len(COMMANDS) == 3
    said = []
    for command in COMMANDS:
        typed = command.replace("http://127.0.0.1:8080", served_flowers.address)
        assert typed != command
        typed = typed.replace("curl ", "curl -sS ", 1)
        ran = subprocess.run(["bash", "-c", typed], capture_output=True, check=True)
        said.append(orjson.loads(ran.stdout))
    metadata, columns, matrix = said
    assert [each["name"] for each in metadata["inputs"]] == list(COLUMNS)
    assert columns["id"] == "first"
    assert columns["outputs"] == matrix["outputs"]
    assert columns["outputs"][0]["data"] == [0, 2]
