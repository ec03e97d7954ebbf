"""Which models are there, who serves since when, and what waits to be done?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tenure.errors import TenureError
from tenure.pages.life import Life, life_timeline, next_steps, primary_of, read_life, sentence
from tenure.pages.paths import INDEX, model_path
from tenure.pages.render import write_page
from tenure.records import Batch, BatchState
from tenure.registry import open_ledger
from tenure.spec import model_names
from tenure.workspace import Workspace


def write_index(workspace: Workspace) -> Path:
    """Draw the page of all models of a workspace, those without a spec too."""
    ledger = open_ledger(workspace)
    named = _named(workspace)
    models = sorted({*named, *ledger.models()})
    seq, head = ledger.head()
    return write_page(
        "fleet.html",
        INDEX,
        workspace,
        trail=[("Tenure", None)],
        models=[_row(read_life(model, ledger, workspace), model in named) for model in models],
        root=workspace.root.name,
        seq=seq,
        head=head,
    )


def _named(workspace: Workspace) -> frozenset[str]:
    """Return the models that have a spec; a broken spec must not hide the fleet."""
    try:
        return frozenset(model_names(workspace))
    except TenureError:
        return frozenset()


def _row(life: Life, has_spec: bool) -> dict[str, Any]:
    serving = next(
        (
            pair
            for pair in life.versions
            if life.champion and pair[0].number == life.champion.version
        ),
        None,
    )
    return {
        "life": life,
        "link": model_path(life.model),
        "sentence": sentence(life),
        "primary": primary_of(serving[1]) if serving else None,
        "last": _last(life),
        "quarantined": sum(b.state is BatchState.QUARANTINED for b in life.batches),
        "timeline": life_timeline(life),
        "steps": next_steps(life),
        "has_spec": has_spec,
    }


def _last(life: Life) -> Batch | None:
    return life.batches[0] if life.batches else None
