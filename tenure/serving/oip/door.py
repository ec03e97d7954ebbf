"""The door of the Open Inference Protocol: which V2 route answers what?

Reads are open to GET and HEAD, `infer` and the repository's index to POST. Which version holds a
slot is the ledger's business, so that `load` and `unload` are refused. Every refusal is
`{"error": "…"}`; what is wrong with a request's tensors is 400.
"""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass

import orjson

from tenure.serving import sunset
from tenure.serving.asks import Ask
from tenure.serving.bodies import CLOSE, read_body
from tenure.serving.core import Core, Outcome
from tenure.serving.doors import Answer, Quick, Request, Said, only
from tenure.serving.lanes import Waiting
from tenure.serving.oip import metadata
from tenure.serving.oip.answering import HEADER_LENGTH, Teller
from tenure.serving.oip.asking import Reader, Wanted
from tenure.serving.oip.coding import packed, unpacked
from tenure.serving.oip.tensors import kind_of, refused
from tenure.serving.picking import SLOT
from tenure.serving.problems import Headers, Problem, retry_after
from tenure.serving.runtime import Runtime

_JSON = (b"content-type", b"application/json")
_NAME, _VERSION = r"[a-z][a-z0-9-]{0,47}", r"[1-9]\d{0,8}"
_MODEL = re.compile(
    rf"/v2/models/({_NAME})(?:/versions/({_VERSION}))?(?:/(ready|infer))?", re.ASCII
)
_ELSEWHERE = re.compile(rf"/v1/models/({_NAME}/versions/{_VERSION}):predict", re.ASCII)
_CHANGE = re.compile(r"/v2/repository/models/[^/]+/(?:load|unload)")
_MANY_ROUTES = 1_000
_NOT_QUICK = frozenset({b"content-encoding", HEADER_LENGTH, SLOT})
_MEDIA = frozenset({b"application/json", b"application/octet-stream"})


@dataclass(slots=True)
class _Spoken:
    """How one version's requests are read and its answers said; it keeps no version in memory."""

    runtime: weakref.ref[Runtime]
    reader: Reader
    teller: Teller


