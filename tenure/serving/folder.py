"""How are pages handed out without handing out anything else?

Only files of known kinds below the pages folder, by their decoded path, after links are resolved.
Pages are made of other people's data, so a browser is told to run nothing in them. Evidently's
pages of windows draw themselves: they may run, in a place of their own that reaches nothing.
"""

from __future__ import annotations

from pathlib import Path

from tenure.serving.problems import Headers, Problem

_KINDS = {
    ".html": b"text/html; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".json": b"application/json",
}
_POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline' 'self'; img-src 'self' data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SANDBOX = (
    b"sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; "
    b"style-src 'unsafe-inline'; img-src data: blob:; font-src data:; base-uri 'none'; "
    b"form-action 'none'; frame-ancestors 'none'"
)
_DRAW_THEMSELVES = "windows"
_SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
]


def read_page(folder: Path, path: str) -> tuple[bytes, Headers]:
    """Return a page's bytes and headers.

    Args:
        folder: what may be handed out.
        path: what the client asked for below it, decoded once.

    Raises:
        Problem: 404, whatever the reason; the answer does not tell what else there is.
    """
    file = _contained(folder, path)
    try:
        content = file.read_bytes()
    except OSError:
        raise _absent() from None
    parts = file.relative_to(folder.resolve()).parts
    policy = _SANDBOX if len(parts) == 3 and parts[1] == _DRAW_THEMSELVES else _POLICY
    kind = (b"content-type", _KINDS[file.suffix])
    return content, [kind, (b"content-security-policy", policy), *_SAFE]


def _contained(folder: Path, path: str) -> Path:
    parts = path.split("/")
    if any(not part.isprintable() or part.startswith(".") or not part for part in parts):
        raise _absent()
    if "\\" in path or len(path) > 512:
        raise _absent()
    root = folder.resolve()
    file = root.joinpath(*parts).resolve()
    if not file.is_relative_to(root) or file.suffix not in _KINDS or not file.is_file():
        raise _absent()
    return file


def _absent() -> Problem:
    return Problem(404, "no-page", "There is no such page. `/` leads to the first one.")
