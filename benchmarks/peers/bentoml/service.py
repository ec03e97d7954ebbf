"""What BentoML serves: one frame in, probabilities out."""

import os

import bentoml
import joblib
import numpy as np
import pandas as pd

IS_BATCHING = os.environ.get("BENCH_MODE") == "batching"


@bentoml.service(metrics={"enabled": False}, logging={"access": {"enabled": False}}, workers=1)
class Model:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    @bentoml.api(batchable=IS_BATCHING, max_batch_size=2000, max_latency_ms=1000)
    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(rows)
