"""What is written out for other servers is what was signed, and what they can answer rightly."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tenure.errors import (
    ArtifactRefused,
    ExportRefused,
    NoChampion,
    NotFitToServe,
    ObjectDamaged,
    VersionRetired,
)
from tenure.records import GateVerdict
from tenure.registry import dump_estimator, open_ledger, register
from tenure.registry.record import EXPORTED
from tenure.serving.exported import (
    ARTIFACT,
    NEEDS,
    SERVICE,
    SETTINGS,
    SIGNED,
    Exported,
)
from tenure.serving.exporting import export
from tenure.workspace import Workspace
from tests.unit.registry.lives import candidate_record, evaluation
from tests.unit.serving import lives
from tests.unit.serving.test_retired import retire

ACT = {"actor": lives.ACTOR}
WHY = {**ACT, "reason": "The shop runs KServe."}
# What MLServer's own models of these files take (mlserver/settings.py, mlserver/types).
SETTINGS_KEYS = {"name", "implementation", "platform", "versions", "parameters"} | {
    "inputs",
    "outputs",
}
PARAMETERS = {"uri", "version", "content_type", "extra"}
TENSOR = {"name", "datatype", "shape", "parameters"}


def written(workspace: Workspace, tmp_path: Path, **asked: Any) -> tuple[Exported, Path]:
    folder = tmp_path / "out"
    asked = {"model": "fraud", "number": None, **asked}
    made = export(folder=folder, workspace=workspace, **asked, **WHY)
    return made, folder


def test_the_folder_holds_the_signed_artifact_and_what_was_signed(
    living: Workspace, tmp_path: Path
) -> None:
    made, folder = written(living, tmp_path)
    assert sorted(each.name for each in folder.iterdir()) == sorted(made.files)
    assert set(made.files) == {ARTIFACT, SETTINGS, SERVICE, NEEDS, SIGNED}
    version = open_ledger(living).version("fraud", 1)
    assert hashlib.sha256((folder / ARTIFACT).read_bytes()).hexdigest() == version.object
    assert hashlib.sha256((folder / SIGNED).read_bytes()).hexdigest() == version.manifest
    assert not [each for each in tmp_path.iterdir() if each.name.startswith(".out")]


def test_the_settings_are_those_of_mlservers_runtime(living: Workspace, tmp_path: Path) -> None:
    _, folder = written(living, tmp_path, number=2)
    told = json.loads((folder / SETTINGS).read_text())
    assert told.keys() == SETTINGS_KEYS
    assert told["parameters"].keys() == PARAMETERS
    assert (told["name"], told["implementation"]) == ("fraud", "mlserver_sklearn.SKLearnModel")
    assert (told["parameters"]["version"], told["parameters"]["content_type"]) == ("2", "pd")
    assert (folder / told["parameters"]["uri"]).resolve() == folder / ARTIFACT
    inputs = [(each["name"], each["datatype"], each["parameters"]) for each in told["inputs"]]
    assert inputs == [
        ("amount", "FP64", {"content_type": "np"}),
        ("items", "INT64", {"content_type": "np"}),
        ("country", "BYTES", {"content_type": "str"}),
        ("is_new", "BOOL", {"content_type": "np"}),
    ]
    outputs = [(each["name"], each["datatype"], each["shape"]) for each in told["outputs"]]
    assert outputs == [("predict", "BYTES", [-1, 1]), ("predict_proba", "FP64", [-1, 2])]
    assert all(each.keys() <= TENSOR for each in told["inputs"] + told["outputs"])


def test_what_was_written_answers_as_signed_where_nothing_of_tenure_is(
    living: Workspace, tmp_path: Path
) -> None:
    _, folder = written(living, tmp_path)
    told = json.loads((folder / SETTINGS).read_text())
    names = [each["name"] for each in told["inputs"]]
    plain = pd.DataFrame({name: pd.Series([lives.ROW[name]], dtype="object") for name in names})
    plain = plain.astype({"amount": "float64", "items": "int64", "is_new": "bool"})
    loaded = joblib.load(folder / ARTIFACT)
    wanted = lives.classifier(0).predict_proba(plain)
    np.testing.assert_allclose(loaded.predict_proba(plain), wanted, atol=1e-12)


def test_the_service_names_protocol_runtime_and_place(living: Workspace, tmp_path: Path) -> None:
    _, folder = written(living, tmp_path, uri="s3://models/fraud/1")
    told = yaml.safe_load((folder / SERVICE).read_text())
    assert (told["apiVersion"], told["kind"]) == (
        "serving.kserve.io/v1beta1",
        "InferenceService",
    )
    assert told["metadata"]["name"] == "fraud"
    assert all(isinstance(each, str) for each in told["metadata"]["annotations"].values())
    assert told["spec"]["predictor"]["model"] == {
        "modelFormat": {"name": "sklearn"},
        "protocolVersion": "v2",
        "runtime": "kserve-mlserver",
        "storageUri": "s3://models/fraud/1",
    }


def test_the_releases_are_pinned(living: Workspace, tmp_path: Path) -> None:
    import sklearn

    _, folder = written(living, tmp_path)
    lines = (folder / NEEDS).read_text().splitlines()
    assert f"scikit-learn=={sklearn.__version__}" in lines
    assert all(re.fullmatch(r"[a-z-]+==\S+", line) for line in lines)


def test_an_export_is_on_record(living: Workspace, tmp_path: Path) -> None:
    made, folder = written(living, tmp_path)
    (row,) = open_ledger(living).happenings("fraud", [EXPORTED])
    assert (row.actor, row.reason, row.evidence) == (WHY["actor"], WHY["reason"], made.object)
    assert row.body == {"version": 1, "object": made.object, "folder": str(folder)}


def refused(workspace: Workspace, tmp_path: Path, kind: type[Exception], **asked: Any) -> str:
    with pytest.raises(kind) as found:
        written(workspace, tmp_path, **asked)
    assert not (tmp_path / "out").exists()
    assert [each for each in tmp_path.iterdir() if each.name.startswith(".out")] == []
    assert open_ledger(workspace).happenings("fraud", [EXPORTED]) == []
    return str(found.value)


def test_retired_unfit_and_missing_versions_are_refused(living: Workspace, tmp_path: Path) -> None:
    retire(living, successor=2)
    refused(living, tmp_path, VersionRetired, model="price", number=1)
    refused(living, tmp_path, NoChampion, model="digits")
    rejected = open_ledger(living).record_candidate(_candidate(living, lives.classifier(5)), **ACT)
    judged = evaluation(rejected, GateVerdict.LOSES)
    number = register(rejected, judged, lives.golden_rows(), living, **ACT).number
    refused(living, tmp_path, NotFitToServe, number=number)


def _candidate(workspace: Workspace, estimator: Any, *allow: str) -> Any:
    digest, size, names = dump_estimator(estimator, workspace, allow=allow)
    record = candidate_record("fraud", "another", object=digest, size=size, names=names)
    return replace(
        record,
        features=lives.FEATURES,
        task="classification",
        classes=tuple(estimator.classes_.tolist()),
    )


def test_a_changed_artifact_and_a_changed_signature_are_refused(
    living: Workspace, tmp_path: Path
) -> None:
    version = open_ledger(living).version("fraud", 1)
    for digest, kind in ((version.object, ObjectDamaged), (version.manifest, ObjectDamaged)):
        file = living.state / "store" / digest[:2] / digest
        whole = file.read_bytes()
        file.chmod(0o600)
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        refused(living, tmp_path, kind)
        file.write_bytes(whole)
    assert written(living, tmp_path)[0].version == 1


def test_a_folder_that_is_there_is_left_alone(living: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "mine").write_text("mine")
    with pytest.raises(ExportRefused, match="there already"):
        export("fraud", None, folder, living, **WHY)
    assert [each.name for each in folder.iterdir()] == ["mine"]
    with pytest.raises(ExportRefused, match="no folder"):
        export("fraud", None, tmp_path / "no" / "out", living, **WHY)


def test_columns_that_only_tenure_treats_are_refused(living: Workspace, tmp_path: Path) -> None:
    spec = lives.write_spec(living, "fraud", ", treat: {country: pseudonymise}")
    number = lives.register_version(living, "fraud", 7, spec=spec)
    assert "data.treat" in refused(living, tmp_path, ExportRefused, number=number)


def coded(rows: pd.DataFrame) -> pd.DataFrame:
    """A step of somebody's own that works on pandas' categories alone."""
    return rows.assign(country=rows["country"].cat.codes)


OWN = "tests.unit.serving.test_exporting.coded"


def test_an_estimator_that_needs_pandas_categories_is_refused(
    living: Workspace, tmp_path: Path
) -> None:
    rows = lives.frame()
    last = LogisticRegression(max_iter=1_000)
    fit = make_pipeline(FunctionTransformer(coded), last).fit(rows, lives.target(rows) > 200)
    lives.write_spec(living, "fraud")
    file = living.models_folder / "fraud.yaml"
    pipeline = '"examples.iris:make_pipeline"'
    file.write_text(file.read_text().replace(pipeline, f"{pipeline}, allow: [{OWN}]"))
    kept = open_ledger(living).record_candidate(_candidate(living, fit, OWN), **ACT)
    number = register(kept, evaluation(kept), lives.golden_rows(), living, **ACT).number
    assert "raised AttributeError" in refused(living, tmp_path, ExportRefused, number=number)


def test_a_signature_that_nobody_trusts_is_refused(living: Workspace, tmp_path: Path) -> None:
    for file in living.key_folder.glob("*.pub.json"):
        file.unlink()
    assert "not among the trusted keys" in refused(living, tmp_path, ArtifactRefused)
