"""Where are ledger, store and clock, and which project and workspace are meant?

A project is a checkout (flows/ and config/settings.yaml); a workspace is a folder with config/ and,
once used, .tenure/, which holds all state. The project is its own workspace by default.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from tenure.errors import BadSetting, ProjectNotFound, WorkspaceNotFound

STATE_FOLDER = ".tenure"


class Clock(Protocol):
    """What time it is about, as policies read it."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True)
class RealClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """A clock that stands where its file says, for replays; the real one once the file is gone.

    Every process of a simulated workspace sees the same time, and a replay that has caught up with
    the present hands over to the real clock by removing the file.
    """

    file: Path

    def now(self) -> datetime:
        """Return the time in the file, or the real time if there is none."""
        try:
            return datetime.fromisoformat(self.file.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return datetime.now(UTC)

    def set(self, at: datetime) -> None:
        """Move the clock to `at` (aware) for every process of the workspace."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.file.with_suffix(f".{os.getpid()}")
        fresh.write_text(at.astimezone(UTC).isoformat(), encoding="utf-8")
        fresh.replace(self.file)

    def release(self) -> None:
        """Hand over to the real clock."""
        self.file.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """Where one workspace's ledger, store, keys and clock are; picklable, the last argument of all.

    Attributes:
        root: the folder that holds config/ and .tenure/.
        project: the checkout that holds flows/, or None where only the wheel is installed.
        ledger_url: a SQLAlchemy URL.
        store_url: a folder or an fsspec URL for content-addressed objects.
        clock: the time that policies read (`as_of`); `recorded_at` is always the real time.
        simulated: whether the clock may stand apart from the real one; shown on every page.
        anchor_url: a folder or an fsspec URL outside, where the ledger's head is written too.
        notify_to: names of the environment variables with the platform team's addresses, who are
            told what is about no single model.
        notify_hosts: hosts inside private networks that they may be told by.
        archive_url: a folder or an fsspec URL for artifacts of retired versions, which nothing
            that serves opens; None puts it beside the store.
    """

    root: Path
    project: Path | None
    ledger_url: str
    store_url: str
    clock: Clock
    simulated: bool = False
    anchor_url: str | None = None
    archive_url: str | None = None
    notify_to: tuple[str, ...] = ()
    notify_hosts: tuple[str, ...] = ()

    @property
    def state(self) -> Path:
        """The folder that holds all state of this workspace."""
        return self.root / STATE_FOLDER

    @property
    def models_folder(self) -> Path:
        """The folder of the specs."""
        return self.root / "config" / "models"

    @property
    def expectations_folder(self) -> Path:
        """The folder of the expectation suites."""
        return self.root / "config" / "expectations"

    @property
    def pages(self) -> Path:
        """The folder of the pages that people look at."""
        return self.state / "pages"

    @property
    def spool(self) -> Path:
        """The prediction server's own folder, the only one that it writes."""
        return self.state / "serving"

    @property
    def key_folder(self) -> Path:
        """The folder of signing and pseudonym keys: TENURE_KEY_DIR, else one inside .tenure/."""
        named = os.environ.get("TENURE_KEY_DIR")
        return Path(named).expanduser() if named else self.state / "keys"

    @property
    def up_file(self) -> Path:
        """Where `tenure up` writes addresses, pids and start times."""
        return self.state / "up.json"

    def locate(self, path: str) -> str:
        """Return a source path of a spec as an absolute path or URL; relative means to the root."""
        return path if "://" in path or Path(path).is_absolute() else str(self.root / path)


def find_project(named: str | os.PathLike[str] | None = None) -> Path:
    """Return the project: what is named, TENURE_PROJECT, or the nearest parent folder.

    Raises:
        ProjectNotFound: with every folder that was looked at, in order.
    """
    named = named or os.environ.get("TENURE_PROJECT")
    folders = [Path(named).expanduser().resolve()] if named else [Path.cwd(), *Path.cwd().parents]
    for folder in folders:
        if (folder / "config" / "settings.yaml").is_file() and (folder / "flows").is_dir():
            return folder
    raise ProjectNotFound(looked_in=", ".join(map(str, folders)))


def read_settings(root: Path) -> dict[str, Any]:
    """Return config/settings.yaml of a workspace, an empty mapping where there is none."""
    import yaml

    file = root / "config" / "settings.yaml"
    if not file.is_file():
        return {}
    settings = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if not isinstance(settings, dict):
        raise BadSetting(file=str(file), key="(whole file)", got="no mapping", wanted="key: value")
    known = {
        "simulated",
        "ledger",
        "store",
        "prefect_api_url",
        "ports",
        "serving",
        "anchor",
        "archive",
        "notify",
    }
    for key in settings:
        if key not in known:
            raise BadSetting(
                file=str(file), key=key, got="unknown", wanted=" | ".join(sorted(known))
            )
    return settings


def open_workspace(
    workspace: str | os.PathLike[str] | None = None,
    project: str | os.PathLike[str] | None = None,
) -> Workspace:
    """Return the workspace that is meant, without making anything.

    Args:
        workspace: a folder that holds config/; else TENURE_WORKSPACE; else the project.
        project: a checkout; else TENURE_PROJECT; else the nearest parent folder that is one.

    Raises:
        ProjectNotFound: neither a workspace nor a project could be found.
        WorkspaceNotFound: the named folder holds no config/.
        BadSetting: config/settings.yaml cannot be used.
    """
    named = workspace or os.environ.get("TENURE_WORKSPACE")
    try:
        home: Path | None = find_project(project)
    except ProjectNotFound:
        if project or not named:
            raise
        home = None
    root = Path(named).expanduser().resolve() if named else home
    assert root is not None
    if not (root / "config").is_dir():
        raise WorkspaceNotFound(folder=str(root))
    settings = read_settings(root)
    state = root / STATE_FOLDER
    simulated = settings.get("simulated", False)
    if not isinstance(simulated, bool):
        raise BadSetting(
            file=str(root / "config/settings.yaml"),
            key="simulated",
            got=simulated,
            wanted="true | false",
        )
    for key in ("anchor", "archive"):
        place = settings.get(key)
        if place is not None and not (isinstance(place, str) and place.strip()):
            raise BadSetting(
                file=str(root / "config/settings.yaml"),
                key=key,
                got=place,
                wanted="a folder or an fsspec URL",
            )
    return Workspace(
        root=root,
        project=home,
        ledger_url=settings.get("ledger") or f"sqlite:///{state / 'ledger.db'}",
        store_url=str(settings.get("store") or state / "store"),
        clock=SimulatedClock(state / "clock") if simulated else RealClock(),
        simulated=simulated,
        anchor_url=settings.get("anchor"),
        archive_url=settings.get("archive"),
        **_notify(settings, root),
    )


def _notify(settings: dict[str, Any], root: Path) -> dict[str, tuple[str, ...]]:
    said = settings.get("notify") or {}
    wanted = "{to: [NAMES OF ENVIRONMENT VARIABLES], allow_hosts: [HOSTS]}"
    lists = list(said.values()) if isinstance(said, dict) else [None]
    sound = all(isinstance(one, list) and all(isinstance(x, str) for x in one) for one in lists)
    if not sound or set(said) - {"to", "allow_hosts"}:
        file = str(root / "config/settings.yaml")
        raise BadSetting(file=file, key="notify", got=repr(said), wanted=wanted)
    return {
        "notify_to": tuple(said.get("to", ())),
        "notify_hosts": tuple(said.get("allow_hosts", ())),
    }
