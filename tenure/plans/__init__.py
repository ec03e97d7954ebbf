"""How does a version answer without its estimator, and only with the estimator's own answers?

A plan is what is left of a known estimator once the ceremony is taken away: numbers, dictionaries
and treelite's trees; no code, no pickle. It is kept only where it was measured to agree.
"""

from __future__ import annotations

from tenure.plans.agreement import TOLERANCE, Agreement, Compiled, Refused
from tenure.plans.columns import Declined
from tenure.plans.judging import judge
from tenure.plans.making import make_plan
from tenure.plans.packing import FORMAT, Unreadable, pack, unpack
from tenure.plans.plan import Plan

__all__ = [
    "FORMAT",
    "TOLERANCE",
    "Agreement",
    "Compiled",
    "Declined",
    "Plan",
    "Refused",
    "Unreadable",
    "judge",
    "make_plan",
    "pack",
    "unpack",
]
