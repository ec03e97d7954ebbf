"""What is wrong in a file that a person wrote, and where?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from tenure.errors import BadSpec

LONGEST_GOT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake: file and line, the key's path, what stands there, what was wanted.

    `hint` helps a person on: the nearest known key, or a way out. `line` counts from 1; it is None
    where the whole file is meant. A `warning` refuses nothing unless the check is strict.
    """

    file: str
    line: int | None
    key: str
    got: str
    wanted: str
    hint: str = ""
    warning: bool = False

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        key = f"{self.key}: " if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {key}got {self.got}; wanted {self.wanted}{hint}"


def key_path(path: Sequence[str | int]) -> str:
    """Return a path into a document as people write it.

    >>> key_path(("training", "spans", 0))
    'training.spans[0]'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the known word nearest to `word`, empty if none is near.

    >>> nearest("pipline", ["pipeline", "seed"])
    "did you mean 'pipeline'?"
    """
    near = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean '{near[0]}'?" if near else ""


def show(value: Any) -> str:
    """Return what stands in a file, short enough for one line.

    >>> show({"a": 1}), show(None), show("x" * 80)[-4:], show(True)
    ('a mapping', 'nothing', "xx…'", 'true')
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            short = value if len(value) <= LONGEST_GOT else value[: LONGEST_GOT - 1] + "…"
            return repr(short)
        case _:
            return str(value)[:LONGEST_GOT]


def bad_spec(mistakes: Sequence[Mistake]) -> BadSpec:
    """Return the error that carries these mistakes, as records under the fact `mistakes`."""
    return BadSpec(
        count=len(mistakes),
        text="\n".join(map(str, mistakes)),
        mistakes=[asdict(mistake) for mistake in mistakes],
    )
