"""The same work as a script without Tenure: read, split, fit, score, joblib.dump."""

from __future__ import annotations

import json
import resource
import sys

import joblib
import pandas as pd
from sklearn.metrics import average_precision_score
from sklearn.model_selection import train_test_split

from benchmarks.pipeline_recipe import CATEGORIES, SEED, SHARE, TARGET, make_pipeline


def work(rows: str, artifact: str) -> float:
    """Train on a Parquet file, keep the fitted pipeline, return its average precision."""
    frame = pd.read_parquet(rows)
    frame = frame.astype(dict.fromkeys(CATEGORIES, "category"))
    features, target = frame.drop(columns=TARGET), frame[TARGET]
    train, test, known, truth = train_test_split(
        features, target, test_size=SHARE, random_state=SEED, stratify=target
    )
    model = make_pipeline().fit(train, known)
    score = average_precision_score(truth, model.predict_proba(test)[:, 1])
    joblib.dump(model, artifact)
    return float(score)


if __name__ == "__main__":
    print(work(sys.argv[1], sys.argv[2]))
    print(json.dumps({"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
