"""How are router, log, worker and routes put together for one process?"""

from __future__ import annotations

from collections.abc import Iterable
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
    log = PredictionLog(spool_folder(workspace))
    options = options or Options()
    address = f"{options.scheme}://{_bracketed(host)}:{port}"
    reporter = Reporter(workspace, log, address=address)
    operations = Operations(workspace, host, options)
    busy = Busy(workspace)
    load = busy.loader(operations.loader(version_loader(workspace)))
    agreement = Agreement(workspace, address)
    reporter.is_starting = is_shared

    def agreed(wanted: Assignment, waited_s: float) -> bool:
        return not is_shared or reporter.is_starting or agreement(wanted, waited_s)

    router = Router(
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
    reporter.router = router
    core = Core(router, log, limits or Limits())
    core.busy = busy
    core.shadows = mirror = Mirror(
        standing=lambda: router.standing,
        answer=partial(answer_unseen, log),
        is_idle=lambda: core.engine.in_flight == 0,
        tally=core.tally,
        marks=lambda: busy.marks,
    )
    app = Application(
        core,
        [V2Door(core), V1Door(core), Site(core, workspace.pages), GuideDoor(core, options.scheme)],
        hosts=allowed_hosts(host, allow_hosts),
        started=lambda: _start(router, log, reporter, mirror, operations, is_shared),
        stopped=lambda: _stop(router, log, reporter, mirror, operations),
    )
    operations.attach(app)
    reporter.is_draining = lambda: core.is_draining
    reporter.tally, reporter.mirror = core.tally, mirror
    reporter.asked_gone = core.gone.counts
    return app


def _names(workspace: Workspace) -> frozenset[str]:
    return frozenset(model_names(workspace))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _start(
    router: Router,
    log: PredictionLog,
    reporter: Reporter,
    mirror: Mirror,
    operations: Operations,
    is_shared: bool,
) -> None:
    operations.start()
    reporter.start()
    log.start()
    router.start()
    mirror.start()
    if is_shared:
        join(router, reporter)


def _stop(
    router: Router, log: PredictionLog, reporter: Reporter, mirror: Mirror, operations: Operations
) -> None:
    router.stop()
    mirror.stop()
    log.close()
    operations.stop()
    reporter.stop()
