"""How does a person who opens `/docs` learn to ask this server?

One page without scripts or anything from elsewhere: the models that serve with their columns, and
`curl` commands that can be pasted, made from those columns and this server's own address.
"""

from __future__ import annotations

import shlex
from functools import cache
from typing import Any

import orjson

from tenure.serving.answers import JSON
from tenure.serving.core import Core
from tenure.serving.describing import (
    MOST_MODELS,
    description,
    example_instances,
    example_tensors,
)
from tenure.serving.doors import Answer, Request, only
from tenure.serving.oip.datatypes import datatype_of
from tenure.serving.problems import Headers, Problem
from tenure.serving.standing import Standing
from tenure.serving.v1 import refuse

_HEADERS: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Asking this server</title><style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
pre { background: #f3f3f0; padding: .8rem; overflow-x: auto; white-space: pre; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .2rem 1rem .2rem 0; }
@media (prefers-color-scheme: dark) {
  body { background: #1b1b1a; color: #eee; } pre { background: #2b2b29; } a { color: #9cf; } }
</style></head><body>
<h1>Asking this server</h1>
<p>The routes in full are in <a href="/openapi.json">/openapi.json</a>, pages about the models at
<a href="/pages/index.html">/pages</a>.</p>
{% if is_keyed %}<p>A key is needed: <code>-H 'Authorization: Bearer KEY'</code>.</p>{% endif %}
{% for each in models %}
<h2 id="{{ each.name }}">{{ each.name }}</h2>
<p>Version {{ each.version }} answers (epoch {{ each.epoch }}, {{ each.slot }}).</p>
<table><tr><th>column</th><th>type</th><th>datatype in V2</th></tr>
{% for name, kind, datatype in each.columns %}
<tr><td>{{ name }}</td><td>{{ kind }}</td><td>{{ datatype }}</td></tr>{% endfor %}</table>
{% for what, command in each.commands %}
<p>{{ what }}</p>
<pre>{{ command }}</pre>
{% endfor %}
{% else %}
<p>Nothing serves now; <a href="/health/ready">/health/ready</a> says why.</p>
{% endfor %}
</body></html>
"""


class GuideDoor:
    """The door to what describes the others: `/docs` and `/openapi.json`.

    Args:
        core: what the doors share.
        scheme: how addresses of this server begin.
    """

    name = "site"

    def __init__(self, core: Core, scheme: str = "http") -> None:
        self._core, self._scheme = core, scheme

    async def answer(self, request: Request) -> Answer | None:
        """Return the page or the document, or None where the address is another."""
        if request.path not in ("/docs", "/openapi.json"):
            return None
        only(request.method, "GET", "HEAD")
        standing = self._core.router.standing
        if request.path == "/openapi.json":
            return 200, [JSON], orjson.dumps(description(standing, self._core.limits))
        address = f"{self._scheme}://{request.headers[b'host'].decode()}"
        is_keyed = bool(getattr(request.caller, "key", None))
        models = _models(standing, address)
        page = _template().render(models=models, is_keyed=is_keyed)
        return 200, list(_HEADERS), page.encode()

    def refuse(self, problem: Problem) -> Answer:
        """Return a problem as problem details."""
        return refuse(problem)


def _models(standing: Standing, address: str) -> list[dict[str, Any]]:
    found = []
    for name, each in sorted(standing.serving.items())[:MOST_MODELS]:
        runtime = each.runtime
        found.append(
            {
                "name": name,
                "version": each.version,
                "epoch": each.epoch,
                "slot": each.slot.value,
                "columns": [(c.name, c.type, datatype_of(c)) for c in runtime.asked],
                "commands": [
                    (
                        "Rows as objects (V1):",
                        _curl(f"{address}/v1/models/{name}:predict", example_instances(runtime)),
                    ),
                    (
                        "Columns as tensors (V2, the Open Inference Protocol):",
                        _curl(f"{address}/v2/models/{name}/infer", example_tensors(runtime)),
                    ),
                ],
            }
        )
    return found


def _curl(address: str, body: dict[str, Any]) -> str:
    text = orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
    return (
        f"curl {shlex.quote(address)} \\\n  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(text)}"
    )


@cache
def _template() -> Any:
    from jinja2 import Environment

    return Environment(autoescape=True).from_string(_PAGE)
