"""The prediction log: what was asked, what was answered, by which version."""

from __future__ import annotations

from tenure.predictions.feedback import carry_feedback, read_feedback
from tenure.predictions.log import Carried, carry, log_folder, read, spool_folder
from tenure.predictions.schema import Answered, LoggedVersion, RowIds
from tenure.predictions.writer import LogLimits, PredictionLog

__all__ = [
    "Answered",
    "Carried",
    "LogLimits",
    "LoggedVersion",
    "PredictionLog",
    "RowIds",
    "carry",
    "carry_feedback",
    "log_folder",
    "read",
    "read_feedback",
    "spool_folder",
]
