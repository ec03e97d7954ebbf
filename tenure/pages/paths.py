"""Where does each page lie, under the pages folder and under `/pages/` of the server?"""

from __future__ import annotations

from tenure.notices.links import case_path

__all__ = ["INDEX", "batch_path", "case_path", "evaluation_path", "model_path"]

INDEX = "index.html"


def model_path(model: str) -> str:
    """Return the place of a model's page."""
    return f"{model}/index.html"


def batch_path(model: str, digest: str) -> str:
    """Return the place of the validation page of a batch."""
    return f"{model}/batches/{digest[:12]}.html"


def evaluation_path(model: str, number: int) -> str:
    """Return the place of a version's page."""
    return f"{model}/versions/{number}.html"
