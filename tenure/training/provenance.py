"""In which state of the code, and with which libraries, was something fitted?"""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

NUMERIC = ("joblib", "numpy", "pandas", "scikit-learn", "scipy", "threadpoolctl")


@cache
def libraries() -> dict[str, str]:
    """Return versions of what decides about a fit's numbers, by distribution name."""
    versions = {"tenure": _version("tenure")}
    versions |= {name: _version(name) for name in NUMERIC}
    return {name: version for name, version in sorted(versions.items()) if version}


@cache
def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def brought(names: tuple[str, ...]) -> dict[str, str]:
    """Return versions of other libraries whose code an artifact names, where they say one.

    Args:
        names: dotted names of classes and functions.
    """
    tops = {name.partition(".")[0] for name in names} - {"sklearn", "tenure", "builtins"}
    found = {top: _version(top) for top in sorted(tops)}
    return {top: version for top, version in found.items() if version}


def environment() -> dict[str, str]:
    """Return what a fit's numbers hang on besides code and data."""
    return {**libraries(), "python": python(), "machine": platform.machine()}


def python() -> str:
    """Return the version of Python."""
    return platform.python_version()


def code_state(folder: Path) -> tuple[str | None, bool | None]:
    """Return the commit that a folder stands at, and whether tracked files differ from it.

    Both are None outside of a git repository, or where there is no git.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None, None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def _git(folder: Path, *words: str) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *words],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
