"""How does a function become a command?

A verb is a typed Python function whose parameters carry Typer's marks; the command is made from it:
same name, same parameters, help from its docstring, `--json`, `--workspace` and `--project`
everywhere. Its module lists it under `COMMANDS`, with how its result looks to a person.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import tempfile
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from tenure.cli.output import Block, reader_left, write_blocks, write_error, write_json
from tenure.errors import BadAuditEntry, Crashed, TenureError
from tenure.workspace import Workspace, find_project, open_workspace


def complete_models(incomplete: str) -> list[str]:
    """Return the names of models that begin so, for the shell."""
    try:
        folder = open_workspace().models_folder
    except TenureError:
        return []
    return sorted(file.stem for file in folder.glob("*.yaml") if file.stem.startswith(incomplete))


Model = Annotated[
    str,
    typer.Argument(help="The model's name.", autocompletion=complete_models, show_default=False),
]
AnyModel = Annotated[
    str | None,
    typer.Argument(
        help="One model; all if not given.", autocompletion=complete_models, show_default=False
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", "-m", help="Why; it stands in the record for good.")
]
WorkspaceFolder = Annotated[
    Path | None,
    typer.Option("--workspace", help="Folder with config/ and .tenure/.", show_default=False),
]
ProjectFolder = Annotated[
    Path | None,
    typer.Option("--project", help="Checkout with flows/.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A verb: its function, how its result is shown, examples, and the result's exit code."""

    function: Callable[..., Any]
    show: Callable[[Any], Iterable[Block]]
    examples: tuple[str, ...]
    exit_code: Callable[[Any], int] = lambda result: 0


def actor() -> str:
    """Return who acts: TENURE_ACTOR, or this machine's user, as `person:NAME`."""
    import getpass

    named = os.environ.get("TENURE_ACTOR")
    if named:
        return (
            named
            if re.match(r"(person|claimed|automation|schedule|system):.", named)
            else (f"person:{named}")
        )
    try:
        return f"person:{getpass.getuser()}"
    except (OSError, KeyError):
        return f"person:uid-{os.getuid()}"


def must_say(reason: str) -> str:
    """Return a reason that says something.

    Raises:
        BadAuditEntry: it is empty.
    """
    if not reason.strip():
        raise BadAuditEntry(field="reason", got="empty", wanted="why it is done")
    return reason


def entry_of(command: Command, name: str) -> Callable[..., int]:
    """Return what Typer calls for a verb; it returns the exit code."""
    signature = inspect.signature(command.function, eval_str=True)

    def entry(ctx: typer.Context, **given: Any) -> int:
        chosen = _globals(ctx)
        as_json = given.pop("as_json") or chosen.get("as_json", False)
        for key in ("workspace", "project"):
            if key in signature.parameters and given.get(key) is None:
                given[key] = chosen.get(key)
        try:
            result = command.function(**given)
            if as_json:
                write_json(result)
            else:
                write_blocks(command.show(result))
            return command.exit_code(result)
        except TenureError as error:
            write_error(error, as_json)
            return error.exit_code
        except KeyboardInterrupt:
            raise
        except BrokenPipeError:
            return reader_left()
        except Exception as error:  # noqa: BLE001
            crashed = _crashed(error, name, given)
            write_error(crashed, as_json)
            return crashed.exit_code

    entry.__signature__ = _with_options(signature)  # type: ignore[attr-defined]
    entry.__annotations__ = {
        parameter.name: parameter.annotation
        for parameter in _with_options(signature).parameters.values()
    }
    return entry


def _with_options(signature: inspect.Signature) -> inspect.Signature:
    """Return a function's parameters with Typer's context before and `--json` behind them."""
    json_option = inspect.Parameter(
        "as_json",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option("--json", help="Print JSON.")],
    )
    context = inspect.Parameter(
        "ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
    )
    parameters = [context, *signature.parameters.values(), json_option]
    return inspect.Signature(sorted(parameters, key=lambda parameter: parameter.kind))


def help_of(command: Command) -> str:
    """Return the help text of a verb: its docstring's prose and its examples."""
    text = inspect.getdoc(command.function) or ""
    prose = re.split(r"\n\s*(?:Args|Returns|Raises|Attributes):\n", text)[0].strip()
    prose = prose.replace("`", "")
    examples = "\n".join(f"  {example}" for example in command.examples)
    return f"{prose}\n\n\b\nExamples:\n{examples}" if examples else prose


def _globals(ctx: typer.Context) -> dict[str, Any]:
    found = ctx.find_root().obj
    return found if isinstance(found, dict) else {}


def _crashed(error: Exception, verb: str, given: dict[str, Any]) -> Crashed:
    file = _crash_file(given)
    with file.open("a", encoding="utf-8") as log:
        log.write(f"tenure {verb}\n{_frames(error)}\n")
    logging.getLogger(__name__).debug("crashed", exc_info=error)
    return Crashed(type=type(error).__name__, verb=verb, file=str(file))


def _frames(error: BaseException) -> str:
    """Return a traceback whose texts are left out: they may quote a row."""
    if os.environ.get("TENURE_DEBUG"):
        return "".join(traceback.format_exception(error))
    parts: list[str] = []
    link: BaseException | None = error
    while link is not None:
        parts += [f"{type(link).__name__} (its text is kept out; TENURE_DEBUG=1 keeps it)\n"]
        parts += traceback.format_tb(link.__traceback__)
        link = link.__cause__ or link.__context__
    return "".join(parts)


def _crash_file(given: dict[str, Any]) -> Path:
    try:
        state = open_workspace(given.get("workspace"), given.get("project")).state
    except TenureError:
        state = None
    if state is not None and state.is_dir() and os.access(state, os.W_OK):
        folder = state / "logs"
        folder.mkdir(exist_ok=True)
        return folder / "cli.log"
    handle, name = tempfile.mkstemp(prefix="tenure-", suffix=".log")
    os.close(handle)
    return Path(name)


def project_of(workspace: Workspace) -> Path:
    """Return the checkout of a workspace.

    Raises:
        ProjectNotFound: only the wheel is there, which cannot run a flow.
    """
    return workspace.project or find_project()
