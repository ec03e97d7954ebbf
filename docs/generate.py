"""Which reference pages follow from the code? `make docs` writes them, a test holds them to it.

The keys of a spec come from its schema, commands from their help, errors from their classes.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make docs` from the code; edit that. -->"
KINDS = {"string": "text", "boolean": "yes or no"}
EXITS = """| code | meaning |
|---|---|
| 0 | done; also "the champion stays", unless `--require-promotion` |
| 1 | a check found something: `verify`, `check --strict`, a required promotion refused, an orphan |
| 2 | bad input, nothing changed |
| 3 | refused by state: a stale epoch, no champion, a held lease |
| 4 | something cannot be reached |
| 5 | the run failed |
| 130 | interrupted |"""


def spec_page() -> str:
    """Return the reference of `config/models/NAME.yaml`."""
    from tenure.spec.model import ModelSpec

    schema = ModelSpec.model_json_schema()
    parts = [
        MADE,
        "# The spec of a model",
        "One file `config/models/NAME.yaml`. Unknown keys are refused, and the nearest known one "
        "is named. `tenure check` prints every mistake at once; `tenure check --schema` prints the "
        "JSON schema, from which an editor can complete.",
        "`data`, `expectations`, `training`, `evaluation` and `deployment.serving` are frozen with "
        "each version; all else is read from today's file.",
        *_sections("", schema, schema),
    ]
    return "\n\n".join(parts) + "\n"


def _sections(name: str, part: dict[str, Any], schema: dict[str, Any]) -> Iterator[str]:
    yield f"## `{name}`" if name else "## At the top"
    if name and part.get("description"):
        yield part["description"]
    required = set(part.get("required", ()))
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    inner = []
    for key, field in part["properties"].items():
        found = _section_of(field, schema)
        if found:
            path = f"{name}.{key}" if name else key
            inner.append((f"{path}[]" if field.get("type") == "array" else path, found))
        default = "**required**" if key in required else _default(field)
        meaning = field.get("description") or (found or {}).get("description", "")
        cells = (f"`{key}`", _type(field, schema), default, " ".join(meaning.split()))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    yield "\n".join(rows)
    for path, found in inner:
        yield from _sections(path, found, schema)


def _section_of(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the section that a field holds, or a list or mapping of, if any."""
    for each in (field, field.get("items", {}), field.get("additionalProperties", {})):
        if not isinstance(each, dict):
            continue
        for option in (each, *each.get("anyOf", ())):
            if "$ref" in option:
                found = schema["$defs"][option["$ref"].rsplit("/", 1)[-1]]
                if "properties" in found:
                    return found
    return None


def _default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or value == "" or isinstance(value, dict):
        return ""
    spelled = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
    return f"`{spelled or (value if value != [''] else '[empty text]')}`"


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in field:
        return _type(schema["$defs"][field["$ref"].rsplit("/", 1)[-1]], schema)
    if "anyOf" in field:
        return " or ".join(
            _type(each, schema) for each in field["anyOf"] if each.get("type") != "null"
        )
    if "enum" in field:
        return " \\| ".join(f"`{each}`" for each in field["enum"]).replace("\\|", "|")
    if "const" in field:
        return f"`{field['const']}`"
    match field.get("type"):
        case "array":
            return f"list of {_type(field['items'], schema)}"
        case "object" if "properties" in field:
            return "section"
        case "object":
            inner = field.get("additionalProperties")
            return f"mapping to {_type(inner, schema)}" if isinstance(inner, dict) else "mapping"
        case kind:
            return KINDS.get(kind, kind or "anything") + _bounds(field)


def _bounds(field: dict[str, Any]) -> str:
    low = field.get("minimum", field.get("exclusiveMinimum"))
    high = field.get("maximum", field.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f", {low} to {high}"
    if low is not None:
        return f", {'more than' if 'exclusiveMinimum' in field else 'at least'} {low}"
    return f", like `{field['pattern']}`" if "pattern" in field else ""


def commands_page() -> str:
    """Return the reference of the command `tenure`: each verb's help, as it prints it."""
    import typer

    from tenure.cli.app import VERBS, build_app

    top = typer.main.get_command(build_app())
    parts = [MADE, "# Commands", "```\n" + _help(top, "tenure") + "\n```"]
    for name, verb in VERBS.items():
        parts += [f"## `tenure {name}`"]
        found = top.get_command(_context(top, "tenure"), name)
        parts += [f"```\n{_help(found, f'tenure {name}')}\n```"]
        for inner in verb.below:
            parts += [f"### `tenure {name} {inner}`"]
            below = found.get_command(_context(found, f"tenure {name}"), inner)
            parts += [f"```\n{_help(below, f'tenure {name} {inner}')}\n```"]
    parts += ["## Exit codes", EXITS]
    parts += [
        "With `--json`, results go to stdout, and an error to stderr as "
        "`{code, message, facts, remedy}`. The verbs are functions of the same names in Python: "
        '`tenure.history("fraud")` returns what `tenure history fraud` shows.'
    ]
    return "\n\n".join(parts) + "\n"


def _context(command: Any, name: str) -> Any:
    return command.context_class(command, info_name=name, terminal_width=96, max_content_width=96)


def _help(command: Any, name: str) -> str:
    text = command.get_help(_context(command, name))
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def errors_page() -> str:
    """Return the reference of the errors: what each says, and what to do."""
    parts = [
        MADE,
        "# Errors",
        "Each class is one fact. The code that `--json` prints is the class's name; words in "
        "braces are facts of the case. No error, log line or event ever holds a value out of a "
        "row.",
    ]
    for kind in all_errors():
        code, status = kind.exit_code, kind.http_status
        head = f"## {kind.__name__}\n\nExit code {code}, HTTP {status}"
        head += ", worth another try" if kind.is_transient else ""
        summary = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        said = " ".join(part for part in (kind.says, kind.remedy) if part)
        shown = "" if said == "{detail}" else "\n\n> " + _facts(said).replace("\n", "\n> ")
        parts.append(f"{head}. {summary}{shown}")
    return "\n\n".join(parts) + "\n"


def _facts(text: str) -> str:
    pieces = []
    for literal, name, _, _ in Formatter().parse(text):
        pieces.append(literal + (f"*{{{name}}}*" if name else ""))
    return "".join(pieces)


def all_errors() -> list[type[Any]]:
    """Return every error of the library that says something, by name."""
    import tenure
    from tenure.errors import TenureError

    for module in pkgutil.walk_packages(tenure.__path__, "tenure."):
        if module.name.rsplit(".", 1)[-1] != "__main__" and ".migrations" not in module.name:
            importlib.import_module(module.name)
    found: dict[str, type[Any]] = {}
    waiting: list[type[Any]] = [TenureError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("tenure."):
                found[kind.__name__] = kind
    return [found[name] for name in sorted(found)]


PAGES = {"spec.md": spec_page, "commands.md": commands_page, "errors.md": errors_page}


def main() -> int:
    """Write every reference page."""
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        (REFERENCE / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
