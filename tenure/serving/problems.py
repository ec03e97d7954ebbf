"""What does a client read when its request cannot be answered?

Problem details (RFC 9457): a type for programs, a sentence for people, the field that is meant. No
answer repeats a value out of a row: it says what kind of value was found and what was wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson

from tenure.errors import TenureError

Headers = list[tuple[bytes, bytes]]

CLOSE = (b"connection", b"close")

MEDIA_TYPE = b"application/problem+json"


class Problem(Exception):
    """A request that is answered with problem details instead of its result.

    Args:
        status: the HTTP status.
        code: a stable handle for programs, in words joined by hyphens.
        detail: what is wrong, in a sentence.
        field: JSON pointer to what is meant in the request's body (RFC 6901).
        headers: further headers of the answer.
        facts: further members of the answer, such as `got` and `wanted`.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Sequence[tuple[bytes, bytes]] = (),
        **facts: Any,
    ) -> None:
        super().__init__(status, code, detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.field = field
        self.headers = list(headers)
        self.facts = facts

    def body(self) -> bytes:
        """Return the problem details as JSON."""
        said = {
            "type": f"urn:tenure:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.field is not None:
            said["field"] = self.field
        return orjson.dumps({**said, **self.facts})


def from_error(error: TenureError) -> Problem:
    """Return an error of the library as a problem; its text carries no value out of a row."""
    status = 422 if error.http_status >= 500 and error.exit_code == 2 else error.http_status
    headers = [retry_after(2)] if status == 503 else []
    return Problem(status, _hyphened(error.code), str(error), headers=headers)


def retry_after(seconds: int) -> tuple[bytes, bytes]:
    """Return the header that says when trying again makes sense."""
    return (b"retry-after", str(seconds).encode())


def shown(name: object, length: int) -> str:
    """Return a client's own name as an answer may repeat it: printable ASCII, and short."""
    text = ascii(name)
    return text if len(text) <= length else text[: length - 1] + "…"


def pointer(*parts: object) -> str:
    """Return a JSON pointer (RFC 6901).

    >>> pointer("instances", 3, "a/b")
    '/instances/3/a~1b'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _hyphened(name: str) -> str:
    return "".join("-" + letter.lower() if letter.isupper() else letter for letter in name)[1:]
