"""Under which names may a browser or a client call this server?

A page elsewhere can make a browser call 127.0.0.1 under a name of its own (DNS rebinding); so only
requests for names that this server is known by are answered.
"""

from __future__ import annotations

from collections.abc import Iterable

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def allowed_hosts(bound: str, named: Iterable[str] = ()) -> frozenset[str]:
    """Return the host names that requests may carry: loopback, what is bound, what is named."""
    extra = () if bound in ("0.0.0.0", "::") else (bound,)  # noqa: S104
    return frozenset(name.lower() for name in (*LOOPBACK, *extra, *named))


def host_of(header: bytes | None) -> str | None:
    """Return the name in a Host header without its port, None if it is no such header.

    >>> host_of(b"LocalHost:8080"), host_of(b"[::1]:80"), host_of(b"a b")
    ('localhost', '::1', None)
    """
    if header is None or not header.isascii() or len(header) > 260:
        return None
    text = header.decode().lower()
    if text.startswith("["):
        name, closed, port = text[1:].partition("]")
        port = port.removeprefix(":") if closed else "?"
    else:
        name, _, port = text.partition(":")
    if port and not port.isdigit():
        return None
    is_name = bool(name) and all(letter.isalnum() or letter in ".-:_" for letter in name)
    return name if is_name else None
