from __future__ import annotations

import io
import pickle
import subprocess
import sys
import types
import zlib
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from tenure.errors import ArtifactRefused, GlobalNotAllowed, UnsafeUnpickler
from tenure.registry import pickles
from tests.unit.registry import hostile, lives


def read(data: bytes, promised: int | None = None, **extra: Any) -> Any:
    size = len(data) if promised is None else promised
    return pickles.read_estimator(io.BytesIO(data), promised=size, what="a test", **extra)


NAMES = sorted(hostile.styles(Path("x")))


@pytest.mark.parametrize("compression", hostile.COMPRESSIONS)
@pytest.mark.parametrize("style", NAMES)
def test_code_in_an_artifact_is_refused_and_never_runs(
    tmp_path: Path, style: str, compression: str
) -> None:
    sentinel = tmp_path / "ran"
    data = hostile.COMPRESSIONS[compression](hostile.styles(sentinel)[style])
    with pytest.raises(ArtifactRefused):
        read(data, promised=1 << 20)
    assert not sentinel.exists()


def test_the_payloads_are_real(tmp_path: Path) -> None:
    """Plain joblib runs them, so that a refusal means something."""
    for style in ("system", "after an array", "in an object array"):
        sentinel = tmp_path / style.replace(" ", "-")
        joblib.load(io.BytesIO(hostile.styles(sentinel)[style]))
        assert sentinel.exists()


def test_the_refusal_names_the_code(tmp_path: Path) -> None:
    with pytest.raises(GlobalNotAllowed, match=r"training\.allow") as refused:
        read(hostile.styles(tmp_path / "x")["eval"])
    assert refused.value.facts["name"] == "builtins.eval"


def test_a_class_cannot_be_changed_by_what_is_built_into_it() -> None:
    """The BUILD opcode on a class would hang a function of the list on it."""
    build = (
        b"\x80\x02csklearn.linear_model._logistic\nLogisticRegression\n"
        b"}(X\x07\x00\x00\x00predictcnumpy\nmean\nub."
    )
    from sklearn.linear_model import LogisticRegression

    before = LogisticRegression.predict
    with pytest.raises(ArtifactRefused, match="changes a class"):
        read(build)
    assert LogisticRegression.predict is before


def test_only_what_the_manifest_names_is_answered() -> None:
    data = hostile.dumped(lives.fitted())
    estimator, names = read(data)
    assert estimator.predict(lives.rows()).shape == (60,)
    assert read(data, only=names)[1] == names
    fewer = [name for name in names if "StandardScaler" not in name]
    with pytest.raises(GlobalNotAllowed, match="StandardScaler"):
        read(data, only=fewer)


def test_the_users_own_code_loads_by_its_exact_name_only() -> None:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    data = hostile.dumped(make_pipeline(FunctionTransformer(lives.labels)))
    own = "tests.unit.registry.lives.labels"
    with pytest.raises(GlobalNotAllowed, match=own):
        read(data)
    for near in ("tests.unit.registry.lives", "tests.unit.registry.lives.label", "labels"):
        with pytest.raises(GlobalNotAllowed):
            read(data, allow=[near])
    _, names = read(data, allow=[own])
    assert own in names


def test_a_container_older_than_joblib_0_10_is_refused() -> None:
    with pytest.raises(ArtifactRefused, match="older than joblib"):
        read(b"ZF0x1d                 " + zlib.compress(b"N."))


def test_a_bomb_is_refused_before_it_unpacks() -> None:
    bomb = zlib.compress(hostile.dumped(np.zeros(4_000_000)), 9)
    assert len(bomb) < 100_000
    with pytest.raises(ArtifactRefused, match=r"larger than the whole|unpacks to more"):
        read(bomb)
    many = zlib.compress(
        hostile.dumped([bytes(1 << 20)] + [bytes(n + (1 << 16)) for n in range(99)])
    )
    with pytest.raises(ArtifactRefused, match="unpacks to more"):
        read(many)


