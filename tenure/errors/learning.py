"""What can go wrong between a file and a judged candidate?"""

from __future__ import annotations

from tenure.errors.family import BadInput, RefusedByState, RunFailed, Unreachable


class BadFile(BadInput):
    """A file cannot be read as rows."""

    says = "'{name}' cannot be read: {detail}"


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
    remedy = "The rows passed training.checks."


class NothingToJudge(BadInput):
    """An evaluation was asked for without a candidate."""

    says = "There is no candidate of '{model}' to judge."
    remedy = "`tenure train {model}` fits some."


class BadRows(BadInput):
    """Rows cannot be brought into the types that a model was fitted on."""

    says = "Column '{column}' holds {got}; wanted {wanted}."


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


class MetricUnknown(BadInput):
    """A spec names a metric that there is not, or not for this task."""

    says = "evaluation of '{model}' names the metric '{metric}', which is none for {kind}."
    remedy = "There are: {known}."


class AmbiguousBatch(BadInput):
    """The beginning of a digest fits several batches."""

    says = "Model '{model}' has {count} batches that begin with {batch}. Nothing was changed."
    remedy = "Give more of the digest."
