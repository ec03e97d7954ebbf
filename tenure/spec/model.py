"""What may a user write in config/models/<model>.yaml?

Frozen pydantic models; unknown keys are refused; everything that can have a sound default has one.
The sections that are frozen with a version are `data`, `expectations`, `training` and `evaluation`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
ColumnType = Literal["int64", "float64", "string", "bool", "category", "datetime", "date"]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of a spec: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Task(StrEnum):
    """What kind of prediction a model makes."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"


class TimeSpec(Section):
    """Which columns say when a row happened, and how to read them."""

    columns: list[str] = Field(min_length=1, max_length=3)
    """One column with a time; or a date and an hour of the day (0..23)."""
    format: str | None = None
    """A strptime format for the first column; ISO 8601 if not given."""
    timezone: str = "UTC"
    """Zone of times that carry none."""


class Coarsen(Section):
    """Replace a value by the band that it lies in."""

    coarsen: Literal["month", "year"] | Annotated[float, Field(gt=0)]
    """`month` or `year` for a date, a width for a number."""


class DataSpec(Section):
    """Where batches come from, what a row holds, and how it is treated before it is stored."""

    source: str
    """A folder (relative to the workspace) or an fsspec URL where batches arrive."""
    target: str
    """The column to predict."""
    format: Literal["auto", "csv", "parquet", "jsonl"] = "auto"
    """`auto` goes by the file's ending."""
    pattern: str = "*"
    """Which names in the source are batches, as a glob; never those that begin with '.' or '_'."""
    columns: dict[str, ColumnType] = Field(default_factory=dict)
    """The exact columns and their types; learned from the first good batch and kept, if empty."""
    missing: list[str] = [""]
    """Texts in CSV that mean a missing value; 'NA' and 'None' are ordinary texts unless listed."""
    time: TimeSpec | None = None
    """When rows happened; without it batches are ordered by arrival."""
    key: list[str] = Field(default_factory=list)
    """Columns that identify a row; never features."""
    group: str | None = None
    """A column whose rows belong together (a customer): split and resampled as one; no feature."""
    leave_out: list[str] = Field(default_factory=list)
    """Columns that are kept but are no features."""
    on_correction: Literal["latest_wins", "reject"] = "reject"
    """What happens to a key that an earlier batch already brought."""
    treat: dict[str, Literal["drop", "mask", "pseudonymise"] | Coarsen] = Field(
        default_factory=dict
    )
    """How personal columns are treated before anything is stored."""
    not_personal: list[str] = Field(default_factory=list)
    """Columns whose texts look personal (numbers like phones) and are not: not searched."""
    max_rows: Annotated[int, Field(ge=1)] = 5_000_000
    """A batch with more rows is quarantined."""
    future_tolerance_hours: Annotated[float, Field(ge=0)] = 24.0
    """How far in the future a row's time may lie."""


class TrainingChecks(Section):
    """What must hold of a training set before anything is fitted; None does not look."""

    min_rows: Annotated[int, Field(ge=2)] = 50
    min_per_class: Annotated[int, Field(ge=2)] = 5
    max_classes: Annotated[int, Field(ge=2)] = 100
    max_duplicate_share: Share | None = 0.5
    max_gap_days: Annotated[float, Field(gt=0)] | None = None
    max_age_days: Annotated[float, Field(gt=0)] | None = None
    min_label_share: Share | None = 0.9


class SplitSpec(Section):
    """Which rows are held out from a fit to judge it."""

    by: Literal["auto", "time", "stratified", "grouped"] = "auto"
    """`auto`: grouped if data.group is set, time if data.time is, stratified otherwise."""
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.3


