"""How often does a rule promote where nothing differs?

`tenure check` prints this beside the rule, so that an owner who asks for less than significance
knows what it costs before the first night.
"""

from __future__ import annotations

import numpy as np

from tenure.evaluation.gate import critical_value, promised_chance

YEARS = 20
CLUSTERS = 50
ALIKE = 0.5
"""Correlation of recipes' differences to one champion: they share the champion."""


def promotions_a_year(rule: str, z: float, nights: int = 365, recipes: int = 1) -> dict[str, float]:
    """Return promotions a year of a rule where no candidate is better or worse than the champion.

    Args:
        rule: "better" or "not_worse".
        z: standard errors.
        nights: a year has.
        recipes: that compete each night.

    Returns:
        `promised`: nights times the rule's chance; `simulated`: counted over 20 years of nights,
        each with fresh evidence of 50 rows, on which the best recipe meets the gate's threshold.
    """
    source = np.random.default_rng(7)
    total = nights * YEARS
    shape = (total, CLUSTERS, recipes)
    own = source.standard_normal(shape, dtype=np.float32)
    rows = own + source.standard_normal((total, CLUSTERS, 1), dtype=np.float32)
    errors = rows.std(axis=1, ddof=1) / CLUSTERS**0.5
    best = (rows.mean(axis=1) / errors).max(axis=1)
    alike = np.full((recipes, recipes), ALIKE) + (1 - ALIKE) * np.eye(recipes)
    critical = critical_value(promised_chance(rule, z), alike, CLUSTERS)
    return {
        "promised": nights * promised_chance(rule, z),
        "simulated": float((best > critical).sum()) / YEARS,
    }
