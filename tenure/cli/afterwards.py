"""What follows when a person changed something by command: pages are drawn, people are told."""

from __future__ import annotations

import logging

from tenure.errors import TenureError
from tenure.workspace import Workspace

log = logging.getLogger(__name__)


def make_known(model: str | None, workspace: Workspace, *, actor: str) -> None:
    """Draw a model's pages anew (None: that of all models), and tell its people of the change.

    What was changed stands already: where a page cannot be written or nobody can be reached,
    nothing is raised, and `reconcile` does it later.
    """
    from tenure import pages, telling

    try:
        if model is not None:
            pages.draw_model(model, workspace)
        else:
            pages.write_index(workspace)
    except Exception as error:  # noqa: BLE001 - a picture must not make a rollback look failed
        log.warning("The pages were not drawn: %s", _said(error))
    try:
        for told in telling.tell(model, workspace, actor=actor):
            if told.why:
                log.warning("%s", told.why)
    except Exception as error:  # noqa: BLE001 - nor may a message
        log.warning("Nobody was told: %s", _said(error))


def _said(error: Exception) -> str:
    """Return what may be said of an error: the texts of foreign ones may quote anything."""
    return str(error) if isinstance(error, TenureError) else type(error).__name__
