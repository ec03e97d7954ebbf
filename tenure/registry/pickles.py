"""Which classes and functions may an artifact name, and how is it read without naming others?

Derived from joblib's numpy-aware unpickler. A pickle asks for code by one method only; ours answers
for exact pairs (module, name) on a list frozen for one scikit-learn minor release. Compressed and
raw bytes take one path through joblib's own detection; the container older than 0.10 is refused;
the reader knows no file name, so it can reach no neighbour file. No array and no stream may be
larger than what was promised. A canary proves at first use that nested object arrays obey.
"""

from __future__ import annotations

import io
import pickle
import types
import warnings
from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import Any, BinaryIO, ClassVar

import joblib
import orjson
from joblib import numpy_pickle, numpy_pickle_utils

from tenure.errors import ArtifactRefused, GlobalNotAllowed, UnsafeUnpickler

_SLACK = 1 << 20  # arrays of a tiny artifact may be a little larger than its bytes (zero strides)


@cache
def frozen_list() -> frozenset[str]:
    """Return the names, as module.name, that artifacts of the pinned scikit-learn may hold."""
    file = resources.files("tenure.registry") / "allowlist.json"
    known = orjson.loads(file.read_bytes())
    return frozenset(known["names"]).union(known["transforms"])


class _PromisedArray(numpy_pickle.NumpyArrayWrapper):
    """An array that is read only if it is no larger than what was promised."""

    def read_array(self, unpickler: Any, ensure_native_byte_order: bool) -> Any:
        items = 1
        for length in self.shape:
            items *= int(length)
        if items < 0 or items * max(1, self.dtype.itemsize) > unpickler.promised + _SLACK:
            raise ArtifactRefused(
                what=unpickler.what, detail="it holds an array larger than the whole artifact"
            )
        return super().read_array(unpickler, ensure_native_byte_order)


class _Unpickler(numpy_pickle.NumpyUnpickler):
    dispatch: ClassVar[dict[int, Any]] = dict(numpy_pickle.NumpyUnpickler.dispatch)
    stack: list[Any]

    def __init__(self, stream: Any, allowed: Collection[str], promised: int, what: str) -> None:
        super().__init__("", stream, ensure_native_byte_order=True)
        self.allowed = allowed
        self.promised = promised
        self.what = what
        self.named: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full not in self.allowed:
            raise GlobalNotAllowed(what=self.what, name=full)
        self.named.add(full)
        if full == "joblib.numpy_pickle.NumpyArrayWrapper":
            return _PromisedArray
        return super().find_class(module, name)

    def load_build(self) -> None:
        if isinstance(self.stack[-2], (type, types.ModuleType, types.FunctionType)):
            raise ArtifactRefused(what=self.what, detail="it changes a class or a function")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build


class _Bounded(io.RawIOBase):
    """A stream that ends in a refusal once it gives more bytes than were promised."""

    def __init__(self, stream: Any, promised: int, what: str) -> None:
        self._stream, self._left, self._what = stream, promised, what

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise ArtifactRefused(what=self._what, detail="it unpacks to more than it promises")
        buffer[: len(data)] = data
        return len(data)


def read_estimator(
    handle: BinaryIO,
    *,
    promised: int,
    what: str,
    allow: Collection[str] = (),
    only: Collection[str] | None = None,
) -> tuple[Any, tuple[str, ...]]:
    """Return the object in verified bytes, and the names of all code that it asked for, sorted.

    Args:
        handle: the open artifact.
        promised: how many bytes it unpacks to at most.
        what: whose artifact it is, for the error.
        allow: the user's own names, beside the frozen list.
        only: if given, the names that the manifest holds; nothing else is answered.

    Raises:
        GlobalNotAllowed: it names code that is not on the list or not in the manifest.
        ArtifactRefused: it is no artifact of ours, or larger than promised.
    """
    prove_canary()
    own = {name for name in allow if not name.startswith("__main__.")}
    allowed = frozen_list() | own
    if only is not None:
        allowed = allowed.intersection(only)
    return _read(handle, allowed, promised, what)


def _read(
    handle: BinaryIO, allowed: Collection[str], promised: int, what: str
) -> tuple[Any, tuple[str, ...]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # said by us, as a refusal
        warnings.filterwarnings("error", "Trying to unpickle estimator")
        with numpy_pickle_utils._validate_fileobject_and_memmap(handle, "", None) as (stream, _):
            if isinstance(stream, str):
                raise ArtifactRefused(what=what, detail="its container is older than joblib 0.10")
            bounded = io.BufferedReader(_Bounded(stream, promised, what), 1 << 20)
            unpickler = _Unpickler(bounded, allowed, promised, what)
            try:
                made = unpickler.load()
            except ArtifactRefused:
                raise
            except MemoryError:
                raise ArtifactRefused(what=what, detail="it wants too much memory") from None
            except Exception as error:
                detail = f"it cannot be read ({type(error).__name__})"
                raise ArtifactRefused(what=what, detail=detail) from error
    return made, tuple(sorted(unpickler.named))


@cache
def prove_canary() -> None:
    """Prove that code named inside an object array is refused; refuse to work if it is not.

    Raises:
        UnsafeUnpickler: joblib 1.5 and older let it slip past.
    """
    import numpy as np

    nested = np.empty(1, dtype=object)
    nested[0] = _Canary()
    payload = io.BytesIO()
    joblib.dump({"array": nested}, payload)
    payload.seek(0)
    known = {
        "joblib.numpy_pickle.NumpyArrayWrapper",
        "numpy.ndarray",
        "numpy.dtype",
        "numpy._core.multiarray._reconstruct",
    }
    try:
        _read(payload, known, 1 << 20, "the canary")
    except GlobalNotAllowed as refused:
        if refused.facts["name"].endswith("._canary_loaded"):
            return
        raise UnsafeUnpickler(
            version=joblib.__version__, detail=f"its canary met {refused}"
        ) from None
    raise UnsafeUnpickler(
        version=joblib.__version__, detail="code inside an object array is loaded unasked"
    )


def _canary_loaded() -> str:
    return "loaded"


class _Canary:
    def __reduce__(self) -> tuple[Any, ...]:
        return (_canary_loaded, ())
