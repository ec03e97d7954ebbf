"""What does Evidently say of a window, on record?

The only module that imports Evidently, when it is asked. A report is run with its tests, stored
whole, and scores and verdicts are read back from what was stored, so that the digest in a reading
is that of what fired. Nothing is sent to anybody: DO_NOT_TRACK is set before the import.
"""

from __future__ import annotations

import html
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tenure.monitoring.labelling import safe_names
from tenure.monitoring.scores import NUMBER
from tenure.registry import open_store

if TYPE_CHECKING:
    from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)
"""What a kept page may do in a browser: run what stands in it, and reach nothing outside."""

_LEVEL = 3
_HEAD, _BODY = "<head>", "<body>"
_META = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
_ABOVE = (
    '<p style="font-family: sans-serif; margin: 1em 2em">{} '
    '<a href="../index.html">The model&#39;s page</a></p>'
)


class NotJudged(Exception):
    """Evidently gave no report; `reason` says why and repeats nothing of the rows."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One column to be judged: float64, or objects (text or None); missing ones are left aside."""

    name: str
    kind: str
    method: str
    threshold: float
    reference: np.ndarray
    current: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the stored report says of a column; `score` and `drifted` None if it does not know."""

    score: float | None
    drifted: bool | None
    method: str
    threshold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A stored report: its object's digest, and its verdicts by column."""

    digest: str
    verdicts: Mapping[str, Verdict]


def gather(
    compared: Sequence[Compared], *, about: Mapping[str, str], workspace: Workspace
) -> Evidence:
    """Let Evidently judge columns; store its report and read the verdicts back from there.

    Args:
        compared: at least one column.
        about: what stands in the report's metadata (model, version, window, rows).
        workspace: whose store.

    Raises:
        NotJudged: Evidently raised.
    """
    shown = safe_names(each.name for each in compared)
    with _quiet():
        try:
            text = _run(compared, shown, about)
        except Exception as error:  # noqa: BLE001
            # Evidently raises whatever its parts raise, and the texts may quote values.
            _log.warning("Evidently judged nothing: %s", type(error).__name__)
            raise NotJudged(f"Evidently raised {type(error).__name__}") from None
        digest = open_store(workspace).put_bytes(_packed(text))
        found = read_verdicts(digest, workspace)
    names = {label: name for name, label in shown.items()}
    return Evidence(digest=digest, verdicts={names[label]: each for label, each in found.items()})


def read_verdicts(digest: str, workspace: Workspace) -> dict[str, Verdict]:
    """Return what a stored report says, by the name that it shows of a column."""
    found: dict[str, Verdict] = {}
    for result in load_snapshot(digest, workspace).metric_results.values():
        params = result.get_metric_value_location().metric.params
        if not params["type"].endswith(":ValueDrift"):
            continue
        score = float(result.value)
        states = {test.status.name for test in result.tests}
        is_known = math.isfinite(score) and bool(states) and states <= {"SUCCESS", "FAIL"}
        found[params["column"]] = Verdict(
            score=score if is_known else None,
            drifted="FAIL" in states if is_known else None,
            method=params["method"],
            threshold=float(params["threshold"]),
        )
    return found


def load_snapshot(digest: str, workspace: Workspace) -> Any:
    """Return a stored report as Evidently's own object."""
    with _quiet():
        from evidently.core.report import Snapshot

        return Snapshot.loads(_unpacked(open_store(workspace).get_bytes(digest)))


def _packed(text: str) -> bytes:
    """Return a report as zstd; it repeats itself, which takes a codec that looks back far."""
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=_LEVEL).compress(text.encode(), asbytes=True)


def _unpacked(data: bytes) -> str:
    import pyarrow as pa

    with pa.input_stream(pa.BufferReader(data), compression="zstd") as stream:
        return stream.read().decode()


def write_page(digest: str, file: Path, heading: str, workspace: Workspace) -> None:
    """Write a stored report as a page that runs nothing but what Evidently put into it.

    Args:
        digest: of the stored report.
        file: where; it appears whole.
        heading: what stands above it, as plain text.
        workspace: whose store.
    """
    with _quiet():
        text = load_snapshot(digest, workspace).get_html_str(as_iframe=False)
    for mark, added in ((_HEAD, _META), (_BODY, _ABOVE.format(html.escape(heading)))):
        before, found, after = text.partition(mark)
        assert found, "Evidently's page has another shape"
        text = f"{before}{mark}{added}{after}"
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{os.getpid()}.fresh")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, file)


def _run(compared: Sequence[Compared], shown: Mapping[str, str], about: Mapping[str, str]) -> str:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    definition = DataDefinition(
        numerical_columns=[shown[each.name] for each in compared if each.kind == NUMBER],
        categorical_columns=[shown[each.name] for each in compared if each.kind != NUMBER],
    )
    before, after = _frames(compared, shown)
    metrics = [
        ValueDrift(column=shown[each.name], method=each.method, threshold=each.threshold)
        for each in compared
    ]
    snapshot = Report(metrics, include_tests=True).run(  # type: ignore[arg-type]
        Dataset.from_pandas(after, definition),
        Dataset.from_pandas(before, definition),
        metadata=dict(about),  # type: ignore[arg-type]
        tags=["tenure"],
        name=f"{about['model']} v{about['version']}",
    )
    return snapshot.dumps()


def _frames(compared: Sequence[Compared], shown: Mapping[str, str]) -> tuple[Any, Any]:
    """Return reference and current rows, with every text in them replaced by a harmless one."""
    import pandas as pd

    before, after = {}, {}
    for each in compared:
        name = shown[each.name]
        if each.kind == NUMBER:
            before[name], after[name] = each.reference, each.current
            continue
        texts = sorted({*each.reference.tolist(), *each.current.tolist()} - {None})
        labels = safe_names(texts)
        before[name], after[name] = (
            pd.Series([labels.get(one) for one in values], dtype=object)
            for values in (each.reference, each.current)
        )
    return _padded(before), _padded(after)


def _padded(columns: Mapping[str, Any]) -> Any:
    """Return columns as a frame; shorter ones end with missing values, which nobody counts."""
    import pandas as pd

    return pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})


@contextmanager
def _quiet() -> Iterator[None]:
    os.environ["DO_NOT_TRACK"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
