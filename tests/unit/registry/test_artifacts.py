from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from tenure.errors import (
    ArtifactRefused,
    GlobalNotAllowed,
    GoldenMismatch,
    NoStandby,
    NotFitToServe,
    ObjectDamaged,
    ObjectMissing,
    StaleEpoch,
    VersionNotFound,
)
from tenure.records import GateVerdict, canonical, to_json
from tenure.registry import (
    deploy,
    dump_estimator,
    load_candidate,
    load_version,
    manifests,
    open_ledger,
    open_store,
    register,
    rollback,
)
from tenure.registry.manifests import get_manifest, put_manifest
from tenure.registry.store import FolderShelf
from tenure.workspace import Workspace
from tests.unit.registry import lives


def path_of(workspace: Workspace, digest: str) -> Path:
    shelf = open_store(workspace).shelf
    assert isinstance(shelf, FolderShelf)
    return shelf.path(digest)


def overwrite(workspace: Workspace, digest: str, data: bytes) -> None:
    os.chmod(path_of(workspace, digest), 0o600)
    path_of(workspace, digest).write_bytes(data)


def point(workspace: Workspace, number: int, **columns: Any) -> None:
    """Edit a version's row behind the ledger's back."""
    with open_ledger(workspace).database.writing() as write:
        for name, value in columns.items():
            write.connection.exec_driver_sql(
                f"UPDATE versions SET {name} = ? WHERE number = ?", (value, number)
            )


def office(workspace: Workspace, number: int, **extra: Any) -> Any:
    return deploy("fraud", number, workspace, actor=lives.PERSON, reason="It is better.", **extra)


def test_a_version_loads_with_the_same_predictions(workspace: Workspace) -> None:
    made = lives.fitted(1)
    fit = lives.candidate(workspace, estimator=made)
    again = load_candidate(fit, workspace)
    version = lives.version(workspace, estimator=made)
    loaded = load_version("fraud", version.number, workspace)
    rows = lives.rows()
    for estimator in (again, loaded.estimator):
        assert np.array_equal(estimator.predict_proba(rows), made.predict_proba(rows))
    manifest = loaded.manifest
    assert (manifest.model, manifest.version) == ("fraud", 1)
    assert manifest.names == fit.globals
    assert manifest.features == lives.FEATURES
    assert manifest.golden["predict"] == made.predict(lives.rows(10)).tolist()


def test_registering_twice_is_one_version_and_one_number(workspace: Workspace) -> None:
    fit = lives.candidate(workspace)
    details = open_store(workspace).put_json({})
    first, second = (
        register(
            fit,
            lives.evaluation(fit, details=details),
            lives.golden_rows(),
            workspace,
            actor=lives.ROBOT,
        )
        for _ in range(2)
    )
    assert first == second
    assert len(open_ledger(workspace).versions("fraud")) == 1


def test_the_same_bytes_may_become_two_versions(workspace: Workspace) -> None:
    made = lives.fitted()
    one = lives.version(workspace, seed=1, estimator=made)
    two = lives.version(workspace, seed=2, estimator=made)
    assert one.object == two.object
    assert (one.number, two.number) == (1, 2)
    assert lives.damage(workspace) == []


