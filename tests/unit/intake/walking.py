"""A model with a source folder, for tests that walk files from arrival to admission."""

from __future__ import annotations

import os
import time
from pathlib import Path

import yaml

from tenure import intake, validation
from tenure.records import BatchState
from tenure.registry import open_ledger, open_store
from tenure.registry.frames import read_frames


class Model:
    """A model with a source folder; files dropped there walk the whole way."""

    def __init__(self, workspace, name="m"):
        self.workspace = workspace
        self.name = name
        self.source = workspace.root / "in"
        self.source.mkdir(exist_ok=True)
        self.data = {"source": "in", "target": "y"}
        self.expectations = None
        self.write()

    def write(self, **data):
        """Write the spec; data=None takes a key away."""
        self.data |= data
        spec = {
            "name": self.name,
            "owner": "ann@bank.example",
            "data": {key: value for key, value in self.data.items() if value is not None},
            "training": {"pipeline": "pipelines:make"},
        }
        if self.expectations is not None:
            spec["expectations"] = self.expectations
        file = self.workspace.models_folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump(spec, sort_keys=False), encoding="utf-8")
        return self

    def suite(self, *rules, name="suite"):
        """Write a suite and name it in the spec."""
        file = self.workspace.expectations_folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"expectations": list(rules)}), encoding="utf-8")
        self.expectations = name
        return self.write()

    def drop(self, name, content):
        """Put a file into the source, as one that has rested."""
        file = self.source / name
        data = content.encode() if isinstance(content, str) else content
        file.write_bytes(data)
        rested = time.time() - 60
        os.utime(file, (rested, rested))
        return file

    def receive(self, name):
        return intake.receive(self.name, name, self.workspace, actor="system:test")

    def stage(self, name, content):
        self.drop(name, content)
        return intake.stage(self.receive(name), self.workspace)

    def judge(self, name, content):
        return validation.validate(self.stage(name, content), self.workspace)

    def take(self, name, content):
        """Walk a file from arrival to admission; return its batch and report."""
        staged = self.stage(name, content)
        report = validation.validate(staged, self.workspace)
        return intake.admit(staged, report, self.workspace, actor="system:test"), report

    def kept_bytes(self):
        """Return every byte in the state folder, but for the keys."""
        files = (file for file in self.workspace.state.rglob("*") if file.is_file())
        keys = self.workspace.key_folder
        return b"\0".join(Path(file).read_bytes() for file in files if keys not in file.parents)

    def object(self, digest):
        return open_store(self.workspace).get_bytes(digest)


def kinds(report):
    """Return what a report says against a batch: kind and column of each failing finding."""
    return {
        (violation.kind.value, violation.column)
        for violation in report.violations
        if violation.outcome.value in ("fail", "unknown")
    }


def refused(model, content, name="bad.csv"):
    """Judge a file; show that it is in quarantine with its bytes and that nothing else changed."""
    batch, report = model.take(name, content)
    assert batch.state is BatchState.QUARANTINED
    assert batch.kept_object is not None
    assert batch.reason
    assert "\n" not in batch.reason
    assert open_ledger(model.workspace).snapshots("m") == []
    return report


def accepted(model, content, name="good.csv"):
    batch, report = model.take(name, content)
    assert batch.state is BatchState.ACCEPTED, batch.reason
    return read_frames("m", [batch.snapshot], model.workspace), report
