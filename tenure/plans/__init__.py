"""How does a version answer without its estimator, and only with the estimator's own answers?

A plan is what is left of a known estimator once the ceremony is taken away: numbers, dictionaries
and treelite's trees; no code, no pickle. It is kept only where it was measured to agree.

Here is what a manifest says of one. The rest needs NumPy and is imported where it is used: making
(estimator to plan), judging, compiling (both, and which is quicker), packing (bytes), plan.
"""

from __future__ import annotations

from tenure.plans.agreement import (
    TOLERANCE,
    Agreement,
    Compiled,
    Declined,
    Refused,
    Unreadable,
)

__all__ = ["TOLERANCE", "Agreement", "Compiled", "Declined", "Refused", "Unreadable"]
