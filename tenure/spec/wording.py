"""How is what pydantic refuses said to a person, with the nearest known key?"""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from tenure.spec.document import Document, Path_
from tenure.spec.mistakes import nearest, show
from tenure.spec.model import ModelSpec, Section

NOT_YET = {("evaluation", "fairness"), ("schedules", "reconcile")}
PATTERNS: dict[Path_, str] = {
    ("name",): "a name of a-z, 0-9 and '-', at most 48 long, beginning with a letter",
    ("training", "pipeline"): "module:function, such as 'pipelines.fraud:make_pipeline'",
    ("training", "spans"): "'all' or a number of days, weeks or batches, such as '8 weeks'",
}
CHOICES: dict[Path_, str] = {
    ("data", "treat"): "drop | mask | pseudonymise | {coarsen: month | year | a width above 0}",
}
WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of key: value",
    "model_type": "a mapping of key: value",
    "model_attributes_type": "a mapping of key: value",
    "string_too_short": "a text that is not empty",
}


def note_errors(error: ValidationError, document: Document) -> None:
    """Note each of pydantic's errors in the document, one mistake a key."""
    grouped: dict[Path_, list[Any]] = {}
    for one in error.errors(include_url=False):
        grouped.setdefault(_known_part(one, document), []).append(one)
    for path, errors in grouped.items():
        extra = [one for one in errors if one["type"] == "extra_forbidden"]
        missing = [one for one in errors if one["type"] == "missing"]
        if extra and len(extra) == len(errors):
            _note_unknown(path, document)
        elif missing and len(missing) == len(errors):
            document.mistake(path, "nothing", f"a value: {_meaning(path)}")
        else:
            wanted = list(dict.fromkeys(_wanted(one, path) for one in errors))
            said = CHOICES.get(path[:2]) or " or ".join(wanted)
            document.mistake(path, show(document.at(path)), said, _hint(errors))


def section_at(path: Path_) -> Any:
    """Return what the spec holds at a path: a Section's class where one stands, or a type."""
    found: Any = ModelSpec
    for part in path:
        found = _step(found, part)
        if found is None:
            return None
    return found


def _step(kind: Any, part: str | int) -> Any:
    for option in _options(kind):
        if isinstance(option, type) and issubclass(option, Section):
            if part in option.model_fields:
                return option.model_fields[str(part)].annotation
        elif get_origin(option) in (dict, list):
            return get_args(option)[-1]
    return None


def _options(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) in (Union, types.UnionType):
        return get_args(kind)
    return (kind,)


def known_keys(path: Path_) -> list[str]:
    """Return the keys that the spec knows in the mapping at `path`."""
    return [
        name
        for option in _options(section_at(path))
        if isinstance(option, type) and issubclass(option, Section)
        for name in option.model_fields
    ]


def _known_part(one: Any, document: Document) -> Path_:
    """Cut an error's place down to what stands in the file (a union adds parts of its own)."""
    path: Path_ = tuple(one["loc"])
    if one["type"] == "missing":
        return path if document.at(path[:-1]) is not None else path[:-1]
    while path and path not in document.lines:
        path = path[:-1]
    return path


def _note_unknown(path: Path_, document: Document) -> None:
    key, known = str(path[-1]), known_keys(path[:-1])
    if path in NOT_YET:
        document.mistake(
            path, "a key that this Tenure does not know yet", " | ".join(known), "leave it out"
        )
    else:
        document.mistake(path, "an unknown key", " | ".join(known), nearest(key, known))


def _meaning(path: Path_) -> str:
    above = section_at(path[:-1])
    for option in _options(above):
        if isinstance(option, type) and issubclass(option, Section):
            described = option.model_fields[str(path[-1])].description
            if described:
                return described.replace("\n", " ").rstrip(".")
    return "a value"


def _wanted(one: Any, path: Path_) -> str:
    context = one.get("ctx") or {}
    match one["type"]:
        case "string_pattern_mismatch":
            plain = tuple(part for part in path if isinstance(part, str))
            return PATTERNS.get(plain, f"a text that matches {context.get('pattern')}")
        case "literal_error" | "enum":
            return str(context.get("expected", "")).replace("', '", "' or '")
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "greater_than":
            return f"more than {context['gt']}"
        case "less_than_equal":
            return f"at most {context['le']}"
        case "less_than":
            return f"less than {context['lt']}"
        case "too_short":
            return f"at least {context['min_length']} of them"
        case "too_long":
            return f"at most {context['max_length']} of them"
        case "value_error":
            return str(context.get("error", one["msg"]))
        case "missing" | "extra_forbidden":
            return f"'{one['loc'][-1]}'" if one["type"] == "missing" else "no other key"
        case kind:
            return WANTED.get(str(kind), str(one["msg"]))


def _hint(errors: list[Any]) -> str:
    kinds = {one["type"] for one in errors}
    if kinds <= {"string_type"} and isinstance(errors[0]["input"], int | float | bool):
        return "put it in quotes if a text is meant"
    if kinds & {"int_type", "float_type", "bool_type"} and isinstance(errors[0]["input"], str):
        return "without quotes"
    return ""
