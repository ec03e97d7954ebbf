"""How does a verb that is a run, such as `tenure train`, start it and follow it to its end?

By Prefect's API alone: the run is the deployment's, as if it had been started from its form.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer

from tenure.cli.command import (
    Command,
    Model,
    ProjectFolder,
    Reason,
    WorkspaceFolder,
    actor,
    must_say,
)
from tenure.cli.output import Block, Line
from tenure.cli.prefect import api_address
from tenure.errors import (
    CredentialRefused,
    DeploymentMissing,
    NoPrefectServer,
    NoPromotion,
    RunEnded,
    RunRefused,
)
from tenure.registry.specs import spec_in_force
from tenure.spec import load_spec
from tenure.workspace import Workspace, open_workspace

POLL_S = 0.3
PATIENCE_S = 60.0
ANSWER_S = 10.0
# On SQLite a busy server answers late or 503; both mean "again", and a key makes that start one run
# only.
BUSY = 503
BUSY_WAITS_S = (0.2, 0.5, 1.0, 2.0, 4.0)
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

NoFollow = Annotated[bool, typer.Option("--no-follow", help="Start the run and return at once.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A run that was started, and how it ended.

    Attributes:
        run: its name.
        state: `Completed`, `Skipped`, …, or `Scheduled` if it was not followed.
        message: what became of it, in a sentence.
        tags: `model:…`, `version:…`, `promoted`, ….
        address: its page.
    """

    run: str
    state: str
    message: str
    tags: tuple[str, ...]
    address: str


class Api:
    """The few calls of Prefect's API that a run needs."""

    def __init__(self, workspace: Workspace) -> None:
        self.address = api_address(workspace)
        self.http = httpx.Client(
            base_url=f"{self.address}/", timeout=ANSWER_S, headers=_credentials()
        )

    def close(self) -> None:
        """Let go of the connection."""
        self.http.close()

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Return what the server answers.

        Raises:
            NoPrefectServer: it does not answer, or is too busy for a while.
            CredentialRefused: it wants another credential.
            httpx.HTTPStatusError: it refuses.
        """
        for wait_s in (*BUSY_WAITS_S, None):
            try:
                answer = self.http.request(method, path, json=body or None)
            except httpx.ReadTimeout:
                continue  # it took the call and is slow
            except httpx.HTTPError as error:
                detail = f"{self.address} does not answer ({type(error).__name__})"
                raise NoPrefectServer(detail=detail) from error
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                has_one = "authorization" in self.http.headers
                got = "this credential" if has_one else "a call without a credential"
                raise CredentialRefused(address=self.address, got=got)
            if answer.status_code != BUSY:
                answer.raise_for_status()
                return answer.json()
            if wait_s is not None:
                time.sleep(wait_s)
        raise NoPrefectServer(detail=f"{self.address} is too busy to answer")

    def start(self, verb: str, parameters: dict[str, Any], tags: list[str]) -> dict[str, Any]:
        """Create a run of a verb's deployment."""
        try:
            deployment = self.call("GET", f"deployments/name/{verb}/{verb}")
            path = f"deployments/{deployment['id']}/create_flow_run"
            asked = {"parameters": parameters, "tags": tags, "idempotency_key": str(uuid4())}
            return self.call("POST", path, **asked, state={"type": "SCHEDULED"})
        except httpx.HTTPStatusError as error:
            if error.response.status_code == 404:
                raise DeploymentMissing(address=self.address, verb=verb) from error
            detail = _detail(error.response)
            raise RunRefused(verb=verb, detail=detail) from error

    def run(self, id: str) -> dict[str, Any]:  # noqa: A002
        """Return a run as it stands."""
        return self.call("GET", f"flow_runs/{id}")

    def tasks(self, id: str) -> list[dict[str, Any]]:  # noqa: A002
        """Return a run's tasks in the order of their start."""
        only = {"id": {"any_": [id]}}
        return self.call(
            "POST", "task_runs/filter", flow_runs=only, sort="EXPECTED_START_TIME_ASC", limit=200
        )


