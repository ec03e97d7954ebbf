"""Are rows placed in time, and known by their keys, as the spec says?"""

from __future__ import annotations

import pytest

from tenure.records import BatchState, Outcome, ViolationKind
from tenure.registry import open_ledger
from tenure.registry.frames import read_frames
from tests.unit.intake.walking import kinds, refused


class TestTime:
    """Rows of data that know when they happened."""

    COLUMNS = {"at": "datetime", "x": "int64", "y": "int64"}  # noqa: RUF012

    def test_a_date_and_an_hour_make_a_time(self, model):
        model.write(time={"columns": ["day", "hour"], "format": "%d-%m-%Y"})
        batch, _ = model.take("a.csv", "day,hour,y\n01-02-2011,0,1\n01-02-2011,23,2\n")
        snapshot = open_ledger(model.workspace).snapshot("m", batch.snapshot)
        assert [column.type for column in snapshot.columns] == ["date", "int64", "int64"]
        assert snapshot.start_at.isoformat() == "2011-02-01T00:00:00+00:00"
        assert snapshot.end_at.isoformat() == "2011-02-01T23:00:00+00:00"

    def test_times_without_a_zone_are_those_of_the_spec(self, model):
        model.write(time={"columns": ["at"], "timezone": "Europe/Zurich"}, columns=self.COLUMNS)
        rows = (
            "at,x,y\n2026-07-01T12:00,1,0\n2026-07-01 12:00:00+00:00,2,1\n2026-01-01T12:00Z,3,1\n"
        )
        batch, _ = model.take("a.csv", rows)
        back = read_frames("m", [batch.snapshot], model.workspace)
        assert back["at"].dt.strftime("%m-%d %H").tolist() == ["07-01 10", "07-01 12", "01-01 12"]

    def test_an_hour_that_comes_twice_or_never_loses_no_row(self, model):
        model.write(time={"columns": ["at"], "timezone": "Europe/Zurich"}, columns=self.COLUMNS)
        rows = "at,x,y\n2025-10-26T02:30,1,0\n2026-03-29T02:30,2,1\n"
        assert model.take("a.csv", rows)[0].state is BatchState.ACCEPTED

    @pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
    def test_what_is_no_time_is_refused(self, model, name):
        model.write(time={"columns": ["at"]}, columns=self.COLUMNS)
        content = {
            "a.csv": "at,x,y\n2026-01-01,1,0\n31.12.2026,2,1\n",
            "a.jsonl": '{"at":"2026-01-01","x":1,"y":0}\n{"at":"31.12.2026","x":2,"y":1}\n',
        }
        assert kinds(refused(model, content[name], name)) == {("type", "at")}

    def test_a_row_without_a_time_or_with_hour_24_is_refused(self, model):
        model.write(time={"columns": ["day", "hour"]})
        assert kinds(refused(model, "day,hour,y\n2026-01-01,24,1\n2026-01-01,1,0\n")) == {
            ("time", None)
        }
        assert kinds(refused(model, "day,hour,y\n,1,1\n2026-01-01,1,0\n")) == {("time", None)}

    def test_c2_the_future_is_refused_and_the_past_is_taken_by_its_own_time(self, model):
        model.write(time={"columns": ["at"]}, columns=self.COLUMNS)
        assert kinds(refused(model, "at,x,y\n2126-01-01,1,0\n2026-01-01,2,1\n")) == {("time", None)}
        later, _ = model.take("b.csv", "at,x,y\n2026-05-01,1,0\n2026-05-02,2,1\n")
        early, _ = model.take("c.csv", "at,x,y\n2025-05-01,1,0\n2025-05-02,2,1\n")
        snapshots = open_ledger(model.workspace).snapshots("m")
        assert [one.batch for one in snapshots] == [later.digest, early.digest]
        assert snapshots[1].end_at < snapshots[0].start_at

    def test_the_tolerance_is_the_specs(self, model):
        hours = 24 * 365 * 200
        model.write(
            time={"columns": ["at"]}, columns=self.COLUMNS, future_tolerance_hours=float(hours)
        )
        assert model.take("a.csv", "at,x,y\n2126-01-01,1,0\n")[0].state is BatchState.ACCEPTED


class TestKeys:
    """Rows that are known by a key."""

    def test_c1_a_key_that_an_earlier_batch_brought_is_refused(self, model):
        model.write(key=["id", "part"])
        model.take("a.csv", "id,part,y\na1,1,0\na2,1,1\n")
        batch, report = model.take("b.csv", "id,part,y\na2,1,0\na2,2,0\na3,1,1\n")
        assert batch.state is BatchState.QUARANTINED
        assert [(v.rule, v.rows) for v in report.violations] == [("key_seen", 1)]
        assert "data.on_correction: latest_wins" in str(batch.reason)

    def test_a_correction_is_taken_where_the_spec_says_so(self, model):
        model.write(key=["id"], on_correction="latest_wins")
        model.take("a.csv", "id,y\na1,0\na2,1\n")
        batch, report = model.take("b.csv", "id,y\na2,0\na3,1\na3,2\n")
        assert batch.state is BatchState.ACCEPTED
        assert {v.kind for v in report.violations} == {ViolationKind.UNIQUE}
        assert report.outcome is Outcome.WARN

    def test_a_key_twice_in_one_batch_is_refused(self, model):
        model.write(key=["id"])
        assert kinds(refused(model, "id,y\na1,0\na1,1\n")) == {("unique", None)}

    def test_the_same_rows_in_another_format_are_no_corrections(self, model):
        model.write(key=["id"])
        first, _ = model.take("a.csv", "id,y\na1,0\na2,1\n")
        again, _ = model.take("a.jsonl", '{"id":"a1","y":0}\n{"id":"a2","y":1}\n')
        assert (again.state, again.snapshot) == (BatchState.ACCEPTED, first.snapshot)
