"""What may be said of an error that is none of ours, and where is its full text?

The text of an error of pandas, scikit-learn or pyarrow may quote a row, and so may the chain behind
it. Logs, states, events and pages say its type, the line of our code (or the user's) that it came
through and a number; the text stands in one local file, mode 0600, that bears the number.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path

from tenure.errors import Disturbed, TenureError, Unforeseen
from tenure.workspace import Workspace

MOST_KEPT = 200
"""Files of failures; the oldest go first."""

_OURS = ("tenure", "tasks", "flows", "deployments")
_CHECKOUT = Path(__file__).resolve().parents[1]
_NOT_OURS = tuple(
    str(Path(sysconfig.get_path(name)).resolve()) + os.sep
    for name in ("purelib", "platlib", "stdlib", "platstdlib")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What may be told of an error, and where the rest of it is.

    Attributes:
        type: the error's class.
        where: file and line of the last code that is neither a library's nor Python's own.
        id: twelve characters, by which the file is found.
        file: holds the traceback with all texts; None where it could not be written.
    """

    type: str
    where: str
    id: str
    file: Path | None

    def __str__(self) -> str:
        place = f"{self.file}" if self.file else "nowhere: it could not be written"
        return f"{self.type} at {self.where}, failure {self.id}; its full text is in {place}"


def keep(error: BaseException, workspace: Workspace) -> Failure:
    """Write an error's full text to `.tenure/logs/failures/` and return what may be told."""
    known, file = secrets.token_hex(6), None
    with contextlib.suppress(OSError):
        file = _write(error, workspace.state / "logs" / "failures", known)
    return Failure(type=type(error).__name__, where=_where(error), id=known, file=file)


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if not _is_library(each.filename)]
    last = ours[-1] if ours else (frames[-1] if frames else None)
    if last is None:
        return "an unknown place"
    path = Path(last.filename)
    shown = path.name
    with contextlib.suppress(ValueError):  # a user's own file may lie in a folder of any name
        within = path.resolve().relative_to(_CHECKOUT)
        shown = within.as_posix() if within.parts[0] in _OURS else path.name
    return f"{shown}:{last.lineno}"


def _is_library(file: str) -> bool:
    resolved = file if file.startswith("<") else str(Path(file).resolve())
    return resolved.startswith(("<", *_NOT_OURS)) or "site-packages" in resolved


def _write(error: BaseException, folder: Path, known: str) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = sorted(folder.glob("*.txt"), key=lambda each: each.stat().st_mtime)
    for old in kept[: max(0, len(kept) - MOST_KEPT + 1)]:
        old.unlink(missing_ok=True)
    file = folder / f"{known}.txt"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as target:
        target.writelines(traceback.format_exception(error))
    return file


def tellable(error: Exception, workspace: Workspace, *, may_pass: bool = False) -> TenureError:
    """Return an error that may be told anywhere: Tenure's own as it is, or what stands for it.

    Its chain is cut, since whoever prints a traceback prints that as well.

    Args:
        error: what was raised.
        workspace: whose logs keep its full text.
        may_pass: whether the same call may succeed a little later.
    """
    if isinstance(error, TenureError):
        error.__cause__, error.__suppress_context__ = None, True
        return error
    failure = keep(error, workspace)
    kind = Disturbed if may_pass else Unforeseen
    file = failure.file or "no file, since none could be written"
    return kind(type=failure.type, where=failure.where, id=failure.id, file=str(file))
