"""How does an import path in a spec become an unfitted estimator?

Modules are found in the workspace and in the project, after everything that is installed: a file
that bears the name of an installed module never takes its place, and is refused instead.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tenure.spec.mistakes import Mistake, bad_spec, nearest
from tenure.spec.model import ModelSpec
from tenure.workspace import Workspace

OURS = {"tenure", "tasks", "flows", "deployments", "tests"}
_added: dict[str, Path] = {}


def make_importable(workspace: Workspace) -> None:
    """Let this process import modules of the workspace and the project, and of no other one.

    A module that an earlier workspace brought is forgotten, so that a process which opens several
    never mixes up two modules of one name.
    """
    roots = [str(root) for root in (workspace.root, workspace.project) if root]
    for path in [path for path in _added if path not in roots]:
        del _added[path]
        with contextlib.suppress(ValueError):
            sys.path.remove(path)
        for name in [name for name, module in list(sys.modules.items()) if _lies_in(module, path)]:
            del sys.modules[name]
    for path in roots:
        if path not in sys.path:
            sys.path.append(path)
            _added[path] = Path(path)
    importlib.invalidate_caches()


def _lies_in(module: ModuleType | None, folder: str) -> bool:
    file = getattr(module, "__file__", None)
    if not file or module is None or module.__name__ == "__main__":
        return False
    inside = Path(folder) in Path(file).parents
    return inside and "site-packages" not in file and module.__name__.partition(".")[0] not in OURS


def import_pipeline(spec: ModelSpec, workspace: Workspace) -> Callable[..., Any]:
    """Return the function that `training.pipeline` names.

    Raises:
        BadSpec: no such module or function, an import that fails, or a name that is taken.
    """
    module_name, _, name = spec.training.pipeline.partition(":")
    make_importable(workspace)
    with _as_mistake(spec, "training.pipeline", f"a module '{module_name}' that can be imported"):
        module = importlib.import_module(module_name)
    _refuse_shadowed(spec, module, workspace)
    factory = getattr(module, name, None)
    if not callable(factory):
        known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        raise _refused(
            spec,
            "training.pipeline",
            got=f"'{module_name}' without a function '{name}'",
            wanted="module:function that returns an unfitted estimator",
            hint=nearest(name, known),
        )
    return factory


def build_pipeline(spec: ModelSpec, workspace: Workspace) -> Any:
    """Return a new, unfitted estimator made by the spec's function with the spec's parameters.

    Raises:
        BadSpec: the function raises, or returns something else than an unfitted estimator.
    """
    factory = import_pipeline(spec, workspace)
    with _as_mistake(spec, "training.parameters", f"what {spec.training.pipeline} takes"):
        estimator = factory(**spec.training.parameters)
    got = _no_estimator(estimator)
    if got:
        wanted = "an unfitted scikit-learn estimator with fit, predict and get_params"
        raise _refused(spec, "training.pipeline", got=got, wanted=wanted)
    return estimator


def _no_estimator(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__} instead of one of its objects"
    if not all(hasattr(value, name) for name in ("fit", "predict", "get_params")):
        return f"a {type(value).__name__}"
    return f"a fitted {type(value).__name__}" if hasattr(value, "n_features_in_") else ""


def _refuse_shadowed(spec: ModelSpec, module: ModuleType, workspace: Workspace) -> None:
    top = module.__name__.partition(".")[0]
    roots = [root for root in (workspace.root, workspace.project) if root]
    ours = any((root / f"{top}.py").is_file() or (root / top).is_dir() for root in roots)
    file = Path(getattr(module, "__file__", None) or roots[0] / top)
    from_ours = "site-packages" not in file.parts and any(root in file.parents for root in roots)
    if ours and not from_ours:
        raise _refused(
            spec,
            "training.pipeline",
            got=f"'{top}', the name of an installed module",
            wanted="a name that nothing installed bears",
            hint="name your file or folder otherwise",
        )


@contextlib.contextmanager
def _as_mistake(spec: ModelSpec, key: str, wanted: str) -> Iterator[None]:
    """Turn whatever a user's code raises, even an exit, into a mistake that says where."""
    try:
        yield
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        raise _refused(spec, key, got=describe(error), wanted=wanted) from error


def describe(error: BaseException) -> str:
    """Return an exception in a line: its type, its text, and the user's line that raised it."""
    text = str(error).splitlines()[0][:200] if str(error) else ""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and Path(frame.filename) != Path(__file__)
    ]
    if isinstance(error, SyntaxError) and error.filename:
        where = f" at {Path(error.filename).name}:{error.lineno}"
    else:
        where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}" + (f": {text}" if text else "")


def _refused(spec: ModelSpec, key: str, *, got: str, wanted: str, hint: str = "") -> Exception:
    file = f"config/models/{spec.name}.yaml"
    return bad_spec([Mistake(file=file, line=None, key=key, got=got, wanted=wanted, hint=hint)])
