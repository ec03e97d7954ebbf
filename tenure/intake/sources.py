"""What lies in a model's source, and does it stand still?

A source is a local folder or an fsspec URL. Its batches are the files directly in it; names that
begin with '.' or '_' are somebody's work in hand. Bytes come through file objects of that source
alone: a location that lies elsewhere is refused, whoever gives it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tenure.errors import NotInSource, SourceUnreachable

if TYPE_CHECKING:
    from tenure.spec.model import ModelSpec
    from tenure.workspace import Workspace

SETTLE_S = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A file in a source that stood still; what it holds was not looked at."""

    name: str
    location: str
    size: int
    modified_at: datetime

    @property
    def looks(self) -> tuple[str, int, datetime]:
        """What two looks compare."""
        return self.location, self.size, self.modified_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a model's batches arrive.

    Attributes:
        model: its name.
        where: the folder or URL, absolute.
        pattern: which names are batches, as a glob.
        is_local: whether it is a folder of this machine.
    """

    model: str
    where: str
    pattern: str
    is_local: bool

    def place(self, name: str) -> str:
        """Return the location of a name in this source."""
        return str(Path(self.where) / name) if self.is_local else f"{self.where}/{name}"

    def is_batch_name(self, name: str) -> bool:
        """Say whether a name is one of a batch."""
        return not name.startswith((".", "_")) and fnmatchcase(name, self.pattern)

    def name_of(self, location: str) -> str:
        """Return the name of a location in this source.

        Raises:
            NotInSource: it lies elsewhere, in a folder below, or leads out of the source.
        """
        name = location.replace("\\", "/").rpartition("/")[2]
        if not self._holds(location, name):
            raise NotInSource(model=self.model, name=name[:120], source=self.where)
        return name

    def _holds(self, location: str, name: str) -> bool:
        if "\0" in location or name in ("", ".", ".."):
            return False
        if not self.is_local:
            return location in (name, self.place(name))
        home = Path(self.where).resolve()
        above = home if location == name else Path(location).parent.resolve()
        return above == home and (home / name).resolve().parent == home


def source_of(spec: ModelSpec, workspace: Workspace) -> Source:
    """Return the source that a spec names."""
    where = workspace.locate(spec.data.source)
    if where.startswith("file://"):
        where = where.removeprefix("file://")
    is_local = "://" not in where
    return Source(
        model=spec.name,
        where=os.path.normpath(where) if is_local else where.rstrip("/"),
        pattern=spec.data.pattern,
        is_local=is_local,
    )


def locate(spec: ModelSpec, workspace: Workspace) -> list[Arrival]:
    """Return the files in a model's source that stand still, by time and name.

    A file that changed within the last moments is looked at twice; one that is still being written
    is left for the next time. A source that is not there yet is empty.

    Raises:
        SourceUnreachable: the source cannot be listed.
    """
    source = source_of(spec, workspace)
    found = look(source)
    young = [arrival for arrival in found if _age_s(arrival) < SETTLE_S]
    if young:
        time.sleep(SETTLE_S)
        again = {arrival.looks for arrival in look(source)}
        found = [arrival for arrival in found if arrival.looks in again]
    if source.is_local:
        found = [arrival for arrival in found if not is_open_for_writing(arrival.location)]
    return sorted(found, key=lambda arrival: (arrival.modified_at, arrival.name))


def look(source: Source) -> list[Arrival]:
    """Return the files that lie in a source now, settled or not; raises as `locate`."""
    listed = _local_files if source.is_local else _remote_files
    try:
        return [arrival for arrival in listed(source) if source.is_batch_name(arrival.name)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, ImportError) as error:
        raise _unreachable(source, error) from None


def _age_s(arrival: Arrival) -> float:
    return (datetime.now(UTC) - arrival.modified_at).total_seconds()


def _local_files(source: Source) -> Iterable[Arrival]:
    home = Path(source.where).resolve()
    with os.scandir(source.where) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                facts = entry.stat()
                if stat.S_ISREG(facts.st_mode) and Path(entry.path).resolve().parent == home:
                    yield Arrival(
                        name=entry.name,
                        location=source.place(entry.name),
                        size=facts.st_size,
                        modified_at=datetime.fromtimestamp(facts.st_mtime, UTC),
                    )


def _remote_files(source: Source) -> Iterable[Arrival]:
    files, root = _file_system(source.where)
    files.invalidate_cache()
    for facts in files.ls(root, detail=True):
        if facts["type"] == "file":
            name = str(facts["name"]).rstrip("/").rpartition("/")[2]
            yield Arrival(
                name=name,
                location=source.place(name),
                size=int(facts["size"] or 0),
                modified_at=_modified_at(files, facts),
            )


def _modified_at(files: Any, facts: dict[str, Any]) -> datetime:
    for key in ("LastModified", "last_modified", "mtime", "updated", "modified", "created"):
        match facts.get(key):
            case datetime() as at:
                return at if at.tzinfo else at.replace(tzinfo=UTC)
            case int() | float() as seconds:
                return datetime.fromtimestamp(seconds, UTC)
    try:
        at = files.modified(facts["name"])
    except (NotImplementedError, OSError):
        return datetime.fromtimestamp(0, UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _file_system(url: str) -> tuple[Any, str]:
    import fsspec

    return fsspec.core.url_to_fs(url)


def _unreachable(source: Source, error: Exception) -> SourceUnreachable:
    detail = getattr(error, "strerror", None) or type(error).__name__
    return SourceUnreachable(model=source.model, source=source.where, detail=detail)


def open_location(source: Source, location: str) -> BinaryIO:
    """Open a file of the source for reading.

    Raises:
        NotInSource: the location is none of this source.
        FileNotFoundError: there is no such file any more.
        SourceUnreachable: it cannot be read.
    """
    place = source.place(source.name_of(location))
    opened: Callable[[], Any]
    if source.is_local:

        def opened() -> Any:
            return _open_regular(place)
    else:

        def opened() -> Any:
            files, path = _file_system(place)
            return files.open(path, "rb")

    try:
        return opened()
    except FileNotFoundError:
        raise
    except (OSError, ValueError, ImportError) as error:
        raise _unreachable(source, error) from None


def _open_regular(place: str) -> BinaryIO:
    # A pipe would block for ever when opened; without waiting it can be told apart and refused.
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(place)
    return os.fdopen(descriptor, "rb")


def is_open_for_writing(place: str) -> bool:
    """Say whether somebody on this machine has a file open for writing, as far as one can know.

    Linux refuses a read lease on a file that is open for writing. Where leases do not exist, or the
    file is another user's, nothing is known and False is returned: two looks must do.
    """
    try:
        import fcntl

        lease, unlock, mine = fcntl.F_SETLEASE, fcntl.F_UNLCK, fcntl.F_RDLCK
        import signal

        quiet = signal.SIGURG
    except (ImportError, AttributeError):
        return False
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # A writer that comes while the lease is held has a signal sent to us: one that is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, quiet)
        fcntl.fcntl(descriptor, lease, mine)
        fcntl.fcntl(descriptor, lease, unlock)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
