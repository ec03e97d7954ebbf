"""What does a version look like to other servers: MLServer, Seldon, KServe?

A folder with the artifact, `model-settings.json` as MLServer's scikit-learn runtime reads it, an
InferenceService that names this runtime, the releases that the artifact is bound to, and the
signed manifest. Other servers load it by `joblib.load`: no signature, no allowlist, no guards, no
log. So what they could not answer rightly is not exported, and each export stands in the record.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tenure.errors import ArtifactRefused, ExportRefused, NoChampion, NotFitToServe, VersionRetired
from tenure.records import Column, Stage, Version
from tenure.registry import load_version, open_ledger, open_store
from tenure.registry.agreement import must_agree
from tenure.registry.artifacts import check_manifest, named
from tenure.registry.frames import cast
from tenure.registry.manifests import Manifest
from tenure.registry.record import EXPORTED
from tenure.registry.store import Store
from tenure.serving.exported import (
    ARTIFACT,
    NEEDS,
    SERVICE,
    SETTINGS,
    SIGNED,
    Exported,
)
from tenure.serving.oip.datatypes import datatype_of, datatype_of_labels
from tenure.serving.oip.metadata import PREDICT, PROBABILITIES
from tenure.serving.planning import is_treated
from tenure.serving.router import GONE
from tenure.serving.rules import rules_of

if TYPE_CHECKING:
    import pandas as pd

    from tenure.workspace import Workspace

_RUNTIME = "mlserver_sklearn.SKLearnModel"
_FIT = (Stage.VALIDATED, Stage.DEPRECATED)


def export(
    model: str,
    number: int | None,
    folder: Path,
    workspace: Workspace,
    *,
    actor: str,
    reason: str,
    uri: str | None = None,
) -> Exported:
    """Write a version out for other servers, and put that on record.

    Args:
        model: its name.
        number: of the version, the champion if None.
        folder: a new one; it appears whole or not at all.
        workspace: whose store and ledger.
        actor: who wants it.
        reason: why.
        uri: where a cluster will find the folder's content; `pvc://models/MODEL/VERSION` if None.

    Raises:
        VersionNotFound, NoChampion: there is no such version.
        VersionRetired, NotFitToServe: it may not serve.
        ExportRefused: the folder is there, or others would answer other than this server does.
        ArtifactRefused, ObjectMissing, ObjectDamaged: it is not what was signed.
    """
    version = _version(model, number, workspace)
    target = _new(folder, version)
    store = open_store(workspace)
    manifest = check_manifest(version, store, workspace)
    _must_answer_alike(version, manifest, workspace)
    files = _files(version, manifest, store, uri)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    try:
        fresh.chmod(0o755)
        for name, content in files.items():
            _write(fresh / name, content)
        # On record before it can be used: an export that nobody knows of is what must not be.
        body = {"version": version.number, "object": manifest.object, "folder": str(target)}
        open_ledger(workspace).note(
            EXPORTED, model=model, actor=actor, reason=reason, evidence=manifest.object, body=body
        )
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return Exported(
        model=model,
        version=version.number,
        folder=str(target),
        files=tuple(files),
        object=manifest.object,
        own_code=tuple(manifest.user_names),
    )


def _new(folder: Path, version: Version) -> Path:
    target = Path(os.path.abspath(folder))
    if target.exists():
        raise _refused(version, f"{target} is there already; wanted a new folder")
    if not target.parent.is_dir():
        raise _refused(version, f"there is no folder {target.parent}")
    return target


def _files(version: Version, manifest: Manifest, store: Store, uri: str | None) -> dict[str, bytes]:
    where = uri or f"pvc://models/{version.model}/{version.number}"
    return {
        ARTIFACT: store.get_bytes(manifest.object, manifest.size),
        SETTINGS: orjson.dumps(settings_of(version, manifest), option=orjson.OPT_INDENT_2) + b"\n",
        SERVICE: _yaml(service_of(version, where)),
        NEEDS: _needs(manifest),
        SIGNED: store.get_bytes(version.manifest),
    }


def _version(model: str, number: int | None, workspace: Workspace) -> Version:
    ledger = open_ledger(workspace)
    if number is None:
        slot = ledger.slot(model)
        if slot is None or slot.version is None:
            raise NoChampion(model=model)
        number = slot.version
    version = ledger.version(model, number)
    if version.stage in GONE:
        raise VersionRetired(model=model, version=number, stage=version.stage.value)
    if version.stage not in _FIT:
        raise NotFitToServe(model=model, version=number, stage=version.stage.value)
    return version


def _must_answer_alike(version: Version, manifest: Manifest, workspace: Workspace) -> None:
    """Refuse what another server would answer otherwise than it was signed.

    Other servers make columns of a request as they come, untreated and without the categories that
    the version was trained on: the golden rows are asked like that.
    """
    import io

    import pandas as pd

    if is_treated(rules_of(version, workspace), manifest.features):
        detail = "its columns are treated on the way in (`data.treat`), which only Tenure does"
        raise _refused(version, detail)
    estimator = load_version(version.model, version.number, workspace).estimator
    golden = pd.read_parquet(io.BytesIO(open_store(workspace).get_bytes(manifest.golden_rows)))
    rows = _plain(cast(golden, manifest.features), manifest.features)
    try:
        found = {name: getattr(estimator, name)(rows).tolist() for name in manifest.golden}
        must_agree(found, manifest.golden, tolerance=manifest.tolerance, what=named(version))
    except ArtifactRefused:
        detail = "it answers its golden rows otherwise on columns without pandas' categories"
        raise _refused(version, detail) from None
    except Exception as error:
        detail = f"it raised {type(error).__name__} on columns without pandas' categories"
        raise _refused(version, detail) from error


def _plain(rows: pd.DataFrame, features: tuple[Column, ...]) -> pd.DataFrame:
    # MLServer's `pd` codec makes a series of the list of texts, whatever type that gets here.
    import pandas as pd

    plain = rows.copy()
    for column in features:
        if column.type == "category":
            texts = [None if pd.isna(each) else str(each) for each in rows[column.name]]
            plain[column.name] = pd.Series(texts, index=rows.index)
    return plain


def settings_of(version: Version, manifest: Manifest) -> dict[str, Any]:
    """Return `model-settings.json`, which MLServer (and Seldon, which runs it) reads.

    Columns are tensors, as this server's own metadata name them; `pd` makes a frame of them.
    """
    inputs = [
        {
            "name": column.name,
            "datatype": datatype_of(column),
            "shape": [-1, 1],
            "parameters": {"content_type": _content_type(column)},
        }
        for column in manifest.features
    ]
    outputs: list[dict[str, Any]] = [
        {"name": PREDICT, "datatype": datatype_of_labels(manifest.classes), "shape": [-1, 1]}
    ]
    if PROBABILITIES in manifest.golden:
        shape = [-1, len(manifest.classes)]
        outputs.append({"name": PROBABILITIES, "datatype": "FP64", "shape": shape})
    return {
        "name": version.model,
        "implementation": _RUNTIME,
        "platform": "sklearn",
        "versions": [f"{name}/{release}" for name, release in manifest.libraries.items()],
        "inputs": inputs,
        "outputs": outputs,
        "parameters": {
            "uri": f"./{ARTIFACT}",
            "version": str(version.number),
            "content_type": "pd",
            "extra": {"tenure": {"object": manifest.object, "manifest": version.manifest}},
        },
    }


def _content_type(column: Column) -> str:
    match column.type:
        case "datetime" | "date":
            return "datetime"
        case "string" | "category":
            return "str"
    return "np"


def service_of(version: Version, uri: str) -> dict[str, Any]:
    """Return the InferenceService (KServe, v1beta1) that serves an export by MLServer."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": version.model,
            "annotations": {
                "tenure.version": str(version.number),
                "tenure.object": version.object,
            },
        },
        "spec": {
            "predictor": {
                "model": {
                    "modelFormat": {"name": "sklearn"},
                    "protocolVersion": "v2",
                    "runtime": "kserve-mlserver",
                    "storageUri": uri,
                }
            }
        },
    }


def _yaml(content: dict[str, Any]) -> bytes:
    import yaml

    return yaml.safe_dump(content, sort_keys=False).encode()


def _needs(manifest: Manifest) -> bytes:
    lines = [f"{name}=={release}" for name, release in sorted(manifest.libraries.items())]
    if any(name.startswith("tenure.") for name in manifest.names):
        from importlib.metadata import version as release_of

        lines.append(f"tenure=={release_of('tenure')}")
    own = [f"# and your own {name}" for name in sorted(manifest.user_names)]
    return "\n".join([*lines, *own, ""]).encode()


def _write(file: Path, content: bytes) -> None:
    with open(file, "xb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())


def _refused(version: Version, detail: str) -> ExportRefused:
    return ExportRefused(model=version.model, version=version.number, detail=detail)
