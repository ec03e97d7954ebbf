"""What does a client read who asks for something that does not answer?

A retired version is gone (410) and names its successor's address, as a link (RFC 5829) and in the
body; a vacant slot is unavailable (503) with the reason that stands in the record.
"""

from __future__ import annotations

from tenure.records import Stage
from tenure.serving.answers import version_address
from tenure.serving.problems import Headers, Problem, retry_after
from tenure.serving.router import GONE, Reference, Standing

VACANT_RETRY_S = 60


class Counting:
    """How often each retired version was asked for; written and read by different threads."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, model: str, version: str) -> None:
        """Count one request."""
        self._counts[model, version] = self._counts.get((model, version), 0) + 1

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the counts by model and version."""
        found: dict[str, dict[str, int]] = {}
        for (model, version), count in list(self._counts.items()):
            found.setdefault(model, {})[version] = count
        return found


def without(model: str, standing: Standing) -> Problem:
    """Return why nothing answers for a model."""
    vacant = standing.vacant.get(model)
    if vacant is not None:
        detail = f"The slot of '{model}' is vacant since {vacant.since:%Y-%m-%d %H:%M} UTC: "
        headers = [retry_after(VACANT_RETRY_S)]
        return Problem(503, "vacant", detail + vacant.reason, headers=headers, epoch=vacant.epoch)
    if model in standing.named or not standing.looked:
        detail = "; ".join(standing.reasons()) or f"Model '{model}' has no champion yet."
        return Problem(503, "no-champion", detail, headers=[retry_after(5)])
    return Problem(404, "no-model", f"There is no model '{model}'. /v1/models lists them.")


def closed(model: str, standing: Standing) -> Problem:
    """Return that a model's champion was retired, and that its spec lets nobody answer for it."""
    detail = f"The champion of '{model}' was retired, and nothing answers in its place here."
    served, wanted = standing.serving.get(model), standing.wanted.get(model)
    is_followed = served is not None and wanted is not None and served.epoch == wanted.epoch
    return _gone("model-retired", detail, served if is_followed else None)


def not_serving(
    model: str, version: int, stage: Stage | None, serving: Reference | None
) -> Problem:
    """Return why a version does not answer: retired, not in office, or unknown."""
    if stage is None:
        return Problem(404, "no-version", f"There is no version {version} of '{model}'.")
    if stage in GONE:
        detail = f"Version {version} of '{model}' was retired and answers no more."
        return _gone("version-retired", detail, serving)
    who = f"version {serving.version} serves" if serving is not None else "nothing serves"
    return Problem(404, "not-serving", f"Version {version} of '{model}' does not serve; {who}.")


def _gone(code: str, detail: str, successor: Reference | None) -> Problem:
    if successor is None:
        return Problem(410, code, detail, successor=None)
    address = version_address(successor.model, successor.version)
    headers: Headers = [(b"link", f'<{address}>; rel="successor-version"'.encode())]
    named = {"version": successor.version, "address": address}
    detail = f"{detail} Its successor is at {address}."
    return Problem(410, code, detail, headers=headers, successor=named)
