"""The prediction server, and predictions without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenure.predictions.status import Acknowledgement, read_statuses, wait_until_serving
    from tenure.serving.batch.scoring import ScoreSummary, Standing, score
    from tenure.serving.building import build_app
    from tenure.serving.offline import predict_offline
    from tenure.serving.retention import keep_to_retention
    from tenure.serving.server import serve

__all__ = [
    "Acknowledgement",
    "ScoreSummary",
    "Standing",
    "build_app",
    "keep_to_retention",
    "predict_offline",
    "read_statuses",
    "score",
    "serve",
    "wait_until_serving",
]

_HOME = {
    "Acknowledgement": "tenure.predictions.status",
    "ScoreSummary": "tenure.serving.batch.scoring",
    "Standing": "tenure.serving.batch.scoring",
    "build_app": "building",
    "keep_to_retention": "retention",
    "predict_offline": "offline",
    "read_statuses": "tenure.predictions.status",
    "score": "tenure.serving.batch.scoring",
    "serve": "server",
    "wait_until_serving": "tenure.predictions.status",
}


def __getattr__(name: str) -> Any:
    # A flow that only waits for a server needs neither uvicorn nor scikit-learn.
    from importlib import import_module

    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME[name]
    return getattr(import_module(home if "." in home else f"{__name__}.{home}"), name)