class V2Door:
    """The Open Inference Protocol over a core."""

    name = "v2"

    def __init__(self, core: Core) -> None:
        self._core = core
        self._routes: dict[str, tuple[str, str | None, str | None]] = {}
        self._spoken: dict[tuple[str, int], _Spoken] = {}

    async def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None where the address is not below /v2."""
        path = request.path
        route = self._routes.get(path)
        if route is None:
            if path != "/v2" and not path.startswith("/v2/"):
                return None
            matched = _MODEL.fullmatch(path)
            if matched is None:
                return await self._elsewhere(request)
            route = (matched[1], matched[2], matched[3])
        model, version, verb = route
        if verb == "infer":
            only(request.method, "POST")
            answer = await self._infer(model, version, request)
            if len(self._routes) < _MANY_ROUTES:
                self._routes[path] = route
            return answer
        only(request.method, "GET", "HEAD")
        found = await self._core.find(model, version, is_prediction=False)
        if verb == "ready":
            return _said({"name": model, "ready": True})
        status, headers, body = _said(metadata.of_model(found, self._core.router.standing))
        return status, [*headers, *self._end(model, version)], body

    def _end(self, model: str, version: str | None) -> Headers:
        return sunset.headers_at(self._core.router.standing, model, version, sunset.V2)

    async def _infer(self, model: str, version: str | None, request: Request) -> Answer:
        headers = request.headers
        _check_media(headers)
        encoding, length = headers.get(b"content-encoding"), headers.get(HEADER_LENGTH)
        limits, asked = self._core.limits, []

        def read(body: bytes, runtime: Runtime) -> Ask:
            if encoding is not None:
                body = unpacked(body, encoding, limits)
            ask, wanted = self._of(runtime).reader.read(body, length)
            asked.append(wanted)
            return ask

        outcome = await self._core.predict(model, version, request, read)
        wanted: Wanted = asked[-1]
        teller = self._of(outcome.reference.runtime).teller
        told, body = teller.told(outcome, wanted)
        if version is not None:
            told = [*told, *self._end(model, version)]
        return 200, *packed(body, headers.get(b"accept-encoding"), told)

    def quick(self, request: Request) -> tuple[str, Quick] | None:
        """Return what answers infer requests that differ from one only by their bodies."""
        route, headers = self._routes.get(request.path), request.headers
        if route is None or request.method != "POST" or not _NOT_QUICK.isdisjoint(headers):
            return None
        try:
            _check_media(headers)
        except Problem:
            return None
        model, version, _ = route
        core, accepted = self._core, headers.get(b"accept-encoding")

        def answer(body: bytes, began_at: float) -> Said | Waiting | None:
            reference = core.quick_reference(model, version, headers)
            if reference is None:
                return None
            if version is not None and core.router.standing.going:
                return None  # the long way says when the address ends
            spoken = self._of(reference.runtime)
            read = spoken.reader.of_known_form(body)
            if read is None:
                return None
            ask, wanted = read
            found = core.planned(reference, ask, began_at)
            if isinstance(found, Outcome):
                return reference, 200, *_packed(spoken.teller.told(found, wanted), accepted)
            if found is None:
                return None

            def said(found: Outcome | Problem) -> Said:
                if isinstance(found, Problem):
                    return reference, *refuse(found)
                return reference, 200, *_packed(spoken.teller.told(found, wanted), accepted)

            return found.after(said)

        return model, answer

    def _of(self, runtime: Runtime) -> _Spoken:
        key = (runtime.model, runtime.version)
        found = self._spoken.get(key)
        if found is None or found.runtime() is not runtime:
            if len(self._spoken) >= _MANY_ROUTES:
                self._spoken.clear()
            found = self._spoken[key] = _Spoken(
                weakref.ref(runtime), Reader(runtime, self._core.limits), Teller(runtime)
            )
        return found

    async def _elsewhere(self, request: Request) -> Answer:
        match request.path:
            case "/v2" | "/v2/":
                only(request.method, "GET", "HEAD")
                return _said(metadata.of_server())
            case "/v2/health/live":
                only(request.method, "GET", "HEAD")
                return _said({"live": True})
            case "/v2/health/ready":
                only(request.method, "GET", "HEAD")
                return self._ready(request)
            case "/v2/repository/index":
                only(request.method, "POST")
                return await self._index(request)
        if _CHANGE.fullmatch(request.path):
            only(request.method, "POST")
            raise Problem(400, "ledger-decides", ledger_decides())
        raise Problem(404, "no-route", "There is no such model, version or address below /v2.")

    def _ready(self, request: Request) -> Answer:
        core = self._core
        reasons = core.router.standing.reasons()
        if core.is_draining:
            reasons.append("The server is stopping.")
        if core.router.standing.is_ready and not core.is_draining:
            return _said({"ready": True})
        detail = " ".join(reasons) or "Not every champion is in memory yet."
        # A probe needs no key; to who has none, why is not said.
        is_stranger = getattr(request.caller, "is_stranger", False)
        said = {"ready": False} if is_stranger else {"ready": False, "error": detail}
        status, headers, body = _said(said, 503)
        return status, [*headers, retry_after(1)], body

    async def _index(self, request: Request) -> Answer:
        limits = self._core.limits
        body = await read_body(request.headers, request.receive, limits)
        body = unpacked(body, request.headers.get(b"content-encoding", b""), limits)
        only_ready = False
        if body.strip():
            try:
                asked = orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise refused(f"The body is no JSON (RFC 8259): {error.msg}.") from None
            if not isinstance(asked, dict):
                raise refused(f"The body is {kind_of(asked)}; wanted an object.")
            only_ready = asked.get("ready", False)
            if not isinstance(only_ready, bool):
                raise refused(f"'ready' is {kind_of(only_ready)}; wanted true or false.")
        return _said(metadata.index(self._core.router.standing, only_ready=only_ready))

    def refuse(self, problem: Problem) -> Answer:
        """Return a problem as the protocol says it: one sentence."""
        return refuse(problem)


def refuse(problem: Problem) -> Answer:
    """Return a problem as the protocol says it: one sentence."""
    status = 400 if problem.status == 422 else problem.status
    if status != 410:
        return status, [_JSON, *problem.headers], orjson.dumps({"error": problem.detail})
    # Who asked here reads the successor's address here.
    headers = [(name, _here(value.decode()).encode()) for name, value in problem.headers]
    return status, [_JSON, *headers], orjson.dumps({"error": _here(problem.detail)})


def _here(text: str) -> str:
    return _ELSEWHERE.sub(r"/v2/models/\1/infer", text)


def is_name(text: str) -> bool:
    """Say whether a text can be the name of a model."""
    return re.fullmatch(_NAME, text, re.ASCII) is not None


def is_version(text: str) -> bool:
    """Say whether a text can be the number of a version."""
    return re.fullmatch(_VERSION, text, re.ASCII) is not None


def ledger_decides() -> str:
    """Return why models are neither loaded nor unloaded by clients."""
    return (
        "Models are neither loaded nor unloaded here: which version holds a slot is decided and "
        "recorded in the ledger; `tenure deploy` and `tenure rollback` do it."
    )


def _packed(told: tuple[Headers, bytes], accepted: bytes | None) -> tuple[Headers, bytes]:
    headers, body = told
    return packed(body, accepted, headers)


def _said(answer: object, status: int = 200) -> Answer:
    return status, [_JSON], orjson.dumps(answer)


def _check_media(headers: dict[bytes, bytes]) -> None:
    given = headers.get(b"content-type")
    if given in _MEDIA:
        return
    if given is None:
        # Clients of the protocol may send none. A browser that a page elsewhere made send this
        # says so by its Origin.
        if b"origin" not in headers:
            return
    elif given.partition(b";")[0].strip().lower() in _MEDIA:
        return
    detail = "The body's Content-Type must be application/json, or application/octet-stream."
    raise Problem(415, "wrong-media-type", detail, headers=[CLOSE])
