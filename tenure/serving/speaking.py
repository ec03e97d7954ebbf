"""How are the numbers of a server said so that Prometheus and its dashboards understand them?

The text format (version 0.0.4): a help line, a type line, and a line a series. Histograms are
cumulative, as Prometheus wants them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tenure.predictions.status import ServerStatus
from tenure.serving.metrics import LOADS, ROWS, SECONDS

MEDIA_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

COUNTERS = {
    "flagged": "Rows that a guard rule found something about.",
    "refused": "Requests that a guard rule refused.",
    "fell_back": "Requests that the fallback answered because of a guard rule.",
    "compared": "Answers of a plan that were compared with scikit-learn's.",
    "disagreed": "Times that a plan was given up after such a comparison.",
    "plan_raised": "Times that a plan raised an error, and scikit-learn answered.",
    "feedback": "Labels and overrides that were taken.",
}
"""What `Metrics.count` takes, by name, and its help."""

_NAMES = {
    "flagged": "tenure_guard_flagged_rows_total",
    "refused": "tenure_guard_refused_requests_total",
    "fell_back": "tenure_guard_fallback_requests_total",
    "compared": "tenure_plan_compared_total",
    "disagreed": "tenure_plan_fell_back_total",
    "plan_raised": "tenure_plan_raised_total",
    "feedback": "tenure_feedback_total",
}

_SERIES = ("door", "model", "version", "slot", "code")


def exposition(found: Mapping[str, Any], statuses: Iterable[ServerStatus]) -> bytes:
    """Return the numbers of `metrics.added`, and what statuses say, as Prometheus reads them."""
    lines = [*_requests(found), *_histograms(found), *_counters(found), *_standing(list(statuses))]
    return ("\n".join(lines) + "\n").encode()


def _requests(found: Mapping[str, Any]) -> Iterator[str]:
    yield from _head("tenure_requests_total", "counter", "Answered requests.")
    for key, counts, _, _ in found["answered"]:
        yield _line("tenure_requests_total", _labels(key), sum(counts))
    yield from _head("tenure_predicted_rows_total", "counter", "Rows that were predicted.")
    rows: dict[tuple[Any, ...], int] = {}
    for key, _, _, count in found["answered"]:
        if count:
            rows[tuple(key[1:4])] = rows.get(tuple(key[1:4]), 0) + count
    for key, count in rows.items():
        yield _line("tenure_predicted_rows_total", _labels(key, _SERIES[1:4]), count)
    yield from _head("tenure_requests_in_flight", "gauge", "Requests that are being answered.")
    yield _line("tenure_requests_in_flight", (), found["in_flight"])


def _histograms(found: Mapping[str, Any]) -> Iterator[str]:
    name = "tenure_request_duration_seconds"
    yield from _head(name, "histogram", "From a request's head read to its answer made.")
    seconds: dict[tuple[Any, ...], list[Any]] = {}
    for key, counts, total, _ in found["answered"]:
        kept = seconds.setdefault(tuple(key[:3]), [[0] * len(counts), 0.0])
        kept[0] = [mine + other for mine, other in zip(kept[0], counts, strict=True)]
        kept[1] += total
    for key, (counts, total) in seconds.items():
        yield from _histogram(name, _labels(key, _SERIES[:3]), SECONDS, counts, total)
    name = "tenure_batch_rows"
    yield from _head(name, "histogram", "Rows of one call of a model, joined requests together.")
    yield from _histogram(name, [], ROWS, *found["batches"])
    name = "tenure_model_load_seconds"
    yield from _head(name, "histogram", "From the slot moved seen to the version in memory, warm.")
    for model, counts, total in found["loads"]:
        yield from _histogram(name, [("model", model)], LOADS, counts, total)


def _histogram(
    name: str, labels: list[tuple[str, Any]], bounds: Iterable[float], counts: Any, total: float
) -> Iterator[str]:
    so_far = 0
    for bound, count in zip([*bounds, "+Inf"], counts, strict=True):
        so_far += count
        yield _line(f"{name}_bucket", [*labels, ("le", bound)], so_far)
    yield _line(f"{name}_sum", labels, total)
    yield _line(f"{name}_count", labels, so_far)


def _counters(found: Mapping[str, Any]) -> Iterator[str]:
    by_name: dict[str, list[tuple[Any, int]]] = {}
    for name, labels, value in found["counters"]:
        by_name.setdefault(name, []).append((labels, value))
    for name, text in COUNTERS.items():
        yield from _head(_NAMES[name], "counter", text)
        for labels, value in by_name.get(name, []):
            yield _line(_NAMES[name], labels, value)


def _standing(statuses: list[ServerStatus]) -> Iterator[str]:
    yield from _head("tenure_processes", "gauge", "Server processes that live.")
    yield _line("tenure_processes", (), len(statuses))
    yield from _head("tenure_processes_ready", "gauge", "Those that serve every champion.")
    yield _line("tenure_processes_ready", (), sum(each.is_ready for each in statuses))
    name = "tenure_prediction_log_dropped_rows_total"
    yield from _head(name, "counter", "Predictions that are not in the log: the disk was too slow.")
    yield _line(name, (), sum(each.dropped for each in statuses))
    shadowed = {
        "tenure_shadow_requests_total": ("mirrored", "Requests that a shadow was asked as well."),
        "tenure_shadow_dropped_total": ("dropped", "Requests that a shadow was too slow for."),
    }
    for name, (key, text) in shadowed.items():
        yield from _head(name, "counter", text)
        yield _line(name, (), sum(each.shadowed.get(key, 0) for each in statuses))
    name = "tenure_model_processes"
    yield from _head(name, "gauge", "Processes in which a version serves, by epoch.")
    serving: dict[tuple[Any, ...], int] = {}
    for status in statuses:
        for model, each in status.serving.items():
            key = (model, each.version, each.slot, each.epoch)
            serving[key] = serving.get(key, 0) + 1
    for key, count in sorted(serving.items()):
        yield _line(name, zip(("model", "version", "slot", "epoch"), key, strict=True), count)
    name = "tenure_model_obstacles"
    yield from _head(name, "gauge", "Processes that could not load what the ledger names.")
    stuck: dict[str, int] = {}
    for status in statuses:
        for model in status.obstacles:
            stuck[model] = stuck.get(model, 0) + 1
    for model, count in sorted(stuck.items()):
        yield _line(name, [("model", model)], count)


def _labels(key: Iterable[Any], names: Sequence[str] = _SERIES) -> list[tuple[str, Any]]:
    return list(zip(names, key, strict=True))


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _line(name: str, labels: Iterable[tuple[str, Any]], value: float) -> str:
    said = ",".join(f'{label}="{_escaped(each)}"' for label, each in labels)
    number = str(value) if isinstance(value, int) else repr(float(value))
    return f"{name}{{{said}}} {number}" if said else f"{name} {number}"


def _escaped(value: Any) -> str:
    return str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
