"""What does an artifact predict on its golden rows, found out where it can do no harm?

A fork server (`python -m tenure.registry.golden`, or a fork of a process that has only just begun)
imports scikit-learn once and forks a child for each question. The child has little time and memory,
writes no file, has no network where the kernel allows it to be taken away, and answers through a
pipe; whatever becomes of it, the asker gets an answer or a refusal. One thread, so that equal bytes
give equal predictions.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from tenure.errors import ArtifactRefused, TenureError
from tenure.records import Column

if TYPE_CHECKING:
    from tenure.registry.compiling import PlanQuestion

WALL_S = 60.0
CPU_S = 30
MEMORY_BYTES = 1 << 30  # beside what the server itself maps and a few times the artifact
_LARGEST_ANSWER = 16 << 20
_PR_SET_NAME = 15
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which artifact, allowed to name what, is to predict which rows.

    `object_file` and `rows_file` are local files; the child verifies the artifact through the
    descriptor that it reads. `promised` bounds what the artifact unpacks to. `only` are the names
    in its manifest, None before there is one. `roots` are folders whose modules it may import.
    `plan` asks for a plan as well.
    """

    what: str
    object_file: str
    digest: str
    size: int
    promised: int
    rows_file: str
    features: tuple[Column, ...]
    allow: tuple[str, ...]
    only: tuple[str, ...] | None
    roots: tuple[str, ...]
    plan: PlanQuestion | None = None


def ask(question: Question, *, wall_s: float = WALL_S, cpu_s: int = CPU_S) -> dict[str, Any]:
    """Return the predictions on the golden rows: `predict`, and `predict_proba` where it exists.

    Where a plan was asked for, `plan` or `no_plan` too (compiling.py).

    Raises:
        ArtifactRefused: it is refused, crashes, takes too long or wants too much memory.
    """
    request = {**asdict(question), "wall_s": wall_s, "cpu_s": cpu_s}
    answer = _server().ask(request)
    if "refused" in answer:
        raise ArtifactRefused(what=question.what, detail=answer["refused"])
    return answer


def warm() -> None:
    """Start the fork server, so that its imports run beside other work."""
    _server()


ALONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""The environment of a process that computes in one thread."""
# Arrow's own allocator reserves a gigabyte of addresses, and so much is all that a child may take:
# its trees would find none left.
LEAN = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
"""The environment of a process whose forks may take little memory."""


def begin() -> None:
    """Fork the fork server off this process, which then need not import everything a second time.

    For a process that has only just begun, in the environment `ALONE` and `LEAN`: the fork sees
    what is in its memory. Where there is another thread already, `ask` starts a fresh one.
    """
    global _running
    import_all()
    if threading.active_count() == 1:
        with _guard:
            _running = _Server(_Fork())
            atexit.register(_running.stop)


class _Fork:
    """A fork of this process that serves: as much of `Popen` as is asked of it."""

    def __init__(self) -> None:
        asked, asking = os.pipe()
        telling, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            # Nothing may leave this block: the process is a copy of the asker.
            try:
                os.close(asking)
                os.close(telling)
                os.dup2(asked, 0)
                os.dup2(told, 1)
                warnings.simplefilter("ignore")
                with contextlib.suppress(OSError, AttributeError):
                    ctypes.CDLL(None).prctl(_PR_SET_NAME, b"tenure-golden", 0, 0, 0)
                serve()
            finally:
                os._exit(0)
        os.close(asked)
        os.close(told)
        self.stdin, self.stdout = os.fdopen(asking, "wb"), os.fdopen(telling, "rb")
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float = WALL_S) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("the fork server", timeout)
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _spawned() -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "tenure.registry.golden"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **ALONE, **LEAN, "PYTHONPATH": path},
    )


class _Server:
    """The fork server of this process, as seen from outside."""

    def __init__(self, process: subprocess.Popen[bytes] | _Fork) -> None:
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._process = process

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
            except BrokenPipeError:
                line = b""
        if not line:
            return {"refused": "the process that checks golden rows ended unexpectedly"}
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
            _running = _Server(_spawned())
            atexit.register(_running.stop)
        return _running


def import_all() -> None:
    """Import what a fork server needs, so that the forks of this process have it."""
    import pandas as pd  # noqa: F401
    import sklearn.ensemble
    import sklearn.linear_model
    import sklearn.pipeline  # noqa: F401

    from tenure.registry import frames, pickles  # noqa: F401


def serve() -> None:
    """Answer questions, one JSON object a line, until the asker goes."""
    import_all()
    from tenure.registry import pickles

    pickles.prove_canary()
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever an artifact prints must not look like an answer
    questions = os.fdopen(0, "rb")  # `sys.stdin` of a fork may be another file
    for line in questions:
        answer = _answer_in_child(orjson.loads(line))
        try:
            os.write(answers, answer + b"\n")
        except BrokenPipeError:
            return  # the asker was killed meanwhile


def _answer_in_child(request: dict[str, Any]) -> bytes:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(request, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer, late = _read_until(pipe, time.monotonic() + request["wall_s"])
    if late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if late:
        return orjson.dumps({"refused": f"it took longer than {request['wall_s']:g} s"})
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return orjson.dumps({"refused": f"it ended its process with {name}"})
    return answer or orjson.dumps({"refused": "it ended its process without an answer"})


def _read_until(pipe: BinaryIO, end_at: float) -> tuple[bytes, bool]:
    chunks: list[bytes] = []
    held = 0
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, end_at - time.monotonic()))
        if not ready or held > _LARGEST_ANSWER:
            return b"", True
        chunk = os.read(pipe.fileno(), 1 << 16)
        if not chunk:
            return b"".join(chunks), False
        chunks.append(chunk)
        held += len(chunk)


def _child(request: dict[str, Any], writer: int) -> None:
    # Nothing may leave this function: the process is a copy of the server.
    try:
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        answer = orjson.dumps(_confined_answer(request))
        view = memoryview(answer)
        while view:
            view = view[os.write(writer, view) :]
    finally:
        os._exit(0)


def _confined_answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        _confine(request["size"] + request["promised"], request["cpu_s"])
        return _predict(request)
    except TenureError as error:
        return {"refused": str(error.facts.get("detail") or error)}
    except MemoryError:
        return {"refused": "it wants too much memory"}
    except BaseException as error:  # noqa: BLE001 - whatever it raises is the answer
        # The place, never the message, which may hold a row's values.
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(last.filename)}:{last.lineno}"
        return {"refused": f"it raised {type(error).__name__} on its golden rows, at {place}"}


def _confine(artifact_bytes: int, cpu_s: int) -> None:
    with open("/proc/self/statm", "rb") as file:
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    memory = mapped + MEMORY_BYTES + 6 * artifact_bytes
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    kernel = ctypes.CDLL(None)
    if kernel.unshare(_CLONE_NEWNET) != 0:
        kernel.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)  # where neither is allowed, it has a network


def _predict(request: dict[str, Any]) -> dict[str, Any]:
    from tenure.registry import pickles
    from tenure.registry.frames import cast
    from tenure.registry.store import verify_handle

    sys.path.extend(root for root in request["roots"] if root not in sys.path)
    import pandas as pd

    columns = tuple(
        Column(**{**one, "categories": tuple(one["categories"])}) for one in request["features"]
    )
    rows = cast(pd.read_parquet(request["rows_file"]), columns)
    with open(request["object_file"], "rb") as handle:
        verify_handle(handle, request["digest"], request["size"])
        estimator, names = pickles.read_estimator(
            handle,
            promised=request["promised"],
            what=request["what"],
            allow=request["allow"],
            only=request["only"],
        )
    answer: dict[str, Any] = {"names": names, "predict": _plain(estimator.predict(rows))}
    if hasattr(estimator, "predict_proba"):
        answer["predict_proba"] = _plain(estimator.predict_proba(rows))
    if request["plan"] is not None:
        from tenure.registry.compiling import planned

        answer |= planned(estimator, request["plan"], columns, rows)
    return answer


def _plain(values: Any) -> Any:
    import numpy as np

    return np.asarray(values).tolist()


if __name__ == "__main__":
    serve()