@pytest.mark.parametrize("shape", [(10**13,), (10**7, 10**7), (-5,), (2**62, 4)])
def test_an_array_that_claims_a_huge_shape_is_refused(shape: tuple[int, ...]) -> None:
    from joblib.numpy_pickle import NumpyArrayWrapper

    target = io.BytesIO()
    wrapper = NumpyArrayWrapper(np.ndarray, shape, "C", np.dtype("float64"))
    joblib.numpy_pickle.NumpyPickler(target, protocol=4).dump(wrapper)
    with pytest.raises(ArtifactRefused):
        read(target.getvalue())


@pytest.mark.parametrize("cut", [0, 1, 10, 100, 1000, -1])
def test_a_truncated_stream_is_refused(cut: int) -> None:
    with pytest.raises(ArtifactRefused):
        read(hostile.dumped(lives.fitted())[:cut])


def test_another_scikit_learn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sklearn.base

    monkeypatch.setattr(sklearn.base, "__version__", "1.8.0")
    data = hostile.dumped(lives.fitted())
    monkeypatch.undo()
    with pytest.raises(ArtifactRefused):
        read(data)


def test_the_canary_asks_the_hook_and_falls_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    refuse = pickles._Unpickler.find_class

    def seen(self: Any, module: str, name: str) -> Any:
        asked.append(name)
        return refuse(self, module, name)

    monkeypatch.setattr(pickles._Unpickler, "find_class", seen)
    pickles.prove_canary.cache_clear()
    pickles.prove_canary()
    assert asked[-1] == "_canary_loaded"
    assert "NumpyArrayWrapper" in asked
    monkeypatch.setattr(
        pickles._Unpickler, "find_class", joblib.numpy_pickle.NumpyUnpickler.find_class
    )
    pickles.prove_canary.cache_clear()
    with pytest.raises(UnsafeUnpickler, match="loaded unasked"):
        pickles.prove_canary()
    pickles.prove_canary.cache_clear()


def test_without_the_hook_on_arrays_the_memory_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from joblib.numpy_pickle import NumpyArrayWrapper, NumpyPickler

    target = io.BytesIO()
    wrapper = NumpyArrayWrapper(np.ndarray, (10**15,), "C", np.dtype("float64"))
    NumpyPickler(target, protocol=4).dump(wrapper)
    with pytest.raises(ArtifactRefused, match="larger than the whole"):
        read(target.getvalue())
    monkeypatch.setattr(pickles._PromisedArray, "read_array", NumpyArrayWrapper.read_array)
    with pytest.raises(ArtifactRefused, match="too much memory"):
        read(target.getvalue())


def test_without_the_hook_on_build_a_class_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The class is one of this test: what would be hung on it stays on nothing that counts."""
    build = b"\x80\x02cclasses_of_a_test\nVictim\nN}X\x03\x00\x00\x00hitK\x01s\x86b."
    module = types.ModuleType("classes_of_a_test")
    module.Victim = type("Victim", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "classes_of_a_test", module)
    own = ["classes_of_a_test.Victim"]
    with pytest.raises(ArtifactRefused, match="changes a class"):
        read(build, allow=own)
    plain = joblib.numpy_pickle.NumpyUnpickler.dispatch[pickle.BUILD[0]]
    monkeypatch.setitem(pickles._Unpickler.dispatch, pickle.BUILD[0], plain)
    read(build, allow=own)
    assert module.Victim.hit == 1  # type: ignore[attr-defined]


OLD_JOBLIB = """
import pickle
from joblib import numpy_pickle
real = numpy_pickle.NumpyArrayWrapper.read_array
def read_array(self, unpickler, native):
    if self.dtype.hasobject:
        return pickle.load(unpickler.file_handle)
    return real(self, unpickler, native)
numpy_pickle.NumpyArrayWrapper.read_array = read_array
from tenure.errors import UnsafeUnpickler
from tenure.registry import pickles
try:
    pickles.prove_canary()
except UnsafeUnpickler as error:
    print(error.code)
"""


def test_a_joblib_that_lets_nested_arrays_slip_past_is_not_used() -> None:
    """joblib 1.5 read object arrays with plain pickle: the same change made here, apart."""
    done = subprocess.run(
        [sys.executable, "-c", OLD_JOBLIB], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == UnsafeUnpickler.__name__
