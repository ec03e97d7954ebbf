"""What can monitoring, decisions, cases and retirement refuse?"""

from __future__ import annotations

from tenure.errors.family import BadInput, RefusedByState


class Halted(RefusedByState):
    """A person halted the automation of a model."""

    says = (
        "Automation of '{model}' is halted by {by} since {since}: {why} Nothing was changed; "
        "people may still act."
    )
    remedy = "`tenure resume` lets automation act again."


class NotHalted(RefusedByState):
    """There is no halt to lift."""

    says = "Automation of {scope} is not halted by itself."
    remedy = "`tenure status` lists what is halted."


class CaseNotFound(BadInput):
    """No case has this id."""

    says = "There is no case '{case}'."
    remedy = "`tenure cases` lists them."
    http_status = 404


class AmbiguousCase(BadInput):
    """More than one case begins so."""

    says = "More than one case begins with '{case}'."
    remedy = "Give more of its id."


class CaseOpen(RefusedByState):
    """The model has an open case already."""

    says = "'{model}' has the open case {case}; a model has one at a time. Nothing was changed."
    remedy = "`tenure explain {case}` shows it."


class CaseIsOver(RefusedByState):
    """The case is closed."""

    says = "Case {case} is over: {outcome} Nothing was changed."
    remedy = "`tenure explain {case}` shows its end."


class CaseNotWaiting(RefusedByState):
    """The case is in another state than what is asked of it needs."""

    says = "Case {case} is {state}; nothing was changed."
    remedy = "`tenure explain {case}` shows what it waits for."


class SamePerson(RefusedByState):
    """Four eyes are wanted."""

    says = "Case {case} wants two people, and {person} cannot be the second."
    remedy = "Let somebody else answer by `tenure approve` with a personal key."
    http_status = 403


class DecisionNotFound(BadInput):
    """No decision has this id."""

    says = "There is no decision '{decision}'."
    http_status = 404


class NotAllowedStage(RefusedByState):
    """A version cannot go from its stage to the one that is asked for."""

    says = "Version {version} of '{model}' is {stage}; it cannot become {wanted} from there."
    remedy = "`tenure show {model}` lists each version's stage."


class StillInOffice(RefusedByState):
    """A slot points at the version."""

    says = "Version {version} of '{model}' holds the slot '{slot}'; nothing was changed."
    remedy = "Name a successor with --successor, or give --to-fallback."
