"""Which of a model's versions answers this request?

A version in the address is answered by whichever slot holds it. A tester's header chooses the slot.
Else a share of the requests is the challenger's: by the client's key, so that a person meets one
version, and whoever was in at a small share stays in as it grows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from hashlib import blake2b

from tenure.records import Slot
from tenure.serving.problems import Problem, shown
from tenure.serving.standing import Reference, Standing

KEY, SLOT = b"tenure-key", b"tenure-slot"
"""The headers that a request is parted by, and that a tester chooses a slot with."""

Headers = Mapping[bytes, bytes]
AdmitTester = Callable[[Headers, str], object]
"""Given headers and a model: raises a Problem where the caller may not choose the slot."""

_RANGE = 2**64


def nobody(headers: Headers, model: str) -> object:
    """Let nobody choose the slot.

    Raises:
        Problem: 403, always.
    """
    detail = "Only a key for tests may choose the slot that answers."
    raise Problem(403, "no-tester", detail)


def pick(
    standing: Standing,
    model: str,
    version: str | None,
    headers: Headers,
    admit_tester: AdmitTester = nobody,
) -> Reference | None:
    """Return what answers a request, None where nothing does.

    Args:
        standing: what is served.
        model: the name in the address.
        version: the number in the address, None for none.
        headers: by name in lower case.
        admit_tester: says who may choose the slot.

    Raises:
        Problem: 400 for a slot that is none, 403 for a caller who may not choose it, 404 where
            nobody holds the one that was chosen.
    """
    if version is not None:
        number = int(version)
        return next((each for each in standing.holders(model) if each.version == number), None)
    if SLOT in headers:
        return _chosen(standing, model, headers, admit_tester)
    served = standing.serving.get(model)
    share = standing.shares.get(model)
    if not share or served is None:
        return served
    challenger = standing.challengers.get(model)
    if challenger is None or draw(model, challenger.version, headers.get(KEY)) >= share:
        return served
    return challenger


def draw(model: str, version: int, key: bytes | None) -> float:
    """Return a number in [0, 1): the same for the same key, anew for each request without one.

    The version is in it, so that not always the same people are the first to meet a new one.
    """
    if key is None:
        return random.random()  # noqa: S311 - nobody gains by guessing it
    digest = blake2b(b"%s/%d/%s" % (model.encode(), version, key), digest_size=8).digest()
    return int.from_bytes(digest, "big") / _RANGE


def _chosen(
    standing: Standing, model: str, headers: Headers, admit_tester: AdmitTester
) -> Reference | None:
    admit_tester(headers, model)
    name = headers[SLOT].decode("latin-1").strip()
    if name not in set(Slot):
        wanted = ", ".join(Slot)
        detail = f"The header tenure-slot takes one of {wanted}; it is {shown(name, 40)}."
        raise Problem(400, "no-slot", detail, wanted=wanted)
    found = standing.holder((model, Slot(name)))
    if found is None and name != Slot.CHAMPION:
        detail = f"No version of '{model}' holds the slot {name} here."
        raise Problem(404, "slot-empty", detail)
    return found
