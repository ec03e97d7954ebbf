"""May this caller do this?

Without a key in the workspace, callers of this machine may do everything, and the server listens to
nobody else. With one, each request but a health probe wants a key that is for its model and its
purpose: an address that nobody thought of is closed, not open.
"""

from __future__ import annotations

import hmac
import logging
import re
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from tenure.errors import KeyFileBroken, OpenToAll
from tenure.serving.bodies import CLOSE
from tenure.serving.hosts import LOOPBACK
from tenure.serving.keys import Key, Role, digest_of_key, id_of, key_file, read_key_file
from tenure.serving.problems import Problem, retry_after
from tenure.workspace import Workspace

_log = logging.getLogger(__name__)

_NOBODY = "0" * 64
_IN_QUERY = re.compile(rb"(?:^|[&;])(?:api[-_]?key|access_token|key|token)=|tenure_[0-9a-f]{12}_")
_MODEL = re.compile(r"/v[12]/models/([^/:]+)")
_OPEN = frozenset({"/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        name: of the key; empty where none was wanted.
        key: its id.
        is_stranger: whether a key is wanted elsewhere and none was shown here: told no more than
            a probe needs.
    """

    name: str = ""
    key: str = ""
    is_stranger: bool = False


ANYBODY = Caller()
STRANGER = Caller(is_stranger=True)


class Failures:
    """How many bad keys came from where lately; forgets the oldest addresses.

    An address beyond the bound reads 429 for its bad keys. A good key from there is let in all the
    same: else one bad client would lock out all that share its address.
    """

    def __init__(
        self,
        *,
        most: int = 20,
        within_s: float = 60.0,
        addresses: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._within_s, self._addresses = most, within_s, addresses
        self._clock = clock
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._seen)

    def add(self, address: str) -> int:
        """Count one bad key; return for how many seconds its sender has had too many, 0 if not."""
        now, place = self._clock(), _network(address)
        count, since = self._seen.pop(place, (0, now))
        if now - since >= self._within_s:
            count, since = 0, now
        self._seen[place] = (count + 1, since)
        if len(self._seen) > self._addresses:
            self._seen.popitem(last=False)
        return 0 if count < self._most else max(1, int(self._within_s - (now - since)))


class Access:
    """Decides who may do what; `look` follows the file of keys.

    Args:
        workspace: whose keys.
        must: whether a key is wanted even if there is none, as on an address that others reach.
        now: the real time.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        must: bool = False,
        failures: Failures | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = key_file(workspace)
        self._now = now
        self._failures = Failures() if failures is None else failures
        self._seen: object = _mark(self._file)
        self._keys = {each.id: each for each in read_key_file(self._file)}
        self.trouble: str | None = None
        self.is_on = must or bool(self._keys)

    def look(self) -> None:
        """Take over the keys if their file has changed; a broken file changes nothing.

        Once there was a key, one is needed: whoever deletes the file opens nothing.
        """
        mark = _mark(self._file)
        if mark == self._seen:
            return
        try:
            keys = read_key_file(self._file)
        except KeyFileBroken as error:
            if self.trouble is None:
                _log.error("%s", error)
            self.trouble = str(error)
            return
        self.trouble = None
        self._seen, self._keys = mark, {each.id: each for each in keys}
        self.is_on = self.is_on or bool(keys)

    def admit(
        self, method: str, path: str, query: bytes, headers: Mapping[bytes, bytes], client: str
    ) -> Caller:
        """Let a request for any address of the public server in, or not.

        Raises:
            Problem: 401, 403 or 429; 400 for a key in the query.
        """
        if query and _IN_QUERY.search(query):
            detail = "A key must not stand in an address: addresses are logged. Revoke this one."
            raise Problem(400, "key-in-address", detail, headers=[CLOSE])
        if not self.is_on:
            return ANYBODY
        if path in _OPEN:
            return STRANGER
        matched = _MODEL.match(path)
        model = None if matched is None else matched[1]
        basic = method in ("GET", "HEAD") and role_of(path) is Role.ADMIN
        return self.check(headers, model, role_of(path), client=client, basic=basic)

    def lets(self, headers: Mapping[bytes, bytes], model: str) -> bool:
        """Say whether who asks may ask a model for predictions; counts nothing, unlike `admit`."""
        if not self.is_on:
            return True
        text = _sent(headers.get(b"authorization"), basic=False)
        key = None if text is None else self._find(text)
        if key is None or not key.may(Role.PREDICT):
            return False
        return key.models is None or model in key.models

    def check(
        self,
        headers: Mapping[bytes, bytes],
        model: str | None,
        role: Role,
        *,
        client: str = "",
        basic: bool = False,
    ) -> Caller:
        """Return who asks.

        Args:
            headers: by name in lower case.
            model: which model it is about; None for none.
            role: what for.
            client: the address that asks.
            basic: whether the key may come as the password of a browser.

        Raises:
            Problem: 401 without a valid key, 403 where it is for something else, 429 after many.
        """
        if not self.is_on:
            return ANYBODY
        text = _sent(headers.get(b"authorization"), basic=basic)
        key = None if text is None else self._find(text)
        if key is None:
            raise self._refused(client, is_missing=text is None, basic=basic)
        if not key.may(role):
            said = ", ".join(key.roles)
            detail = f"This key is for {said}; here it takes one for {role}."
            raise Problem(403, "wrong-role", detail, headers=[CLOSE])
        if model is not None and key.models is not None and model not in key.models:
            detail = "This key is not for this model."
            raise Problem(403, "wrong-model", detail, headers=[CLOSE])
        return Caller(name=key.name, key=key.id)

    def _find(self, text: str) -> Key | None:
        # The id tells which digest to compare with, and is no secret. One that is unknown is
        # compared as well, so that the time tells nothing of which ids there are.
        key = self._keys.get(id_of(text) or "")
        kept = _NOBODY if key is None else key.sha256
        is_same = hmac.compare_digest(digest_of_key(text), kept)
        return key if is_same and key is not None and not key.is_over(self._now()) else None

    def _refused(self, client: str, *, is_missing: bool, basic: bool) -> Problem:
        scheme = b'Basic realm="tenure", charset="UTF-8"' if basic else b'Bearer realm="tenure"'
        challenge = (b"www-authenticate", scheme)
        if is_missing:
            detail = "This takes a key: `Authorization: Bearer KEY`. `tenure key add` makes one."
            return Problem(401, "no-key", detail, headers=[challenge, CLOSE])
        wait_s = self._failures.add(client)
        if wait_s:
            detail = "Too many bad keys came from this address."
            return Problem(429, "too-many-bad-keys", detail, headers=[retry_after(wait_s), CLOSE])
        detail = "This key opens nothing: it is unknown, revoked, or its time is over."
        return Problem(401, "bad-key", detail, headers=[challenge, CLOSE])


def role_of(path: str) -> Role:
    """Return what a key must be for at an address of the public server."""
    if path.startswith(("/v1/", "/v2")):
        is_feedback = path.endswith((":feedback", "/feedback"))
        return Role.FEEDBACK if is_feedback else Role.PREDICT
    return Role.ADMIN


def check_bind(host: str, access: Access, *, is_open: bool) -> None:
    """Refuse to listen to other machines while nobody needs a key.

    Raises:
        OpenToAll: others reach the address, there is no key, and nobody said `--open`.
    """
    if host not in LOOPBACK and not access.is_on and not is_open:
        raise OpenToAll(host=host)


def _sent(header: bytes | None, *, basic: bool) -> str | None:
    if header is None:
        return None
    scheme, _, rest = header.decode("latin-1").partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return rest
    if basic and scheme.lower() == "basic":
        try:
            return b64decode(rest, validate=True).decode().partition(":")[2]
        except (NotBase64, UnicodeDecodeError):
            return ""
    return ""


def _mark(file: object) -> object:
    try:
        said = file.stat()  # type: ignore[attr-defined]
    except OSError:
        return None
    return said.st_mtime_ns, said.st_size, said.st_ino, said.st_mode


def _network(address: str) -> str:
    # Whoever has one address of IPv6 has 2^64 of them.
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    return str(found) if found.version == 4 else found.exploded[:19]
