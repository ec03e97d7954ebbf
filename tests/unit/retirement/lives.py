"""A model with data, a champion and a fallback, for the tests of retirement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from tenure import evaluation, retirement
from tenure.records import Case, CaseState, GateVerdict, Version
from tenure.registry import deploy, open_ledger, register
from tenure.workspace import Workspace
from tests.unit.registry.lives import damage
from tests.unit.training.houses import ACTOR, House, rows

ROBOT = "automation:test"


class Office(House):
    """A model's data and its versions in office."""

    def also(self, **sections: Any) -> None:
        """Add sections to the spec that is written: `deployment`, `retirement` and so on."""
        self.spec |= sections
        file = self.workspace.models_folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump(self.spec))

    def furnish(self, pipeline: str = "logistic", count: int = 400, **sections: Any) -> Version:
        """Train, promote and register the fallback of a first version; return that fallback."""
        also = {name: sections.pop(name) for name in list(sections) if name in ALSO}
        self.write(pipeline, **sections)
        self.also(**also)
        self.add(rows(count, task=TASKS.get(pipeline, "binary")))
        judged, serving = self.full_night()
        assert serving == 1, judged.reason
        return self.fall_back(1)

    def fall_back(self, number: int) -> Any:
        """Register the fallback for a version."""
        return retirement.register_fallback(self.name, number, self.workspace, actor=ACTOR)

    def retire(self, *, actor: str = ROBOT, **asked: Any) -> Case:
        """Open a case by automation and carry it out."""
        case = self.open(actor=actor, **asked)
        assert case.state is CaseState.OPEN
        return retirement.carry_out(case, self.workspace, actor=actor)

    def open(self, *, actor: str = ROBOT, **asked: Any) -> Case:
        """Open a case."""
        asked = {"to_fallback": "successor" not in asked, "reason": "It is bad.", **asked}
        return retirement.open_retirement(self.name, actor=actor, workspace=self.workspace, **asked)

    @property
    def ledger(self) -> Any:
        return open_ledger(self.workspace)

    def second(self, seed: int = 1) -> int:
        """Train on one more batch and put that version into office; return its number."""
        self.add(rows(400, seed=seed))
        judged = self.night()
        candidate = self.ledger.candidate(judged.candidate)
        golden = evaluation.golden_rows(candidate, self.workspace)
        won = replace(judged, verdict=GateVerdict.WINS, promotes=True)
        made = register(candidate, won, golden, self.workspace, actor=ACTOR)
        deploy(self.name, made.number, self.workspace, actor=ACTOR, reason="Newer data.")
        return made.number


ALSO = ("deployment", "retirement", "decisions", "monitoring", "tier")
TASKS = {"line": "number", "trees": "number"}


def loss(workspace: Workspace) -> list[str]:
    """Return what `verify` calls damage, without the report that these batches never had."""
    return [each for each in damage(workspace) if "1" * 64 not in each]
