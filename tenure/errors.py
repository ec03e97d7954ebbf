"""What can go wrong, said as facts: one family, each class one fact.

An error says what, which, got, wanted, what to do, and what still holds. Its facts are keyword
arguments, kept as they are, so an error survives pickling and prints as JSON; its text is made from
them when it is asked for. No fact ever carries a value out of a row.
"""

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


class ProjectNotFound(BadInput):
    """No folder with config/settings.yaml and flows/ was found."""

    says = "No Tenure project found; looked in {looked_in}."
    remedy = (
        "Stand in a checkout of Tenure, or give --project or TENURE_PROJECT. "
        "The installed package alone cannot run a flow."
    )


class WorkspaceNotFound(BadInput):
    """The folder named as workspace holds no config/."""

    says = "'{folder}' is no workspace: it has no config/ folder."
    remedy = "Give a folder that holds config/ by --workspace or TENURE_WORKSPACE."


class WorkspaceTooNew(RefusedByState):
    """The state folder was written by a newer Tenure."""

    says = "'{folder}' has format {found}; this Tenure knows up to {known}. Nothing was changed."
    remedy = "Use the newer Tenure that wrote it."


class WorkspaceTooOld(RefusedByState):
    """The state folder was written by an older Tenure and was not upgraded."""

    says = "'{folder}' has format {found}; this Tenure wants {known}. Nothing was changed."
    remedy = "`tenure upgrade` upgrades it, after a backup."


class BadSetting(BadInput):
    """A value in config/settings.yaml cannot be used."""

    says = "{file}: '{key}' is {got}; wanted {wanted}. Nothing was changed."


class BadSpec(BadInput):
    """One or more mistakes in the specs; `mistakes` holds all of them."""

    says = "{count} mistake(s) in the specs:\n{text}"
    remedy = "`tenure check` prints them all; nothing was changed."


class ModelNotFound(BadInput):
    """No spec and no ledger row bears this name."""

    says = "There is no model '{model}'; known: {known}."
    remedy = "A model is a file config/models/NAME.yaml."
    http_status = 404


class VersionNotFound(BadInput):
    """The model has no version of this number."""

    says = "Model '{model}' has no version {version}; the newest is {newest}."
    remedy = "`tenure show {model}` lists them."
    http_status = 404


class NoChampion(RefusedByState):
    """The slot has never been filled."""

    says = "Model '{model}' has no champion yet."
    remedy = "`tenure train {model}` makes a first version."
    http_status = 503


class StaleEpoch(RefusedByState):
    """A slot changed after the decision about it was made."""

    says = (
        "Slot '{slot}' of '{model}' is at epoch {now}; the decision saw epoch {decided_at}. "
        "Nothing was changed."
    )
    remedy = "Decide again on the current state."


class NotFitToServe(RefusedByState):
    """Only a validated version may take a slot."""

    says = "Version {version} of '{model}' is {stage}; only a validated version may serve."
    remedy = "`tenure show {model}` lists the versions that are fit to serve."
