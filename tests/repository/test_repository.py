"""Does the repository itself hold what it promises: clean locks, a wheel with the library alone?"""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda p: p.name)
def test_each_lock_is_hashed_and_names_no_address(lock):
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links", text)
    pins = re.findall(r"^[A-Za-z0-9][\w.\-\[\]]*==", text, re.M)
    assert pins
    assert text.count("--hash=sha256:") >= len(pins)


def test_the_locks_keep_the_pins_without_which_prefect_schedules_nothing():
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert re.search(r"^sqlalchemy==2\.0\.", text, re.M)
    major, minor = re.search(r"^fastapi==(\d+)\.(\d+)", text, re.M).groups()
    assert (int(major), int(minor)) < (0, 151)
    assert re.search(r"^joblib==1\.([6-9]|\d\d)", text, re.M)


def test_the_wheel_holds_the_library_alone_and_all_of_it(tmp_path):
    source = tmp_path / "source"
    for folder in ("tenure", "flows", "tasks", "config"):
        shutil.copytree(
            ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for file in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / file, source / file)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet",
         "--wheel-dir", tmp_path, source],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"tenure"}
    kept = {"tenure/" + p.relative_to(ROOT / "tenure").as_posix()
            for p in (ROOT / "tenure").rglob("*")
            if p.is_file() and "__pycache__" not in p.parts}  # fmt: skip
    assert kept <= names


def test_no_flow_file_bears_the_name_of_a_module_that_it_would_hide():
    taken = set(sys.stdlib_module_names) | {"tasks", "config", "tenure", "prefect", "pandas"}
    assert not {p.stem for p in (ROOT / "flows").glob("*.py")} & taken
