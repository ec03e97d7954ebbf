"""Does the ladder do exactly what the owner wrote, and does each guard hold and let go?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenure.monitoring.decision import History, asks_a_person, decide, severity
from tenure.monitoring.policy import policy_of
from tenure.records import Action, Cause, Measure, Reading, Severity, Window
from tenure.registry.readings import sealed
from tenure.spec.model import ModelSpec

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORDER = [Action.KEEP, Action.WARN, Action.RETRAIN, Action.RETIRE]
PLAIN = {
    "warn": {"share": 0.2},
    "retrain": {"share": 0.4},
    "retire": {"share": 0.6, "windows": "3 of 4"},
}


def spec(monitoring=PLAIN, decisions=None, **more):
    return ModelSpec.model_validate(
        {
            "name": "fraud",
            "owner": "risk@bank.example",
            "data": {"source": "in", "target": "y"},
            "training": {"pipeline": "recipes:make"},
            "monitoring": monitoring,
            "decisions": decisions or {},
            **more,
        }
    )


def reading(number, share=None, *, unknown="", **values):
    measures = [
        Measure(name=name, cause=Cause.DRIFT, value=value, **facts)
        for name, value, facts in [
            ("drift_share", share, {}),
            *((name, value, {}) for name, value in values.items()),
        ]
    ]
    return sealed(
        Reading(
            model="fraud",
            version=3,
            epoch=2,
            window=Window(model="fraud", kind="batches", first_seq=number, last_seq=number),
            revision=1,
            rows=0 if unknown else 500,
            labelled_rows=0,
            measures=() if unknown else tuple(measures),
            reason=unknown,
        )
    )


def series(*shares):
    return [
        reading(place, unknown="too few rows") if share is None else reading(place, share)
        for place, share in enumerate(shares, start=1)
    ]


def with_metric(one, value, name="metric:accuracy"):
    labelled = Measure(name=name, cause=Cause.PERFORMANCE, value=value)
    return sealed(replace(one, measures=(*one.measures, labelled)))


@pytest.mark.parametrize(
    ("shares", "action"),
    [
        ((0.1,), Action.KEEP),
        ((0.9,), Action.KEEP),
        ((0.3, 0.1, 0.3), Action.WARN),
        ((0.3, 0.3, 0.1), Action.KEEP),
        ((0.3, 0.1, 0.1, 0.3), Action.KEEP),
        ((0.5, 0.5), Action.RETRAIN),
        ((0.5, 0.3), Action.WARN),
        ((0.7, 0.7), Action.RETRAIN),
        ((0.7, 0.1, 0.7, 0.7), Action.RETIRE),
        ((0.7, 0.1, 0.1, 0.7, 0.7), Action.RETRAIN),
        ((0.7, None, 0.7, None, 0.7), Action.RETIRE),
        ((0.4, 0.4), Action.RETRAIN),
        ((0.39999, 0.39999), Action.WARN),
    ],
)
def test_the_plainest_spec_gets_exactly_what_it_says(shares, action):
    policy = policy_of(spec())
    decided = decide(series(*shares), policy, History(now=NOW))
    assert decided.action is action
    assert decided.held_back == ()
    assert asks_a_person(decided, policy, History(now=NOW)) == 0
    if action is not Action.KEEP:
        assert decided.rule == f"monitoring.{action.value}.share"
        assert decided.cause is Cause.DRIFT


def test_without_rungs_calibrated_drift_warns_and_nothing_more():
    drifted = Measure(
        name="drift", cause=Cause.DRIFT, value=9.0, column="a", threshold=0.1, drifted=True
    )
    readings = [sealed(replace(one, measures=(drifted,))) for one in series(0.0, 0.0, 0.0)]
    decided = decide(readings, policy_of(spec(monitoring={})), History(now=NOW))
    assert decided.action is Action.WARN
    assert "'a'" in decided.reason
    calm = [sealed(replace(one, measures=(replace(drifted, drifted=False),))) for one in readings]
    assert decide(calm, policy_of(spec(monitoring={})), History(now=NOW)).action is Action.KEEP


def test_without_rungs_a_column_that_stands_still_warns_too():
    stuck = Measure(name="constant", cause=Cause.QUALITY, value=1.0, column="a")
    readings = [sealed(replace(one, measures=(stuck,))) for one in series(0.0, 0.0)]
    decided = decide(readings, policy_of(spec(monitoring={})), History(now=NOW))
    assert (decided.action, decided.cause) == (Action.WARN, Cause.QUALITY)
    moving = [sealed(replace(one, measures=(replace(stuck, value=0.0),))) for one in readings]
    assert decide(moving, policy_of(spec(monitoring={})), History(now=NOW)).action is Action.KEEP


def test_a_live_metric_below_its_gate_retrains_without_any_rung():
    gated = spec(monitoring={}, evaluation={"gates": {"accuracy": {"at_least": 0.8}}})
    bad = [with_metric(one, 0.7) for one in series(0.0, 0.0)]
    decided = decide(bad, policy_of(gated), History(now=NOW))
    assert (decided.action, decided.cause) == (Action.RETRAIN, Cause.PERFORMANCE)
    assert decided.rule == "evaluation.gates.accuracy"
    good = [with_metric(one, 0.8) for one in series(0.0, 0.0)]
    assert decide(good, policy_of(gated), History(now=NOW)).action is Action.KEEP


def test_labels_outrank_drift_in_both_directions():
    floors = {**PLAIN, "retire": {"share": 0.6, "metrics_below": {"accuracy": 0.6}}}
    policy = policy_of(spec(floors))
    well = [with_metric(one, 0.9) for one in series(0.9, 0.9)]
    held = decide(well, policy, History(now=NOW))
    assert (held.wanted, held.action) == (Action.RETIRE, Action.RETRAIN)
    assert "drift alone cannot retire" in held.held_back[0]
    ill = [with_metric(one, 0.5) for one in series(0.0, 0.0)]
    assert decide(ill, policy, History(now=NOW)).action is Action.RETIRE
    unlabelled = decide(series(0.9, 0.9), policy, History(now=NOW))
    assert unlabelled.action is Action.RETIRE


HOUR = timedelta(hours=1)
SPENT = tuple(NOW - days * timedelta(days=3) for days in (3, 2, 1))
GUARDS = {
    "halted": (0.5, {"halted": "Automation is halted."}, Action.WARN, "halted"),
    "one open case": (0.9, {"open_case": "Case 12 waits."}, Action.WARN, "Case 12"),
    "cool-down": (
        0.5,
        {"attempts": (NOW - HOUR,), "last_retrain_at": NOW - HOUR},
        Action.WARN,
        "cooldown_hours",
    ),
    "attempts a day": (
        0.5,
        {"attempts": (NOW - 2 * HOUR, NOW - 3 * HOUR)},
        Action.WARN,
        "attempts_per_day",
    ),
    "attempts spent": (0.5, {"attempts": SPENT}, Action.RETIRE, "when_attempts_spent is ask"),
    "the last fit version": (
        0.9,
        {"can_be_replaced": False},
        Action.RETRAIN,
        "last version that is fit",
    ),
    "spent, and nothing stands in": (
        0.5,
        {"attempts": SPENT, "can_be_replaced": False},
        Action.WARN,
        "nothing is ready",
    ),
}


@pytest.mark.parametrize("guard", GUARDS)
def test_each_guard_is_named_and_holds_back_no_more_than_it_must(guard):
    share, facts, action, named = GUARDS[guard]
    policy = policy_of(spec({**PLAIN, "retire": {"share": 0.6}}))
    free = decide(series(share, share), policy, History(now=NOW))
    assert free.held_back == ()
    held = decide(series(share, share), policy, History(now=NOW, **facts))
    assert held.action is action
    assert any(named in each for each in held.held_back)
    assert held.wanted is free.action


@pytest.mark.parametrize(
    ("decisions", "action", "asked"),
    [
        ({}, Action.RETIRE, 1),
        ({"when_attempts_spent": "retire"}, Action.RETIRE, 0),
        ({"when_attempts_spent": "keep"}, Action.WARN, 0),
    ],
)
def test_when_attempts_are_spent_the_spec_says_what_follows(decisions, action, asked):
    policy, history = policy_of(spec(decisions=decisions)), History(now=NOW, attempts=SPENT)
    decided = decide(series(0.5, 0.5), policy, history)
    assert decided.action is action
    if action is Action.RETIRE:
        assert asks_a_person(decided, policy, history) == asked


@pytest.mark.parametrize(("tier", "asked"), [("low", 0), ("medium", 1), ("high", 2)])
def test_the_tier_says_how_many_people_must_agree(tier, asked):
    policy = policy_of(spec(tier=tier))
    decided = decide(series(0.7, 0.7, 0.7), policy, History(now=NOW))
    assert decided.action is Action.RETIRE
    assert asks_a_person(decided, policy, History(now=NOW)) == asked


def test_after_a_years_budget_of_retirements_a_person_is_asked():
    policy = policy_of(spec(decisions={"max_cases_per_year": 2}))
    decided = decide(series(0.7, 0.7, 0.7), policy, History(now=NOW))
    busy = History(now=NOW, retirements=(NOW - 30 * HOUR, NOW - 60 * HOUR))
    calm = History(now=NOW, retirements=(NOW - timedelta(days=400), NOW - 60 * HOUR))
    assert asks_a_person(decided, policy, busy) == 1
    assert asks_a_person(decided, policy, calm) == 0


def test_what_could_not_be_judged_is_unknown_and_becomes_a_warning():
    policy = policy_of(spec())
    two = decide(series(0.9, 0.9, None, None), policy, History(now=NOW))
    assert (two.action, two.cause) == (Action.KEEP, Cause.UNKNOWN)
    three = decide(series(0.1, None, None, None), policy, History(now=NOW))
    assert (three.action, three.cause) == (Action.WARN, Cause.UNKNOWN)
    assert "3 windows in a row" in three.reason


def test_labels_that_stay_away_are_a_warning_and_hide_nothing_worse():
    policy = policy_of(spec(decisions={"max_days_without_labels": 30}))
    late = History(now=NOW, labels_at=NOW - timedelta(days=31))
    calm = decide(series(0.1), policy, late)
    assert (calm.action, calm.cause) == (Action.WARN, Cause.NO_LABELS)
    assert "31 days ago" in calm.reason
    assert decide(series(0.5, 0.5), policy, late).action is Action.RETRAIN
    fresh = History(now=NOW, labels_at=NOW - timedelta(days=29))
    assert decide(series(0.1), policy, fresh).action is Action.KEEP
    assert decide(series(0.1), policy_of(spec()), late).action is Action.KEEP


def test_a_dry_run_decides_alike_and_says_that_it_is_one():
    dry = decide(series(0.5, 0.5), policy_of(spec(decisions={"dry_run": True})), History(now=NOW))
    assert (dry.action, dry.dry_run) == (Action.RETRAIN, True)


def test_a_rung_of_a_p_value_is_crossed_downwards():
    policy = policy_of(spec({"warn": {"score": 0.01, "windows": "1 of 1"}}))
    at = {"name": "drift", "cause": Cause.DRIFT, "column": "a", "method": "ks"}
    for value, severe in ((0.5, Severity.OK), (0.01, Severity.WARN), (0.0001, Severity.WARN)):
        one = sealed(replace(reading(1), measures=(Measure(value=value, **at),)))
        assert severity(one, policy) is severe


shares = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=6)
histories = st.builds(
    History,
    now=st.just(NOW),
    attempts=st.lists(st.integers(1, 100).map(lambda hours: NOW - hours * HOUR), max_size=4).map(
        tuple
    ),
    can_be_replaced=st.booleans(),
    halted=st.sampled_from(["", "Automation is halted."]),
    open_case=st.sampled_from(["", "Case 12 waits."]),
    last_retrain_at=st.one_of(st.none(), st.integers(1, 60).map(lambda hours: NOW - hours * HOUR)),
)
policies = st.builds(
    lambda spent, k, vacant, floor: policy_of(
        spec(
            {
                "warn": {"share": 0.2, "windows": f"{k} of 3"},
                "retrain": {"share": 0.4, "windows": f"{k} of 4"},
                "retire": {
                    "share": 0.6,
                    "windows": f"{k} of 3",
                    **({"metrics_below": {"accuracy": 0.6}} if floor else {}),
                },
            },
            {"when_attempts_spent": spent},
            deployment={"may_leave_vacant": vacant},
        )
    ),
    st.sampled_from(["ask", "retire", "keep"]),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
)


@settings(max_examples=300, deadline=None)
@given(
    before=shares,
    one=st.floats(0, 1),
    worse=st.floats(0, 1),
    accuracy=st.one_of(st.none(), st.floats(0, 1)),
    drop=st.floats(0, 1),
    policy=policies,
    history=histories,
)
def test_a_worse_newest_window_never_gives_a_milder_decision(
    before, one, worse, accuracy, drop, policy, history
):
    low, high = sorted((one, worse))
    past = series(*before)
    milder, harder = reading(99, low), reading(99, high)
    if accuracy is not None:
        milder = with_metric(milder, accuracy)
        harder = with_metric(harder, min(accuracy, drop))
    a = decide([*past, milder], policy, history)
    b = decide([*past, harder], policy, history)
    assert ORDER.index(b.action) >= ORDER.index(a.action)


@settings(max_examples=100, deadline=None)
@given(before=shares, share=st.floats(0, 1), policy=policies, history=histories)
def test_the_same_input_gives_the_same_decision_and_says_why(before, share, policy, history):
    readings = [*series(*before), reading(99, share)]
    one, two = (decide(list(readings), policy, history) for _ in range(2))
    assert one == two
    assert one.reason
    assert one.rule.startswith(("monitoring", "evaluation"))
    assert one.readings[-1] == readings[-1].digest
    assert bool(one.held_back) or one.action is one.wanted
