"""How does what is known become one file that anybody can open and that asks for nothing?

Jinja2 templates with autoescape, one style sheet inside every page, no script and no load from
outside: a page works from a folder, from the prediction server and under a strict content policy.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from tenure.pages.svg import count, number
from tenure.records import GateVerdict, Outcome, Stage
from tenure.workspace import Workspace

TONES = {
    Outcome.PASS: "good",
    Outcome.WARN: "warn",
    Outcome.FAIL: "bad",
    Outcome.UNKNOWN: "warn",
    GateVerdict.FIRST: "good",
    GateVerdict.WINS: "good",
    GateVerdict.TIES: "warn",
    GateVerdict.LOSES: "bad",
    GateVerdict.FAILS_FLOOR: "bad",
    Stage.VALIDATED: "good",
    Stage.REJECTED: "bad",
}
SPELLED = {
    (Outcome, Outcome.PASS): "passed",
    (Outcome, Outcome.WARN): "warned",
    (Outcome, Outcome.FAIL): "failed",
    (GateVerdict, GateVerdict.FIRST): "first version",
    (GateVerdict, GateVerdict.FAILS_FLOOR): "fails a floor",
}
"""By kind and value, since values of several lists are the same text."""


METRICS = {
    "roc_auc": "ROC AUC",
    "r2": "R²",
    "f1": "F1",
    "f1_macro": "F1, mean over classes",
    "brier": "Brier score",
    "brier_score": "Brier score",
}


def tone(value: Any) -> str:
    """Return the colour that a value of one of the closed lists is shown in."""
    return TONES.get(value, "")


def words(value: Any) -> str:
    """Return a value of one of the closed lists as people say it."""
    plain = value.value if isinstance(value, Enum) else str(value)
    return SPELLED.get((type(value), value), plain.replace("_", " "))


def when(at: datetime | None) -> str:
    """Return a time as people read it, in UTC.

    >>> when(datetime(2026, 5, 3, 14, 3, tzinfo=UTC))
    '3 May 2026, 14:03 UTC'
    """
    return "–" if at is None else at.astimezone(UTC).strftime("%-d %b %Y, %H:%M UTC")


def day(at: datetime | None) -> str:
    """Return the day of a time, in UTC."""
    return "–" if at is None else at.astimezone(UTC).strftime("%-d %b %Y")


def sentence(text: str) -> str:
    """Return a text with a capital at its head and a full stop at its end.

    >>> sentence("the newest 3 batches")
    'The newest 3 batches.'
    """
    return f"{text[:1].upper()}{text[1:]}".removesuffix(".") + "." if text else ""


def weight(size: float | None) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> weight(831), weight(1_234_567)
    ('831 B', '1.2 MB')
    """
    if size is None:
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


def share(value: float | None) -> str:
    """Return a share of one as per cent."""
    return "–" if value is None else f"{value:.1%}".replace(".0%", "%").replace("%", " %")


def signed(value: float | None) -> str:
    """Return a difference with its sign."""
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def metric(name: str) -> str:
    """Return a metric's name as people write it.

    >>> metric("average_precision"), metric("roc_auc")
    ('average precision', 'ROC AUC')
    """
    return METRICS.get(name, name.replace("_", " "))


@cache
def environment() -> Environment:
    """Return the templates' environment: everything is escaped, an undefined name is an error."""
    made = Environment(
        loader=PackageLoader("tenure.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "number": number,
        "tone": tone,
        "words": words,
        "when": when,
        "day": day,
        "sentence": sentence,
        "weight": weight,
        "count": count,
        "share": share,
        "signed": signed,
        "metric": metric,
    }
    return made


def write_page(
    template: str,
    path: str,
    workspace: Workspace,
    *,
    trail: Sequence[tuple[str, str | None]],
    **facts: Any,
) -> Path:
    """Draw a page and put it in its place in one step; a reader never sees half of one.

    Args:
        template: a file of templates/.
        path: the page's place under the workspace's pages folder.
        workspace: whose page it is.
        trail: the way back: (text, relative link); the last one is this page and has none.
        facts: what the template names.
    """
    text = (
        environment()
        .get_template(template)
        .render(
            trail=trail,
            simulated=workspace.simulated,
            drawn_at=datetime.now(UTC),
            **facts,
        )
    )
    file = workspace.pages / path
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)
    return file
