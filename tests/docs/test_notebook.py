"""Does the notebook of the first life run from its first cell to its last?"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

PROJECT = Path(__file__).parents[2]
NOTEBOOK = PROJECT / "docs" / "first-life.ipynb"


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel of this Python under a home of its own, and a server that is stopped at the end."""
    import json

    spec = tmp_path / "share" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"})
    )
    for name in [n for n in os.environ if n.startswith(("TENURE_", "PREFECT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    import tenure

    for folder in tmp_path.glob("first-life-*"):
        tenure.down(workspace=folder)


@pytest.mark.acceptance
@pytest.mark.usefixtures("kernel")
def test_the_first_life_runs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=400, resources={"metadata": {"path": str(PROJECT)}}).execute()
    said = [
        output.data["text/plain"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "execute_result"
    ]
    assert any("(1, (1, 0, 2, 1, 1))" in text for text in said)


def test_the_notebook_is_kept_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert [cell.id for cell in notebook.cells if cell.get("outputs")] == []
