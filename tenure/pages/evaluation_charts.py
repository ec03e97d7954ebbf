"""Which pictures does a version's page show, and from which part of the evaluation's details?

Each function takes the details (`tenure.evaluation.details.Details`) and returns the figures that
they suffice for, none where a section is absent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from markupsafe import Markup

from tenure.pages.charts import Line, confusion, lines, points, reliability
from tenure.pages.render import metric
from tenure.pages.rows import Interval, bars, intervals, strips
from tenure.pages.svg import count, number
from tenure.records import Comparison

WHO = {"candidate": "candidate", "champion": "champion", "baseline": "quiet"}
UNBOUNDED = frozenset({"log_loss"})


def metrics(details: dict[str, Any]) -> list[Markup]:
    """Draw every metric with its interval, beside champion, baseline and floor on the same rows.

    Where the champion had seen some of the judged rows it stands in figures of their own, on the
    rest; where it had seen all of them, nowhere.
    """
    judged, all_rows = details["judged"], details["metrics"]
    if judged["compared_rows"] != judged["rows"]:
        all_rows = [row | {"champion": None} for row in all_rows]
    title = f"Metrics on {count(judged['rows'])} rows that it never saw"
    figures = _metric_figures(details, all_rows, title)
    compared = details.get("compared")  # absent from what earlier releases kept
    if compared:
        title = f"The same on the {count(judged['compared_rows'])} rows that the champion never saw"
        figures += _metric_figures(details, compared, title)
    return figures


def _metric_figures(
    details: dict[str, Any], rows: list[dict[str, Any]], title: str
) -> list[Markup]:
    shared = [r for r in rows if details["task"] == "classification" and r["name"] not in UNBOUNDED]
    apart = [r for r in rows if r not in shared]
    legend = [("candidate", "this version, 95 % interval")]
    if any(r["champion"] is not None for r in rows):
        legend.append(("champion", f"champion, version {details['judged']['champion']}"))
    if any(r["baseline"] is not None for r in rows):
        legend.append(("quiet", "baseline that ignores the features"))
    if any(r["floor"] is not None for r in rows):
        legend.append(("limit", "floor that the spec asks for"))
    figures = []
    if shared:
        figures.append(
            intervals(
                title,
                [_metric_row(r) for r in shared],
                label="value of the metric, 0 to 1",
                legend=legend,
                bounds=(0.0, 1.0),
                note="Higher is better, except for errors and losses.",
                wide=True,
            )
        )
    if apart:
        figures.append(
            strips(
                title if not shared else "On scales of their own",
                [_metric_row(r) for r in apart],
                legend=legend,
                note="Each on its own scale, in its own unit; lower is better for errors.",
                wide=True,
            )
        )
    return figures


def _metric_row(row: dict[str, Any]) -> list[Interval]:
    label = metric(row["name"]) + (", decides" if row["primary"] else "")
    items = [
        Interval(
            label=label,
            value=row["value"],
            low=row["low"],
            high=row["high"],
            mark=row["floor"],
            aside="this version",
        )
    ]
    for who in ("champion", "baseline"):
        if row[who] is not None:
            items.append(Interval(label=label, value=row[who], role=WHO[who], aside=who))
    return items


def comparison(found: Comparison | None, details: dict[str, Any]) -> list[Markup]:
    """Draw the difference to the champion with its interval, and the two by batch."""
    if found is None:
        return []
    name = metric(found.metric)
    batches = details["batches"]
    figures = []
    if found.difference is not None:
        role = "good" if (found.low or 0) > 0 else "bad" if (found.high or 0) < 0 else "candidate"
        row = Interval(
            label=name,
            value=found.difference,
            low=found.low,
            high=found.high,
            role=role,
            mark=found.margin or None,
        )
        figures.append(
            intervals(
                "Difference to the champion, on the same rows",
                [[row]],
                label=f"difference in {name}; to the right of zero favours this version",
                zero=True,
                wide=True,
            )
        )
    if len(batches) > 1:
        figures.append(_by_batch(batches, name, found.champion))
    return figures


def _by_batch(batches: Sequence[dict[str, Any]], measure: str, champion: int) -> Markup:
    series = []
    for who, name in (("champion", f"champion, version {champion}"), ("candidate", "this recipe")):
        known = [(place, b[who]) for place, b in enumerate(batches) if b[who] is not None]
        series.append(
            Line(
                name=name,
                x=[float(place) for place, _ in known],
                y=[value for _, value in known],
                role=WHO[who],
                dots=True,
            )
        )
    every = math.ceil(len(batches) / 12)
    return lines(
        f"{measure[0].upper()}{measure[1:]} batch by batch",
        series,
        x_label="batch",
        y_label=measure,
        x_bounds=(-0.3, len(batches) - 0.7),
        x_ticks=[(float(n), _batch_name(b)) for n, b in enumerate(batches) if n % every == 0],
        note="Each batch is predicted by the fit before it, which had not seen it.",
        wide=True,
    )


def _batch_name(batch: dict[str, Any]) -> str:
    """Return the day that a batch ends with, or its number in the ledger."""
    if not batch["end_at"]:
        return f"no. {batch['seq']}"
    return f"{datetime.fromisoformat(batch['end_at']):%-d %b %Y}"


def slices(details: dict[str, Any]) -> list[Markup]:
    """Draw the primary metric by the values of each slice column, with its floors."""
    primary = details["primary"]
    bounds = (0.0, 1.0) if details["task"] == "classification" else (None, None)
    figures = []
    for column, rows in groupby(details["slices"], key=lambda row: row["column"]):
        shown = [_slice_row(row, primary) for row in rows]
        figures.append(
            intervals(
                f"By {column}",
                shown,
                label=metric(primary),
                bounds=bounds if primary not in UNBOUNDED else (None, None),
                legend=[("quiet", "too few rows to judge")]
                if any(items[0].role == "quiet" for items in shown)
                else [],
            )
        )
    return figures


def _slice_row(row: dict[str, Any], primary: str) -> list[Interval]:
    shown = next((m for m in row["metrics"] if m["name"] == primary), {})
    floor = next((f for f in row["floors"] if f["metric"] == primary), None)
    failed = floor is not None and floor["outcome"] == "fail"
    role = "quiet" if row["unknown"] else "bad" if failed else "candidate"
    mark = None
    if floor is not None:
        mark = floor["at_least"] if floor["at_least"] is not None else floor["at_most"]
    return [
        Interval(
            label=f"{row['value']} · {count(row['rows'])} rows",
            value=shown.get("value"),
            low=shown.get("low"),
            high=shown.get("high"),
            role=role,
            mark=mark,
        )
    ]


def plots(details: dict[str, Any]) -> list[Markup]:
    """Draw what suits the task: curves, calibration and confusion, or residuals."""
    figures: list[Markup] = []
    if details["curves"]:
        figures += _curves(details)
    if details["calibration"]:
        figures.append(_calibration(details["calibration"]))
    if details["confusion"]:
        table = details["confusion"]
        figures.append(
            confusion(
                "What was predicted for what was true",
                table["labels"],
                table["counts"],
                note="Rows; the shade is the share of the true class.",
            )
        )
    if details["residuals"]:
        figures += _residuals(details)
    return figures


def _rows_of(details: dict[str, Any], *, beside_champion: bool) -> str:
    """Return in words on which of the judged rows a picture was made."""
    judged = details["judged"]
    if not beside_champion or judged["compared_rows"] == judged["rows"]:
        return f"On {count(judged['rows'])} rows."
    if "compared" not in details:  # an earlier release drew each on rows of its own
        return ""
    return f"Both on the {count(judged['compared_rows'])} rows that neither saw."


def _curves(details: dict[str, Any]) -> list[Markup]:
    curves, positive = details["curves"], details["positive"]
    shapes = (
        ("roc", "ROC curve", "false positive rate", "true positive rate", True),
        ("precision_recall", "Precision and recall", "recall", "precision", False),
    )
    figures = []
    for key, title, x_label, y_label, diagonal in shapes:
        series = [
            Line(
                name=f"{_named(c['who'])}, area {number(c['area'])}",
                x=c["x"],
                y=c["y"],
                role=WHO[c["who"]],
            )
            for c in sorted(curves[key], key=lambda c: c["who"], reverse=True)
        ]
        figures.append(
            lines(
                title,
                series,
                x_label=x_label,
                y_label=y_label,
                x_bounds=(0.0, 1.0),
                y_bounds=(0.0, 1.0),
                diagonal=diagonal,
                note=f"Positive is '{positive}'."
                + (f" Area {number(curves[key][0]['area'])}. " if len(series) == 1 else " ")
                + _rows_of(details, beside_champion=len(series) > 1),
            )
        )
    return figures


def _named(who: str) -> str:
    return "this version" if who == "candidate" else who


def _calibration(found: dict[str, Any]) -> Markup:
    return reliability(
        "Can its probabilities be believed?",
        [(b["predicted"], b["observed"], b["rows"]) for b in found["bins"]],
        whiskers=[(b["observed_low"], b["observed_high"]) for b in found["bins"]],
        note=(
            f"Probability of {found['of'].removeprefix('of ')}. On the dashed line it means what "
            f"it says; expected calibration error {number(found['expected_calibration_error'])}, "
            f"Brier score {number(found['brier'])}."
        ),
    )


def _residuals(details: dict[str, Any]) -> list[Markup]:
    found, target = details["residuals"], details["target"]
    pairs = list(zip(found["actual"], found["predicted"], strict=True))
    centres = [(a + b) / 2 for a, b in zip(found["edges"], found["edges"][1:], strict=False)]
    total = sum(found["counts"]) or 1
    series = [Line(name="this version", x=centres, y=[n / total for n in found["counts"]])]
    if found["champion_counts"]:
        all_rows = sum(found["champion_counts"]) or 1
        shares = [n / all_rows for n in found["champion_counts"]]
        series.insert(0, Line(name="champion", x=centres, y=shares, role="champion"))
    return [
        points(
            "Predicted and actual",
            pairs,
            x_label=f"actual {target}",
            y_label=f"predicted {target}",
            diagonal=True,
            note=f"A sample of {len(pairs)} judged rows; on the dashed line they agree.",
        ),
        points(
            "What is left over",
            [(predicted, actual - predicted) for actual, predicted in pairs],
            x_label=f"predicted {target}",
            y_label="actual minus predicted",
            level=0.0,
            note="A shape in this cloud is something that the model has not learned.",
        ),
        lines(
            "How large the errors are",
            series,
            x_label=f"actual minus predicted {target}",
            y_label="share of rows",
            y_bounds=(0.0, None),
            note=_rows_of(details, beside_champion=len(series) > 1)
            + f" On all judged rows the mean is {number(found['mean'])}, the standard deviation "
            f"{number(found['deviation'])}.",
        ),
    ]


def importances(details: dict[str, Any], most: int = 15) -> list[Markup]:
    """Draw how much the primary metric loses when a feature is shuffled."""
    found = details["importances"]
    if not found or not found["features"]:
        return []
    shown = found["features"][:most]
    hidden = len(found["features"]) - len(shown)
    more = f" {hidden} less important features are not drawn." if hidden else ""
    return [
        bars(
            "What it looks at",
            [
                Interval(
                    label=f["feature"],
                    value=f["mean"],
                    low=f["mean"] - f["deviation"],
                    high=f["mean"] + f["deviation"],
                )
                for f in shown
            ],
            label=f"loss of {metric(found['metric'])} when the feature is shuffled",
            note=f"{found['repeats']} shuffles on {count(found['rows'])} of "
            f"{count(found['rows_of'])} rows; the whisker is one standard deviation.{more}",
            wide=True,
        )
    ]
