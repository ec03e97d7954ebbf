"""What does a YAML file say, and on which line does each value stand?

Texts stay texts: only `true` and `false` are booleans, and dates, `no`, `on` and `12:30` are texts,
as YAML 1.2 and editors have it. Keys are texts, but below `training.parameters`, whose mappings go
to Python. Nothing in a file can make Python do anything, and no file can grow when it is read.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tenure.spec.mistakes import Mistake, key_path, show

LARGEST_NUMBER = 2**63
LARGEST_FILE = 256 * 1024
MOST_VALUES = 20_000
DEEPEST = 24
PYTHON_KEYS = ("training", "parameters")
Path_ = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """Composes nodes by the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


_resolve("null", r"^(~|null|Null|NULL|)$", "~nN")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(
    ("tag:yaml.org,2002:null", re.compile(r"^$"))
)
_resolve("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF")
_resolve("int", r"^[-+]?(0|[1-9][0-9]*)$", "-+0123456789")
_resolve(
    "float",
    r"^([-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)"
    r"|\.(nan|NaN|NAN))$",
    "-+.0123456789",
)
_resolve("merge", r"^<<$", "<")


@dataclass(slots=True)
class Document:
    """A file's value, the line of each key path, and what could not be read in it."""

    file: str
    value: Any = None
    lines: dict[Path_, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    values: int = 0

    def line(self, path: Path_) -> int | None:
        """Return the line of the nearest part of `path` that stands in the file."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return None

    def at(self, path: Path_) -> Any:
        """Return the value at `path`, None where nothing stands."""
        value = self.value
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def mistake(self, path: Path_, got: str, wanted: str, hint: str = "", **extra: Any) -> None:
        """Note a mistake at `path`."""
        self.mistakes.append(
            Mistake(
                file=self.file,
                line=self.line(path),
                key=key_path(path),
                got=got,
                wanted=wanted,
                hint=hint,
                **extra,
            )
        )


def read_document(file: Path, name: str) -> Document:
    """Read one YAML file, whose name in messages is `name`; mistakes are noted, never raised."""
    document = Document(file=name)
    text = _text(file, document)
    if text is None:
        return document
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            document.value = _value(loader, node, (), document)
    except yaml.MarkedYAMLError as error:
        _note_syntax(error, document)
    except yaml.YAMLError as error:
        got = f"signs that YAML does not allow ({error})".splitlines()[0]
        document.mistake((), got, "text that YAML allows")
    except (_TooLarge, RecursionError):
        got = "references that grow without bound, or too much in one file"
        document.mistake((), got, f"at most {MOST_VALUES:,} values, {DEEPEST} levels deep")
    return document


class _TooLarge(Exception):
    """The file would grow beyond all bounds if its references were followed."""


def _text(file: Path, document: Document) -> str | None:
    try:
        size = file.stat().st_size
        if size > LARGEST_FILE:
            document.mistake((), f"{size:,} bytes", f"at most {LARGEST_FILE:,}")
            return None
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        document.mistake((), f"bytes that are no UTF-8 at position {error.start}", "UTF-8 text")
    except OSError as error:
        document.mistake((), error.strerror or type(error).__name__, "a file that can be read")
    return None


def _note_syntax(error: yaml.MarkedYAMLError, document: Document) -> None:
    mark = error.problem_mark or error.context_mark
    document.lines[()] = mark.line + 1 if mark else 1
    problem = error.problem or error.context or "no YAML"
    hint = ""
    if "'\\t'" in problem:
        problem, hint = "a tab", "indent with blanks"
    elif "cannot start any token" in problem or "mapping values are not allowed" in problem:
        hint = "put the text in quotes"
    document.mistake((), problem, "text that YAML allows", hint)


def _value(loader: Any, node: yaml.Node, path: Path_, document: Document) -> Any:
    document.values += 1
    if document.values > MOST_VALUES or len(path) > DEEPEST:
        raise _TooLarge
    document.lines.setdefault(path, node.start_mark.line + 1)
    match node:
        case yaml.MappingNode():
            return _mapping(loader, node, path, document)
        case yaml.SequenceNode():
            return [
                _value(loader, item, (*path, index), document)
                for index, item in enumerate(node.value)
            ]
        case _:
            return _scalar(loader, node, path, document)


def _scalar(loader: Any, node: yaml.Node, path: Path_, document: Document) -> Any:
    try:
        value = loader.construct_object(node)
    except (yaml.YAMLError, ValueError):
        document.mistake(path, f"{show(node.value)} tagged {node.tag}", "a plain value")
        return None
    # A record keeps numbers as JSON does.
    if isinstance(value, float) and not math.isfinite(value):
        document.mistake(path, str(value), "a finite number", "let the function say it")
    elif isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        document.mistake(path, f"{show(value)}", "a whole number of 64 bits")
    return value


def _mapping(loader: Any, node: yaml.MappingNode, path: Path_, document: Document) -> Any:
    result: dict[Any, Any] = {}
    merged: list[Any] = []
    for key_node, value_node in node.value:
        if key_node.tag == "tag:yaml.org,2002:merge":
            found = _value(loader, value_node, path, document)
            merged += found if isinstance(found, list) else [found]
            continue
        if not isinstance(key_node, yaml.ScalarNode):
            document.mistake(path, "a key that is no text", "key: value")
            continue
        as_python = path[:2] == PYTHON_KEYS and len(path) > 2
        key = _scalar(loader, key_node, path, document) if as_python else key_node.value
        below = (*path, key)
        if key in result:
            first = document.lines[below]
            document.lines[below] = key_node.start_mark.line + 1
            document.mistake(below, "the key a second time", f"it once; line {first} has it")
            continue
        document.lines[below] = key_node.start_mark.line + 1
        result[key] = _value(loader, value_node, below, document)
    for more in merged:
        if isinstance(more, dict):
            result = {**more, **result}
        else:
            document.mistake(path, "'<<' with no mapping", "'<<: *name' of a mapping")
    return result
