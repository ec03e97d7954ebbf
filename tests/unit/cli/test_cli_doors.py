from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pytest

import tenure
from tenure.cli.app import VERBS, load_command, run
from tenure.cli.command import help_of
from tests.conftest import PROJECT
from tests.unit.cli.calling import Shell

HEAVY = {
    "prefect",
    "pandas",
    "sklearn",
    "pyarrow",
    "great_expectations",
    "evidently",
    "sqlalchemy",
    "numpy",
    "pydantic",
    "rich",
    "httpx",
    "fsspec",
    "joblib",
    "fastapi",
}
ALL = [(name, None) for name, verb in VERBS.items() if not verb.below] + [
    (below, name) for name, verb in VERBS.items() for below in verb.below
]
ISSUE = {
    "check",
    "plan",
    "up",
    "down",
    "logs",
    "sync",
    "status",
    "ingest",
    "train",
    "deploy",
    "rollback",
    "predict",
    "score",
    "monitor",
    "retire",
    "restore",
    "approve",
    "cases",
    "halt",
    "resume",
    "explain",
    "export",
    "note",
    "page",
    "models",
    "show",
    "history",
    "quarantine",
    "rollout",
    "key",
    "verify",
    "backup",
    "restore-backup",
    "upgrade",
}


def words(name: str, group: str | None) -> list[str]:
    return [group, name] if group else [name]


def test_every_verb_is_there() -> None:
    assert set(VERBS) == ISSUE
    assert set(VERBS["quarantine"].below) == {"list", "show", "readmit"}


@pytest.mark.parametrize(("name", "group"), ALL)
def test_help_suffices(name: str, group: str | None, shell: Shell) -> None:
    command = load_command(name, group)
    said = shell(*words(name, group), "--help")
    assert said.code == 0
    assert said.err == ""
    first = (inspect.getdoc(command.function) or "").splitlines()[0]
    assert first.split()[0] in said.out
    assert "--json" in said.out
    assert "--workspace" in said.out
    assert "Args:" not in said.out
    assert "Raises:" not in said.out
    assert command.examples
    for example in command.examples:
        assert example.startswith(f"tenure {' '.join(words(name, group))}")
        assert example in said.out


@pytest.mark.parametrize(("name", "group"), ALL)
def test_every_parameter_is_explained(name: str, group: str | None) -> None:
    parameters = inspect.signature(load_command(name, group).function, eval_str=True).parameters
    for parameter in parameters.values():
        (mark,) = parameter.annotation.__metadata__
        assert mark.help, parameter.name


@pytest.mark.parametrize(("name", "group"), ALL)
def test_help_and_summary_agree_on_what_is_done(name: str, group: str | None) -> None:
    summary = VERBS[group].below[name] if group else VERBS[name].summary
    assert summary.endswith(".")
    assert len(summary) <= 70
    assert help_of(load_command(name, group))


def test_the_top_level_help_names_every_verb(shell: Shell) -> None:
    said = shell("--help")
    assert said.code == 0
    for name, verb in VERBS.items():
        assert name in said.out
        assert verb.summary in said.out


def test_a_group_lists_its_verbs(shell: Shell) -> None:
    said = shell("quarantine", "--help")
    assert said.code == 0
    assert all(name in said.out for name in ("list", "show", "readmit"))


def test_verbs_are_functions_of_the_same_names_in_python() -> None:
    for name, group in ALL:
        owner = getattr(tenure, group) if group else tenure
        function = getattr(owner, name.replace("-", "_"))
        parameters = inspect.signature(function, eval_str=True).parameters
        assert {"workspace", "project"} <= set(parameters)
        assert all(one.annotation is not inspect.Parameter.empty for one in parameters.values())
    with pytest.raises(AttributeError):
        _ = tenure.nosuch  # type: ignore[attr-defined]
    assert {"train", "quarantine", "open_workspace"} <= set(dir(tenure))


def imported(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nsys.stderr.write(' '.join(sys.modules))"
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, cwd="/"
    )
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import tenure",
        "from tenure.cli.app import run; run(['--help'])",
        "from tenure.cli.app import run; run(['--version'])",
    ],
)
def test_help_and_import_need_nothing_heavy(statement: str) -> None:
    assert not imported(statement) & HEAVY


def test_a_verb_imports_no_more_than_it_needs() -> None:
    modules = imported("from tenure.cli.app import run; run(['rollback', '--help'])")
    assert not modules & (HEAVY - {"pydantic", "fsspec"})


def test_an_unknown_verb_suggests_the_nearest(shell: Shell) -> None:
    said = shell("rolback", "fraud")
    assert said.code == 2
    assert "There is no verb 'rolback'; did you mean 'rollback'?" in said.err
    below = shell("quarantine", "lst")
    assert below.code == 2
    assert "did you mean 'list'?" in below.err


def test_an_unknown_option_and_a_missing_argument_leave_with_2(shell: Shell) -> None:
    assert shell("status", "--loud").code == 2
    said = shell("deploy", "fraud", "--json")
    assert said.code == 2
    assert said.error["code"] == "UsageMistake"


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"tenure {tenure.__version__}\n"


def test_the_shell_completes_verbs_and_models(shell: Shell) -> None:
    (shell.workspace.models_folder / "fraud.yaml").write_text("name: fraud\n", encoding="utf-8")
    env = {
        **os.environ,
        "PYTHONPATH": str(PROJECT),
        "_TENURE_COMPLETE": "complete_bash",
        "TENURE_WORKSPACE": str(shell.workspace.root),
        "TENURE_PROJECT": str(PROJECT),
    }

    def complete(line: str, place: int) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "tenure"],
            env={**env, "COMP_WORDS": line, "COMP_CWORD": str(place)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.split()

    assert complete("tenure roll", 1) == ["rollback", "rollout"]
    assert complete("tenure show fr", 2) == ["fraud"]
