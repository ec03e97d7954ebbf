"""How are router, log, worker and routes put together for one process?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tenure.predictions import PredictionLog, spool_folder
from tenure.serving.agreeing import Agreement, join
from tenure.serving.application import Application, Site
from tenure.serving.core import Core
from tenure.serving.crashes import Busy
from tenure.serving.guide import GuideDoor
from tenure.serving.hosts import allowed_hosts
from tenure.serving.limits import Limits
from tenure.serving.loading import Closing, LedgerReader, stage_reader, version_loader
from tenure.serving.oip.door import V2Door
from tenure.serving.operating import Operations, Options
from tenure.serving.reporting import Reporter
from tenure.serving.router import Router
from tenure.serving.shadowing import Mirror, answer_unseen
from tenure.serving.v1 import V1Door
from tenure.spec import model_names
from tenure.workspace import Workspace

if TYPE_CHECKING:
    from tenure.records import Assignment
    from tenure.serving.runtime import Runtime


def build_app(
    workspace: Workspace,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_hosts: Iterable[str] = (),
    limits: Limits | None = None,
    options: Options | None = None,
    is_shared: bool = False,
) -> Application:
    """Return the prediction server of a workspace as an ASGI application.

    Its lifespan starts and stops what follows the ledger and writes the log; it writes nothing but
    the workspace's spool.

    Args:
        workspace: what is to be served.
        host: where it will listen, for its status file and the Host header.
        port: likewise.
        allow_hosts: further names that requests may be for.
        limits: what a request may cost.
        options: how it is run.
        is_shared: whether other processes answer at the same address.

    Raises:
        KeyFileBroken: the file of keys cannot be used.
        UnsafeUnpickler: the installed joblib cannot be used safely.
    """
    from tenure.registry.pickles import prove_canary

    prove_canary()
    options = options or Options()
    log = PredictionLog(spool_folder(workspace))
    address = f"{options.scheme}://{_bracketed(host)}:{port}"
    reporter = Reporter(workspace, log, address=address)
    reporter.is_starting, reporter.has_joined = is_shared, not is_shared
    operations = Operations(workspace, host, options)
    busy = Busy(workspace)
    load = busy.loader(operations.loader(version_loader(workspace)))
    router = _router(workspace, load, reporter, Agreement(workspace, address), is_shared=is_shared)
    core = Core(router, log, limits or Limits())
    core.busy, core.shadows = busy, _mirror(core, log, busy)
    parts = _Parts(
        operations=operations,
        reporter=reporter,
        log=log,
        router=router,
        mirror=core.shadows,
        is_shared=is_shared,
    )
    app = Application(
        core,
        [V2Door(core), V1Door(core), Site(core, workspace.pages), GuideDoor(core, options.scheme)],
        hosts=allowed_hosts(host, allow_hosts),
        started=parts.start,
        stopped=parts.stop,
    )
    operations.attach(app)
    _let_tell(reporter, core, core.shadows)
    return app


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What works in one process beside its doors, in the order in which it is started."""

    operations: Operations
    reporter: Reporter
    log: PredictionLog
    router: Router
    mirror: Mirror
    is_shared: bool

    def start(self) -> None:
        self.operations.start()
        self.reporter.start()
        self.log.start()
        self.router.start()
        self.mirror.start()
        if self.is_shared:
            join(self.router, self.reporter)
            self.reporter.has_joined = True
            self.reporter.tell()

    def stop(self) -> None:
        self.router.stop()
        self.mirror.stop()
        self.log.close()
        self.operations.stop()
        self.reporter.stop()


def _router(
    workspace: Workspace,
    load: Callable[[Assignment], Runtime],
    reporter: Reporter,
    agreement: Agreement,
    *,
    is_shared: bool,
) -> Router:
    """Return what follows the ledger, and changes together with the processes beside it."""

    def agreed(wanted: Assignment, waited_s: float) -> bool:
        return not is_shared or reporter.is_starting or agreement(wanted, waited_s)

    return Router(
        workspace,
        read=LedgerReader(workspace),
        load=load,
        names=partial(_names, workspace),
        stage=stage_reader(workspace),
        is_closed=Closing(workspace),
        changed=reporter.tell,
        agreed=agreed,
        announce=reporter.announce,
    )


def _mirror(core: Core, log: PredictionLog, busy: Busy) -> Mirror:
    """Return what asks shadows while nothing else is to be done."""
    return Mirror(
        standing=lambda: core.router.standing,
        answer=partial(answer_unseen, log),
        is_idle=lambda: core.engine.in_flight == 0,
        tally=core.tally,
        marks=lambda: busy.marks,
    )


def _let_tell(reporter: Reporter, core: Core, mirror: Mirror) -> None:
    """Give the status file what it tells of."""
    reporter.router, reporter.tally, reporter.mirror = core.router, core.tally, mirror
    reporter.is_draining = lambda: core.is_draining
    reporter.asked_gone = core.gone.counts


def _names(workspace: Workspace) -> frozenset[str]:
    return frozenset(model_names(workspace))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
