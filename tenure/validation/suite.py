"""What does an expectation suite's file say, and is it right?

config/expectations/NAME.yaml holds `expectations:`, a list; each rule has Great Expectations' own
`type` and its keywords, and beside them `id`, `severity`, `reject` and `notes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tenure.records import Column
from tenure.registry import open_ledger
from tenure.spec.document import Document, read_document
from tenure.spec.mistakes import Mistake, nearest, show
from tenure.spec.treatment import stored_columns

if TYPE_CHECKING:
    from tenure.spec.model import ModelSpec
    from tenure.workspace import Workspace

OWN_KEYS = ("id", "type", "severity", "reject", "notes")
TYPE_RULES = ("expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list")
_NAMES_ONE = ("column", "column_A", "column_B")
_NAMES_MANY = ("column_list", "column_set")


class Rule(BaseModel):
    """One rule of a suite."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=80)
    type: str
    kwargs: dict[str, Any]
    severity: Literal["critical", "warning", "info"] = "critical"
    reject: Literal["batch", "rows", "tag"] = "batch"
    notes: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule names."""
        named = [self.kwargs.get(key) for key in _NAMES_ONE]
        for key in _NAMES_MANY:
            many = self.kwargs.get(key)
            named += many if isinstance(many, list) else []
        return tuple(name for name in named if isinstance(name, str))


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule and its place in the file."""

    rule: Rule
    place: int


def read_rules(document: Document) -> list[Placed]:
    """Return the rules of a suite; what is wrong with their form is noted in the document."""
    content = document.value
    if not isinstance(content, dict):
        document.mistake((), show(content), "a mapping with 'expectations: [...]'")
        return []
    for key in content:
        if key != "expectations":
            hint = nearest(str(key), ["expectations"])
            document.mistake((str(key),), "an unknown key", "expectations", hint)
    entries = content.get("expectations")
    if not isinstance(entries, list) or not entries:
        document.mistake(("expectations",), show(entries), "a list with at least one rule")
        return []
    read = [_read_rule(entry, place, document) for place, entry in enumerate(entries)]
    placed = [one for one in read if one is not None]
    _note_doubles(placed, document)
    return placed


def _read_rule(entry: Any, place: int, document: Document) -> Placed | None:
    at: tuple[str | int, ...] = ("expectations", place)
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        document.mistake(at, show(entry), "a mapping with 'type: expect_…'")
        return None
    kwargs = {str(key): value for key, value in entry.items() if key not in OWN_KEYS}
    own = {key: entry[key] for key in OWN_KEYS if entry.get(key) is not None}
    own.setdefault("id", _made_id(entry["type"], kwargs))
    try:
        return Placed(Rule.model_validate({**own, "kwargs": kwargs}, strict=True), place)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            key = (*at, *(part for part in one["loc"] if isinstance(part, str | int)))
            wanted = str((one.get("ctx") or {}).get("expected", one["msg"]))
            document.mistake(key, show(one["input"]), wanted)
        return None


def _made_id(kind: str, kwargs: dict[str, Any]) -> str:
    named = [str(kwargs[key]) for key in _NAMES_ONE if key in kwargs]
    named += [
        "+".join(map(str, kwargs[key]))
        for key in ("column_list",)
        if isinstance(kwargs.get(key), list)
    ]
    return " ".join([kind.removeprefix("expect_"), *named])[:80]


def _note_doubles(placed: Sequence[Placed], document: Document) -> None:
    first: dict[str, int] = {}
    for one in placed:
        if one.rule.id in first:
            got = f"'{one.rule.id}' a second time"
            wanted = f"an id of its own; rule {first[one.rule.id] + 1} has this one"
            document.mistake(("expectations", one.place), got, wanted, "write id: …")
        first.setdefault(one.rule.id, one.place)


def check_suite(spec: ModelSpec, workspace: Workspace) -> list[Mistake]:
    """Return every mistake in the suite that a spec names, with file and line.

    Types and keywords are checked by building each rule with Great Expectations (imported late);
    columns against what the model declares or has pinned, after treatment.
    """
    if spec.expectations is None:
        return []
    file = workspace.expectations_folder / f"{spec.expectations}.yaml"
    document = read_document(file, f"config/expectations/{spec.expectations}.yaml")
    if document.mistakes:
        return document.mistakes
    placed = read_rules(document)
    known = _known_columns(spec, workspace)
    for one in placed:
        _check_rule(one, known, document)
    return document.mistakes


def _known_columns(spec: ModelSpec, workspace: Workspace) -> list[str] | None:
    if spec.data.columns:
        declared = tuple(Column(name=name, type=kind) for name, kind in spec.data.columns.items())
    elif (workspace.state / "format").exists():
        declared = open_ledger(workspace).contract(spec.name)
    else:
        declared = None
    if declared is None:
        return None
    return [column.name for column in stored_columns(declared, spec.data)]


def _check_rule(placed: Placed, known: Sequence[str] | None, document: Document) -> None:
    from tenure.validation import expectations

    rule, at = placed.rule, ("expectations", placed.place)
    for wrong in expectations.mistakes_in(rule):
        document.mistake((*at, *wrong.key), wrong.got, wrong.wanted, wrong.hint)
    for got, wanted in bounds_wrong(rule):
        document.mistake((*at, "min_value"), got, wanted)
    for name in _unknown(rule.columns, known):
        document.mistake(
            at, f"column '{name}'", "a column that is stored", nearest(name, known or ())
        )


def _unknown(names: Iterable[str], known: Sequence[str] | None) -> list[str]:
    return [] if known is None else [name for name in names if name not in known]


def bounds_wrong(rule: Rule) -> list[tuple[str, str]]:
    """Return what is wrong with a rule's bounds; GX itself takes a minimum above the maximum."""
    low, high = rule.kwargs.get("min_value"), rule.kwargs.get("max_value")
    try:
        crossed = low is not None and high is not None and low > high
    except TypeError:
        return [(f"{show(low)} beside {show(high)}", "bounds of one type")]
    return [(f"{show(low)} above max_value {show(high)}", "at most max_value")] if crossed else []
