"""Does the README say what happens, and does it happen?"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
LATER = "later"
WAIT_S = 300


def commands() -> list[str]:
    """Return what the README types, in its order."""
    blocks = re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def script(typed: list[str]) -> str:
    """Return the commands as one script; what is true only later is asked again until it is."""
    lines = ["set -e", "trap 'tenure down' EXIT"]
    for command in typed:
        bare, _, remark = command.partition("    #")
        bare = (
            bare.strip().removeprefix("make install && ").replace("source .venv/bin/activate", ":")
        )
        if LATER in remark:
            lines.append(f"until {bare}; do sleep 1; done")
        else:
            lines.append(bare)
    return "\n".join(lines)


@pytest.fixture
def checkout(tmp_path):
    """A copy of what a clone would hold, in a path with a blank."""
    copy = tmp_path / "a clone"
    copy.mkdir()
    without = shutil.ignore_patterns("__pycache__", "*.csv", ".tenure")
    for name in ("tenure", "tasks", "flows", "deployments", "examples", "config"):
        shutil.copytree(PROJECT / name, copy / name, ignore=without)
    return copy


@pytest.mark.acceptance
def test_every_command_of_the_readme_works(checkout):
    kept = {"HOME": str(checkout / "home"), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    path = f"{PROJECT / '.venv' / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script(commands())],
        cwd=checkout,
        env={**kept, "PATH": path, "PYTHONPATH": str(checkout), "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no mistakes" in done.stdout
    assert re.search(r"version 1\b", done.stdout)
    assert (checkout / "examples/iris/.tenure/pages/iris/versions/1.html").is_file()


def test_the_first_spec_of_the_readme_is_the_example_and_has_ten_lines():
    shown, _ = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    file = PROJECT / "examples/iris/config/models/iris.yaml"
    assert yaml.safe_load(shown) == yaml.safe_load(file.read_text(encoding="utf-8"))
    assert len(shown.splitlines()) == 10


def test_what_the_readme_says_of_a_bad_model_is_a_spec_and_does_what_it_says(workspace):
    from tenure.monitoring.policy import policy_of
    from tenure.spec import read_spec

    spec, loop = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    file = workspace.models_folder / "iris.yaml"
    file.write_text(spec + loop, encoding="utf-8")
    reading = read_spec(file, workspace)
    assert reading.spec is not None, [str(each) for each in reading.mistakes]
    rungs = {rung.severity.value: rung for rung in policy_of(reading.spec).rungs}
    assert {name: (rung.wanted, rung.among) for name, rung in rungs.items()} == {
        "warn": (2, 3),
        "retrain": (2, 3),
        "retire": (3, 4),
    }
    assert [limit.threshold for limit in rungs["retire"].limits] == [0.6, 0.7]


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)$", README, flags=re.MULTILINE))
def test_make_knows_what_the_readme_names(target):
    known = subprocess.run(
        ["make", "--dry-run", target], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert known.returncode == 0, known.stderr


def test_every_link_of_the_documents_leads_somewhere():
    broken = []
    for file in [PROJECT / "README.md", *PROJECT.glob("docs/**/*.md")]:
        for link in re.findall(r"\]\(([^)#]+)", file.read_text(encoding="utf-8")):
            if "://" not in link and not (file.parent / link).exists():
                broken.append(f"{file.relative_to(PROJECT)}: {link}")
    assert broken == []
