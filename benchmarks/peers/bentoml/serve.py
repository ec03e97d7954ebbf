"""Start BentoML on one fitted model, in one process."""

import os
import sys
from pathlib import Path

folder, port, mode, name = sys.argv[1:5]
os.environ.update(BENCH_MODEL=f"{folder}/{name}.joblib", BENCH_MODE=mode)
os.environ.update(BENTOML_DO_NOT_TRACK="True", BENTOML_HOME=f"{folder}/bentoml")
command = str(Path(sys.executable).with_name("bentoml"))
here = str(Path(__file__).parent)
where = ["--working-dir", here, "--host", "127.0.0.1", "--port", port, "--api-workers", "1"]
os.execv(command, [command, "serve", "service:Model", *where])
