"""Answers as a server would have logged them, and what clients said of them later."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tenure.predictions import Answered, LoggedVersion, PredictionLog, spool_folder
from tenure.predictions.feedback import LABEL, FeedbackSpool, Said, feedback_spool
from tenure.records import Column, Slot
from tenure.workspace import Workspace

COLUMNS = (Column(name="a", type="float64"),)
DRAW = np.random.default_rng(3)


class Log:
    """Answers of two versions of a model with the classes 0 and 1."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.now_us = time.time_ns() // 1000
        self.made = 0

    def add(
        self,
        version: int,
        slot: Slot,
        epoch: int,
        *,
        count: int = 50,
        shift: float = 0.0,
        latency_ms: float = 2.0,
        rows: int = 1,
    ) -> None:
        """Log requests of some rows each, whose answers are drawn around a half."""
        draws = [np.clip(DRAW.normal(0.5 + shift, 0.1, rows), 0, 1) for _ in range(count)]
        self._write(version, slot, epoch, draws, latency_ms=latency_ms)

    def judge(
        self, version: int, slot: Slot, epoch: int, truth: np.ndarray, *, wrong: int = 0
    ) -> list[str]:
        """Log a request for each row of a truth of which the first ones are got wrong.

        Returns the ids.
        """
        said = truth.astype(float)
        said[:wrong] = 1 - said[:wrong]
        draws = [np.array([0.8 * each + 0.2 * DRAW.random()]) for each in said]
        before = self.made
        self._write(version, slot, epoch, draws)
        return [f"{number}-0" for number in range(before + 1, self.made + 1)]

    def _write(
        self,
        version: int,
        slot: Slot,
        epoch: int,
        draws: Sequence[np.ndarray],
        *,
        latency_ms: float = 2.0,
    ) -> None:
        of = LoggedVersion(model="fraud", version=version, inputs=COLUMNS, classes=(0, 1))
        log = PredictionLog(spool_folder(self.workspace))
        for shares in draws:
            self.made += 1
            log.append(
                Answered(
                    of=of,
                    epoch=epoch,
                    slot=slot.value,
                    at_us=self.now_us + self.made,
                    ids=[f"{self.made}-{row}" for row in range(len(shares))],
                    inputs={"a": shares.tolist()},
                    predictions=[int(share > 0.5) for share in shares],
                    probabilities=[[1 - share, share] for share in shares.tolist()],
                    latency_us=int(1000 * latency_ms),
                )
            )
        log.close()


def tell(workspace: Workspace, ids: Sequence[str], truth: Sequence[Any]) -> None:
    """Say what turned out to be true, as `POST ...:feedback` does."""
    spool = FeedbackSpool(feedback_spool(workspace))
    said = [
        Said(kind=LABEL, id=one, value=int(value)) for one, value in zip(ids, truth, strict=True)
    ]
    spool.put("fraud", said, key="").result(timeout=60)
    spool.close()
