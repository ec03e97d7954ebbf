"""What can go wrong, said as facts: one family, each class one fact.

An error says what, which, got, wanted, what to do, and what still holds. Its facts are keyword
arguments, kept as they are, so an error survives pickling and prints as JSON; its text is made from
them when it is asked for. No fact ever carries a value out of a row.
"""

from __future__ import annotations

from string import Formatter
from typing import Any, ClassVar


class TenureError(Exception):
    """Something that Tenure refuses or cannot do; subclasses say what."""

    says: ClassVar[str] = "{detail}"
    remedy: ClassVar[str] = ""
    exit_code: ClassVar[int] = 2
    http_status: ClassVar[int] = 422
    is_transient: ClassVar[bool] = False

    def __init__(self, **facts: Any) -> None:
        super().__init__()
        self.facts: dict[str, Any] = facts

    @property
    def code(self) -> str:
        """The class's name, the stable handle for programs."""
        return type(self).__name__

    def __str__(self) -> str:
        text = " ".join(part for part in (self.says, self.remedy) if part)
        wanted = {name for _, name, _, _ in Formatter().parse(text) if name}
        return text.format(**{name: self.facts.get(name, "?") for name in wanted})

    def as_dict(self) -> dict[str, Any]:
        """Return code, message, facts and remedy, as `--json` prints them."""
        said = {name for _, name, _, _ in Formatter().parse(self.remedy) if name}
        remedy = self.remedy.format(**{name: self.facts.get(name, "?") for name in said})
        return {"code": self.code, "message": str(self), "facts": self.facts, "remedy": remedy}


class BadInput(TenureError):
    """What was given cannot be used; nothing was changed."""


class RefusedByState(TenureError):
    """What was asked for is not allowed as things stand."""

    exit_code = 3
    http_status = 409


class CheckFailed(TenureError):
    """A check found something."""

    exit_code = 1


class Unreachable(TenureError):
    """Something that is needed cannot be reached."""

    exit_code = 4
    http_status = 503
    is_transient = True


class RunFailed(TenureError):
    """A run ended without doing what it was for."""

    exit_code = 5
    http_status = 500


class ProjectNotFound(BadInput):
    """No folder with config/settings.yaml and flows/ was found."""

    says = "No Tenure project found; looked in {looked_in}."
    remedy = (
        "Stand in a checkout of Tenure, or give --project or TENURE_PROJECT. "
        "The installed package alone cannot run a flow."
    )


class WorkspaceNotFound(BadInput):
    """The folder named as workspace holds no config/."""

    says = "'{folder}' is no workspace: it has no config/ folder."
    remedy = "Give a folder that holds config/ by --workspace or TENURE_WORKSPACE."


class WorkspaceTooNew(RefusedByState):
    """The state folder was written by a newer Tenure."""

    says = "'{folder}' has format {found}; this Tenure knows up to {known}. Nothing was changed."
    remedy = "Use the newer Tenure that wrote it."


class WorkspaceTooOld(RefusedByState):
    """The state folder was written by an older Tenure and was not upgraded."""

    says = "'{folder}' has format {found}; this Tenure wants {known}. Nothing was changed."
    remedy = "`tenure upgrade` upgrades it, after a backup."


class BadSetting(BadInput):
    """A value in config/settings.yaml cannot be used."""

    says = "{file}: '{key}' is {got}; wanted {wanted}. Nothing was changed."


class BadSpec(BadInput):
    """One or more mistakes in the specs; `mistakes` holds all of them."""

    says = "{count} mistake(s) in the specs:\n{text}"
    remedy = "`tenure check` prints them all; nothing was changed."


class ModelNotFound(BadInput):
    """No spec and no ledger row bears this name."""

    says = "There is no model '{model}'; known: {known}."
    remedy = "A model is a file config/models/NAME.yaml."
    http_status = 404


class VersionNotFound(BadInput):
    """The model has no version of this number."""

    says = "Model '{model}' has no version {version}; the newest is {newest}."
    remedy = "`tenure show {model}` lists them."
    http_status = 404


class BadFile(BadInput):
    """A file cannot be read as rows."""

    says = "'{name}' cannot be read: {detail}"


class ScoringRefused(BadInput):
    """A model's files cannot be scored as its spec says."""

    says = "Scoring of '{model}' is refused: {detail}. Nothing was written."
    remedy = "Look at `scoring` in config/models/{model}.yaml."


class BadRequest(BadInput):
    """What was sent for a prediction is not what the model takes."""

    says = "{detail}"


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


class TrainingSetRefused(BadInput):
    """What there is to train on does not pass the checks; `findings` holds all of them."""

    says = "Nothing was trained for '{model}': {count} finding(s) in its data:\n{text}\n{holds}"
    remedy = "The checks are under training.checks of its spec."


class PipelineRefused(BadInput):
    """The pipeline could not be kept after a fit, so it is not fitted."""

    says = "The pipeline of '{model}' is refused before any fit: {detail}."
    remedy = (
        "Move it into a module that can be imported, and name your own classes and functions in "
        "training.allow."
    )


class FitFailed(RunFailed):
    """The estimator raised while it was fitted."""

    says = (
        "Fitting '{model}' on {rows} rows ({span}) failed: {detail}. Nothing was recorded; {holds}"
    )
    remedy = "The text is scikit-learn's or your own code's; the rows passed training.checks."


class NothingToJudge(BadInput):
    """An evaluation was asked for without a candidate."""

    says = "There is no candidate of '{model}' to judge."
    remedy = "`tenure train {model}` fits some."


