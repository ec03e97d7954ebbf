"""The handler that everyone writes first: a frame out of the body, and its probabilities."""

import sys

import fastapi
import joblib
import pandas as pd
import pydantic
import uvicorn

folder, port, name = sys.argv[1], int(sys.argv[2]), sys.argv[4]
app = fastapi.FastAPI()
model = joblib.load(f"{folder}/{name}.joblib")


class Ask(pydantic.BaseModel):
    columns: dict[str, list[float] | list[str]]


@app.post("/predict")
def predict(ask: Ask) -> dict:
    return {"predict_proba": model.predict_proba(pd.DataFrame(ask.columns)).tolist()}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)
