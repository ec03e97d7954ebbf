"""What does the process do that sends a message, and what can it not do?

It is started for one notice, takes it from its standard input and answers on its standard output.
Addresses are checked where a connection is made, after every resolution and redirect: what is not
public, and was not named by the owner, cannot be connected to, and no other program can be started.
So a name that changes its address between check and use gains nothing.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import json
import os
import socket
import sys
from typing import Any

_CONNECTS = ("socket.connect", "socket.sendto", "socket.sendmsg")
_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the internet's, in whichever form it is written.

    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:127.0.0.1")
    (True, False, False)
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or _translated(found)
        if inner is not None:
            return is_public(str(inner))
        if found.teredo is not None:
            return False
    return found.is_global and not found.is_multicast


def _translated(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address inside one of NAT64, None if it is none."""
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def addresses_of(hosts: list[str]) -> frozenset[str]:
    """Return the addresses that named hosts have now; a host without one has none."""
    found: set[str] = set()
    for host in hosts:
        with contextlib.suppress(OSError):
            found |= {str(each[4][0]) for each in socket.getaddrinfo(host, None)}
    return frozenset(found)


def guard(allowed: frozenset[str]) -> list[str]:
    """Keep this process from everything but public addresses and the allowed ones, for good.

    Returns the list that refusals are noted in.
    """
    refusals: list[str] = []

    def watch(event: str, facts: tuple[Any, ...]) -> None:
        if event in _STARTS:
            refusals.append("its sender wanted to start another program")
            raise PermissionError(refusals[-1])
        if event not in _CONNECTS:
            return
        target = facts[1]
        if isinstance(target, tuple) and (str(target[0]) in allowed or is_public(str(target[0]))):
            return
        refusals.append("it leads into a private network, and notify.allow_hosts does not name it")
        raise PermissionError(refusals[-1])

    sys.addaudithook(watch)
    return refusals


def deliver(job: dict[str, Any], refusals: list[str]) -> dict[str, Any]:
    """Send one message to one address; says whether it went, and if not, why."""
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Tenure", app_desc="Tenure", http_redirects=False, secure_logging=True
    )
    before, target = len(refusals), apprise.Apprise(asset=asset)
    if not target.add(job["url"]):
        return {"ok": False, "why": "it holds no Apprise URL"}
    sent = target.notify(
        body=job["body"],
        title=job["title"],
        notify_type=job["type"],
        body_format=apprise.NotifyFormat.TEXT,
    )
    why = refusals[before] if len(refusals) > before else "the other side did not take it"
    return {"ok": bool(sent), "why": "" if sent else why}


def main() -> int:
    """Read the jobs, send them, write what became of each."""
    asked = json.loads(sys.stdin.read())
    for name in list(os.environ):
        if name.lower() in _PROXIES:
            del os.environ[name]
    allowed = addresses_of(asked["allow_hosts"])
    refusals = guard(allowed)
    with contextlib.redirect_stdout(io.StringIO()):
        answers = [deliver(job, refusals) for job in asked["jobs"]]
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
