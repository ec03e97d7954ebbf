from __future__ import annotations

import getpass
from datetime import UTC, datetime

import pytest

import tenure
from tenure.cli import app
from tenure.errors import NoStandby, StaleEpoch
from tenure.records import GateVerdict
from tenure.registry import open_ledger
from tenure.workspace import SimulatedClock, Workspace, open_workspace
from tests.conftest import PROJECT
from tests.unit.cli.calling import Shell, digest_of_folder
from tests.unit.registry.lives import bare_version, promote, version
from tests.unit.serving.lives import ROW, champion, write_spec


def test_deploy_and_rollback_move_the_slot_and_name_the_person(
    shell: Shell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    version(workspace, seed=0)
    version(workspace, seed=1)
    said = shell("deploy", "fraud", "1", "--reason", "the first")
    assert said.code == 0
    assert "Version 1 of 'fraud' serves (epoch 1)." in said.out
    monkeypatch.setenv("TENURE_ACTOR", "ann")
    assert "Version 1 stands by." in shell("deploy", "fraud", "2", "-m", "better").out
    again = shell("deploy", "fraud", "2", "-m", "again", "--json").json
    assert again["has_moved"] is False
    monkeypatch.setenv("TENURE_ACTOR", "automation:alarm")
    back = shell("rollback", "fraud", "-m", "alarms since noon", "--json").json
    assert (back["assignment"]["version"], back["before"], back["has_moved"]) == (1, 2, True)
    rows = [(one.version, one.actor, one.reason) for one in open_ledger(workspace).tenures("fraud")]
    assert rows == [
        (1, f"person:{getpass.getuser()}", "the first"),
        (2, "person:ann", "better"),
        (1, "automation:alarm", "alarms since noon"),
    ]


def test_the_same_verbs_work_from_python(workspace: Workspace) -> None:
    version(workspace)
    moved = tenure.deploy("fraud", 1, reason="the first", workspace=workspace.root)
    assert (moved.assignment.version, moved.has_moved) == (1, True)
    with pytest.raises(NoStandby):
        tenure.rollback("fraud", reason="why not", workspace=workspace.root)


# words → exit code and error
REFUSED = {
    "unknown model": (("deploy", "scam", "1", "-m", "x"), 2, "ModelNotFound"),
    "unknown version": (("deploy", "fraud", "9", "-m", "x"), 2, "VersionNotFound"),
    "unfit version": (("deploy", "fraud", "2", "-m", "x"), 3, "NotFitToServe"),
    "no reason": (("deploy", "fraud", "2", "-m", " "), 2, "BadAuditEntry"),
    "nobody to go back to": (("rollback", "fraud", "-m", "x"), 3, "NoStandby"),
    "back to an unfit one": (("rollback", "fraud", "--to", "2", "-m", "x"), 3, "NotFitToServe"),
    "unknown version shown": (("show", "fraud", "9"), 2, "VersionNotFound"),
    "unknown model shown": (("show", "frau"), 2, "ModelNotFound"),
    "no time": (("history", "fraud", "--at", "yesterday"), 2, "BadTime"),
    "no batch": (("quarantine", "show", "fraud", "abcd"), 2, "BatchNotFound"),
    "too short a digest": (("quarantine", "show", "fraud", "a"), 2, "BatchNotFound"),
    "no head": (("verify", "--head", "12"), 2, "BadHead"),
    "no backup": (("restore-backup", "nosuch.tar"), 2, "FileMissing"),
    "no row": (("predict", "fraud"), 2, "BadAsk"),
    "two ways to give a row": (("predict", "fraud", "a=1", "--json-file", "x"), 2, "BadAsk"),
    "no such file": (("predict", "fraud", "--json-file", "nosuch.json"), 2, "BadAsk"),
    "no endpoint": (("predict", "fraud", "a=1", "b=1", "c=1", "d=1"), 4, "NoEndpoint"),
    "no number": (("predict", "fraud", "a=much"), 2, "BadAsk"),
    "no value": (("predict", "fraud", "a"), 2, "BadAsk"),
    "a value twice": (("predict", "fraud", "a=1", "a=2"), 2, "BadAsk"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_says_so_and_changes_nothing(
    case: str, shell: Shell, workspace: Workspace
) -> None:
    words, code, error = REFUSED[case]
    bare_version(workspace, tag="0")
    bare_version(workspace, tag="1", verdict=GateVerdict.LOSES)
    promote(workspace, 1, 0)
    before = open_ledger(workspace).slot("fraud")
    said = shell(*words, "--json")
    assert said.code == code
    assert said.error["code"] == error
    assert said.error["message"]
    assert open_ledger(workspace).slot("fraud") == before
    plain = shell(*words)
    assert plain.code == code
    assert plain.out == ""
    assert "Traceback" not in plain.err


NEVER_USED = [
    ("models",),
    ("status",),
    ("show", "fraud"),
    ("history", "fraud"),
    ("quarantine", "list"),
    ("quarantine", "show", "fraud", "abcd"),
    ("quarantine", "readmit", "fraud", "abcd", "-m", "x"),
    ("verify",),
    ("backup", "b.tar"),
    ("restore-backup", "b.tar"),
    ("upgrade",),
    ("rollback", "fraud", "-m", "x"),
    ("deploy", "fraud", "1", "-m", "x"),
    ("predict", "fraud", "a=1"),
    ("plan",),
    ("show", "nosuch"),
    ("nosuch",),
    ("history", "fraud", "--at", "noon"),
]


@pytest.mark.parametrize("words", NEVER_USED, ids=" ".join)
def test_asking_makes_nothing(
    words: tuple[str, ...], shell: Shell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    (workspace.models_folder / "fraud.yaml").write_text(
        "name: fraud\nowner: o\ndata: {source: in, target: y}\ntraining: {pipeline: a:b}\n",
        encoding="utf-8",
    )
    before = digest_of_folder(workspace.root)
    assert shell(*words).code in (0, 2, 3)
    assert digest_of_folder(workspace.root) == before


def test_history_answers_who_served_at_a_time(shell: Shell, workspace: Workspace) -> None:
    (workspace.root / "config" / "settings.yaml").write_text("simulated: true\n", encoding="utf-8")
    opened = open_workspace(workspace.root, project=PROJECT)
    assert isinstance(opened.clock, SimulatedClock)
    for number, day in ((1, 1), (2, 4), (3, 9)):
        opened.clock.set(datetime(2026, 5, day, 12, tzinfo=UTC))
        bare_version(opened, tag=str(number))
        promote(opened, number, number - 1)
    said = shell("history", "fraud", "--at", "2026-05-03T14:03+02:00")
    assert said.code == 0
    assert "At 2026-05-03 12:03:00+00:00 champion of 'fraud' was version 1." in said.out
    whole = shell("history", "fraud", "--json").json["tenures"]
    assert [one["version"] for one in whole] == [1, 2, 3]
    assert whole[0]["until"] == whole[1]["since"] == "2026-05-04T12:00:00Z"
    assert whole[2]["until"] is None
    nobody = shell("history", "fraud", "--at", "2025-01-01")
    assert "Nobody served as champion of 'fraud'" in nobody.out
    assert (
        shell("history", "fraud", "--at", "2026-05-09T12:00Z", "--json").json["tenures"][0][
            "version"
        ]
        == 3
    )


def test_models_show_and_status_say_who_serves(shell: Shell, workspace: Workspace) -> None:
    write_spec(workspace, "price")
    write_spec(workspace, "fraud")
    bare_version(workspace, tag="1")
    bare_version(workspace, tag="2")
    promote(workspace, 1, 0)
    lines = {one["model"]: one for one in shell("models", "--json").json}
    assert (lines["fraud"]["champion"], lines["fraud"]["newest_version"]) == (1, 2)
    assert (lines["price"]["champion"], lines["price"]["has_spec"]) == (None, True)
    one = shell("show", "fraud", "1")
    assert "fraud 1: validated, serves now" in one.out
    assert "some.module:make with seed 42" in one.out
    status = shell("status", "--json").json
    assert status["head"] == str(open_ledger(workspace).head())
    kinds = {use["kind"]: use["bytes"] for use in status["usage"]}
    assert kinds["ledger"] > 0
    assert kinds["store"] > 0
    assert "nothing is up" in shell("status").out


def test_a_model_that_serves_without_a_spec_is_called_an_orphan(
    shell: Shell, workspace: Workspace
) -> None:
    bare_version(workspace)
    promote(workspace, 1, 0)
    assert "orphan" in shell("models").out
    said = shell("plan", "--json")
    assert said.code == 1
    assert said.json["orphans"] == ["fraud"]


def test_verify_backup_and_restore(shell: Shell, workspace: Workspace) -> None:
    version(workspace, seed=0)
    status = shell("status", "--json").json
    assert shell("verify", "--head", status["head"]).code == 0
    file = workspace.root / "kept.tar"
    kept = shell("backup", str(file), "--json").json
    assert kept["bytes"] == file.stat().st_size
    assert shell("backup", str(file)).code == 2
    bare_version(workspace, tag="later")
    assert shell("restore-backup", str(file)).code == 0
    assert [one.number for one in open_ledger(workspace).versions("fraud")] == [1]
    assert shell("verify").code == 0
    assert shell("upgrade", "--json").json["backup"] is None


def test_verify_leaves_with_1_where_bytes_are_gone(shell: Shell, workspace: Workspace) -> None:
    kept = version(workspace)
    (found,) = (workspace.state / "store").rglob(f"*{kept.object[2:]}")
    found.unlink()
    said = shell("verify", "--json")
    assert said.code == 1
    assert said.json["is_sound"] is False
    assert "damage" in shell("verify").out


def test_offline_predictions_name_their_version(shell: Shell, workspace: Workspace) -> None:
    spec = write_spec(workspace, "fraud")
    champion(workspace, seed=0, spec=spec)
    row = [f"{name}={str(value).lower()}" for name, value in ROW.items()]
    said = shell("predict", "fraud", *row, "--offline", "--json")
    assert said.code == 0, said.err
    assert said.json["version"] == 1
    assert said.json["predictions"][0] in ("fine", "fraud")
    by_function = tenure.predict("fraud", [ROW], offline=True, workspace=workspace.root)
    assert list(by_function.predictions) == said.json["predictions"]
    assert "by version 1 of 'fraud' (epoch 1)" in shell("predict", "fraud", *row, "--offline").out
    wrong = shell("predict", "fraud", "amount=1", "--offline", "--json")
    assert (wrong.code, wrong.error["code"]) == (2, "BadRequest")


def test_a_decision_on_an_old_epoch_is_refused_with_3(
    shell: Shell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_version(workspace)

    def stale(*args: object, **extra: object) -> None:
        raise StaleEpoch(slot="champion", model="fraud", now=2, decided_at=1)

    monkeypatch.setattr("tenure.registry.deploying.deploy", stale)
    said = shell("deploy", "fraud", "1", "-m", "x")
    assert said.code == 3
    assert "is at epoch 2; the decision saw epoch 1" in said.err


def test_what_nobody_foresaw_leaves_with_5_and_keeps_texts_out(
    shell: Shell, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_version(workspace)
    secret = "@".join(["ann", "bank.example"])

    def crash(*args: object) -> None:
        raise ValueError(f"could not convert {secret}")

    monkeypatch.setattr("tenure.cli.reading.model_line", crash)
    said = shell("models", "--json")
    assert said.code == 5
    assert said.error["code"] == "Crashed"
    assert "ann@" not in said.err
    log = (workspace.state / "logs" / "cli.log").read_text(encoding="utf-8")
    assert "ValueError" in log
    assert "ann@" not in log


def test_an_interrupt_leaves_with_130(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tenure.cli.reading.ledger_if_any", interrupt)
    assert shell("models").code == 130
    monkeypatch.setattr(app, "build_app", interrupt)
    assert shell("models").code == 130
