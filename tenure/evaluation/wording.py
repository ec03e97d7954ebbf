"""How does the gate say what it found? Sentences that name metric, numbers and who serves."""

from __future__ import annotations

from tenure.evaluation.metrics import Metric
from tenure.records import Comparison, GateVerdict


def number(value: float | None) -> str:
    """Return a number as people read it.

    >>> number(0.6), number(0.54321), number(36.214), number(12345.6), number(None)
    ('0.60', '0.5432', '36.21', '12,346', 'none')
    """
    if value is None:
        return "none"
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.2f}"
    text = f"{value:.4f}".rstrip("0")
    whole, _, parts = text.partition(".")
    return f"{whole}.{parts:0<2}"


def signed(value: float | None) -> str:
    """Return a difference with its sign."""
    return "none" if value is None else ("+" if value >= 0 else "−") + number(abs(value))


def stays(champion: int | None) -> str:
    """Return the sentence that says what still holds."""
    return "Nothing serves yet." if champion is None else f"Version {champion} keeps serving."


def floor_sentence(
    model: str, name: str, side: str, wanted: float, got: float | None, where: str = ""
) -> str:
    """Return what a floor wants and what there is."""
    has = f"the candidate has {number(got)}" if got is not None else "it could not be computed"
    return f"Gate '{name}' of '{model}'{where} wants {side} {number(wanted)}; {has}."


def compared_sentence(
    metric: Metric, comparison: Comparison, verdict: GateVerdict, wanted: float
) -> str:
    """Return how the candidate did beside the champion, in one sentence."""
    seen = (
        f"{comparison.metric} {number(comparison.candidate_value)} against "
        f"{number(comparison.champion_value)} of version {comparison.champion} on "
        f"{comparison.rows:,} rows that neither had seen"
    )
    if comparison.batches > 1:
        seen += f" ({comparison.batches} batches)"
    better = "higher" if metric.higher_is_better else "lower"
    by = (
        f"the difference is {signed(comparison.difference)} ({better} is better; 95 %: "
        f"{signed(comparison.low)} to {signed(comparison.high)})"
    )
    rule = {
        "better": f"rule 'better' wants more than {signed(wanted)}",
        "not_worse": f"rule 'not_worse' wants at least {signed(wanted)}",
    }[comparison.rule]
    word = {
        GateVerdict.WINS: "The candidate wins",
        GateVerdict.TIES: "It is a tie",
        GateVerdict.LOSES: "The candidate loses",
    }.get(verdict, "It cannot be told")
    return f"{word}: {seen}; {by}, and {rule}."
