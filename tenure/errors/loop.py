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


class NoFallback(RefusedByState):
    """Nothing would answer once the version is gone."""

    says = (
        "Version {version} of '{model}' is not retired: {detail}, so nothing would answer for the "
        "model. Nothing was changed."
    )
    remedy = (
        "Name a successor, choose another deployment.fallback, or let the slot be left vacant with "
        "deployment.may_leave_vacant: true."
    )


class FallbackRefused(BadInput):
    """What deployment.fallback names cannot stand in for the model."""

    says = "The fallback of '{model}' cannot be made: {detail}."
    remedy = "Look at `deployment` in config/models/{model}.yaml."


class StepTooEarly(RefusedByState):
    """A step of a retirement stands on the one before it."""

    says = "Step '{step}' of case {case} comes after '{missing}', which is not done."
    remedy = "`tenure retire {model}` does what is left, in order."


class StillServed(RefusedByState):
    """A retired version could still be reached; its case stays open."""

    says = "Version {version} of '{model}' can still be reached: {detail}. The case stays open."
    remedy = "Restart the prediction server, then run it again."
    is_transient = True


class VersionRetired(RefusedByState):
    """A retired version answers nothing."""

    says = "Version {version} of '{model}' is {stage} and answers no more."
    remedy = "`tenure restore {model} {version}` checks it and makes it fit to serve again."
    http_status = 410


class VersionPurged(RefusedByState):
    """The bytes of a version are gone for good."""

    says = (
        "Version {version} of '{model}' was purged: its artifact was deleted, as its retirement "
        "record says. Nothing was changed."
    )
    remedy = "`tenure train {model}` trains a new version."


class RestoreNeedsPerson(RefusedByState):
    """The time in which a retirement may be undone without more ado is over."""

    says = (
        "Version {version} of '{model}' was retired {hours} hours ago, more than "
        "retirement.undo_hours ({undo_hours}): a person must restore it, and {actor} is none "
        "that is known. Nothing was changed."
    )
    remedy = "`tenure restore {model} {version} --reason …` on the command line, under your name."


class NotAPerson(RefusedByState):
    """Only people approve, halt and resume."""

    says = "{actor} is no person; only people {what}. Nothing was changed."
    http_status = 403


class HaltsNothing(BadInput):
    """A halt is for one model or for all, and says which."""

    says = "`tenure {verb}` wants a model or --all; got {got}. Nothing was changed."


class RolloutOpen(RefusedByState):
    """The model has an open rollout already."""

    says = (
        "Version {version} of '{model}' is being rolled out (step {step}); a model has one rollout "
        "at a time. Nothing was changed."
    )
    remedy = "`tenure rollout status {model}` shows it, `tenure rollout abort {model}` ends it."


class NoRollout(RefusedByState):
    """No version of the model is being rolled out."""

    says = "No version of '{model}' is being rolled out."
    remedy = "`tenure rollout start {model} VERSION` begins one."


class RolloutIsOver(RefusedByState):
    """The rollout has ended."""

    says = "The rollout of version {version} of '{model}' is over: {outcome} Nothing was changed."
    remedy = "`tenure rollout status {model}` shows its end."


class RolloutMoved(RefusedByState):
    """The rollout went on after the decision about it was made."""

    says = (
        "The rollout of version {version} of '{model}' stands at step {now}; the decision saw step "
        "{decided_at}. Nothing was changed."
    )
    remedy = "Decide again on the current state."


class ServesAlready(RefusedByState):
    """A champion cannot be rolled out against itself."""

    says = "Version {version} of '{model}' is champion already. Nothing was changed."
    remedy = "`tenure show {model}` lists the other versions."
