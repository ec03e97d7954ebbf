"""Which models have a spec? No file is read to say so."""

from __future__ import annotations

from pathlib import Path

from tenure.workspace import Workspace


def spec_files(workspace: Workspace) -> list[Path]:
    """Return the files of config/models/, by name."""
    folder = workspace.models_folder
    return sorted(
        file
        for file in (folder.iterdir() if folder.is_dir() else ())
        if file.suffix in (".yaml", ".yml") and not file.name.startswith((".", "_"))
    )


def model_names(workspace: Workspace) -> list[str]:
    """Return the names of the models that have a spec, sorted."""
    return sorted(file.stem for file in spec_files(workspace) if file.suffix == ".yaml")
