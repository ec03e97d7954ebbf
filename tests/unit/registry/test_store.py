from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest

from tenure.errors import StoreExposed, StoreUnwritable
from tenure.registry import open_store
from tenure.registry.store import FolderShelf
from tenure.workspace import Workspace


def shelf(workspace: Workspace) -> FolderShelf:
    found = open_store(workspace).shelf
    assert isinstance(found, FolderShelf)
    return found


def test_objects_are_read_only_in_folders_of_ours_alone(workspace: Workspace) -> None:
    digest = open_store(workspace).put_bytes(b"x")
    path = shelf(workspace).path(digest)
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    for folder in (path.parent, path.parent.parent, workspace.state):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o777, 0o702, 0o720])
def test_a_store_that_others_may_write_to_is_refused(workspace: Workspace, mode: int) -> None:
    root = Path(shelf(workspace).where)
    os.chmod(root, mode)
    with pytest.raises(StoreExposed, match=f"{mode:04o}"):
        open_store(workspace)
    os.chmod(root, 0o700)
    open_store(workspace)


def test_a_reader_of_an_object_that_is_put_again_sees_the_same_bytes(workspace: Workspace) -> None:
    store = open_store(workspace)
    digest = store.put_bytes(b"abc" * 1000)
    with store.open_object(digest) as handle:
        before = os.fstat(handle.fileno()).st_ino
        store.put_bytes(b"abc" * 1000)
        assert os.stat(shelf(workspace).path(digest)).st_ino == before
        assert handle.read() == b"abc" * 1000


@pytest.mark.faults
def test_a_full_disk_leaves_no_final_name_and_a_retry_works(workspace: Workspace) -> None:
    """The kernel itself refuses the write, in a forked child that may write 1 MB a file."""
    store = open_store(workspace)
    data = os.urandom(4 << 20)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
            store.put_bytes(data)
        except StoreUnwritable as error:
            code = 0 if "No object was left behind" in str(error) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(store.digests()) == []
    assert shelf(workspace).leftovers() == []
    assert store.get_bytes(store.put_bytes(data)) == data


@pytest.mark.faults
def test_a_real_disk_that_is_full_leaves_no_final_name(
    workspace: Workspace, tmp_path: Path
) -> None:
    import subprocess
    from dataclasses import replace

    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs rights that are not given here")
    try:
        store = open_store(replace(workspace, store_url=str(small / "store")))
        kept = store.put_bytes(b"fits")
        with pytest.raises(StoreUnwritable, match="No space left"):
            store.put_bytes(os.urandom(2 << 20))
        assert list(store.digests()) == [kept]
        assert store.shelf.leftovers() == []
        assert store.get_bytes(store.put_bytes(os.urandom(1 << 10)))
    finally:
        subprocess.run(["umount", str(small)], check=True)
