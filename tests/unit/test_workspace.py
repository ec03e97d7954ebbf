"""Which project and workspace are meant, and what happens where none is?"""

import pickle
from datetime import UTC, datetime, timedelta

import pytest

from tenure.errors import BadSetting, ProjectNotFound, WorkspaceNotFound
from tenure.workspace import SimulatedClock, open_workspace


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("TENURE_PROJECT", raising=False)
    monkeypatch.delenv("TENURE_WORKSPACE", raising=False)
    folder = tmp_path / "a project"
    (folder / "config").mkdir(parents=True)
    (folder / "flows").mkdir()
    (folder / "config" / "settings.yaml").write_text("", encoding="utf-8")
    return folder


def test_the_nearest_parent_that_is_a_checkout_is_the_project(project, monkeypatch):
    inner = project / "flows" / "deep"
    inner.mkdir()
    monkeypatch.chdir(inner)
    workspace = open_workspace()
    assert (workspace.root, workspace.project) == (project, project)


def test_without_a_project_every_place_that_was_looked_at_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TENURE_PROJECT", raising=False)
    monkeypatch.delenv("TENURE_WORKSPACE", raising=False)
    with pytest.raises(ProjectNotFound) as caught:
        open_workspace()
    assert str(tmp_path) in str(caught.value)
    assert str(tmp_path.parent) in str(caught.value)


def test_a_workspace_may_stand_apart_from_the_project(project, tmp_path):
    other = tmp_path / "other"
    (other / "config").mkdir(parents=True)
    workspace = open_workspace(other, project)
    assert (workspace.root, workspace.project) == (other, project)
    assert workspace.locate("data/x") == str(other / "data/x")
    assert workspace.locate("s3://bucket/x") == "s3://bucket/x"


def test_a_folder_without_config_is_no_workspace(project, tmp_path):
    with pytest.raises(WorkspaceNotFound, match="no workspace"):
        open_workspace(tmp_path / "nowhere", project)


def test_opening_makes_nothing(project):
    before = sorted(project.rglob("*"))
    open_workspace(project, project)
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ledgre: x", "ledgre"),
        ("simulated: maybe", "simulated"),
        ("- a", "whole file"),
        ("archive: 7", "archive"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(project, text, said):
    (project / "config" / "settings.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadSetting, match=said):
        open_workspace(project, project)


def test_a_simulated_clock_is_seen_by_every_copy_and_hands_over_to_the_real_one(project):
    (project / "config" / "settings.yaml").write_text("simulated: true", encoding="utf-8")
    workspace = open_workspace(project, project)
    assert isinstance(workspace.clock, SimulatedClock)
    workspace.clock.set(datetime(2020, 5, 3, tzinfo=UTC))
    copy = pickle.loads(pickle.dumps(workspace))
    assert copy.clock.now() == datetime(2020, 5, 3, tzinfo=UTC)
    workspace.clock.release()
    assert copy.clock.now() - datetime.now(UTC) < timedelta(minutes=1)


def test_the_platform_team_is_named_in_the_settings(project):
    file = project / "config" / "settings.yaml"
    file.write_text("notify: {to: [PLATFORM], allow_hosts: [hooks.local]}\n")
    workspace = open_workspace(project, project)
    assert (workspace.notify_to, workspace.notify_hosts) == (("PLATFORM",), ("hooks.local",))
    for wrong in ("notify: PLATFORM\n", "notify: {to: PLATFORM}\n", "notify: {who: [PLATFORM]}\n"):
        file.write_text(wrong)
        with pytest.raises(BadSetting, match="notify"):
            open_workspace(project, project)
