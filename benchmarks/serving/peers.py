"""Which servers are measured, how is each started, and what does it take as a request?

Each peer lives in a venv of its own with pinned packages, is started in one process with what its
own documents call its best settings, and is asked in its own protocol.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil

PEERS = Path(__file__).parents[1] / "peers"
READY_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One server: its folder and modes, its address and body for some rows."""

    name: str
    modes: tuple[str, ...]
    path: Callable[[str], str]
    body: Callable[[pd.DataFrame, str], Any]
    ready: str
    serves_all: bool = False


def open_protocol(rows: pd.DataFrame, model: str) -> dict[str, Any]:
    """Return a V2 request: a tensor a column for mixed columns, one matrix for numbers."""
    wanted = {"outputs": [{"name": "predict_proba"}]}
    if model != "linear":
        shape = list(rows.shape)
        data = rows.to_numpy().ravel().tolist()
        matrix = {"name": "input", "shape": shape, "datatype": "FP64", "data": data}
        return {"inputs": [matrix], **wanted}
    tensors = []
    for name in rows.columns:
        is_number = rows[name].dtype.kind == "f"
        tensor = {"name": name, "shape": [len(rows)], "datatype": "FP64" if is_number else "BYTES"}
        tensor |= {} if is_number else {"parameters": {"content_type": "str"}}
        tensors.append({**tensor, "data": rows[name].tolist()})
    return {"parameters": {"content_type": "pd"}, "inputs": tensors, **wanted}


def _columns(rows: pd.DataFrame, _model: str) -> dict[str, Any]:
    return {"columns": rows.to_dict("list")}


def _infer(model: str) -> str:
    return f"/v2/models/{model}/infer"


BOTH = ("plain", "batching")
OURS = Peer(name="tenure", modes=("plain",), path=_infer, body=open_protocol, ready="/health/ready")
ALL = (
    Peer(
        name="mlserver",
        modes=BOTH,
        path=_infer,
        body=open_protocol,
        ready="/v2/health/ready",
        serves_all=True,
    ),
    Peer(name="litserve", modes=BOTH, path=lambda _: "/predict", body=_columns, ready="/health"),
    Peer(
        name="bentoml",
        modes=BOTH,
        path=lambda _: "/predict",
        body=lambda rows, _: {"rows": rows.to_dict("records")},
        ready="/readyz",
    ),
    Peer(
        name="mlflow_serving",
        modes=("plain",),
        path=lambda _: "/invocations",
        body=lambda rows, _: {"dataframe_split": rows.to_dict("split", index=False)},
        ready="/ping",
    ),
    Peer(name="fastapi", modes=("plain",), path=lambda _: "/predict", body=_columns, ready="/docs"),
)


def request_of(peer: Peer, model: str, rows: pd.DataFrame) -> bytes:
    """Return a whole HTTP request."""
    body = json.dumps(peer.body(rows, model)).encode()
    head = f"POST {peer.path(model)} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def installed(name: str, homes: Path) -> Path:
    """Return the Python of a peer's venv; makes it if its pins have changed."""
    home, pins = homes / name, (PEERS / name / "requirements.txt").read_text()
    done = home / "done"
    if not done.exists() or done.read_text() != pins:
        print(f"installing {name} into {home} ...", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wanted = ["-r", str(PEERS / name / "requirements.txt")]
        subprocess.run([str(home / "bin/python"), *quiet, *wanted], check=True)
        done.write_text(pins)
    return home / "bin/python"


@contextmanager
def running(command: list[str], ready: str, port: int, log: Path, **env: str) -> Iterator[int]:
    """Start a server, wait until it is ready, yield its pid, and stop it."""
    alone = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            env={**kept, **dict.fromkeys(alone, "1"), **env},
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + READY_S
        while not _is_ready(f"http://127.0.0.1:{port}{ready}"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"it did not start: {log.read_text(errors='replace')[-600:]}")
            time.sleep(0.2)
        yield process.pid
    finally:
        _end(process)


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(family, timeout=5)
    for each in alive:
        each.kill()
