"""How is a card transaction judged?"""

from __future__ import annotations

from typing import Any


def make_pipeline(learning_rate: float = 0.1, rounds: int = 80) -> Any:
    """Return unfitted gradient boosting, which takes categories and missing values as they are.

    Args:
        learning_rate: how much each tree may say.
        rounds: how many trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_iter=rounds,
        max_leaf_nodes=15,
        min_samples_leaf=12,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=42,
    )
