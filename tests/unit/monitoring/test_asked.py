"""Is it known how often a version was asked, before it goes?"""

from __future__ import annotations

from datetime import timedelta

from tenure import predictions
from tenure.telling import asked
from tests.unit.monitoring.watching import MODEL, log, now, rows


def test_requests_and_rows_of_the_last_days_are_counted(watched):
    log(watched.workspace, rows(40), start=now() - timedelta(days=40))
    log(watched.workspace, rows(25), start=now() - timedelta(days=2))
    found = asked.who_asked(MODEL, 1, watched.workspace)
    assert (found.requests, found.rows, found.by_slot) == (25, 25, {"champion": 25})
    assert found.last_at < now() - timedelta(days=1)
    assert found.text.startswith(
        "It was asked in the last 30 days: 25 request(s), 25 prediction(s)"
    )
    assert "names no clients" in found.text
    assert asked.who_asked(MODEL, 2, watched.workspace).rows == 0


def test_a_log_too_long_to_read_is_counted_by_its_files(watched, monkeypatch):
    log(watched.workspace, rows(25), start=now() - timedelta(days=2))
    predictions.carry(watched.workspace)
    monkeypatch.setattr(asked, "MOST_ROWS", 10)
    found = asked.who_asked(MODEL, 1, watched.workspace)
    assert (found.requests, found.rows, found.last_at) == (None, 25, None)
    assert "25 prediction(s); the log" in found.text


def test_a_version_that_nobody_asked_says_so(watched):
    found = asked.who_asked(MODEL, 1, watched.workspace)
    assert found.text == "The log holds no prediction by it of the last 30 days."
