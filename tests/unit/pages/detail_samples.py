"""Details of evaluations as `tenure.evaluation.details` says, every section filled."""

from datetime import timedelta

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from tests.unit.pages.page_samples import NASTY, START


def details() -> dict:
    """Two classes, with every section filled as `tenure.evaluation.details` says."""
    return {
        "format": 1,
        "model": "fraud",
        "candidate": "c" * 64,
        "task": "classification",
        "target": "is_fraud",
        "classes": ["0", "1"],
        "positive": "1",
        "primary": "average_precision",
        "judged": _judged(),
        "metrics": _metrics(),
        "compared": [],
        "batches": [_batch(seq) for seq in (11, 13, 15, 17)],
        "recipes": [
            _recipe("14 days", 0.68, 0.04, False),
            _recipe("all", 0.71, 0.07, True),
        ],
        "slices": _slices(),
        "calibration": _calibration(),
        "curves": _curves(),
        "confusion": {"labels": ["0", "1"], "counts": [[7840, 62], [96, 216]], "shown": 2},
        "residuals": None,
        "importances": _importances(),
        "leakage": _leakage(),
        "agreement": _agreement(),
        "notes": ["Importances were computed on a sample of 5 000 rows."],
    }


def _judged() -> dict:
    return {
        "method": "progressive",
        "rows": 8214,
        "fitted_rows": 18_400,
        "positives": 312,
        "class_rows": [{"class": "0", "rows": 7902}, {"class": "1", "rows": 312}],
        "champion": 4,
        "compared_rows": 8214,
        "seen_by_champion": 0,
        "clusters": 2050,
        "clustered_by": "group 'customer'",
        "split": "The newest 4 batches, each predicted by the fit before it.",
        "start_at": START.isoformat(),
        "end_at": (START + timedelta(days=4)).isoformat(),
    }


def _metrics() -> list[dict]:
    return [
        _metric("average_precision", 0.71, 0.05, champion=0.64, baseline=0.04, floor=0.6),
        _metric("roc_auc", 0.953, 0.011, champion=0.931, baseline=0.5),
        _metric("accuracy", 0.981, 0.004, champion=0.976, baseline=0.962),
        _metric("f1", 0.67, 0.05, champion=0.61, baseline=0.0),
        _metric("brier", 0.016, 0.003, champion=0.019, baseline=0.036),
        _metric("log_loss", 0.071, 0.009, champion=0.083, baseline=0.161),
    ]


def _slices() -> list[dict]:
    return [
        _slice("merchant", "grocery", 4100, 0.74, 0.06, False, "pass"),
        _slice("merchant", "travel", 2300, 0.69, 0.07, False, "pass"),
        _slice("merchant", "electronics", 1773, 0.55, 0.08, False, "fail"),
        _slice("merchant", "jewellery", 41, 0.61, 0.3, True, "unknown"),
        _slice("customer_group", "student", 1200, 0.7, 0.09, False, "pass"),
        _slice("customer_group", "family", 5100, 0.72, 0.05, False, "pass"),
    ]


def _calibration() -> dict:
    return {
        "of": "class '1'",
        "bins": [
            {
                "low": p,
                "high": p + 0.1,
                "rows": 820,
                "predicted": p + 0.05,
                "observed": min(1.0, p + 0.02),
                "observed_low": max(0.0, p - 0.03),
                "observed_high": min(1.0, p + 0.08),
            }
            for p in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
        ],
        "expected_calibration_error": 0.021,
        "brier": 0.016,
        "reliability": 0.002,
        "resolution": 0.021,
        "uncertainty": 0.036,
    }


def _importances() -> dict:
    return {
        "metric": "average_precision",
        "repeats": 5,
        "rows": 5000,
        "rows_of": 8214,
        "features": [
            {"feature": "amount", "mean": 0.31, "deviation": 0.02, "share": 0.5},
            {"feature": "hour", "mean": 0.18, "deviation": 0.02, "share": 0.3},
            {"feature": "is_foreign", "mean": 0.09, "deviation": 0.01, "share": 0.15},
            {"feature": NASTY, "mean": -0.004, "deviation": 0.003, "share": 0.0},
        ],
    }


def _leakage() -> dict:
    return {
        "rows": 5000,
        "rows_of": 8214,
        "accepted": [],
        "findings": [
            {
                "kind": "strong_feature",
                "columns": ["amount"],
                "outcome": "warn",
                "accepted": False,
                "message": "'amount' alone reaches an AUC of 0.993.",
                "value": 0.993,
            }
        ],
    }


