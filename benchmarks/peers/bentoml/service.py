"""What BentoML serves: one frame in, probabilities out."""

import os

import bentoml
import joblib
import pandas as pd

IS_BATCHING = os.environ.get("BENCH_MODE") == "batching"


@bentoml.service(metrics={"enabled": False}, logging={"access": {"enabled": False}}, workers=1)
class Model:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["BENCH_MODEL"])

    @bentoml.api(batchable=IS_BATCHING, max_batch_size=2000, max_latency_ms=1000)
    def predict(self, rows: list[dict]) -> list[list[float]]:
        # Its batches of frames cannot be joined (sizes are tuples to it); lists can.
        return self.model.predict_proba(pd.DataFrame(rows)).tolist()