def ingest(
    model: Model,
    path: Annotated[
        str | None, typer.Argument(help="One file; every unseen one if not given.")
    ] = None,
    no_follow: NoFollow = False,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Followed:
    """Take in what arrived for a model: validate it, then accept it or put it in quarantine."""
    place = open_workspace(workspace, project)
    spec_in_force(model, place)
    if path is not None and Path(path).exists():
        path = str(Path(path).absolute())
    return _carry_out("ingest", {"model": model, "path": path}, place, follow=not no_follow)


def train(
    model: Model,
    require_promotion: Annotated[
        bool, typer.Option("--require-promotion", help="Exit 1 if the champion stays.")
    ] = False,
    no_follow: NoFollow = False,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Followed:
    """Train a model, judge it against the champion, and deploy it if it is better.

    Raises:
        NoPromotion: one was required, and the champion stays.
    """
    place = open_workspace(workspace, project)
    load_spec(model, place)
    followed = _carry_out("train", {"model": model}, place, follow=not no_follow)
    if require_promotion and not no_follow and "promoted" not in followed.tags:
        raise NoPromotion(model=model, detail=followed.message)
    return followed


def score(
    model: Model,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", help="Processes of this machine; what the spec says if not given.", min=1
        ),
    ] = None,
    no_follow: NoFollow = False,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Followed:
    """Predict the files that wait in a model's scoring source."""
    place = open_workspace(workspace, project)
    load_spec(model, place)
    asked = {"model": model, "workers": workers}
    return _carry_out("score", asked, place, follow=not no_follow)


def monitor(
    model: Model,
    no_follow: NoFollow = False,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Followed:
    """Judge the windows of a model that have closed, and decide what follows."""
    place = open_workspace(workspace, project)
    spec_in_force(model, place)
    return _carry_out("monitor", {"model": model}, place, follow=not no_follow)


def retire(
    model: Model,
    version: Annotated[
        int | None, typer.Argument(help="Its number; the champion if not given.", min=1)
    ] = None,
    *,
    reason: Reason,
    successor: Annotated[
        int | None, typer.Option("--successor", help="The version that takes over.", min=1)
    ] = None,
    to_fallback: Annotated[
        bool, typer.Option("--to-fallback", help="Let the model's fallback take over.")
    ] = False,
    no_follow: NoFollow = False,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> Followed:
    """Take a version out of office, safely and on the record.

    The champion wants a successor, or its fallback; the fallback wants somebody's approval. What is
    under way already goes on by itself.
    """
    place = open_workspace(workspace, project)
    spec_in_force(model, place)
    asked = {
        "model": model,
        "reason": must_say(reason),
        "version": version,
        "successor": successor,
        "to_fallback": to_fallback,
    }
    return _carry_out("retire", asked, place, follow=not no_follow)


def _carry_out(
    verb: str, parameters: dict[str, Any], workspace: Workspace, *, follow: bool
) -> Followed:
    """Start a run and follow it; raise RunEnded if it does not complete."""
    with closing(Api(workspace)) as api:
        return _followed_to_its_end(verb, parameters, api, follow=follow)


def _followed_to_its_end(
    verb: str, parameters: dict[str, Any], api: Api, *, follow: bool
) -> Followed:
    tags = [f"model:{parameters['model']}", f"by:claimed:{actor().partition(':')[2]}"]
    run = api.start(verb, parameters, tags)
    if follow:
        for line in progress(api, run["id"]):
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()
        run = api.run(run["id"])
    followed = _followed(run, api)
    if follow and run["state"]["type"] != "COMPLETED":
        raise RunEnded(
            run=followed.run,
            state=followed.state,
            detail=followed.message,
            address=followed.address,
        )
    return followed


def progress(api: Api, run_id: str) -> Iterator[str]:
    """Yield a line at each change of a run's or a task's state, until the run has ended.

    A server that does not answer for a moment is waited for; the run goes on without it.
    """
    told: dict[str, str] = {}
    lost_at: float | None = None
    while True:
        try:
            run, tasks = api.run(run_id), api.tasks(run_id)
            lost_at = None
        except NoPrefectServer:
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at > PATIENCE_S:
                raise
            time.sleep(POLL_S)
            continue
        for each in [run, *tasks]:
            state = each["state"] or {"name": "Pending"}
            if told.get(each["id"]) != state["name"]:
                told[each["id"]] = state["name"]
                yield _line(each, state, is_run=each is run)
        if run["state"]["type"] in ENDED:
            return
        time.sleep(POLL_S)


def _line(each: dict[str, Any], state: dict[str, Any], *, is_run: bool) -> str:
    took = each.get("total_run_time") or 0.0
    seconds = f"  {took:.1f} s" if state.get("type") in ENDED else ""
    return f"{'' if is_run else '  '}{each['name']:<32} {state['name']}{seconds}"


def _followed(run: dict[str, Any], api: Api) -> Followed:
    pages = api.address.removesuffix("/api")
    return Followed(
        run=run["name"],
        state=run["state"]["name"],
        message=run["state"].get("message") or "",
        tags=tuple(run["tags"]),
        address=f"{pages}/runs/flow-run/{run['id']}",
    )


def _credentials() -> dict[str, str]:
    """Return the header with what PREFECT_API_AUTH_STRING or PREFECT_API_KEY hold."""
    import base64
    import os

    if secret := os.environ.get("PREFECT_API_AUTH_STRING"):
        return {"Authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"}
    if key := os.environ.get("PREFECT_API_KEY"):
        return {"Authorization": f"Bearer {key}"}
    return {}


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"the server answered {response.status_code}"
    return detail if isinstance(detail, str) else f"the server answered {response.status_code}"


def _show(followed: Followed) -> Iterable[Block]:
    colour = "" if followed.state in ("Completed", "Skipped", "Scheduled") else "red"
    yield Line(f"{followed.run}: {followed.state}. {followed.message}".strip(), colour)
    yield Line(followed.address, "dim")


COMMANDS = {
    "ingest": Command(
        function=ingest,
        show=_show,
        examples=("tenure ingest fraud", "tenure ingest fraud data/2026-05-03.csv"),
    ),
    "train": Command(
        function=train,
        show=_show,
        examples=("tenure train fraud", "tenure train fraud --require-promotion"),
    ),
    "score": Command(
        function=score,
        show=_show,
        examples=("tenure score fraud", "tenure score fraud --workers 8"),
    ),
    "monitor": Command(function=monitor, show=_show, examples=("tenure monitor fraud",)),
    "retire": Command(
        function=retire,
        show=_show,
        examples=(
            'tenure retire fraud 7 -m "its data was wrong"',
            'tenure retire fraud --successor 9 -m "a better one is there"',
        ),
    ),
}
