"""What belongs to running a server beside answering, and how is it attached to one process?

Keys, counts, feedback: each process has its own, and they meet in the spool. What a server is told
on its command line is in `Options`, which is plain and can be handed to another process.
"""

from __future__ import annotations

import argparse
import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenure.errors import BadServing
from tenure.predictions.feedback import FeedbackSpool, feedback_spool
from tenure.serving.access import ANYBODY, Access
from tenure.serving.feedback import FeedbackDoor
from tenure.serving.guarding import Guarding
from tenure.serving.hosts import LOOPBACK
from tenure.serving.keys import Role
from tenure.serving.metrics import Metrics
from tenure.serving.picking import nobody
from tenure.serving.publishing import MetricsFile
from tenure.serving.tracing import Traces
from tenure.serving.watching import Watching
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.records import Assignment
    from tenure.serving.application import Application
    from tenure.serving.compiled import Answering
    from tenure.serving.runtime import Runtime

    Load = Callable[[Assignment], Runtime]

_log = logging.getLogger(__name__)

EVERY_S = 0.5
"""How long a changed file of keys may go unseen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a server is run.

    Attributes:
        is_open: whether others may call it without a key.
        admin_host: where metrics and status are asked for.
        admin_port: 0 takes a free one, None listens nowhere.
        tls_cert: the certificate chain's file (PEM); None for no TLS.
        tls_key: its key's file.
        cors_origins: the origins whose pages may call it from a browser.
        log_format: `text` or `json`.
        access_log: whether each request leaves a line.
        traces: whether each request leaves a span, sent as OTEL_… in the environment says.
    """

    is_open: bool = False
    admin_host: str = "127.0.0.1"
    admin_port: int | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    cors_origins: tuple[str, ...] = ()
    log_format: str = "text"
    access_log: bool = False
    traces: bool = False

    @property
    def scheme(self) -> str:
        """How addresses of the server begin."""
        return "http" if self.tls_cert is None else "https"

    @staticmethod
    def add_to(parser: argparse.ArgumentParser) -> None:
        """Give a command line what can be said here."""
        add = parser.add_argument
        add("--open", action="store_true", help="let others in without a key")
        add("--admin-host", default="127.0.0.1", help="where metrics are asked for (127.0.0.1)")
        add("--admin-port", type=int, help="its port; 0 takes a free one (no such address)")
        add("--tls-cert", help="the certificate chain, PEM")
        add("--tls-key", help="its key, PEM")
        add("--cors-origin", action="append", default=[], help="an origin that browsers may use")
        add("--log-format", choices=("text", "json"), default="text", help="of the log (text)")
        add("--access-log", action="store_true", help="write a line a request")
        add("--traces", action="store_true", help="send a span a request (OpenTelemetry)")

    @classmethod
    def of(cls, given: argparse.Namespace) -> Options:
        """Return what was said on a command line.

        Raises:
            BadServing: half of what TLS takes was given, or a file that is not there.
        """
        tls = (given.tls_cert, given.tls_key)
        if any(tls) and not all(tls):
            raise BadServing(what="TLS", got="one file", wanted="--tls-cert and --tls-key")
        for file in filter(None, tls):
            if not Path(file).is_file():
                raise BadServing(what=f"The file {file}", got="not there", wanted="a PEM file")
        return cls(
            is_open=given.open,
            admin_host=given.admin_host,
            admin_port=given.admin_port,
            tls_cert=given.tls_cert,
            tls_key=given.tls_key,
            cors_origins=tuple(given.cors_origin),
            log_format=given.log_format,
            access_log=given.access_log,
            traces=given.traces,
        )

    def of_uvicorn(self) -> dict[str, Any]:
        """Return what uvicorn is to be told."""
        if self.tls_cert is None:
            return {}
        return {"ssl_certfile": self.tls_cert, "ssl_keyfile": self.tls_key}


