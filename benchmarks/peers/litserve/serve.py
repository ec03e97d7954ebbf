"""Start LitServe on one fitted model; with batching, rows that arrive together go as one frame."""

import itertools
import sys
from pathlib import Path

import joblib
import litserve
import pandas as pd

folder, port, mode, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]


class Model(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(folder / f"{name}.joblib")

    def decode_request(self, request):
        return pd.DataFrame(request["columns"])

    def batch(self, inputs):
        self.sizes = [len(each) for each in inputs]
        return pd.concat(inputs, ignore_index=True)

    def predict(self, rows):
        return self.model.predict_proba(rows)

    def unbatch(self, output):
        ends = list(itertools.accumulate(self.sizes))
        return [output[end - size : end] for end, size in zip(ends, self.sizes, strict=True)]

    def encode_response(self, output):
        return {"predict_proba": output.tolist()}


if __name__ == "__main__":
    batching = {"max_batch_size": 64, "batch_timeout": 0.002} if mode == "batching" else {}
    server = litserve.LitServer(Model(**batching), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=port, log_level="error", generate_client_file=False)
