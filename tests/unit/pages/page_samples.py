"""Records as the stages make them, so that pages can be drawn without fitting anything."""

from datetime import UTC, datetime, timedelta

from tenure.records import (
    AskedRule,
    Assignment,
    Batch,
    BatchState,
    Candidate,
    Column,
    Comparison,
    Evaluation,
    GateCheck,
    GateVerdict,
    Lineage,
    MetricValue,
    Outcome,
    Slot,
    Stage,
    TrainingSet,
    ValidationReport,
    Version,
    Violation,
    ViolationKind,
)

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
NASTY = "<script>alert('x')</script>"


def version(number=7, stage=Stage.VALIDATED, reason="It is better.") -> Version:
    at = START + timedelta(days=number, hours=2)
    return Version(
        model="fraud",
        number=number,
        stage=stage,
        candidate="c" * 64,
        object="0b" * 32,
        size=412_345,
        manifest="a1" * 32,
        evaluation="e" * 64,
        training_set="f" * 64,
        reason=reason,
        seq=number * 10,
        recorded_at=at,
        as_of=at,
    )


def candidate() -> Candidate:
    return Candidate(
        id="c" * 64,
        model="fraud",
        training_set=TrainingSet(
            model="fraud",
            digest="f" * 64,
            snapshots=("5a" * 32,),
            span="all",
            rows=18_400,
            start_at=START,
            end_at=START + timedelta(days=9),
        ),
        task="classification",
        target="is_fraud",
        features=(
            Column(name="amount", type="float64"),
            Column(name="merchant", type="category", categories=("grocery", "travel")),
        ),
        classes=(0, 1),
        object="0b" * 32,
        size=412_345,
        globals=("sklearn.pipeline.Pipeline",),
        recipe="9" * 64,
        last_snapshot_seq=41,
        lineage=Lineage(
            code_commit="137909d" + "0" * 33,
            code_dirty=True,
            pipeline="examples.fraud.recipe:make_pipeline",
            parameters={"learning_rate": 0.1},
            seed=42,
            libraries={"scikit-learn": "1.9.1", "numpy": "2.4.6"},
            python="3.11.7",
            spec="d" * 64,
            cpu_s=1.93,
            wall_s=1.04,
            peak_memory_bytes=231_000_000,
        ),
    )


def evaluation(verdict=GateVerdict.WINS) -> Evaluation:
    return Evaluation(
        model="fraud",
        candidate="c" * 64,
        verdict=verdict,
        promotes=verdict in {GateVerdict.WINS, GateVerdict.FIRST},
        reason="Version 7 is 3.1 standard errors better than version 4 on 8 214 rows.",
        primary="average_precision",
        metrics=(
            MetricValue(name="average_precision", value=0.71, low=0.66, high=0.76, rows=8214),
        ),
        checks=(
            GateCheck(
                name="average_precision",
                outcome=Outcome.PASS,
                message="At least 0.60 is asked for.",
                wanted="≥ 0.60",
                got="0.71",
            ),
            GateCheck(
                name="slice_floor",
                outcome=Outcome.WARN,
                message="Slice 'customer_group=student' has 41 rows, too few to judge.",
                wanted="≥ 100 rows",
                got="41",
            ),
        ),
        comparison=Comparison(
            method="progressive",
            metric="average_precision",
            rows=8214,
            batches=4,
            champion=4,
            champion_value=0.64,
            candidate_value=0.71,
            difference=0.07,
            standard_error=0.0225,
            low=0.026,
            high=0.114,
            rule="better",
            z=1.64,
            margin=0.0,
        ),
        champion_epoch=2,
        details="b" * 64,
        digest="e" * 64,
    )


def batch(n=3, state=BatchState.QUARANTINED, reason=None) -> Batch:
    return Batch(
        model="fraud",
        digest=f"{n:02x}" * 32,
        name=f"2026-11-{n:02d}.csv",
        location=f"data/2026-11-{n:02d}.csv",
        size=143_210,
        state=state,
        seq=n,
        arrived_at=START + timedelta(days=n),
        report="d" * 64,
        reason=reason,
    )


def report(outcome=Outcome.FAIL) -> ValidationReport:
    return ValidationReport(
        model="fraud",
        batch="03" * 32,
        outcome=outcome,
        violations=(
            Violation(
                rule="expect_column_values_to_be_between",
                kind=ViolationKind.RANGE,
                outcome=Outcome.FAIL,
                message="Column 'amount' lies outside 0..20000 in 412 rows.",
                column="amount",
                rows=412,
            ),
            Violation(
                rule="expect_column_values_to_be_in_set",
                kind=ViolationKind.CATEGORY,
                outcome=Outcome.WARN,
                message=f"Column {NASTY} has unknown categories in 12 rows.",
                column="merchant",
                rows=12,
                action="tag",
            ),
        ),
        rows=2050,
        rejected_rows=0,
        tagged_rows=12,
        suite="9e" * 32,
        checks=11,
        asked=(
            AskedRule(rule="columns", outcome=Outcome.PASS),
            AskedRule(
                rule="amount in range", outcome=outcome, columns=("amount",), failed_rows=412
            ),
            AskedRule(
                rule="no key twice",
                outcome=Outcome.PASS,
                columns=("customer", "at"),
                failed_rows=0,
            ),
        ),
        digest="d" * 64,
    )


COLUMNS = (
    Column(name="at", type="datetime"),
    Column(name="amount", type="float64"),
    Column(name="merchant", type="category", categories=("grocery", "travel")),
    Column(name="is_fraud", type="int64"),
)


def tenure(n, version_number, day) -> Assignment:
    return Assignment(
        model="fraud",
        slot=Slot.CHAMPION,
        version=version_number,
        epoch=n,
        since=START + timedelta(days=day),
        seq=n * 7,
        actor="schedule:nightly",
        reason="It was better than the champion.",
    )
