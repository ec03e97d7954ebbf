"""What does a person see while the demo plays, and at its end?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from tenure.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What happened, for the summary at the end: (what, what it was)."""

    facts: tuple[tuple[str, str], ...]


class Screen:
    """Writes the demo's progress, live where a terminal is, line by line elsewhere."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)

    def opening(self, folder: Path) -> None:
        """Say what begins."""
        self.console.print("[bold]Tenure[/]  two models, from their data to the end of a career")
        self.console.print(f"[dim]It plays in {escape(str(folder))}, without any network.[/]")

    def act(self, title: str, says: str = "") -> None:
        """Begin a part of the play."""
        self.console.print(
            f"\n[bold]{escape(title)}[/]" + (f"  [dim]{escape(says)}[/]" if says else "")
        )

    @contextmanager
    def working(self, says: str) -> Iterator[None]:
        """Show that something is going on, and how long it took once it is done."""
        began = time.monotonic()
        with self.console.status(escape(says)):
            yield
        self.done(says, f"{time.monotonic() - began:.0f} s")

    def done(self, what: str, how: str = "") -> None:
        """Say that something happened."""
        self._tell("[green]✓[/]", what, how)

    def refused(self, what: str, why: str) -> None:
        """Say that something was refused, which is what was wanted."""
        self._tell("[red]✗[/]", what, why)

    def kept(self, what: str, why: str) -> None:
        """Say that things stayed as they are."""
        self._tell("[yellow]=[/]", what, why)

    def _tell(self, sign: str, what: str, how: str) -> None:
        """Write a line, or what happened and how below it where one line is too short."""
        if len(what) + len(how) < self.console.width - 8:
            self.console.print(
                f"  {sign} {escape(what)}" + (f"  [dim]{escape(how)}[/]" if how else "")
            )
            return
        self.console.print(f"  {sign} {escape(what)}")
        indent = 4 + len(what) - len(what.lstrip())
        self.console.print(Padding(f"[dim]{escape(how)}[/]", (0, 0, 0, indent), expand=False))

    def note(self, text: str) -> None:
        """Say something by the way."""
        self.console.print(f"    [dim]{escape(text)}[/]")

    def failed(self, text: str, workspace: Workspace | None) -> None:
        """Say what did not happen, and where to look."""
        self.console.print(f"\n[bold red]The demo did not go as promised.[/] {escape(text)}")
        if workspace is not None:
            logs = workspace.state / "logs"
            self.console.print(
                f"  What the parts wrote lies in {escape(str(logs))}", soft_wrap=True
            )

    def closing(
        self,
        told: Told,
        workspace: Workspace,
        addresses: dict[str, str] | None,
        seconds: float,
    ) -> None:
        """Say what happened in all, and where to look."""
        self.act("What happened", f"in {seconds:.0f} s")
        table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for what, was in told.facts:
            table.add_row(what, escape(was))
        self.console.print(Padding(table, (0, 0, 0, 2), expand=False))
        self.act("Look at it")
        self._line("all models", (workspace.pages / "index.html").as_uri())
        if addresses is None:
            self._line("state", f"{workspace.root}, everything is stopped")
            self._line("once more", "make demo KEEP=1 leaves it running")
            return
        self._line("pages", f"{addresses['endpoint']}/")
        self._line("Prefect", addresses["prefect"])
        self._line("predictions", f"{addresses['endpoint']}/v1/models/iris:predict")
        self._line(
            "stop it", f"{workspace.project}/.venv/bin/tenure --workspace {workspace.root} down"
        )

    def _line(self, what: str, where: str) -> None:
        self.console.print(f"  [dim]{what:<12}[/] {escape(where)}", soft_wrap=True)
