"""What do all errors have in common, and which kinds are there?"""

from __future__ import annotations

from string import Formatter
from typing import Any, ClassVar


class TenureError(Exception):
    """Something that Tenure refuses or cannot do; subclasses say what."""

    says: ClassVar[str] = "{detail}"
    remedy: ClassVar[str] = ""
    exit_code: ClassVar[int] = 2
    http_status: ClassVar[int] = 422
    is_transient: ClassVar[bool] = False

    def __init__(self, **facts: Any) -> None:
        super().__init__()
        self.facts: dict[str, Any] = facts

    @property
    def code(self) -> str:
        """The class's name, the stable handle for programs."""
        return type(self).__name__

    def __str__(self) -> str:
        text = " ".join(part for part in (self.says, self.remedy) if part)
        wanted = {name for _, name, _, _ in Formatter().parse(text) if name}
        return text.format(**{name: self.facts.get(name, "?") for name in wanted})

    def as_dict(self) -> dict[str, Any]:
        """Return code, message, facts and remedy, as `--json` prints them."""
        said = {name for _, name, _, _ in Formatter().parse(self.remedy) if name}
        remedy = self.remedy.format(**{name: self.facts.get(name, "?") for name in said})
        return {"code": self.code, "message": str(self), "facts": self.facts, "remedy": remedy}


class BadInput(TenureError):
    """What was given cannot be used; nothing was changed."""


class RefusedByState(TenureError):
    """What was asked for is not allowed as things stand."""

    exit_code = 3
    http_status = 409


class CheckFailed(TenureError):
    """A check found something."""

    exit_code = 1


class Unreachable(TenureError):
    """Something that is needed cannot be reached."""

    exit_code = 4
    http_status = 503
    is_transient = True


class RunFailed(TenureError):
    """A run ended without doing what it was for."""

    exit_code = 5
    http_status = 500