def _agreement() -> dict:
    return {
        "rows": 2050,
        "disagreement": 0.011,
        "usual": 0.014,
        "allowed": 0.042,
        "fits": 4,
        "newest_value": 0.73,
        "earlier_value": 0.7,
        "outcome": "pass",
    }


def _curves() -> dict:
    rng = np.random.default_rng(5)
    truth = rng.random(4000) < 0.06
    curves = {"roc": [], "precision_recall": []}
    for who, skill in (("candidate", 2.4), ("champion", 1.8)):
        score = rng.normal(size=4000) + skill * truth
        false, true, _ = roc_curve(truth, score)
        precision, recall, _ = precision_recall_curve(truth, score)
        thin = slice(None, None, max(1, len(recall) // 200))
        curves["roc"].append(
            {"who": who, "x": false.tolist(), "y": true.tolist(), "area": 0.9 + skill / 40}
        )
        curves["precision_recall"].append(
            {"who": who, "x": recall[thin].tolist(), "y": precision[thin].tolist(), "area": 0.64}
        )
    return curves


def _batch(seq: int) -> dict:
    return {
        "seq": seq,
        "snapshot": "5a" * 32,
        "rows": 2050,
        "start_at": None,
        "end_at": None,
        "candidate": 0.7 + 0.01 * seq % 3,
        "champion": 0.64 - 0.004 * seq,
    }


def _metric(name, value, half, **others) -> dict:
    floor = others.pop("floor", None)
    return {
        "name": name,
        "primary": name == "average_precision",
        "higher_is_better": name not in {"brier", "log_loss"},
        "value": value,
        "low": value - half,
        "high": value + half,
        "rows": 8214,
        "floor": floor,
        "floor_side": "at_least" if floor else None,
        **others,
    }


def _recipe(span, value, difference, chosen) -> dict:
    return {
        "recipe": "9" * 64,
        "span": span,
        "candidate": "c" * 64,
        "rows": 18_400,
        "batches": 4,
        "value": value,
        "difference": difference,
        "standard_error": 0.0225,
        "chosen": chosen,
    }


def _slice(column, value, rows, metric, half, unknown, outcome) -> dict:
    low, high = metric - half, min(1.0, metric + half)
    floor = {"metric": "average_precision", "at_least": 0.6, "at_most": None, "outcome": outcome}
    return {
        "column": column,
        "value": value,
        "rows": rows,
        "share": rows / 8214,
        "unknown": unknown,
        "metrics": [{"name": "average_precision", "value": metric, "low": low, "high": high}],
        "floors": [floor] if column == "merchant" else [],
    }


def partly_seen_details() -> dict:
    """The same where the champion had seen 5 114 of the judged rows."""
    made = details()
    made["judged"] |= {"compared_rows": 3100, "seen_by_champion": 5114}
    made["metrics"] = [row | {"champion": None} for row in made["metrics"]]
    made["compared"] = [
        _metric("average_precision", 0.68, 0.08, champion=0.64, baseline=0.04) | {"rows": 3100},
        _metric("roc_auc", 0.941, 0.02, champion=0.931, baseline=0.5) | {"rows": 3100},
    ]
    return made


def regression_details() -> dict:
    """The same for a regression, with residuals in place of classes."""
    rng = np.random.default_rng(6)
    predicted = rng.gamma(2.0, 90.0, 400)
    actual = predicted + rng.normal(0, 28, 400)
    counts, edges = np.histogram(actual - predicted, bins=24)
    made = details() | {
        "task": "regression",
        "target": "count",
        "classes": [],
        "positive": None,
        "primary": "mean_absolute_error",
        "curves": None,
        "confusion": None,
        "calibration": None,
        "slices": [],
        "metrics": [
            _metric("mean_absolute_error", 36.2, 1.4, champion=38.9, baseline=141.0, floor=45.0),
            _metric("root_mean_squared_error", 54.1, 2.2, champion=57.0, baseline=180.0),
            _metric("r2", 0.91, 0.01, champion=0.89, baseline=0.0),
        ],
    }
    made["residuals"] = {
        "actual": actual.tolist(),
        "predicted": predicted.tolist(),
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "champion_counts": (counts[::-1]).tolist(),
        "mean": float((actual - predicted).mean()),
        "deviation": float((actual - predicted).std()),
    }
    return made
