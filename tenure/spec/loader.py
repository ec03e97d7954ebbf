"""Which models does a workspace have, and what do their specs say?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from tenure.errors import ModelNotFound
from tenure.spec.document import Document, read_document
from tenure.spec.mistakes import Mistake, bad_spec, nearest
from tenure.spec.model import ModelSpec
from tenure.spec.names import model_names, spec_files
from tenure.spec.rules import note_conflicts
from tenure.spec.wording import note_errors
from tenure.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What stands in one spec's file: the spec, where it could be read, and all mistakes."""

    name: str
    spec: ModelSpec | None
    document: Document
    mistakes: tuple[Mistake, ...]


def read_spec(file: Path, workspace: Workspace) -> Reading:
    """Read one file whole; mistakes are returned, never raised."""
    document = read_document(file, _shown(file, workspace))
    spec = None
    if not document.mistakes:
        spec = _validated(document, file)
    if spec is not None:
        note_conflicts(spec, document, workspace)
    if spec is not None and spec.expectations is not None:
        suite = workspace.expectations_folder / f"{spec.expectations}.yaml"
        if suite.is_file():
            spec = spec.with_suite(read_document(suite, suite.name).value)
    mistakes = tuple(document.mistakes)
    return Reading(
        name=file.stem,
        spec=None if any(not mistake.warning for mistake in mistakes) else spec,
        document=document,
        mistakes=mistakes,
    )


def load_spec(model: str, workspace: Workspace) -> ModelSpec:
    """Return the spec of one model; mistakes in other models' specs do not matter.

    Raises:
        ModelNotFound: there is no config/models/MODEL.yaml.
        BadSpec: with every mistake in the file.
    """
    known = model_names(workspace)
    if model not in known:
        near = nearest(model, known)
        raise ModelNotFound(
            model=model, known=(", ".join(known) or "none") + (f" ({near})" if near else "")
        )
    reading = read_spec(workspace.models_folder / f"{model}.yaml", workspace)
    if reading.spec is None:
        raise bad_spec([mistake for mistake in reading.mistakes if not mistake.warning])
    return reading.spec


def read_all(workspace: Workspace) -> list[Reading]:
    """Read every spec, the bad ones too."""
    return [read_spec(file, workspace) for file in spec_files(workspace)]


def load_all(workspace: Workspace) -> list[ModelSpec]:
    """Return every spec, by name.

    Raises:
        BadSpec: with every mistake of all specs.
    """
    readings = read_all(workspace)
    wrong = [one for reading in readings for one in reading.mistakes if not one.warning]
    if wrong:
        raise bad_spec(wrong)
    return [reading.spec for reading in readings if reading.spec is not None]


def _shown(file: Path, workspace: Workspace) -> str:
    try:
        return file.relative_to(workspace.root).as_posix()
    except ValueError:
        return str(file)


def _validated(document: Document, file: Path) -> ModelSpec | None:
    if not isinstance(document.value, dict):
        got = "an empty file" if document.value is None else "no mapping"
        document.mistake((), got, "keys and values, beginning with 'name: …'")
        return None
    if file.suffix == ".yml":
        document.mistake((), "the ending '.yml'", f"'{file.stem}.yaml'")
    try:
        spec = ModelSpec.model_validate_json(orjson.dumps(_plain(document.value)), strict=True)
    except ValidationError as error:
        note_errors(error, document)
        return None
    if spec.name != file.stem:
        document.mistake(("name",), repr(spec.name), f"'{file.stem}', as the file is called")
    training: Any = document.value["training"]
    return spec.model_copy(
        update={
            # JSON would have made texts of keys that are numbers ({0: 1.0, 1: 5.0}).
            "training": spec.training.model_copy(
                update={"parameters": training.get("parameters") or {}}
            )
        }
    )


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
        case _:
            return value