class TrainingSpec(Section):
    """How a model is fitted."""

    pipeline: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:function`, a function that returns an unfitted estimator."""
    parameters: dict[str, object] = Field(default_factory=dict)
    """Passed to that function by keyword."""
    task: Literal["auto", "classification", "regression"] = "auto"
    """`auto` asks the estimator."""
    spans: list[Annotated[str, Field(pattern=r"^(all|[1-9]\d* (days|weeks|batches))$")]] = ["all"]
    """Stretches of data that compete as candidates: `all`, `8 weeks`, `90 days`, `12 batches`."""
    split: SplitSpec = SplitSpec()
    checks: TrainingChecks = TrainingChecks()
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    warm_start: bool = False
    """Begin with the champion's fitted parameters where the estimator can."""
    on_arrival: bool = True
    """Whether an accepted batch leads to training."""
    allow: list[str] = Field(default_factory=list)
    """Your own classes and functions (`module.name`) that the artifact may name."""


class Floor(Section):
    """An absolute threshold of a metric."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Floor:
        if self.at_least is None and self.at_most is None:
            raise ValueError("a gate wants at_least or at_most")
        return self


class SliceFloor(Section):
    """A floor that every slice of a column must hold."""

    column: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    min_rows: Annotated[int, Field(ge=1)] = 100
    """A smaller slice is unknown and blocks nothing."""


class GateSpec(Section):
    """When a candidate takes the champion's slot."""

    mode: Literal["enabled", "dry_run", "disabled"] = "enabled"
    """`dry_run` judges and promotes nothing; `disabled` promotes what passes the floors."""
    compare: Literal["auto", "holdout", "progressive"] = "auto"
    """`auto`: progressive once `batches` batches have judged the recipe, holdout until then."""
    batches: Annotated[int, Field(ge=1, le=52)] = 4
    """How many of the newest batches a progressive comparison covers."""
    rule: Literal["better", "not_worse"] = "better"
    z: Annotated[float, Field(ge=0, le=10)] = 1.64
    """How many standard errors better (`better`) or worse (`not_worse`) on the primary metric."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """The least difference that matters, in the primary metric's unit."""
    accept_noise: bool = False
    """Needed for z below 1.28 or `not_worse`: promotions by chance are then frequent."""
    min_rows: Annotated[int, Field(ge=1)] = 30
    min_positives: Annotated[int, Field(ge=1)] = 5
    resamples: Annotated[int, Field(ge=100, le=10_000)] = 1_000


class LeakageSpec(Section):
    """Which signs of leakage are known and accepted."""

    accept: list[str] = Field(default_factory=list)
    """Columns that may determine the target, or be a part of it."""


class EvaluationSpec(Section):
    """How a candidate is judged."""

    primary: str | None = None
    """The metric that decides; by default average_precision (two classes), accuracy, or
    mean_absolute_error."""
    gates: dict[str, Floor] = Field(default_factory=dict)
    """Absolute thresholds, by metric."""
    gate: GateSpec = GateSpec()
    slices: list[str] = Field(default_factory=list)
    """Columns by whose values metrics are shown apart."""
    slice_floors: list[SliceFloor] = Field(default_factory=list)
    leakage: LeakageSpec = LeakageSpec()


class ServingSpec(Section):
    """How predictions are made and logged."""

    log: Literal["inputs", "outputs", "off"] = "inputs"
    """What the prediction log keeps of a request, beside id, time and version."""
    log_leave_out: list[str] = Field(default_factory=list)
    """Input columns that the log never holds; treated columns are treated there as well."""


class DeploymentSpec(Section):
    """How a model serves."""

    serving: ServingSpec = ServingSpec()


class ScoringSpec(Section):
    """Files in, predictions out, by the `score` flow."""

    source: str
    destination: str
    pattern: str = "*"


class SchedulesSpec(Section):
    """When flows run for this model; cron lines in the model's own time zone."""

    timezone: str = "UTC"
    train: str | None = None
    ingest: str | None = None
    score: str | None = None


class ModelSpec(Section):
    """One model, whole."""

    name: ModelName
    owner: Annotated[str, Field(min_length=1)]
    purpose: str = ""
    tier: Literal["low", "medium", "high"] = "low"
    data: DataSpec
    expectations: str | None = None
    """A suite's file name under config/expectations/, without its ending."""
    training: TrainingSpec
    evaluation: EvaluationSpec = EvaluationSpec()
    deployment: DeploymentSpec = DeploymentSpec()
    scoring: ScoringSpec | None = None
    schedules: SchedulesSpec = SchedulesSpec()
    _suite: Any = PrivateAttr(default=None)

    @property
    def suite(self) -> Any:
        """The content of the suite's file as plain values, as it was when the spec was loaded."""
        return self._suite

    def with_suite(self, content: Any) -> ModelSpec:
        """Return this spec with the content of its suite's file."""
        twin = self.model_copy()
        twin._suite = content
        return twin
