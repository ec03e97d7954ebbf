"""What does a user's pipeline turn out to be, asked where it can hold nobody up?

A spec's function is a user's code: its import may never end, leave the process, or print. A fork
server (`python -m tenure.cli.building`) imports scikit-learn once and forks a child for each spec;
a child that takes too long is ended with all that it started, and so is one whose asker goes.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import select
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import orjson

from tenure.spec.model import ModelSpec
from tenure.workspace import Workspace, open_workspace

LIMIT_S = 30.0
"""How long the import of a pipeline's module and the call of its function may take together."""

MOST_PRINTED = 20_000


def ask(model: str, workspace: Workspace) -> dict[str, Any]:
    """Return what a spec's pipeline is, or why it is none.

    Returns:
        `printed`, and either `estimator`, `task` and `names` (that `training.allow` lacks); or
        `mistakes` (facts of each, the spec is bad), `refused` (a detail) or `late` (a text).
    """
    request = {
        "root": str(workspace.root),
        "project": str(workspace.project) if workspace.project else None,
        "model": model,
        "limit_s": LIMIT_S,
    }
    return _server().ask(request)


class _Server:
    """The fork server of this process, as seen from outside."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-B", "-m", "tenure.cli.building"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with self._lock:
            try:
                stdin.write(orjson.dumps(request) + b"\n")
                stdin.flush()
                line = stdout.readline()
            except BaseException:  # half a question was asked: nobody may read its answer
                self.stop()
                raise
        if not line:
            return {"refused": "the process that builds pipelines ended unexpectedly"}
        return orjson.loads(line)

    def stop(self) -> None:
        if self.owner != os.getpid():
            return
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


_running: _Server | None = None
_guard = threading.Lock()


def _server() -> _Server:
    global _running
    with _guard:
        if _running is None or _running.owner != os.getpid() or not _running.is_alive():
            _running = _Server()
            atexit.register(_running.stop)
        return _running


def serve() -> None:
    """Answer questions, one JSON object a line, until the asker goes."""
    import sklearn.ensemble
    import sklearn.linear_model
    import sklearn.pipeline  # noqa: F401

    from tenure.registry import pickles  # noqa: F401
    from tenure.training import estimator  # noqa: F401

    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a pipeline prints must not look like an answer
    while line := _line():
        os.write(answers, _answer_in_child(orjson.loads(line)) + b"\n")


def _line() -> bytes:
    # Unbuffered: what is left in standard input must be seen by select.
    found = bytearray()
    while not found.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return b""
        found += byte
    return bytes(found)


def _answer_in_child(request: dict[str, Any]) -> bytes:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(request, writer)
    os.close(writer)
    try:
        answer = _read_in_time(reader, request["limit_s"])
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)  # what it started goes with it
        _, status = os.waitpid(child, 0)
    if answer is None:
        text = f"no end within {request['limit_s']:g} s"
        return orjson.dumps({"late": text})
    if not answer:
        how = f" with signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else ""
        return orjson.dumps({"refused": f"its process ended{how} without an answer"})
    return answer


def _read_in_time(reader: int, limit_s: float) -> bytes | None:
    """Return what a child writes, None if it takes too long; leave if the asker is gone."""
    until, held = time.monotonic() + limit_s, bytearray()
    while True:
        ready, _, _ = select.select([reader, 0], [], [], max(0.0, until - time.monotonic()))
        if reader in ready:
            chunk = os.read(reader, 1 << 16)
            if not chunk:
                return bytes(held)
            held += chunk
        elif ready:  # nothing is asked while a question is open, so standard input is at its end
            raise SystemExit(0)
        else:
            return None


def _child(request: dict[str, Any], writer: int) -> None:
    # Nothing may leave this function: the process is a copy of the server.
    try:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            found = _build(request)
        answer = orjson.dumps(found | {"printed": printed.getvalue()[:MOST_PRINTED]})
        view = memoryview(answer)
        while view:
            view = view[os.write(writer, view) :]
    finally:
        os._exit(0)


def _build(request: dict[str, Any]) -> dict[str, Any]:
    from tenure.errors import BadSpec, PipelineRefused
    from tenure.spec import build_pipeline, load_spec
    from tenure.spec.factory import describe
    from tenure.training.estimator import refuse_unkeepable, task_of

    try:
        workspace = open_workspace(request["root"], request["project"])
        spec = load_spec(request["model"], workspace)
        estimator = build_pipeline(spec, workspace)
        refuse_unkeepable(estimator, spec.name)
        return {
            "estimator": type(estimator).__name__,
            "task": task_of(estimator, spec).value,
            "names": _not_allowed(estimator, spec),
        }
    except BadSpec as error:
        return {"mistakes": error.facts["mistakes"]}
    except PipelineRefused as error:
        return {"refused": str(error.facts.get("detail", error))}
    except Exception as error:  # noqa: BLE001 - an estimator's own methods may raise anything
        return {"refused": describe(error)}


def _not_allowed(estimator: Any, spec: ModelSpec) -> list[str]:
    """Return the names in a pipeline that a loader would refuse later."""
    import joblib

    from tenure.errors import GlobalNotAllowed
    from tenure.registry.pickles import read_estimator

    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    size, found = buffer.getbuffer().nbytes, list[str]()
    while True:
        buffer.seek(0)
        try:
            allow = (*spec.training.allow, *found)
            read_estimator(buffer, promised=size, what="a pipeline", allow=allow)
            return found
        except GlobalNotAllowed as refusal:
            found.append(str(refusal.facts["name"]))


if __name__ == "__main__":
    serve()
