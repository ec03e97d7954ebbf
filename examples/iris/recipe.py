"""How is a flower's species predicted?"""

from __future__ import annotations

from typing import Any


def make_pipeline(trees: int = 100) -> Any:
    """Return an unfitted random forest; the spec's seed makes it reproducible."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=trees, random_state=42)
