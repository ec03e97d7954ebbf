"""Who may call the prediction server: how is a key made, listed, and taken back?"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from tenure.cli.command import Command, ProjectFolder, WorkspaceFolder, actor, complete_models
from tenure.cli.output import Block, Line, Table
from tenure.errors import BadKeyAsked
from tenure.workspace import open_workspace

if TYPE_CHECKING:
    from tenure.serving.keys import Key

_NAME = re.compile(r"[\w.@ -]{1,60}")
_TIME = re.compile(r"([1-9]\d{0,4})([hd])")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyMade:
    """A new key; `secret` is shown this once."""

    id: str
    secret: str
    name: str
    roles: tuple[str, ...]
    models: tuple[str, ...] | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key as it is kept: without its secret."""

    id: str
    name: str
    roles: tuple[str, ...]
    models: tuple[str, ...] | None
    made_at: datetime
    made_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    opens: bool


def add(
    name: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    role: Annotated[
        builtins.list[str],
        typer.Option("--role", help="predict, test, feedback, metrics or admin; again for more."),
    ],
    model: Annotated[
        builtins.list[str] | None,
        typer.Option(
            "--model", help="Only for this model; again for more.", autocompletion=complete_models
        ),
    ] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", help="For how long, such as 90d or 12h.")
    ] = None,
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> KeyMade:
    """Make a key for the prediction server; a running one knows it within a second.

    The key is shown this once, and only its digest is kept. With the first key, every request but
    a health probe needs one.

    Raises:
        BadKeyAsked: a role, a model or a time that there is not.
        KeyFileBroken: the file of keys cannot be used.
    """
    from tenure.serving.keys import Role, add_key
    from tenure.spec import model_names

    if not _NAME.fullmatch(name):
        raise BadKeyAsked(what="The name", got=ascii(name[:60]), wanted="1 to 60 plain letters")
    unknown = sorted(set(role) - set(Role))
    if unknown:
        raise BadKeyAsked(what="--role", got=ascii(unknown[0]), wanted=", ".join(Role))
    place = open_workspace(workspace, project)
    known = model_names(place)
    for each in model or ():
        if each not in known:
            wanted = ", ".join(sorted(known)) or "a model with a spec; there is none"
            raise BadKeyAsked(what="--model", got=ascii(each), wanted=wanted)
    made, secret = add_key(
        place,
        name,
        roles=[Role(each) for each in role],
        models=tuple(model) if model else None,
        actor=actor(),
        expires_at=_until(expires),
    )
    return KeyMade(
        id=made.id,
        secret=secret,
        name=made.name,
        roles=tuple(made.roles),
        models=made.models,
        expires_at=made.expires_at,
    )


def list(  # noqa: A001
    *, workspace: WorkspaceFolder = None, project: ProjectFolder = None
) -> tuple[KeyView, ...]:
    """List the keys of the prediction server, those that open nothing any more among them.

    Raises:
        KeyFileBroken: the file of keys cannot be used.
    """
    from tenure.serving.keys import read_keys

    now = datetime.now(UTC)
    return tuple(_view(each, now) for each in read_keys(open_workspace(workspace, project)))


def revoke(
    key: Annotated[str, typer.Argument(help="The key's id, as `tenure key list` shows it.")],
    *,
    workspace: WorkspaceFolder = None,
    project: ProjectFolder = None,
) -> KeyView:
    """Let a key open nothing any more; a running server knows within a second.

    Raises:
        NoSuchKey: there is none of this id.
        KeyFileBroken: the file of keys cannot be used.
    """
    from tenure.serving.keys import revoke_key

    return _view(revoke_key(open_workspace(workspace, project), key), datetime.now(UTC))


def _until(text: str | None) -> datetime | None:
    if text is None:
        return None
    matched = _TIME.fullmatch(text)
    if matched is None:
        raise BadKeyAsked(what="--expires", got=ascii(text[:20]), wanted="such as 90d or 12h")
    count = int(matched[1])
    span = timedelta(days=count) if matched[2] == "d" else timedelta(hours=count)
    return datetime.now(UTC) + span


def _view(key: Key, now: datetime) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        roles=tuple(key.roles),
        models=key.models,
        made_at=key.made_at,
        made_by=key.made_by,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        opens=not key.is_over(now),
    )


def _show_made(made: KeyMade) -> Iterator[Block]:
    yield Line(made.secret)
    yield Line("It is shown this once; only its digest is kept.", "yellow")


def _show_list(keys: Sequence[KeyView]) -> Iterator[Block]:
    if not keys:
        yield Line("There is no key: callers of this machine need none, and nobody else is let in.")
        return
    yield Table(
        ("id", "name", "roles", "models", "made", "until"),
        [
            (
                each.id,
                each.name,
                ", ".join(each.roles),
                ", ".join(each.models) if each.models is not None else "all",
                f"{each.made_at:%Y-%m-%d} by {each.made_by}",
                _end(each),
            )
            for each in keys
        ],
    )


def _end(key: KeyView) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d %H:%M} UTC"
    if key.expires_at is None:
        return "for good"
    return f"{key.expires_at:%Y-%m-%d %H:%M} UTC" + ("" if key.opens else " (over)")


def _show_revoked(key: KeyView) -> Iterator[Block]:
    yield Line(f"Key {key.id} of {key.name} opens nothing any more.")


COMMANDS = {
    "add": Command(
        function=add,
        show=_show_made,
        examples=(
            "tenure key add 'web shop' --role predict --role feedback --model fraud",
            "tenure key add prometheus --role metrics --expires 90d",
        ),
    ),
    "list": Command(function=list, show=_show_list, examples=("tenure key list",)),
    "revoke": Command(
        function=revoke, show=_show_revoked, examples=("tenure key revoke 0123456789ab",)
    ),
}
