"""Are conflicts between monitoring, fallback, notices and the rest of a spec found and said?"""

from __future__ import annotations

import pytest

from tenure.workspace import Workspace
from tests.unit.spec.specs import GOOD, must_say, read

# What is changed in GOOD → line, key, got, wanted, hint (parts of each)
CASES = {
    "a rung that nothing crosses": (
        "schedules:",
        "monitoring: {retire: {windows: 3 of 3}}\nschedules:",
        13,
        "monitoring.retire",
        "nothing crosses",
        "share: 0.5",
        "",
    ),
    "a rung below a milder one": (
        "schedules:",
        "monitoring: {warn: {share: 0.4}, retire: {share: 0.3}}\nschedules:",
        13,
        "monitoring.retire.share",
        "0.3, less than monitoring.warn.share, 0.4",
        "0.4 or more",
        "",
    ),
    "a rung for a column that is not there": (
        "schedules:",
        "monitoring: {retire: {columns: {amuont: 0.3}}}\nschedules:",
        13,
        "monitoring.retire.columns.amuont",
        "'amuont'",
        "one of data.columns",
        "did you mean 'amount'?",
    ),
    "a constant that is not given": (
        "schedules:",
        "deployment: {fallback: constant}\nschedules:",
        13,
        "deployment.fallback",
        "without a constant",
        "deployment.constant",
        "",
    ),
    "a rule that is not given": (
        "schedules:",
        "deployment: {fallback: rule}\nschedules:",
        13,
        "deployment.fallback",
        "without a rule",
        "module:function",
        "",
    ),
    "a slot that may not be vacant": (
        "schedules:",
        "deployment: {fallback: none}\nmonitoring: {retire: {share: 0.5}}\nschedules:",
        13,
        "deployment.fallback",
        "automation may retire",
        "may_leave_vacant",
        "refuse",
    ),
    "a guard that hands over to nobody": (
        "schedules:",
        "deployment:\n  fallback: none\n  serving:\n    guards: {missing: fallback}\nschedules:",
        16,
        "deployment.serving.guards.missing",
        "'fallback' with deployment.fallback: none",
        "'flag' or 'refuse', or another deployment.fallback",
        "503",
    ),
    "unsure answers that are handed over to nobody": (
        "schedules:",
        "deployment:\n  fallback: none\n  serving:\n"
        "    guards: {low_confidence: {do: fallback}}\nschedules:",
        16,
        "deployment.serving.guards.low_confidence.do",
        "deployment.fallback: none",
        "'flag' or 'refuse'",
        "",
    ),
    "a rollout that nothing can judge": (
        "schedules:",
        "deployment: {serving: {log: off}, rollout: {max_difference: null}}\nschedules:",
        13,
        "deployment.rollout",
        "max_latency_ratio with deployment.serving.log: off",
        "deployment.serving.log: outputs",
        "max_latency_ratio: null",
    ),
    "windows of a log without inputs": (
        "schedules:",
        "deployment: {serving: {log: outputs}}\n"
        "monitoring: {source: predictions, window: {rows: 500}}\nschedules:",
        14,
        "monitoring.source",
        "keeps 'outputs'",
        "log: inputs",
        "",
    ),
    "batches of a log": (
        "schedules:",
        "monitoring: {source: predictions, window: {batches: 1}}\nschedules:",
        13,
        "monitoring.window",
        "a log that has none",
        "days or rows",
        "",
    ),
    "days of data without a time, as the log has no inputs": (
        "  time: {columns: [at]}\n  key: [card]\n",
        "  key: [card]\nmonitoring: {window: {days: 7}}\ndeployment: {serving: {log: outputs}}\n",
        8,
        "monitoring.window.days",
        "data without a time",
        "or data.time",
        "",
    ),
    "a secret in the spec": (
        "schedules:",
        "notify: {to: ['https://hooks.example/T0/secret']}\nschedules:",
        13,
        "notify.to[0]",
        "no name of an environment variable",
        "FRAUD_TEAM_URL",
        "",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_conflict_in_the_loop_is_found(case: str, workspace: Workspace) -> None:
    old, new, line, key, got, wanted, hint = CASES[case]
    mistake = must_say(read(workspace, GOOD.replace(old, new, 1)), key)
    assert mistake.line == line
    assert got in mistake.got
    assert wanted in mistake.wanted
    assert hint in mistake.hint


FITTING = {
    "a guard with a fallback": "deployment: {serving: {guards: {missing: fallback}}}\n",
    "guards without one, where nobody is in reserve": "deployment:\n  fallback: none\n"
    "  serving: {guards: {missing: refuse, low_confidence: {do: flag}}}\n",
    "a rollout judged by the log of answers": "deployment:\n  serving: {log: outputs}\n"
    "  rollout: {max_loss: 0.1}\n",
    "a rollout that says to be judged by errors alone": "deployment:\n  serving: {log: off}\n"
    "  rollout: {max_latency_ratio: null, max_difference: null}\n",
}


@pytest.mark.parametrize("more", FITTING.values(), ids=FITTING.keys())
def test_what_fits_is_taken(more: str, workspace: Workspace) -> None:
    found = read(workspace, GOOD.replace("schedules:", more + "schedules:", 1))
    assert found.spec is not None, [str(one) for one in found.mistakes]
