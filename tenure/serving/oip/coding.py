"""How are bodies unpacked and packed, and what may one unpack to?

gzip and deflate, in and out. What a body unpacks to is bounded by the same limit as one that came
unpacked; a bomb is given up at that limit, before it is in memory.
"""

from __future__ import annotations

import gzip
import zlib

from tenure.serving.limits import Limits
from tenure.serving.problems import Headers, Problem

PACKED_FROM = 1024
"""Answers below this many bytes are sent as they are: packing would cost more than sending."""

_ZLIB_OR_GZIP = 15 + 32
_BARE = -15


def unpacked(body: bytes, encoding: bytes, limits: Limits) -> bytes:
    """Return a body as it was before its Content-Encoding.

    Raises:
        Problem: 415 for another encoding, 413 beyond the limit, 400 for what does not unpack.
    """
    match encoding.strip().lower():
        case b"identity" | b"":
            return body
        case b"gzip" | b"x-gzip" | b"deflate" as name:
            windows = (_ZLIB_OR_GZIP, _BARE) if name == b"deflate" else (_ZLIB_OR_GZIP,)
            for window in windows:
                found = _inflated(body, window, limits)
                if found is not None:
                    return found
            detail = f"The body is no whole {name.decode()}, as its Content-Encoding says."
            raise Problem(400, "bad-encoding", detail)
    detail = "The body's Content-Encoding is unknown; send gzip, deflate or identity."
    refused = [(b"accept-encoding", b"gzip, deflate, identity")]
    raise Problem(415, "unknown-encoding", detail, headers=refused)


def _inflated(body: bytes, window: int, limits: Limits) -> bytes | None:
    found, left = b"", body
    while left:
        stream = zlib.decompressobj(window)
        try:
            found += stream.decompress(left, limits.body_bytes + 1 - len(found))
        except zlib.error:
            return None
        if len(found) > limits.body_bytes:
            detail = f"The body unpacks to more than {limits.body_bytes} bytes."
            raise Problem(413, "body-too-long", detail, wanted=limits.body_bytes)
        if not stream.eof:
            return None
        left = stream.unused_data
    return found


def packed(body: bytes, accepted: bytes | None, headers: Headers) -> tuple[Headers, bytes]:
    """Return an answer's headers and body as the client accepts it."""
    if accepted is None or len(body) < PACKED_FROM:
        return headers, body
    refused, taken = set(), set()
    for part in accepted.lower().split(b","):
        name, _, weight = part.partition(b";")
        is_refused = weight.replace(b" ", b"").rstrip(b"0").rstrip(b".") in (b"q=", b"q")
        (refused if is_refused else taken).add(name.strip())
    for name in (b"gzip", b"deflate"):
        if name in taken:
            packing = gzip.compress if name == b"gzip" else zlib.compress
            said = [(b"content-encoding", name), (b"vary", b"accept-encoding")]
            return [*headers, *said], packing(body, 1)
    return headers, body
