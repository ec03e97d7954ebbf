"""Does a version that is loaded come with a plan, and does the plan hold here and now?

Its bytes are the store's by the digest that the manifest signs; it must give the golden
predictions. Whatever is wrong with it is said, and the estimator serves.
"""

from __future__ import annotations

import io
import logging
from typing import Any

from tenure.errors import TenureError
from tenure.plans import Compiled, Declined, Refused, Unreadable
from tenure.records import Column
from tenure.registry.compiling import read_plan
from tenure.registry.frames import cast
from tenure.registry.manifests import Manifest
from tenure.registry.store import Store
from tenure.serving.compiled import Answering
from tenure.serving.rules import ServingRules

_log = logging.getLogger(__name__)


def answering(manifest: Manifest, rules: ServingRules, store: Store, name: str) -> Answering | None:
    """Return a version's plan, checked and measured; None where its estimator answers."""
    if manifest.plan is None or is_treated(rules, manifest.features):
        return None
    try:
        return _checked(manifest, manifest.plan, store, name)
    except (Unreadable, Refused) as error:
        why = str(error)
    except TenureError as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 - a plan never keeps a version from serving
        why = f"it raised {type(error).__name__}"
    _log.warning("the plan of %s does not answer: %s; scikit-learn does", name, why)
    return None


def is_treated(rules: ServingRules, features: tuple[Column, ...]) -> bool:
    """Return whether a column must be treated before anything is computed with it."""
    treated = set(rules.data.treat) if rules.data is not None else set()
    return not treated.isdisjoint(feature.name for feature in features)


def _checked(manifest: Manifest, signed: Compiled, store: Store, name: str) -> Answering:
    import pandas as pd

    from tenure.plans.edges import plain

    plan = read_plan(signed, store)
    golden = pd.read_parquet(io.BytesIO(store.get_bytes(manifest.golden_rows)))
    rows = cast(golden, manifest.features)
    columns = {each: [plain(value) for value in rows[each].to_numpy()] for each in rows.columns}
    answers = Answering(name, plan, signed)
    _must_be_golden(answers, columns, len(rows), manifest)
    answers.measure(columns)
    return answers


def _must_be_golden(
    answers: Answering, columns: dict[str, list[Any]], rows: int, manifest: Manifest
) -> None:
    import numpy as np

    from tenure.plans.judging import difference
    from tenure.plans.plan import MOST_FEW

    shares = manifest.golden.get("predict_proba")
    truth = (
        np.array(manifest.golden["predict"]),
        None if shares is None else np.array(shares, dtype=np.float64),
    )
    tolerance = max(answers.signed.tolerance, manifest.tolerance)
    few = min(rows, MOST_FEW)
    for ask, count in ((answers.plan.answer_many, rows), (answers.plan.answer, few)):
        try:
            asked = {each: values[:count] for each, values in columns.items()}
            found = ask(asked, count, probabilities=True)
        except Declined as declined:
            raise Refused(f"it declines its golden rows: {declined}") from None
        wanted = truth[0][:count], None if truth[1] is None else truth[1][:count]
        difference(found, wanted, what="golden rows", tolerance=tolerance)


def one_thread(estimator: Any, depth: int = 8) -> None:
    """Let an estimator, and those in it, compute on one thread: more make no request quicker."""
    from sklearn.base import BaseEstimator

    match estimator:
        case BaseEstimator():
            if getattr(estimator, "n_jobs", None) is not None:
                setattr(estimator, "n_jobs", 1)  # noqa: B010 - its base class knows no such one
            inside = list(vars(estimator).values())
        case list() | tuple():
            inside = list(estimator)
        case dict():
            inside = list(estimator.values())
        case _:
            return
    if depth:
        for each in inside:
            if isinstance(each, (BaseEstimator, list, tuple, dict)):
                one_thread(each, depth - 1)
