"""How does a notice leave this machine, and what is said where it could not?

Through Apprise, in a process of its own (`tenure.notices.outside`) that ends after a while whatever
the other side does. An address is a secret: it is handed over on standard input, and texts name
the environment variable that holds it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenure.notices.texts import Notice

PATIENCE_S = 60.0
"""How long a notice may take, all addresses together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Whom to tell: the environment variable's name, and the Apprise URL in it."""

    name: str
    url: str

    @classmethod
    def named(cls, name: str) -> Address | None:
        """Return the address that an environment variable holds, None if it holds none."""
        url = os.environ.get(name, "").strip()
        return cls(name=name, url=url) if url else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of a notice at one address; `why` is empty if it went."""

    to: str
    why: str = ""


def send(
    notice: Notice,
    addresses: Sequence[Address],
    *,
    allow_hosts: Sequence[str] = (),
    patience_s: float = PATIENCE_S,
) -> list[Delivery]:
    """Send a notice to some addresses; nothing is raised where it cannot be sent.

    Args:
        notice: what to say.
        addresses: to whom.
        allow_hosts: hosts in private networks that may be told; all else there is refused.
        patience_s: how long to wait.
    """
    if not addresses:
        return []
    said = {"title": notice.title, "body": notice.body, "type": notice.tone.value}
    jobs = [{"url": each.url, **said} for each in addresses]
    question = json.dumps({"jobs": jobs, "allow_hosts": list(allow_hosts)})
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "tenure.notices.outside"],
            input=question,
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        answers = json.loads(ended.stdout)
    except subprocess.TimeoutExpired:
        return [_not(each, f"nobody answered within {patience_s:g} s") for each in addresses]
    except (OSError, subprocess.CalledProcessError, json.JSONDecodeError):
        return [_not(each, "the sending process failed") for each in addresses]
    return [
        Delivery(to=each.name) if answer["ok"] else _not(each, answer["why"])
        for each, answer in zip(addresses, answers, strict=True)
    ]


def _not(address: Address, why: str) -> Delivery:
    return Delivery(to=address.name, why=f"{address.name} was not told: {why}.")