@pytest.mark.parametrize("spoil", ["cut", "flip", "swap", "gone"])
def test_a_spoiled_artifact_is_refused_and_the_champion_stays(
    workspace: Workspace, spoil: str
) -> None:
    lives.version(workspace, seed=1)
    bad = lives.version(workspace, seed=2)
    office(workspace, 1)
    data = bytearray(open_store(workspace).get_bytes(bad.object))
    match spoil:
        case "cut":
            overwrite(workspace, bad.object, bytes(data[:-20]))
        case "flip":
            data[len(data) // 2] ^= 1
            overwrite(workspace, bad.object, bytes(data))
        case "swap":
            overwrite(workspace, bad.object, bytes(len(data)))
        case "gone":
            path_of(workspace, bad.object).unlink()
    error = ObjectMissing if spoil == "gone" else ObjectDamaged
    with pytest.raises(error):
        load_version("fraud", 2, workspace)
    with pytest.raises(error):
        office(workspace, 2)
    ledger = open_ledger(workspace)
    assert ledger.slot("fraud").version == 1
    assert ledger.audit()[-1].kind == "verify_failed"
    assert ledger.audit()[-1].body == {"version": 2, "refused_as": error.__name__}
    assert any("version 2" in one for one in lives.damage(workspace))


@pytest.mark.parametrize("other", ["version", "model"])
def test_a_good_signature_of_another_version_is_refused(workspace: Workspace, other: str) -> None:
    lives.version(workspace, seed=1)
    model = "bikes" if other == "model" else "fraud"
    donor = lives.version(workspace, model=model, seed=2)
    point(workspace, 1, manifest=donor.manifest)
    with pytest.raises(ArtifactRefused, match="its manifest says"):
        load_version("fraud", 1, workspace)


def test_a_whole_row_replayed_under_another_number_is_refused(workspace: Workspace) -> None:
    lives.version(workspace, seed=1)
    donor = lives.version(workspace, seed=2)
    point(
        workspace,
        1,
        manifest=donor.manifest,
        object=donor.object,
        size=donor.size,
        evaluation=donor.evaluation,
    )
    with pytest.raises(ArtifactRefused, match="its manifest says version 2, the ledger 1"):
        load_version("fraud", 1, workspace)


def resigned(workspace: Workspace, **changes: Any) -> None:
    """Give version 1 another manifest, signed by the workspace's own key."""
    store, version = open_store(workspace), open_ledger(workspace).version("fraud", 1)
    manifest = get_manifest(version.manifest, store, workspace, "a test")
    point(workspace, 1, manifest=put_manifest(replace(manifest, **changes), store, workspace))


def test_an_unsigned_or_wrongly_signed_manifest_is_refused(workspace: Workspace) -> None:
    version = lives.version(workspace)
    store = open_store(workspace)
    envelope = orjson.loads(store.get_bytes(version.manifest))
    manifest = get_manifest(version.manifest, store, workspace, "a test")
    forged = replace(manifest, names=())
    import base64

    payload = base64.b64encode(canonical(to_json(forged))).decode()
    for content in (
        {**envelope, "signatures": []},
        {**envelope, "payload": payload},
        {"payload": payload},
        to_json(manifest),
        {**envelope, "signatures": [{**envelope["signatures"][0], "sig": ""}]},
    ):
        point(workspace, 1, manifest=store.put_json(content))
        with pytest.raises(ArtifactRefused, match=r"not signed|does not fit"):
            load_version("fraud", 1, workspace)


@pytest.mark.parametrize("why", ["unknown", "over", "revoked"])
def test_a_key_that_is_not_trusted_signs_nothing(workspace: Workspace, why: str) -> None:
    lives.version(workspace)
    load_version("fraud", 1, workspace)
    (public,) = workspace.key_folder.glob("*.pub.json")
    known = orjson.loads(public.read_bytes())
    match why:
        case "unknown":
            public.rename(public.with_suffix(".aside"))
        case "over":
            public.write_bytes(orjson.dumps({**known, "not_after": "2026-01-01T00:00:00+00:00"}))
        case "revoked":
            public.write_bytes(orjson.dumps({**known, "revoked": True}))
    with pytest.raises(ArtifactRefused, match=r"trusted|ended on|revoked"):
        office(workspace, 1)
    assert open_ledger(workspace).slot("fraud") is None
    assert open_ledger(workspace).audit()[-1].kind == "verify_failed"


def test_keys_are_ours_alone(workspace: Workspace) -> None:
    lives.version(workspace)
    (private,) = (file for file in workspace.key_folder.glob("signing.json"))
    assert private.stat().st_mode & 0o777 == 0o600
    assert workspace.key_folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("library", manifests.BOUND_LIBRARIES)
def test_an_artifact_of_another_release_is_refused(workspace: Workspace, library: str) -> None:
    lives.version(workspace)
    resigned(workspace, libraries={**manifests.library_versions(), library: "1.0.0"})
    with pytest.raises(ArtifactRefused, match=rf"made with {library} 1\.0\.0"):
        load_version("fraud", 1, workspace)


def test_a_bomb_in_a_signed_artifact_is_refused(workspace: Workspace) -> None:
    import zlib

    from tests.unit.registry import hostile

    lives.version(workspace)
    store = open_store(workspace)
    digest = store.put_bytes(zlib.compress(hostile.dumped(np.zeros(3_000_000))))
    size = store.size(digest)
    point(workspace, 1, object=digest, size=size)
    resigned(workspace, object=digest, size=size, unpacked_size=size)
    with pytest.raises(ArtifactRefused, match=r"larger than the whole|unpacks to more"):
        load_version("fraud", 1, workspace)


def test_other_golden_predictions_refuse_the_slot(workspace: Workspace) -> None:
    lives.version(workspace, seed=1)
    golden = load_version("fraud", 1, workspace).manifest.golden
    close = [[value * (1 + 1e-12) for value in row] for row in golden["predict_proba"]]
    resigned(workspace, golden={**golden, "predict_proba": close})
    assert office(workspace, 1).epoch == 1
    away = [[value + 1e-6 for value in row] for row in golden["predict_proba"]]
    resigned(workspace, golden={**golden, "predict_proba": away})
    lives.version(workspace, seed=2)
    office(workspace, 2)
    with pytest.raises(GoldenMismatch, match="predict_proba differs in 20 of 20"):
        office(workspace, 1)
    assert open_ledger(workspace).slot("fraud").version == 2


def test_what_cannot_be_pickled_or_is_not_allowed_is_not_kept(workspace: Workspace) -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    with pytest.raises(ArtifactRefused, match="cannot be pickled"):
        dump_estimator(make_pipeline(FunctionTransformer(lambda x: x)), workspace)
    own = make_pipeline(FunctionTransformer(lives.labels))
    with pytest.raises(GlobalNotAllowed):
        dump_estimator(own, workspace)
    assert list(open_store(workspace).digests()) == []
    _, _, names = dump_estimator(own, workspace, allow=["tests.unit.registry.lives.labels"])
    assert "tests.unit.registry.lives.labels" in names


SPEC = """
name: fraud
owner: ann@bank.example
data: {{source: data, target: y}}
training: {{pipeline: "mine:make", allow: [{allow}]}}
"""

CODE = """
def doubled(frame):
    return frame * 2

def make():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer
    return make_pipeline(FunctionTransformer(doubled), LogisticRegression())
"""


def test_own_code_travels_by_name_and_source(workspace: Workspace) -> None:
    from tenure.spec import build_pipeline, load_spec

    (workspace.root / "mine.py").write_text(CODE)
    spec = workspace.models_folder / "fraud.yaml"
    spec.write_text(SPEC.format(allow="mine.doubled"))
    made = build_pipeline(load_spec("fraud", workspace), workspace)
    rows = lives.rows()
    made.fit(rows, lives.labels(rows))
    digest, size, names = dump_estimator(made, workspace, allow=["mine.doubled"])
    record = lives.candidate_record("fraud", "own", object=digest, size=size, names=names)
    fit = open_ledger(workspace).record_candidate(record, actor=lives.ROBOT)
    assert load_candidate(fit, workspace).predict(rows).shape == (60,)
    judged = lives.evaluation(fit, details=open_store(workspace).put_json({}))
    spec.write_text(SPEC.format(allow=""))
    for refused in (
        lambda: load_candidate(fit, workspace),
        lambda: register(fit, judged, lives.golden_rows(), workspace, actor=lives.ROBOT),
    ):
        with pytest.raises(GlobalNotAllowed, match=r"mine\.doubled"):
            refused()
    spec.write_text(SPEC.format(allow="mine.doubled"))
    register(fit, judged, lives.golden_rows(), workspace, actor=lives.ROBOT)
    spec.unlink()
    loaded = load_version("fraud", 1, workspace)
    assert list(loaded.manifest.user_names) == ["mine.doubled"]
    _replace_code(workspace, CODE.replace("* 2", "* -3"))
    with pytest.raises(GoldenMismatch):
        load_version("fraud", 1, workspace)
    _replace_code(workspace, CODE.replace("frame * 2", "2 * frame"))
    load_version("fraud", 1, workspace)


def _replace_code(workspace: Workspace, code: str) -> None:
    import sys

    sys.modules.pop("mine", None)
    (workspace.root / "mine.py").write_text(code)
    os.utime(workspace.root / "mine.py", (0, len(code)))


def test_deploying_what_serves_does_nothing(workspace: Workspace) -> None:
    lives.version(workspace)
    first = office(workspace, 1)
    head = open_ledger(workspace).head()
    assert office(workspace, 1) == first
    assert open_ledger(workspace).head() == head
    with pytest.raises(StaleEpoch):
        office(workspace, 1, expected_epoch=0)


def test_deploying_what_may_not_serve_is_refused_and_on_record(workspace: Workspace) -> None:
    lives.version(workspace, verdict=GateVerdict.TIES)
    with pytest.raises(NotFitToServe):
        office(workspace, 1)
    with pytest.raises(VersionNotFound):
        office(workspace, 9)
    assert open_ledger(workspace).audit()[-1].kind == "promotion_refused"


def test_rolling_back_walks_to_who_served_before(workspace: Workspace) -> None:
    with pytest.raises(NoStandby):
        rollback("fraud", workspace, actor=lives.PERSON, reason="A bad night.")
    for seed in (1, 2, 3):
        lives.version(workspace, seed=seed)
        office(workspace, seed)
    said = {"actor": lives.PERSON, "reason": "A bad night."}
    assert rollback("fraud", workspace, **said).version == 2
    assert rollback("fraud", workspace, **said).version == 3
    assert rollback("fraud", workspace, to=1, **said).version == 1
    assert [one.number for one in open_ledger(workspace).standby("fraud")] == [3, 2]
    assert lives.damage(workspace) == []


def test_rolling_back_to_bytes_that_are_gone_is_refused(workspace: Workspace) -> None:
    for seed in (1, 2):
        lives.version(workspace, seed=seed)
        office(workspace, seed)
    path_of(workspace, open_ledger(workspace).version("fraud", 1).object).unlink()
    with pytest.raises(ObjectMissing):
        rollback("fraud", workspace, actor=lives.PERSON, reason="A bad night.")
    assert open_ledger(workspace).slot("fraud").version == 2
