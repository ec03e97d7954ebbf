"""What can the ledger, the store and an artifact refuse?"""

from __future__ import annotations

from tenure.errors.family import BadInput, RefusedByState, Unreachable


class VersionNotFound(BadInput):
    """The model has no version of this number."""

    says = "Model '{model}' has no version {version}; the newest is {newest}."
    remedy = "`tenure show {model}` lists them."
    http_status = 404


class NoChampion(RefusedByState):
    """The slot has never been filled."""

    says = "Model '{model}' has no champion yet."
    remedy = "`tenure train {model}` makes a first version."
    http_status = 503


class StaleEpoch(RefusedByState):
    """A slot changed after the decision about it was made."""

    says = (
        "Slot '{slot}' of '{model}' is at epoch {now}; the decision saw epoch {decided_at}. "
        "Nothing was changed."
    )
    remedy = "Decide again on the current state."


class NotFitToServe(RefusedByState):
    """Only a validated version may take a slot."""

    says = "Version {version} of '{model}' is {stage}; only a validated version may serve."
    remedy = "`tenure show {model}` lists the versions that are fit to serve."


class BadAuditEntry(BadInput):
    """A change must name its actor, its reason and its evidence."""

    says = "A change of the ledger names '{field}' as {got}; wanted {wanted}. Nothing was changed."


class BatchNotFound(BadInput):
    """No batch of these bytes ever arrived."""

    says = "Model '{model}' has no batch {batch}."
    remedy = "`tenure quarantine list` and `tenure show {model}` list what arrived."
    http_status = 404


class BatchIsSettled(RefusedByState):
    """A batch is judged once."""

    says = "Batch {batch} of '{model}' is {state}; wanted {wanted}. Nothing was changed."


class CandidateNotFound(BadInput):
    """No fit with this id is on record."""

    says = "There is no candidate {candidate}. Nothing was changed."
    http_status = 404


class CandidateInUse(RefusedByState):
    """The bytes of a candidate that became a version are kept with the version."""

    says = "Candidate {candidate} is version {version} of '{model}'; its bytes stay."


class KeyReused(BadInput):
    """One idempotency key stands for one request."""

    says = "Key '{key}' was used for another request. Nothing was changed."
    remedy = "Use a new key for a new request."


class LeaseLost(RefusedByState):
    """The writer was paused for longer than its lease; someone else may be at work."""

    says = "Lease '{lease}' of {holder} (token {token}) has ended. Nothing was changed."
    remedy = "Take the lease again and look at the ledger before going on."


class LedgerBusy(Unreachable):
    """Another writer held the ledger for too long."""

    says = "The ledger at {where} was locked for {waited_s} s. Nothing was changed."
    remedy = "Try again; if it stays so, look for a stuck writer with `fuser {where}`."


class LedgerMissing(Unreachable):
    """The workspace was in use, and its ledger is gone."""

    says = "The ledger at {where} is missing, though the workspace was in use."
    remedy = "`tenure restore-backup FILE` puts a backup in its place."


class LedgerDamaged(Unreachable):
    """The ledger's file is no sound database."""

    says = "The ledger at {where} cannot be read: {detail}. What is loaded serves on."
    remedy = "`tenure restore-backup FILE` puts a backup in its place."
    is_transient = False


class LedgerUnwritable(Unreachable):
    """The ledger can be read but not written."""

    says = "The ledger at {where} cannot be written: {detail}. Nothing was changed."
    remedy = "Look at the folder's rights and the disk's free space, then run it again."


class LedgerCut(RefusedByState):
    """The anchor knows a row that the ledger does not hold: writing on would hide the loss."""

    says = (
        "The ledger at {where} ends at row {ends_at} and lacks row {anchored} as it was anchored. "
        "Nothing was changed."
    )
    remedy = (
        "`tenure verify` says what is missing; `tenure restore-backup FILE` goes on from there."
    )


class WitnessDisagrees(RefusedByState):
    """The witness outside saw a row that the ledger does not hold: an old copy was put back."""

    says = (
        "The witness at {where} saw row {saw}; the ledger at {ledger} ends at row {ends_at} and "
        "does not hold it. Nothing was changed."
    )
    remedy = (
        "`tenure verify` says what differs; `tenure restore-backup FILE` goes on from a backup, on "
        "the record. If the witness belongs to another workspace, name another folder as `anchor:`."
    )


class WitnessUnreachable(Unreachable):
    """The witness outside could not be asked or told; the ledger goes on, and catches it up."""

    says = "The witness at {where} cannot be reached: {detail}. The ledger goes on without it."
    remedy = "Look at `anchor:` of config/settings.yaml; the next writes catch it up."


class StoreExposed(RefusedByState):
    """Anybody on this machine could put bytes into the store."""

    says = "The store at {where} has mode {got}; wanted {wanted}."
    remedy = "Look at what is in it, then `chmod 700 {where}`."


class StoreUnwritable(Unreachable):
    """An object could not be put into the store."""

    says = "The store at {where} cannot be written: {detail}. No object was left behind."
    remedy = "Look at the folder's rights and the disk's free space, then run it again."


class ObjectMissing(RefusedByState):
    """The store does not hold an object that something refers to."""

    says = "The store has no object {object}."
    remedy = "`tenure verify` says what refers to it; a backup may hold it."


class ObjectDamaged(RefusedByState):
    """The bytes of an object are not what its name says."""

    says = "Object {object} is damaged: {detail}."
    remedy = "`tenure verify` says what refers to it; a backup may hold it."


class ArtifactRefused(RefusedByState):
    """An artifact did not pass a check on its way to memory; nothing of it was run."""

    says = "The artifact of {what} is refused: {detail}. What serves keeps serving."


class GlobalNotAllowed(ArtifactRefused):
    """The artifact names a class or function that is not on the list."""

    says = "The artifact of {what} is refused: it names '{name}', which is not allowed."
    remedy = "If it is your own code, add '{name}' to training.allow and train again."


class GoldenMismatch(ArtifactRefused):
    """The artifact predicts something else than when it was registered."""

    says = "The artifact of {what} is refused: {detail}. What serves keeps serving."
    remedy = "The environment has changed, or the artifact has; train again."


class UnsafeUnpickler(RefusedByState):
    """The installed joblib lets a class slip past the allowlist; the canary payload loaded."""

    says = "joblib {version} cannot be used safely: {detail}."
    remedy = "Install what requirements.txt names."


class NoStandby(RefusedByState):
    """There is no former champion that is still fit to serve."""

    says = "Model '{model}' has no version on standby to roll back to. Nothing was changed."
    remedy = "`tenure show {model}` lists the versions."


class BackupRefused(BadInput):
    """An archive cannot be used as a backup of this workspace."""

    says = "Backup {file} is refused: {detail}. Nothing was changed."


class SnapshotNotFound(BadInput):
    """The model has no snapshot with this content."""

    says = "Model '{model}' has no snapshot {snapshot}."
    http_status = 404


class SealBroken(RefusedByState):
    """Sealed bytes cannot be opened."""

    says = "Sealed bytes cannot be opened: {detail}."
    remedy = "They need the key 'sealing.key' that stood in the key folder when they were sealed."


class NothingRecorded(BadInput):
    """The workspace was never used."""

    says = "'{folder}' holds no ledger: nothing was recorded there yet."
    remedy = "The first batch, or `tenure up`, makes it."


class BadHead(BadInput):
    """A head on the command line cannot be read."""

    says = "--head is {got}; wanted {wanted}. Nothing was changed."
