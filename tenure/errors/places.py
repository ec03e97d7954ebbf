"""What can be wrong with a project, a workspace, its settings or a spec?"""

from __future__ import annotations

from tenure.errors.family import BadInput, RefusedByState


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
