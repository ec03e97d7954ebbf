"""What does a client read of a version that still answers, and is on its way out?

A version is deprecated while a case is carried out that retires it, or waits for an answer and the
spec retires it at the deadline. What merely waits for an approval is not decided, and says nothing.
The headers (RFC 9745, RFC 8594, RFC 5829) stand on answers at the version's own address: the
model's address goes on, whoever answers there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from tenure.records import Action, Case, CaseState
from tenure.serving.problems import Headers

if TYPE_CHECKING:
    from tenure.serving.standing import Standing

V1, V2 = "/v1/models/{model}{version}:predict", "/v2/models/{model}{version}/infer"
"""Where predictions are asked for, in each protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A version that is on its way out.

    Attributes:
        since: when that was decided.
        until: when it answers no more; None where it goes as soon as the case is carried out.
        successor: who was named to take over, None if nobody was.
    """

    since: datetime
    until: datetime | None
    successor: int | None


def going(cases: Iterable[Case]) -> dict[tuple[str, int], Going]:
    """Return which versions are on their way out, by model and number.

    Args:
        cases: those that are not over.
    """
    found = {}
    for case in cases:
        if case.action is not Action.RETIRE:
            continue
        if case.state is CaseState.OPEN:
            since = max([case.opened_at, *(each.at for each in case.approvals)])
            until = None
        elif case.state is CaseState.WAITING and case.on_timeout == "retire":
            since, until = case.opened_at, case.deadline_at
        else:
            continue
        found[case.model, case.version] = Going(since=since, until=until, successor=case.successor)
    return found


def headers_at(standing: Standing, model: str, version: str | None, route: str) -> Headers:
    """Return what an answer at an address says of the end of that address.

    Args:
        standing: what is served.
        model: the name in the address.
        version: the number in the address, None for none.
        route: `V1` or `V2`.
    """
    if version is None or not standing.going:
        return []
    found = standing.going.get((model, int(version)))
    if found is None:
        return []
    headers = [(b"deprecation", b"@%d" % found.since.timestamp())]
    if found.until is not None:
        said = formatdate(found.until.timestamp(), usegmt=True)
        headers.append((b"sunset", said.encode()))
    # Who was named and is in memory answers by its number; else the model's address has whoever
    # takes over.
    is_there = any(each.version == found.successor for each in standing.holders(model))
    of = f"/versions/{found.successor}" if is_there else ""
    link = f'<{route.format(model=model, version=of)}>; rel="successor-version"'
    return [*headers, (b"link", link.encode())]


def told(standing: Standing, model: str, version: int) -> dict[str, Any]:
    """Return what metadata say of a version that is on its way out; nothing of others."""
    found = standing.going.get((model, version))
    if found is None:
        return {}
    until = None if found.until is None else found.until.isoformat()
    said = {"since": found.since.isoformat(), "sunset": until, "successor": found.successor}
    return {"deprecated": said}
