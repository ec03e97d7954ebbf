"""What does `tenure` understand, and where does each verb live?

A verb's module is imported when the verb is called, so `tenure --help` needs none of them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import typer
from typer.core import TyperGroup

from tenure.cli.command import (
    Command,
    ProjectFolder,
    WorkspaceFolder,
    entry_of,
    help_of,
)
from tenure.cli.output import reader_left, write_error
from tenure.errors import RunFailed, TenureError, UsageMistake


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb lives, and what `tenure --help` says of it; `below` are a group's own verbs."""

    module: str
    summary: str
    below: dict[str, str] = field(default_factory=dict)


VERBS: dict[str, Verb] = {
    "check": Verb("checking", "Find every mistake in the specs before anything runs."),
    "plan": Verb("planning", "Say what a changed spec will do before sync does it."),
    "up": Verb("up", "Start server, runners, watcher and endpoint."),
    "down": Verb("up", "Stop what `up` started."),
    "logs": Verb("up", "Show what a started part wrote."),
    "sync": Verb("up", "Make Prefect agree with the specs."),
    "status": Verb("status", "Show who serves, what is stored, and where the servers are."),
    "ingest": Verb("runs", "Take in what arrived for a model, and follow the run."),
    "train": Verb("runs", "Train a model, judge it, and follow the run."),
    "score": Verb("runs", "Predict for files, and follow the run."),
    "monitor": Verb("runs", "Judge the windows that closed, and follow the run."),
    "retire": Verb("runs", "Take a version out of office, and follow the run."),
    "deploy": Verb("moving", "Let a version serve."),
    "rollback": Verb("moving", "Let the former champion serve again."),
    "rollout": Verb(
        "rolling",
        "Let a version take over by steps.",
        {
            "start": "Begin: beside the champion, then a growing share.",
            "status": "Show which version is at which step, and what it has seen.",
            "advance": "Take the next step now.",
            "abort": "End it; the champion answers all again.",
        },
    ),
    "restore": Verb("controlling", "Make a retired version fit to serve again."),
    "approve": Verb("controlling", "Answer a case that waits for a person."),
    "cases": Verb("controlling", "List the cases that are not over."),
    "halt": Verb("controlling", "Stop the automation of a model, or of all."),
    "resume": Verb("controlling", "Let automation act again."),
    "predict": Verb("predicting", "Ask the endpoint, or the champion itself, for predictions."),
    "models": Verb("reading", "List the models."),
    "show": Verb("reading", "Show a model, or one version of it."),
    "history": Verb("reading", "Show who served when."),
    "explain": Verb("telling", "Say why a case was opened."),
    "note": Verb("telling", "Put a remark on a model, version, case or batch."),
    "page": Verb("telling", "Make the pages anew."),
    "quarantine": Verb(
        "quarantine",
        "List, show and readmit batches that were refused.",
        {
            "list": "List the batches in quarantine.",
            "show": "Show why a batch was refused.",
            "readmit": "Let a refused batch be judged again.",
        },
    ),
    "key": Verb(
        "keys",
        "Make, list and revoke keys of the prediction server.",
        {
            "add": "Make a key; it is shown once.",
            "list": "List the keys.",
            "revoke": "Let a key open nothing any more.",
        },
    ),
    "export": Verb("exporting", "Write a version out for MLServer, Seldon or KServe."),
    "verify": Verb("keeping", "Check the whole record and every stored byte."),
    "backup": Verb("keeping", "Write all state into one file."),
    "restore-backup": Verb("keeping", "Put a backup in place of the state."),
    "upgrade": Verb("keeping", "Bring the state folder to this release's format."),
}

SUMMARY = """Run the whole life of scikit-learn models, on the record.

\b
Examples:
  tenure check                 find every mistake in the specs
  tenure up                    start everything on this machine
  tenure train fraud           train, judge and, if it wins, deploy
  tenure history fraud         who served when
  tenure rollback fraud -m "alarms since noon"

\b
Exit codes: 0 done, 1 a check found something, 2 bad input and nothing changed,
3 refused as things stand, 4 something cannot be reached, 5 the run failed.
"""


class _Verbs(TyperGroup):
    """The verbs of one level; each is built when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(_table(self.name))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        table = _table(self.name)
        if cmd_name not in table:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _build(cmd_name, self.name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        # Suggestions want the names, not the commands, so nothing is imported for them.
        from tenure.spec.mistakes import nearest

        known = _table(self.name)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = nearest(args[0], known)
            ctx.fail(f"There is no verb '{args[0]}'" + (f"; {near}" if near else "."))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(_table(self.name).items()))

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        from typer._click.shell_completion import CompletionItem

        return [
            CompletionItem(name, help=summary)
            for name, summary in _table(self.name).items()
            if name.startswith(incomplete)
        ]


def _table(group: str | None) -> dict[str, str]:
    if group in VERBS:
        return VERBS[group].below
    return {name: verb.summary for name, verb in VERBS.items()}


def load_command(name: str, group: str | None = None) -> Command:
    """Return a verb as its module lists it."""
    verb = VERBS[group] if group in VERBS else VERBS[name]
    module = importlib.import_module(f"tenure.cli.{verb.module}")
    return module.COMMANDS[name]


def _build(name: str, group: str | None) -> Any:
    if group not in VERBS and VERBS[name].below:
        app = typer.Typer(
            name=name,
            cls=_Verbs,
            rich_markup_mode=None,
            no_args_is_help=True,
            help=_table(None)[name],
        )
        app.callback()(lambda: None)
        return typer.main.get_group(app)
    command = load_command(name, group)
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(name, help=help_of(command), no_args_is_help=False)(entry_of(command, name))
    return typer.main.get_command(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        import tenure

        typer.echo(f"tenure {tenure.__version__}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """Return the whole command, verbs unimported."""
    app = typer.Typer(
        name="tenure", cls=_Verbs, rich_markup_mode=None, no_args_is_help=True, help=SUMMARY
    )

    @app.callback()
    def _options(
        ctx: typer.Context,
        workspace: WorkspaceFolder = None,
        project: ProjectFolder = None,
        as_json: bool = typer.Option(False, "--json", help="Print JSON."),
        version: bool = typer.Option(
            False, "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ) -> None:
        ctx.obj = {"workspace": workspace, "project": project, "as_json": as_json}

    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; nothing is raised."""
    as_json = "--json" in arguments
    from typer._click.exceptions import ClickException

    try:
        command = typer.main.get_command(build_app())
        code = command.main(args=list(arguments), prog_name="tenure", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except ClickException as error:
        if as_json:
            write_error(UsageMistake(problem=error.format_message()), as_json=True)
        else:
            error.show()
        return 2
    except TenureError as error:
        write_error(error, as_json)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        return reader_left()
    except Exception as error:  # noqa: BLE001
        write_error(RunFailed(detail=f"{type(error).__name__} in the command line itself"), as_json)
        return 5
