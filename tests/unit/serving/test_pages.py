"""Pages are handed out under a strict policy, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tenure.serving.application import Application

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module", autouse=True)
def folder(steady: Application) -> Path:
    pages = steady.core.router.workspace.pages
    (pages / "fraud" / "versions").mkdir(parents=True)
    (pages / "index.html").write_text("<h1>All models</h1>")
    (pages / "fraud" / "versions" / "1.html").write_text("<script>alert(1)</script>")
    for name in ("fraud/windows", "windows/versions"):
        (pages / name).mkdir(parents=True)
        (pages / name / "1.html").write_text("<script>draw()</script>")
    (pages / "windows" / "index.html").write_text("A model of this name.")
    (pages / "fraud" / ".hidden.html").write_text("hidden")
    (pages / "fraud" / "notes.py").write_text("secret")
    (pages / "fraud" / "link.html").symlink_to(pages.parent / "ledger.db")
    (pages / "fraud" / "away").symlink_to(pages.parent)
    (pages.parent / "up.html").write_text("secret")
    return pages


def test_the_root_leads_to_the_index(ask: Ask) -> None:
    assert ask("GET", "/").headers["location"] == "/pages/index.html"
    assert ask("GET", "/pages/index.html").text == "<h1>All models</h1>"


def test_a_page_may_run_nothing(ask: Ask) -> None:
    answer = ask("GET", "/pages/fraud/versions/1.html")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "script" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_of_a_window_draws_itself_and_reaches_nothing(ask: Ask) -> None:
    policy = ask("GET", "/pages/fraud/windows/1.html").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'; script-src")
    assert "connect-src" not in policy
    assert "allow-same-origin" not in policy
    for path in ("windows/index.html", "windows/versions/1.html"):
        assert "script" not in ask("GET", f"/pages/{path}").headers["content-security-policy"]


def test_head_has_no_other_headers_than_get(ask: Ask) -> None:
    got, head = (ask(method, "/pages/index.html") for method in ("GET", "HEAD"))
    assert head.status_code == 200
    assert dict(got.headers) == dict(head.headers)


@pytest.mark.parametrize(
    "path",
    [
        "../up.html",
        "..%2fup.html",
        "%2e%2e/up.html",
        "fraud/../../up.html",
        "fraud/..%5c..%5cup.html",
        "fraud/link.html",
        "fraud/away/up.html",
        "fraud/.hidden.html",
        "fraud/notes.py",
        "fraud",
        "fraud/",
        "/index.html",
        "%00index.html",
        "index.html%00.py",
        "index.html%0a",
        "",
        "x" * 5_000 + ".html",
        "none.html",
    ],
)
def test_nothing_else_is_handed_out(ask: Ask, path: str) -> None:
    answer = ask("GET", f"/pages/{path}")
    assert answer.status_code == 404
    assert "secret" not in answer.text
