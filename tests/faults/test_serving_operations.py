"""A real server process: who is let in, what is counted, and what a full disk does to the log."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tenure import predictions
from tenure.client import Client
from tenure.serving.keys import Role, add_key, key_file, revoke_key
from tenure.workspace import Workspace
from tests.faults.serving_processes import PROJECT, Running, start, until
from tests.unit.serving import lives
from tests.unit.serving.lives import ROW

pytestmark = pytest.mark.faults

PREDICT = "/v1/models/fraud:predict"
BODY = {"instances": [ROW]}
ACTOR = "person:ann"
Boot = Callable[..., Running]


@pytest.fixture
def place(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    template = lives.template(tmp_path_factory.getbasetemp() / "furnished")
    with lives.copied(template, tmp_path / "a workspace") as workspace:
        yield workspace


@pytest.fixture
def boot(place: Workspace) -> Iterator[Boot]:
    started: list[Running] = []

    def run(*more: str) -> Running:
        started.append(start(place, place.root / "server.log", *more))
        return started[-1]

    yield run
    for server in started:
        if server.is_alive:
            server.process.kill()
        server.process.wait()


def refused(place: Workspace, *more: str) -> tuple[int, str]:
    """Start a server that is to refuse to start; return its exit code and what it said."""
    command = [sys.executable, "-m", "tenure.serving", "--workspace", str(place.root), *more]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    ended = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stderr


def test_a_server_that_others_reach_does_not_start_without_a_key(place: Workspace) -> None:
    code, said = refused(place, "--host", "0.0.0.0")
    assert code == 2
    assert "no key is configured" in said
    assert "tenure key add" in said
    code, said = refused(place, "--admin-host", "0.0.0.0", "--admin-port", "0")
    assert (code, "no key is configured" in said) == (2, True)
    assert refused(place, "--tls-cert", "x.pem")[0] == 2
    add_key(place, "x", roles=[Role.PREDICT], models=None, actor=ACTOR)
    key_file(place).chmod(0o644)
    code, said = refused(place)
    assert code != 0
    assert "chmod 600" in said


def test_keys_counts_and_feedback_of_one_running_server(place: Workspace, boot: Boot) -> None:
    words = ("--admin-port", "0", "--log-format", "json", "--access-log")
    server = boot(*words)
    admin = orjson.loads((place.spool / "admin.json").read_bytes())["address"]
    assert admin != server.address
    answered = [httpx.post(server.address + PREDICT, json=BODY).status_code]
    assert answered == [200]
    kept, text = add_key(place, "x", roles=[Role.PREDICT], models=("fraud",), actor=ACTOR)
    _, other = add_key(place, "prometheus", roles=[Role.METRICS], models=None, actor=ACTOR)
    bearer = {"authorization": f"Bearer {text}"}

    def status(**given: dict[str, str]) -> int:
        answered.append(httpx.post(server.address + PREDICT, json=BODY, **given).status_code)
        return answered[-1]

    until(lambda: status() == 401)
    assert status(headers=bearer) == 200
    price = httpx.post(server.address + "/v1/models/price:predict", json=BODY, headers=bearer)
    assert price.status_code == 403
    revoke_key(place, kept.id)
    until(lambda: status(headers=bearer) == 401)
    reading = {"authorization": f"Bearer {other}"}
    until(lambda: httpx.get(f"{admin}/metrics").status_code == 401)

    def counted(code: int) -> int:
        lines = httpx.get(f"{admin}/metrics", headers=reading).text.splitlines()
        mine = [each for each in lines if each.startswith("tenure_requests_total{")]
        return sum(int(each.split()[-1]) for each in mine if f'code="{code}"' in each)

    # A key file is followed within a second: until then some more were let in.
    until(
        lambda: [counted(code) for code in (200, 401, 403)] == [*map(answered.count, (200, 401)), 1]
    )
    assert httpx.get(f"{server.address}/metrics", headers=reading).status_code == 403
    server.process.terminate()
    assert server.process.wait() == 0
    said = [orjson.loads(line) for line in server.log.read_text().splitlines()]
    assert {"at", "level", "logger", "message"} <= set(said[0])
    lines = [each for each in said if each["logger"] == "tenure.access"]
    assert any(each["status"] == 200 and each["rows"] == 1 for each in lines)
    assert "tenure_" not in "".join(each["path"] for each in lines)
    assert text not in server.log.read_text()


def test_tls_by_two_files(place: Workspace, boot: Boot, tmp_path: Path) -> None:
    cert, key = certified(tmp_path)
    server = boot("--tls-cert", str(cert), "--tls-key", str(key))
    assert server.address.startswith("https://127.0.0.1:")
    context = ssl.create_default_context(cafile=str(cert))
    with Client(server.address, verify=context) as client:
        assert client.predict("fraud", ROW)["prediction"].tolist() == ["fine"]
    with pytest.raises(httpx.TransportError):
        httpx.get(server.address.replace("https", "http") + "/health/live")


def certified(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, secret


def test_a_killed_server_loses_no_feedback_and_little_of_the_log(
    place: Workspace, boot: Boot
) -> None:
    server = boot()
    with httpx.Client(base_url=server.address) as client:
        first = client.post(PREDICT, json=BODY).json()["ids"]
        until(lambda: predictions.read("fraud", place)["id"].tolist() == first)
        label = {"labels": [{"id": first[0], "label": "fraud"}]}
        assert client.post("/v1/models/fraud:feedback", json=label).status_code == 202
        server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    assert predictions.carry(place).rows == 1, "what was written outlives the process"
    assert predictions.carry_feedback(place) == 1, "what was acknowledged outlives it at once"
    assert [each.id for _, each in predictions.read_feedback("fraud", place)] == first


LIMIT_BYTES = 64 * 1024


@pytest.mark.parametrize("policy", ["drop", "refuse"])
def test_a_log_that_cannot_be_written_is_dropped_and_counted_or_refused_by_policy(
    place: Workspace, policy: str, boot: Boot
) -> None:
    spec = lives.SPEC.replace("log_leave_out:", f"log_when_full: {policy}, log_leave_out:")
    (place.models_folder / "fraud.yaml").write_text(spec.format(model="fraud", data=""))
    digest = kept_spec(place)
    lives.champion(place, "fraud", 9, spec=digest)
    server = boot()
    body = {"instances": [ROW] * 5_000}
    log = place.spool / "log"
    with httpx.Client(base_url=server.address, timeout=60) as client:
        assert client.post(PREDICT, json=body).status_code == 200
        until(lambda: len(predictions.read("fraud", place)) == 5_000)
        limit_files(server.process.pid)
        if policy == "drop":
            found = [client.post(PREDICT, json=body).status_code for _ in range(12)]
            assert set(found) == {200}
        else:
            until(lambda: client.post(PREDICT, json=body).status_code == 503)
            again = client.post(PREDICT, json=BODY)
            assert (again.status_code, again.json()["type"]) == (503, "urn:tenure:problem:log-full")
            assert "retry-after" in again.headers
        state = client.get("/health/ready").json()
        assert "cannot be written" in " ".join(state["reasons"])
        assert state["log"]["trouble"] is not None
        assert (state["log"]["dropped"] > 0) is (policy == "drop")
        limit_files(server.process.pid, None)

        def takes() -> bool:
            answered = client.post(PREDICT, json={"instances": [ROW]}).status_code == 200
            return answered and client.get("/health/ready").json()["log"]["trouble"] is None

        until(takes)
    server.process.terminate()
    server.process.wait()
    assert log.exists()
    predictions.carry(place)
    assert len(predictions.read("fraud", place)) >= 5_000, "what was kept before is whole"


def kept_spec(place: Workspace) -> str:
    from tenure.registry import open_store
    from tenure.spec import load_spec
    from tenure.spec.digests import frozen

    return open_store(place).put_json(frozen(load_spec("fraud", place)))


def limit_files(pid: int, most: int | None = LIMIT_BYTES) -> None:
    """Let a running process write no file beyond a size, or any size again."""
    import resource

    soft: Any = resource.RLIM_INFINITY if most is None else most
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
