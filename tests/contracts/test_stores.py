"""A folder and an object store keep the same promises."""

from __future__ import annotations

import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tenure.errors import ObjectDamaged, ObjectMissing
from tenure.registry import Store, open_store
from tenure.registry.store import FolderShelf
from tenure.workspace import Workspace

DATA = b"some bytes" * 1000
NAME = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, workspace: Workspace) -> Store:
    if request.param == "folder":
        return open_store(workspace)
    return open_store(replace(workspace, store_url=f"memory://{uuid.uuid4().hex}/store"))


def change(store: Store, digest: str, data: bytes) -> None:
    """What no writer of ours can do: put other bytes in an object's place."""
    match store.shelf:
        case FolderShelf() as shelf:
            os.chmod(shelf.path(digest), 0o600)
            shelf.path(digest).write_bytes(data)
        case shelf:
            shelf._files.pipe_file(shelf._path(digest), data)


def test_bytes_come_back_under_their_digest(store: Store) -> None:
    assert store.put_bytes(DATA) == NAME
    assert store.get_bytes(NAME) == DATA
    assert store.get_bytes(NAME, len(DATA)) == DATA
    with store.open_object(NAME, len(DATA)) as handle:
        assert handle.read() == DATA
    assert store.exists(NAME)
    assert store.size(NAME) == len(DATA)
    assert list(store.digests()) == [NAME]


def test_a_file_and_a_json_value_come_back(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "one.bin"
    file.write_bytes(DATA)
    assert store.put_file(file) == (NAME, len(DATA))
    digest = store.put_json({"b": [1, 2.5, None], "a": "é"})
    assert digest == store.put_json({"a": "é", "b": [1, 2.5, None]})
    assert store.get_json(digest) == {"a": "é", "b": [1, 2.5, None]}


def test_what_is_not_there_is_missed(store: Store) -> None:
    assert not store.exists(NAME)
    for ask in (store.get_bytes, store.open_object, store.size, store.get_json):
        with pytest.raises(ObjectMissing, match=NAME):
            ask(NAME)
    assert list(store.digests()) == []


@pytest.mark.parametrize("data", [DATA[:-1], DATA + b"x", DATA[:50] + b"\0" + DATA[51:], b""])
def test_changed_bytes_are_never_handed_out(store: Store, data: bytes) -> None:
    store.put_bytes(DATA)
    change(store, NAME, data)
    with pytest.raises(ObjectDamaged):
        store.get_bytes(NAME)
    with pytest.raises(ObjectDamaged):
        store.open_object(NAME)
    with pytest.raises(ObjectDamaged):
        store.get_bytes(NAME, len(DATA))


def test_two_publishers_of_the_same_bytes_make_one_object(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: store.put_bytes(DATA), range(24)))
    assert names == {NAME}
    assert list(store.digests()) == [NAME]
    assert store.get_bytes(NAME) == DATA


def test_there_is_no_way_to_overwrite(store: Store) -> None:
    store.put_bytes(DATA)
    change(store, NAME, DATA[::-1])  # same size: the writer cannot tell and must leave it
    store.put_bytes(DATA)
    with pytest.raises(ObjectDamaged):
        store.get_bytes(NAME)
