"""Which decisions are being carried out, how far, and who answered?

A model has one open case at a time. A case changes only here, each change with its audit row.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, insert, select, update

from tenure.errors import (
    AmbiguousCase,
    CaseIsOver,
    CaseNotFound,
    CaseNotWaiting,
    CaseOpen,
    SamePerson,
)
from tenure.records import (
    Approval,
    Case,
    CaseState,
    CaseStep,
    canonical,
    digest_of,
    from_json,
    to_json,
)
from tenure.registry.chain import stamp
from tenure.registry.database import Database, Writing, check_entry
from tenure.registry.halts import check_halt
from tenure.registry.tables import cases

_ONE = select(cases.c.record, cases.c.seq).where(cases.c.id == bindparam("id"))
_LIKE = (
    select(cases.c.record, cases.c.seq)
    .where(cases.c.id >= bindparam("begins"), cases.c.id < bindparam("ends"))
    .limit(2)
)
_OPEN = select(cases.c.record, cases.c.seq).where(cases.c.open_for == bindparam("model"))
_PAGE = select(cases.c.record, cases.c.seq).order_by(cases.c.seq.desc()).limit(bindparam("limit"))
_OF_MODEL = _PAGE.where(cases.c.model == bindparam("model"))
_UNDONE = (
    select(cases.c.record, cases.c.seq)
    .where(cases.c.state.in_([CaseState.WAITING.value, CaseState.OPEN.value]))
    .order_by(cases.c.seq)
)
_PUT = (
    update(cases)
    .where(cases.c.id == bindparam("of_id"))
    .values(
        state=bindparam("state"),
        open_for=bindparam("open_for"),
        deadline_at=bindparam("deadline_at"),
        record=bindparam("record"),
    )
)


class CaseBook:
    """The part of the ledger about cases."""

    database: Database

    def open_case(self, case: Case, *, actor: str, evidence: str) -> Case:
        """Open a case that no reading led to: a person's reason, a version that was replaced.

        The same case again changes nothing.

        Raises:
            CaseOpen: the model has another open case.
            Halted: automation of the model is halted.
        """
        check_entry(case.model, actor, case.reason, evidence)
        with self.database.writing() as write:
            known = write.connection.execute(_ONE, {"id": case.id}).first()
            if known is not None:
                return _as_case(known)
            check_halt(write.connection, case.model, actor)
            body = {"case": case.id, "opened": put_case(write, case), "action": case.action.value}
            write.append(
                "case_opened",
                model=case.model,
                actor=actor,
                reason=case.reason,
                evidence=evidence,
                body={**body, "version": case.version},
                announce=True,
            )
            return replace(case, seq=write.head.seq)

    def answer_case(self, id: str, answer: Approval) -> Case:  # noqa: A002
        """Approve or decline a waiting case; with enough approvals it is open.

        Raises:
            CaseNotFound, CaseIsOver, CaseNotWaiting: it takes no answer.
            SamePerson: four eyes are wanted, and this person answered before or opened it.
        """
        with self.database.writing() as write:
            case = self._undone(write.connection, id)
            if case.state is not CaseState.WAITING:
                raise CaseNotWaiting(case=case.id[:12], state=case.state.value)
            _check_eyes(case, answer)
            answered = replace(case, approvals=(*case.approvals, answer))
            if not answer.approved:
                outcome = f"{answer.by} declined: {answer.reason}"
                answered = replace(
                    answered, state=CaseState.DECLINED, outcome=outcome, closed_at=answer.at
                )
            elif sum(each.approved for each in answered.approvals) >= case.approvals_wanted:
                answered = replace(answered, state=CaseState.OPEN)
            said = "approved" if answer.approved else "declined"
            return _change(write, answered, "case_answered", answer.by, answer.reason, said, True)

    def lapse_case(self, id: str, *, actor: str, now: datetime) -> Case:  # noqa: A002
        """Take the action that the spec names for a deadline that passed; before it, nothing.

        Raises:
            CaseNotFound, CaseIsOver: it has no deadline any more.
            Halted: automation of the model is halted.
        """
        with self.database.writing() as write:
            case = self._undone(write.connection, id)
            waiting = case.state is CaseState.WAITING and case.deadline_at is not None
            if not waiting or (case.deadline_at is not None and case.deadline_at > now):
                return case
            check_halt(write.connection, case.model, actor)
            text = f"Nobody answered until {case.deadline_at:%Y-%m-%d %H:%M} UTC; "
            if case.on_timeout == "retire":
                lapsed, text = replace(case, state=CaseState.OPEN), text + "the spec says: retire."
            else:
                text += "the spec says: keep."
                lapsed = replace(case, state=CaseState.DECLINED, outcome=text, closed_at=now)
            return _change(write, lapsed, "case_lapsed", actor, text, case.on_timeout, True)

    def note_step(self, id: str, step: CaseStep, *, successor: int | None = None) -> Case:  # noqa: A002
        """Put on record that a step of a case was carried out; the same step again does nothing.

        Raises:
            CaseNotFound, CaseIsOver, CaseNotWaiting: the case is not being carried out.
            Halted: automation of the model is halted.
        """
        with self.database.writing() as write:
            case = self._undone(write.connection, id)
            if case.done(step.name):
                return case
            if case.state is not CaseState.OPEN:
                raise CaseNotWaiting(case=case.id[:12], state=case.state.value)
            check_halt(write.connection, case.model, step.actor)
            stepped = replace(
                case, steps=(*case.steps, step), successor=successor or case.successor
            )
            reason = f"Step '{step.name}' of case {case.id[:12]}."
            return _change(write, stepped, "case_step", step.actor, reason, step.name, False)

    def close_case(
        self,
        id: str,  # noqa: A002
        *,
        actor: str,
        outcome: str,
        record: str | None,
        now: datetime,
    ) -> Case:
        """Close a case that was carried out; closed again it stays as it is.

        Raises:
            CaseNotFound: there is none of this id.
            Halted: automation of the model is halted.
        """
        with self.database.writing() as write:
            case = _read(write.connection, id)
            if case.is_over:
                return case
            check_halt(write.connection, case.model, actor)
            closed = replace(
                case, state=CaseState.CLOSED, outcome=outcome, record=record, closed_at=now
            )
            return _change(write, closed, "case_closed", actor, outcome, record or "outcome", True)

    def case(self, id: str) -> Case:  # noqa: A002
        """Return a case by its id or the beginning of it.

        Raises:
            CaseNotFound, AmbiguousCase: none, or more than one, begins so.
        """
        with self.database.reading() as connection:
            rows = connection.execute(_LIKE, {"begins": id, "ends": id + "~"}).all()
        if not rows:
            raise CaseNotFound(case=id[:64])
        if len(rows) > 1:
            raise AmbiguousCase(case=id)
        return _as_case(rows[0])

    def open_case_of(self, model: str) -> Case | None:
        """Return the case of a model that is waiting or being carried out, or None.

        The putting away of a version that was replaced is not the model's: see `case_against`.
        """
        with self.database.reading() as connection:
            row = connection.execute(_OPEN, {"model": model}).first()
        return _as_case(row) if row else None

    def case_against(self, model: str, version: int) -> Case | None:
        """Return the open case about one version of a model, or None."""
        found = [case for case in self.undone_cases() if case.model == model]
        return next((case for case in found if case.version == version), None)

    def cases(self, model: str | None = None, *, limit: int = 100) -> list[Case]:
        """Return the newest cases, oldest first."""
        with self.database.reading() as connection:
            if model is None:
                rows = connection.execute(_PAGE, {"limit": limit}).all()
            else:
                rows = connection.execute(_OF_MODEL, {"model": model, "limit": limit}).all()
        return [_as_case(row) for row in reversed(rows)]

    def undone_cases(self) -> list[Case]:
        """Return every case that is waiting or being carried out, oldest first."""
        with self.database.reading() as connection:
            return [_as_case(row) for row in connection.execute(_UNDONE)]

    def waiting_cases(self, model: str) -> list[Case]:
        """Return the cases of a model that wait for an answer, oldest first."""
        undone = self.undone_cases()
        return [each for each in undone if each.model == model and each.state is CaseState.WAITING]

    def _undone(self, connection: Connection, id: str) -> Case:  # noqa: A002
        case = _read(connection, id)
        if case.is_over:
            raise CaseIsOver(case=case.id[:12], outcome=case.outcome or case.state.value)
        return case


def put_case(write: Writing, case: Case) -> dict[str, Any]:
    """Write a new case into the open transaction; return what its audit row says of it.

    Raises:
        CaseOpen: the model has another open case.
    """
    other = write.connection.execute(_OPEN, {"model": case.occupies}).first()
    if other is not None:
        raise CaseOpen(model=case.model, case=_as_case(other).id[:12])
    columns = _columns(case)
    row = {**columns, "id": case.id, "model": case.model, "seq": write.next_seq}
    write.connection.execute(insert(cases), row)
    digest = digest_of(to_json(replace(case, seq=0)))
    kept = {name: columns[name] for name in ("state", "open_for", "deadline_at")}
    return {**kept, "record": digest}


def _columns(case: Case) -> dict[str, Any]:
    return {
        "state": case.state.value,
        "open_for": None if case.is_over else case.occupies,
        "deadline_at": stamp(case.deadline_at) if case.deadline_at else None,
        "record": canonical(to_json(replace(case, seq=0))).decode(),
    }


def _change(
    write: Writing, case: Case, kind: str, actor: str, reason: str, evidence: str, announce: bool
) -> Case:
    write.connection.execute(_PUT, {**_columns(case), "of_id": case.id})
    body = {"case": case.id, "version": case.version, "action": case.action.value}
    body |= {"state": case.state.value, "record": digest_of(to_json(replace(case, seq=0)))}
    body["deadline_at"] = stamp(case.deadline_at) if case.deadline_at else None
    write.append(
        kind,
        model=case.model,
        actor=actor,
        reason=reason,
        evidence=evidence,
        body=body,
        announce=announce,
    )
    return case


def _check_eyes(case: Case, answer: Approval) -> None:
    if case.approvals_wanted < 2 or not answer.approved:
        return
    earlier = {each.by for each in case.approvals}
    if answer.by in earlier or answer.by == case.opened_by:
        raise SamePerson(case=case.id[:12], person=answer.by)
    if answer.by.startswith("claimed:"):
        raise SamePerson(case=case.id[:12], person=f"{answer.by}, a name that nobody proved")


def _read(connection: Connection, id: str) -> Case:  # noqa: A002
    row = connection.execute(_ONE, {"id": id}).first()
    if row is None:
        raise CaseNotFound(case=id[:64])
    return _as_case(row)


def _as_case(row: Any) -> Case:
    return replace(from_json(Case, orjson.loads(row.record)), seq=row.seq)