class BadRows(BadInput):
    """Rows cannot be brought into the types that a model was fitted on."""

    says = "Column '{column}' holds {got}; wanted {wanted}."


class SnapshotNotFound(BadInput):
    """The model has no snapshot with this content."""

    says = "Model '{model}' has no snapshot {snapshot}."
    http_status = 404


class SealBroken(RefusedByState):
    """Sealed bytes cannot be opened."""

    says = "Sealed bytes cannot be opened: {detail}."
    remedy = "They need the key 'sealing.key' that stood in the key folder when they were sealed."


class NotInSource(BadInput):
    """A location was given that is not in the model's own source."""

    says = "'{name}' is not in the source of '{model}', {source}. Nothing was read."
    remedy = "Put the file there; only what arrives in the source is a batch."


class SourceUnreachable(Unreachable):
    """The place where batches arrive cannot be read."""

    says = "The source of '{model}', {source}, cannot be read: {detail}. Nothing was changed."
    remedy = "Look at the address, the rights and the network, then run it again."


class StillBeingWritten(Unreachable):
    """A file changed while it was looked at."""

    says = "'{name}' of '{model}' is still being written. Nothing was read."
    remedy = "It is taken once it stands still; writing under a name with '.' and renaming helps."


class BytesNotKept(RefusedByState):
    """Neither the store nor the source has the bytes of a batch any more."""

    says = "The bytes of batch {batch} of '{model}' are not there any more. Nothing was changed."
    remedy = "Put the same file into the source and readmit it again."


class ReportNotFound(BadInput):
    """A batch was not judged yet."""

    says = "Batch {batch} of '{model}' has no validation report."
    http_status = 404


class NoPrefectServer(Unreachable):
    """No Prefect server is known, or the known one does not answer."""

    says = "There is no Prefect server: {detail}. Nothing was started."
    remedy = "`tenure up --detach` starts one."
    is_transient = False


class PartDied(Unreachable):
    """A part of Tenure ended before it was ready."""

    says = "'{part}' ended before it was ready; the end of {log}:\n{tail}"
    remedy = "What was started is stopped; `tenure up` starts everything again."
    is_transient = False


class NoSuchPart(BadInput):
    """`tenure logs` knows no such part."""

    says = "There is no part '{part}'; there are {known}."


class NothingToFollow(BadInput):
    """The part has not written anything yet."""

    says = "'{part}' has no log at {file}."
    remedy = "`tenure up --detach` starts it."


class DeploymentMissing(Unreachable):
    """The Prefect server does not know the verb."""

    says = "The Prefect server at {address} has no deployment '{verb}'. Nothing was started."
    remedy = "`tenure sync` makes it."
    is_transient = False


class RunRefused(BadInput):
    """The Prefect server did not take a run's parameters."""

    says = "'{verb}' was not started: {detail}. Nothing was changed."


class RunEnded(RunFailed):
    """A run did not complete."""

    says = "Run '{run}' is {state}: {detail}"
    remedy = "{address} shows its tasks and its log."


class NoPromotion(CheckFailed):
    """A promotion was required, and the champion stays."""

    says = "Nothing was promoted for '{model}': {detail}"
    remedy = "`tenure show {model}` shows the gate's answers."


class SyncFailed(RunFailed):
    """`sync` ended without an answer."""

    says = "Prefect was not brought in line with the specs: {detail}"
    remedy = "Doing it again is safe."


class MetricUnknown(BadInput):
    """A spec names a metric that there is not, or not for this task."""

    says = "evaluation of '{model}' names the metric '{metric}', which is none for {kind}."
    remedy = "There are: {known}."


class BadTime(BadInput):
    """A time on the command line cannot be read."""

    says = "--{option} is {got}; wanted {wanted}. Nothing was changed."


class AmbiguousBatch(BadInput):
    """The beginning of a digest fits several batches."""

    says = "Model '{model}' has {count} batches that begin with {batch}. Nothing was changed."
    remedy = "Give more of the digest."


class NothingRecorded(BadInput):
    """The workspace was never used."""

    says = "'{folder}' holds no ledger: nothing was recorded there yet."
    remedy = "The first batch, or `tenure up`, makes it."


class BadHead(BadInput):
    """A head on the command line cannot be read."""

    says = "--head is {got}; wanted {wanted}. Nothing was changed."


class StillUp(RefusedByState):
    """Something runs that could write while the ledger is replaced."""

    says = "{parts} still run in this workspace. Nothing was changed."
    remedy = "`tenure down` stops them."


class FileMissing(BadInput):
    """A file on the command line is not there."""

    says = "There is no file {file}. Nothing was changed."


class BadAsk(BadInput):
    """What was given to predict for cannot be read."""

    says = "{what}: got {got}; wanted {wanted}. Nothing was predicted."


class EndpointRefuses(BadInput):
    """The prediction server refuses the request."""

    says = "The endpoint refuses the request: {detail}"


class EndpointBusy(Unreachable):
    """The prediction server has nothing that it could answer with."""

    says = "The endpoint cannot answer for '{model}': {detail}"
    remedy = "Ask again in a moment; --offline asks the champion without the endpoint."


class NoEndpoint(Unreachable):
    """No prediction server can be reached."""

    says = "No endpoint can be reached: {detail}."
    remedy = "`tenure up` starts one; --offline asks the champion without one."


class Crashed(RunFailed):
    """Something happened that Tenure did not foresee."""

    says = "{type} in `tenure {verb}`; its traceback is in {file}."
    remedy = "The ledger holds what was committed; `tenure verify` looks it over."


class UsageMistake(BadInput):
    """The command line cannot be understood."""

    says = "{problem}"