_OF_PLANS = {"compared": "compared", "disagreed": "differed", "plan_raised": "raised"}
"""Counters of plans, and what holds them in a plan's `Answering`."""


class _Plan:
    """A plan in memory, and what was counted of its comparisons so far."""

    def __init__(self, answering: weakref.ref[Answering], runtime: Runtime) -> None:
        self.answering = answering
        self._labels = {"model": runtime.model, "version": str(runtime.version)}
        self._told = dict.fromkeys(_OF_PLANS, 0)

    def count(self, metrics: Metrics) -> None:
        found = self.answering()
        if found is None:
            return
        for name, attribute in _OF_PLANS.items():
            now = getattr(found, attribute)
            if now > self._told[name]:
                metrics.count(name, now - self._told[name], **self._labels)
                self._told[name] = now


class Operations:
    """What one process has beside its core.

    Args:
        workspace: whose keys and spool.
        host: where the server listens.
        options: how it is run.

    Raises:
        KeyFileBroken: the file of keys cannot be used.
    """

    def __init__(self, workspace: Workspace, host: str, options: Options) -> None:
        self.options = options
        self._is_private = host in LOOPBACK
        self.access = Access(workspace, must=not self._is_private and not options.is_open)
        self.metrics = Metrics()
        self.feedback = FeedbackSpool(feedback_spool(workspace))
        self.guarding = Guarding(workspace, self.metrics)
        self._file = MetricsFile(workspace, self.metrics)
        self._watching: Watching | None = None
        self._plans: list[_Plan] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="tenure-operations", daemon=True)

    def attach(self, app: Application) -> None:
        """Give a server its keys, counts and the door for feedback."""
        core = app.core
        app.admission, app.metrics = self.access, self.metrics
        core.engine.metrics = self.metrics

        def guard() -> None:
            core.guarding = core.engine.guarding = self.guarding

        self.guarding.first = guard
        self.metrics.waiting = lambda: core.engine.in_flight
        core.router.admit_tester = self.admit_tester
        door = FeedbackDoor(core, self.feedback, self.access, self.metrics)
        app.doors = [door, *app.doors]
        said = self.options
        if said.traces or said.access_log or said.cors_origins:
            self._watching = app.watching = Watching(
                Traces() if said.traces else None,
                access_log=said.access_log,
                cors_origins=said.cors_origins,
            )

    def loader(self, load: Load) -> Load:
        """Return a loader whose versions are guarded, and the time that it takes counted."""
        guarded = self.guarding.loader(load)

        def counted(assignment: Assignment) -> Runtime:
            began_at = time.perf_counter()
            runtime = guarded(assignment)
            seconds = time.perf_counter() - began_at
            self.metrics.loaded(runtime.model, runtime.version, seconds)
            if runtime.compiled is not None:
                self._plans.append(_Plan(weakref.ref(runtime.compiled), runtime))
            return runtime

        return counted

    def admit_tester(self, headers: Mapping[bytes, bytes], model: str) -> object:
        """Return who may choose the slot that answers.

        Raises:
            Problem: 401 or 403.
        """
        if self.access.is_on:
            return self.access.check(headers, model, Role.TEST)
        return ANYBODY if self._is_private else nobody(headers, model)

    def start(self) -> None:
        """Begin to follow keys, to complete guards and to tell counts."""
        self._file.write()
        self._thread.start()

    def stop(self) -> None:
        """Keep what was taken, and tell the last counts."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self.feedback.close()
        if self._watching is not None:
            self._watching.close()
        self._file.write()

    def count_plans(self) -> None:
        """Count what was compared of the plans in memory since the last time."""
        for plan in self._plans:
            plan.count(self.metrics)
        self._plans = [plan for plan in self._plans if plan.answering() is not None]

    def _beat(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self.access.look()
                self.guarding.look()
                self.count_plans()
                self._file.write()
            except Exception:  # noqa: BLE001
                # Who stops here follows no revoked key any more; it says so and goes on.
                _log.exception("looking after keys, guards and counts failed")
