"""What can commands, runs and endpoints refuse or miss?"""

from __future__ import annotations

from tenure.errors.family import BadInput, CheckFailed, RefusedByState, RunFailed, Unreachable


class ScoringRefused(BadInput):
    """A model's files cannot be scored as its spec says."""

    says = "Scoring of '{model}' is refused: {detail}. Nothing was written."
    remedy = "Look at `scoring` in config/models/{model}.yaml."


class SlotVacant(RefusedByState):
    """There was a champion, and nobody is in office now."""

    says = "Nobody is in office for '{model}' since {since} UTC: {why} Nothing was written."
    remedy = "`tenure restore {model}` or `tenure deploy {model}` puts a version there."


class ExportRefused(RefusedByState):
    """A version cannot be written out for other servers."""

    says = "Version {version} of '{model}' is not exported: {detail}. Nothing was written."


class ClusterUnreachable(Unreachable):
    """The cluster that is to score cannot be used."""

    says = "The Dask cluster at {address} cannot be used: {detail}. What was scored before stays."
    remedy = "`--workers N` scores on this machine."


class BadRequest(BadInput):
    """What was sent for a prediction is not what the model takes."""

    says = "{detail}"


class NoPrefectServer(Unreachable):
    """No Prefect server is known, or the known one does not answer."""

    says = "There is no Prefect server: {detail}. Nothing was started."
    remedy = "`tenure up --detach` starts one."
    is_transient = False


class CredentialRefused(Unreachable):
    """The Prefect server is there and lets nobody in without its credential."""

    says = "The Prefect server at {address} refuses {got}. Nothing was started."
    remedy = (
        "Set PREFECT_API_AUTH_STRING to what the server's PREFECT_SERVER_API_AUTH_STRING holds."
    )
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


class BadTime(BadInput):
    """A time on the command line cannot be read."""

    says = "--{option} is {got}; wanted {wanted}. Nothing was changed."


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


class Unforeseen(RunFailed):
    """A library or a user's code raised; its text may quote a row, so it is kept apart."""

    says = "{type} at {where}, failure {id}; its full text is in {file}."
    remedy = "The ledger holds what was committed; `tenure verify` looks it over."


class Disturbed(Unreachable):
    """A disk or a network failed; trying again may help."""

    says = "{type} at {where}, failure {id}; its full text is in {file}."
    remedy = "Runs try it again by themselves, a few times."


class UsageMistake(BadInput):
    """The command line cannot be understood."""

    says = "{problem}"


class OpenToAll(BadInput):
    """A prediction server would listen to other machines, and nobody would need a key."""

    says = "{host} can be reached by other machines, and no key is configured. Nothing listens."
    remedy = (
        "`tenure key add NAME --role predict` makes a key; `--open` lets everybody in on purpose."
    )


class KeyFileBroken(Unreachable):
    """The file with the prediction server's keys cannot be used."""

    says = "The keys of the prediction server in {file} cannot be used: {detail}."
    remedy = "Nothing was changed; put its backup back, or delete it and make new keys."
    is_transient = False


class NoSuchKey(BadInput):
    """There is no key of this id."""

    says = "There is no key '{key}'. Nothing was changed."
    remedy = "`tenure key list` shows them."


class BadKeyAsked(BadInput):
    """A key was asked for that would be of no use."""

    says = "{what} is {got}; wanted {wanted}. No key was made."


class BadServing(BadInput):
    """The prediction server was told something that it cannot do."""

    says = "{what}: got {got}; wanted {wanted}. Nothing listens."


class CrashesServer(RefusedByState):
    """A version has crashed server processes, which load it no more."""

    says = (
        "Version {version} of '{model}' crashed {times} server processes since it took its slot "
        "(epoch {epoch}) and is not loaded again."
    )
    remedy = "`tenure rollback {model}` puts another one there; a new epoch of it is tried again."


class RequestRefused(BadInput):
    """The prediction server does not take what it was sent."""

    says = "The prediction server refuses the request: {detail}"

    @property
    def field(self) -> str | None:
        """What is meant, as a JSON pointer into what was sent; None if the server does not say."""
        return self.facts.get("field")


class NotServed(BadInput):
    """The prediction server knows no such model or version."""

    says = "The prediction server does not serve it: {detail}"


class AnswersNoMore(RefusedByState):
    """The model or version was retired."""

    says = "The prediction server answers no more for it: {detail}"

    @property
    def successor(self) -> str | None:
        """The address of what answers in its place; None if nothing does."""
        return self.facts.get("successor")


class KeyRefused(RefusedByState):
    """The prediction server wants another key, or one at all."""

    says = "The prediction server refuses the key: {detail}"


class ServerUnavailable(Unreachable):
    """The prediction server cannot be reached, or cannot answer now."""

    says = "The prediction server at {url} does not answer: {detail} Tried {tries} time(s)."
