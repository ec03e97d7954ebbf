"""How often does a rule promote where nothing differs?

`tenure check` prints this beside the rule, so that an owner who asks for less than significance
knows what it costs before the first night.
"""

from __future__ import annotations

import numpy as np

from tenure.evaluation.gate import Evidence, decide, promised_chance
from tenure.records import GateVerdict

YEARS = 20
ROWS = 200


def promotions_a_year(rule: str, z: float, nights: int = 365, recipes: int = 1) -> dict[str, float]:
    """Return promotions a year of a rule where no candidate is better or worse than the champion.

    Args:
        rule: "better" or "not_worse".
        z: standard errors.
        nights: a year has.
        recipes: that compete each night.

    Returns:
        `promised`: nights times the rule's chance; `simulated`: counted over 20 years of nights
        with fresh evidence each, decided by the gate itself.
    """
    source = np.random.default_rng(7)
    promoted = 0
    total = nights * YEARS
    for _ in range(total):
        rows = source.standard_normal((ROWS, recipes)) + source.standard_normal((ROWS, 1))
        evidence = Evidence(
            differences=rows.mean(axis=0),
            covariance=np.atleast_2d(np.cov(rows, rowvar=False)) / ROWS,
            clusters=ROWS,
        )
        decision = decide(evidence, rule=rule, z=z, margin=0.0)
        promoted += decision.verdict is GateVerdict.WINS
    return {"promised": nights * promised_chance(rule, z), "simulated": promoted / YEARS}
