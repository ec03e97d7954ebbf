"""Start MLflow's scoring server on one fitted model, in one process and without its access log."""

import os
import sys
from pathlib import Path

folder, port, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[4]
home = folder / "mlflow" / name
os.environ.update(MLFLOW_TRACKING_URI=f"sqlite:///{folder}/mlflow.db", GIT_PYTHON_REFRESH="quiet")
if not home.exists():
    import joblib
    import mlflow

    kept = {"sk_model": joblib.load(folder / f"{name}.joblib"), "pyfunc_predict_fn": "predict_proba"}
    mlflow.sklearn.save_model(path=str(home), serialization_format="cloudpickle", **kept)
environment = {"MLFLOW_MODELS_WORKERS": "1", "__pyfunc_model_path__": str(home)}
os.environ.update(environment)
app = "mlflow.pyfunc.scoring_server.app:app"
where = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--log-level", "error"]
os.execv(sys.executable, [sys.executable, "-m", "uvicorn", *where, app])
