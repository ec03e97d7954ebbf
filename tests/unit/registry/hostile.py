"""Artifacts that try to run code when they are read. What they run makes a sentinel file."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np


class Payload:
    """Unpickling this calls `function(*arguments)`."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def dumped(value: Any) -> bytes:
    target = io.BytesIO()
    joblib.dump(value, target)
    return target.getvalue()


def styles(sentinel: Path) -> dict[str, bytes]:
    """Ways to hide a call that makes `sentinel`, uncompressed."""
    import importlib
    import os
    import subprocess

    command = f"touch {sentinel}"
    plain = Payload(os.system, command)
    nested = np.empty(2, dtype=object)
    nested[1] = plain
    deeper = np.empty(1, dtype=object)
    deeper[0] = {"inner": nested}
    return {
        "system": dumped(plain),
        "popen": dumped(Payload(subprocess.Popen, ["touch", str(sentinel)])),
        "eval": dumped(Payload(eval, f"__import__('os').system('{command}')")),
        "exec": dumped(Payload(exec, f"import os; os.system('{command}')")),
        "import": dumped(Payload(importlib.import_module, "antigravity")),
        "open": dumped(Payload(open, str(sentinel), "w")),
        "after an array": dumped([np.arange(1000.0), plain]),
        "in an object array": dumped(nested),
        "nested deeper": dumped([np.arange(10.0), deeper]),
        "plain pickle": pickle.dumps(plain),
        "old protocol": pickle.dumps(plain, protocol=0),
        "getattr": b"cbuiltins\ngetattr\n(cos\n__dict__\nS'get'\ntR.",
        "numpy load": b"cnumpy\nload\n(S'/etc/passwd'\ntR.",
        "numpy testing": b"cnumpy.testing._private.utils\nrunstring\n(S'x'\n}tR.",
        "dotted": b"\x80\x04\x8c\x07sklearn\x8c\x0aos.system__\x93.",
        "joblib hash": b"cjoblib.numpy_pickle\nload\n(S'/etc/passwd'\ntR.",
        "main": b"c__main__\nanything\n)R.",
        "old array": b"cjoblib.numpy_pickle_compat\nNDArrayWrapper\n(S'/etc/passwd'\ntR.",
    }


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
