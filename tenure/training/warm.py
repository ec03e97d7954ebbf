"""Can a fit begin where the champion's ended?

Only an estimator whose last step has a `warm_start` and coefficients (linear models, SGD, a
perceptron) can: for trees and boosting `warm_start` means more trees on top of old ones, which is
another model, not a better start. What the champion's step learned is copied, the recipe's own
parameters are kept, and `warm_start` is on for this fit alone.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger(__name__)


def last_step(estimator: Any) -> Any:
    """Return the step that predicts."""
    steps = getattr(estimator, "steps", None)
    return last_step(steps[-1][1]) if steps else estimator


def can_warm_start(estimator: Any, champion: Any) -> bool:
    """Say whether the champion's parameters can be the start of this estimator's fit."""
    fresh, fitted = last_step(estimator), last_step(champion)
    return (
        type(fresh) is type(fitted)
        and "warm_start" in fresh.get_params(deep=False)
        and (hasattr(fitted, "coef_") or hasattr(fitted, "coefs_"))
    )


def fit(estimator: Any, frame: Any, target: Any, champion: Any | None) -> bool:
    """Fit, from the champion's parameters where that works; say whether it did.

    A start that does not fit this data's shape (another count of columns after encoding, another
    set of classes) is given up for a cold one.

    Args:
        estimator: unfitted, fitted afterwards.
        frame: features.
        target: labels.
        champion: fitted estimator or None.
    """
    if champion is None or not can_warm_start(estimator, champion):
        estimator.fit(frame, target)
        return False
    step, given = last_step(estimator), last_step(champion)
    declared = step.get_params(deep=False)
    learned = {name: value for name, value in vars(given).items() if name not in declared}
    if _classes(given) not in (None, tuple(sorted(set(target), key=str))):
        estimator.fit(frame, target)
        return False
    vars(step).update(learned)
    step.warm_start = True
    try:
        estimator.fit(frame, target)
    except ValueError as error:
        log.warning("A warm start was given up for a cold one: %s", type(error).__name__)
        for name in [name for name in vars(step) if name not in declared]:
            delattr(step, name)
        step.warm_start = declared["warm_start"]
        estimator.fit(frame, target)
        return False
    step.warm_start = declared["warm_start"]
    return True


def _classes(step: Any) -> tuple[Any, ...] | None:
    classes = getattr(step, "classes_", None)
    return None if classes is None else tuple(sorted(classes.tolist(), key=str))
