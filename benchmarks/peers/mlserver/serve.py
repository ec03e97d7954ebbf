"""Start MLServer on a folder of fitted models, without worker processes (they only cost here)."""

import json
import os
import socket
import sys
from pathlib import Path

folder, port, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
home = folder / f"mlserver-{mode}"
batching = {"max_batch_size": 64, "max_batch_time": 0.002} if mode == "batching" else {}
for file in folder.glob("*.joblib"):
    place = home / file.stem
    place.mkdir(parents=True)
    settings = {
        "name": file.stem,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": str(file)},
        **batching,
    }
    (place / "model-settings.json").write_text(json.dumps(settings))
with socket.socket() as grpc, socket.socket() as metrics:
    for each in (grpc, metrics):
        each.bind(("127.0.0.1", 0))
    free = [each.getsockname()[1] for each in (grpc, metrics)]
ports = {"http_port": port, "grpc_port": free[0], "metrics_port": free[1]}
quiet = {"debug": False, "parallel_workers": 0, "host": "127.0.0.1", "logging_settings": None}
(home / "settings.json").write_text(json.dumps({**ports, **quiet, "use_structured_logging": False}))
os.environ["PYTHONWARNINGS"] = "ignore"
command = str(Path(sys.executable).with_name("mlserver"))
os.execv(command, [command, "start", str(home)])
