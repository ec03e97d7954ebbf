from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tenure.errors import ArtifactRefused
from tenure.records import digest_of
from tenure.registry import golden
from tests.servers import PROJECT
from tests.unit.registry import hostile, lives


class Hangs:
    def predict(self, rows: Any) -> Any:
        while True:
            time.sleep(1)


class Spins:
    def predict(self, rows: Any) -> Any:
        while True:
            pass


class Eats:
    def predict(self, rows: Any) -> Any:
        return len(bytearray(8 << 30))


class Dies:
    def predict(self, rows: Any) -> Any:
        os.abort()


class Leaves:
    def predict(self, rows: Any) -> Any:
        os._exit(0)


class Raises:
    def predict(self, rows: Any) -> Any:
        raise KeyError("card 4711")


class Prints:
    def predict(self, rows: Any) -> Any:
        print('{"predict": [9]}')
        sys.stdout.flush()
        return [1] * len(rows)


class Writes:
    def predict(self, rows: Any) -> Any:
        Path("/tmp/tenure-golden-wrote").write_text("x")
        return [1] * len(rows)


class Calls:
    def __init__(self, port: int) -> None:
        self.port = port

    def predict(self, rows: Any) -> Any:
        socket.create_connection(("127.0.0.1", self.port), timeout=2)
        return [1] * len(rows)


def asked(tmp_path: Path, estimator: Any, **changes: Any) -> golden.Question:
    import hashlib

    data = hostile.dumped(estimator)
    (tmp_path / "object").write_bytes(data)
    (tmp_path / "rows").write_bytes(lives.golden_rows())
    own = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    facts: dict[str, Any] = {
        "what": "a test",
        "object_file": str(tmp_path / "object"),
        "digest": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "promised": len(data),
        "rows_file": str(tmp_path / "rows"),
        "features": lives.FEATURES,
        "allow": (own,),
        "only": None,
        "roots": (),
        **changes,
    }
    return golden.Question(**facts)


def test_a_good_model_answers_the_same_each_time(tmp_path: Path) -> None:
    question = asked(tmp_path, lives.fitted())
    first = golden.ask(question)
    assert len(first["predict"]) == 10
    assert len(first["predict_proba"]) == 10
    assert golden.ask(question) == first


@pytest.mark.faults
@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (Hangs(), "longer than"),
        (Eats(), "too much memory"),
        (Dies(), "SIGABRT"),
        (Leaves(), "without an answer"),
        (Raises(), "raised KeyError"),
        (Writes(), "raised OSError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_becomes_of_the_child_the_asker_lives_on(
    tmp_path: Path, estimator: Any, says: str
) -> None:
    with pytest.raises(ArtifactRefused, match=says) as refused:
        golden.ask(asked(tmp_path, estimator), wall_s=3 if says == "longer than" else 60)
    assert "4711" not in str(refused.value)
    assert golden.ask(asked(tmp_path, lives.fitted()))["predict"]


@pytest.mark.faults
def test_a_child_that_spins_runs_out_of_its_seconds(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused, match=r"SIGXCPU|SIGKILL"):
        golden.ask(asked(tmp_path, Spins()), cpu_s=1)


def test_what_it_prints_is_no_answer(tmp_path: Path) -> None:
    assert golden.ask(asked(tmp_path, Prints()))["predict"] == [1] * 10


def test_it_has_no_network_where_the_kernel_allows(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        question = asked(tmp_path, Calls(server.getsockname()[1]))
        if os.geteuid() == 0:
            with pytest.raises(ArtifactRefused, match="raised"):
                golden.ask(question)
        else:  # a kernel may forbid user namespaces: then only the other limits hold
            golden.ask(asked(tmp_path, lives.fitted()))


def test_bytes_that_changed_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(ArtifactRefused, match="another digest"):
        golden.ask(asked(tmp_path, lives.fitted(), digest=digest_of("other")))


def test_code_that_is_not_allowed_is_not_imported(tmp_path: Path) -> None:
    sentinel = tmp_path / "ran"
    payload = hostile.Payload(os.system, f"touch {sentinel}")
    with pytest.raises(ArtifactRefused, match="not allowed"):
        golden.ask(asked(tmp_path, payload, allow=()))
    assert not sentinel.exists()


def test_a_server_that_was_killed_is_replaced(tmp_path: Path) -> None:
    question = asked(tmp_path, lives.fitted())
    first = golden.ask(question)
    golden._server()._process.kill()
    golden._server()._process.wait()
    assert golden.ask(question) == first


_FORKED = """
import os, sys, threading
from pathlib import Path
from tenure.errors import ArtifactRefused
from tenure.registry import golden
golden.begin()
from tests.unit.registry import lives, test_golden as cases
assert isinstance(golden._server()._process, golden._Fork)
folder = Path(sys.argv[1])
good = cases.asked(folder, lives.fitted())
answers = [golden.ask(good)]
for made in (cases.Eats(), cases.Dies(), cases.Leaves(), cases.Writes()):
    try:
        golden.ask(cases.asked(folder, made))
    except ArtifactRefused as refused:
        print(refused)
answers.append(golden.ask(cases.asked(folder, lives.fitted())))
assert answers[0] == answers[1]
golden._server()._process.kill()
golden._server()._process.wait()
answers.append(golden.ask(cases.asked(folder, lives.fitted())))
assert answers[0] == answers[2]
assert not isinstance(golden._server()._process, golden._Fork)
"""


@pytest.mark.faults
def test_one_that_is_forked_off_a_process_that_just_began_is_no_less_strict(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _FORKED, str(tmp_path)],
        env={**os.environ, **golden.ALONE, **golden.LEAN, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = ended.stdout.splitlines()
    for line, said in zip(told, ("memory", "SIGABRT", "without an answer", "OSError"), strict=True):
        assert said in line


def test_nothing_is_said_of_an_asker_that_was_killed_meanwhile() -> None:
    asked = subprocess.Popen(
        [sys.executable, "-m", "tenure.registry.golden"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert asked.stdin is not None
    assert asked.stdout is not None
    assert asked.stderr is not None
    asked.stdout.close()
    asked.stdin.write(b'{"wall_s": 60}\n')
    asked.stdin.close()
    assert asked.wait(120) == 0
    assert asked.stderr.read() == b""
    asked.stderr.close()
