"""The door for people with curl: which V1 route answers what?

`POST /v1/models/MODEL[/versions/N]:predict`, and the same address without the verb says what
answers there.
"""

from __future__ import annotations

import re

from tenure.serving import answers, sunset
from tenure.serving.asks import Ask
from tenure.serving.bodies import CLOSE
from tenure.serving.core import Core
from tenure.serving.doors import Answer, Request, only
from tenure.serving.instances import read_ask
from tenure.serving.problems import MEDIA_TYPE, Headers, Problem
from tenure.serving.runtime import Runtime
from tenure.serving.standing import Reference

_MODEL = re.compile(
    r"/v1/models/([a-z][a-z0-9-]{0,47})(?:/versions/([1-9]\d{0,8}))?(:predict)?", re.ASCII
)
_MANY_ROUTES = 1_000


class V1Door:
    """The V1 protocol over a core."""

    name = "v1"

    def __init__(self, core: Core) -> None:
        self._core = core
        self._routes: dict[str, tuple[str, str | None]] = {}

    async def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None where the address is no V1 route."""
        route = self._routes.get(request.path)
        if route is not None and request.method == "POST":
            return await self._predict(*route, request)
        if request.path == "/v1/models":
            only(request.method, "GET", "HEAD")
            return 200, [answers.JSON], answers.models(self._core.router.standing)
        matched = _MODEL.fullmatch(request.path)
        if matched is None:
            return None
        model, version, verb = matched.groups()
        if verb:
            only(request.method, "POST")
            answer = await self._predict(model, version, request)
            if len(self._routes) < _MANY_ROUTES:
                self._routes[request.path] = (model, version)
            return answer
        only(request.method, "GET", "HEAD")
        found = await self._core.find(model, version, is_prediction=False)
        standing = self._core.router.standing
        said = answers.model(found, sunset.told(standing, model, found.version))
        return 200, self._headers(found, model, version), said

    async def _predict(self, model: str, version: str | None, request: Request) -> Answer:
        headers = request.headers
        if headers.get(b"content-type") != b"application/json" or b"content-encoding" in headers:
            _check_media(headers)
        outcome = await self._core.predict(model, version, request, self._read)
        body = answers.predictions(outcome.ask, outcome.found, outcome.reference, outcome.flags)
        return 200, self._headers(outcome.reference, model, version), body

    def _headers(self, reference: Reference, model: str, version: str | None) -> Headers:
        headers = [answers.JSON, *answers.version_headers(reference)]
        if version is not None:
            headers += sunset.headers_at(self._core.router.standing, model, version, sunset.V1)
        return headers

    def _read(self, body: bytes, runtime: Runtime) -> Ask:
        return read_ask(body, runtime.asked, self._core.limits)

    def refuse(self, problem: Problem) -> Answer:
        """Return a problem as problem details (RFC 9457)."""
        return refuse(problem)


def refuse(problem: Problem) -> Answer:
    """Return a problem as problem details (RFC 9457)."""
    return problem.status, [(b"content-type", MEDIA_TYPE), *problem.headers], problem.body()


def _check_media(headers: dict[bytes, bytes]) -> None:
    if headers.get(b"content-encoding", b"identity").strip().lower() != b"identity":
        detail = "The body is compressed; send it as it is."
        refused = [(b"accept-encoding", b"identity"), CLOSE]
        raise Problem(415, "compressed", detail, headers=refused)
    kind, _, parameters = headers.get(b"content-type", b"").partition(b";")
    charset = parameters.strip().lower().replace(b'"', b"")
    if kind.strip().lower() != b"application/json" or charset not in (b"", b"charset=utf-8"):
        detail = "The body's Content-Type must be application/json, in UTF-8."
        raise Problem(415, "wrong-media-type", detail, headers=[CLOSE], wanted="application/json")
