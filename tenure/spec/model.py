"""What may a user write in config/models/<model>.yaml?

Frozen pydantic models; unknown keys are refused; everything that can have a sound default has one.
The sections that are frozen with a version are `data`, `expectations`, `training` and `evaluation`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, model_validator

from tenure.spec.guarding import GuardsSpec
from tenure.spec.loop import DecisionsSpec, MonitoringSpec, NotifySpec, RetirementSpec
from tenure.spec.rollout import RolloutSpec
from tenure.spec.section import ColumnType, ModelName, Section, Share


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


class LabelsSpec(Section):
    """Where the truth about logged predictions comes from, and how it finds its prediction."""

    source: str | None = None
    """A folder or an fsspec URL of CSV or Parquet files with `key` and the target; without one the
    model's own accepted batches; `feedback` for what clients tell the prediction server, which
    counts in any case, and nothing else."""
    key: list[str] = Field(default_factory=lambda: ["id"], min_length=1)
    """`[id]` joins by the prediction's id; columns of the input join by their values."""
    delay_days: Annotated[float, Field(ge=0)] = 0.0
    """How long labels usually take; a window's labels are looked for until then and as long again.
    """


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
    missing: list[str] = Field(default_factory=lambda: [""])
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
    labels: LabelsSpec | None = None
    """Where the truth about logged predictions comes from; arrived batches carry their own."""
    max_rows: Annotated[int, Field(ge=1)] = 5_000_000
    """A batch with more rows is quarantined."""
    future_tolerance_hours: Annotated[float, Field(ge=0)] = 24.0
    """How far in the future a row's time may lie."""


class TrainingChecks(Section):
    """What must hold of a training set before anything is fitted; None does not look."""

    min_rows: Annotated[int, Field(ge=2)] = 50
    """Rows with a label, at least."""
    min_per_class: Annotated[int, Field(ge=2)] = 5
    """Rows of the rarest class, at least."""
    max_classes: Annotated[int, Field(ge=2)] = 100
    """Classes at most; more look like a number or a key."""
    max_duplicate_share: Share | None = 0.5
    """Share of rows that repeat another one, at most."""
    max_gap_days: Annotated[float, Field(gt=0)] | None = None
    """The longest stretch of time without a row."""
    max_age_days: Annotated[float, Field(gt=0)] | None = None
    """How old the newest row may be."""
    min_label_share: Share | None = 0.9
    """Share of rows with a label, at least."""


class SplitSpec(Section):
    """Which rows are held out from a fit to judge it."""

    by: Literal["auto", "time", "stratified", "grouped", "random"] = "auto"
    """`auto`: grouped if data.group is set, time if data.time is, stratified otherwise; `random` is
    scikit-learn's `train_test_split` with training.seed."""
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of rows that are held out."""


class TrainingSpec(Section):
    """How a model is fitted."""

    pipeline: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
    """`module:function`, a function that returns an unfitted estimator."""
    parameters: dict[str, object] = Field(default_factory=dict)
    """Passed to that function by keyword."""
    task: Literal["auto", "classification", "regression"] = "auto"
    """`auto` asks the estimator."""
    spans: list[Annotated[str, Field(pattern=r"^(all|[1-9]\d* (days|weeks|batches))$")]] = Field(
        default_factory=lambda: ["all"]
    )
    """Stretches of data that compete as candidates: `all`, `8 weeks`, `90 days`, `12 batches`."""
    split: SplitSpec = SplitSpec()
    """Which rows are held out to judge a fit."""
    checks: TrainingChecks = TrainingChecks()
    """What must hold of the data before anything is fitted."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Given to every random_state of the pipeline that is not set, and to splits."""
    warm_start: bool = False
    """Begin with the champion's fitted parameters where the estimator can."""
    on_arrival: bool = True
    """Whether an accepted batch leads to training."""
    allow: list[str] = Field(default_factory=list)
    """Your own classes and functions (`module.name`) that the artifact may name."""


class Floor(Section):
    """An absolute threshold of a metric."""

    at_least: float | None = None
    """The least value that passes."""
    at_most: float | None = None
    """The greatest value that passes."""

    @model_validator(mode="after")
    def _one_side(self) -> Floor:
        if self.at_least is None and self.at_most is None:
            raise ValueError("at_least or at_most")
        return self


class SliceFloor(Section):
    """A floor that every slice of a column must hold."""

    column: str
    """The column whose values are the slices."""
    metric: str
    """The metric that each slice is judged by."""
    at_least: float | None = None
    """The least value that passes."""
    at_most: float | None = None
    """The greatest value that passes."""
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
    """Whether a candidate must be better than the champion, or only no worse."""
    z: Annotated[float, Field(ge=0, le=10)] = 1.64
    """How many standard errors better (`better`) or worse (`not_worse`) on the primary metric."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """The least difference that matters, in the primary metric's unit."""
    accept_noise: bool = False
    """Needed for z below 1.28 or `not_worse`: promotions by chance are then frequent."""
    min_rows: Annotated[int, Field(ge=1)] = 30
    """Rows that a comparison needs; with fewer its verdict is unknown."""
    min_positives: Annotated[int, Field(ge=1)] = 5
    """Rows of the rarer class that a comparison needs."""
    resamples: Annotated[int, Field(ge=100, le=10_000)] = 1_000
    """Resamples of the paired bootstrap."""


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
    """When a candidate takes the slot."""
    slices: list[str] = Field(default_factory=list)
    """Columns by whose values metrics are shown apart."""
    slice_floors: list[SliceFloor] = Field(default_factory=list)
    """Floors that every slice must hold."""
    leakage: LeakageSpec = LeakageSpec()
    """Which signs of leakage are accepted."""


class CompiledSpec(Section):
    """How a plan may answer in the estimator's place."""

    tolerance: Annotated[float, Field(ge=0, le=1e-3)] = 1e-9
    """The largest difference of a probability (or of a number, relative to its size where that is
    above one) from scikit-learn's own; labels are always equal."""


class ServingSpec(Section):
    """How predictions are made and logged."""

    log: Literal["inputs", "outputs", "off"] = "inputs"
    """What the prediction log keeps of a request, beside id, time and version."""
    log_leave_out: list[str] = Field(default_factory=list)
    """Input columns that the log never holds; treated columns are treated there as well."""
    compiled: CompiledSpec | Literal[False] = CompiledSpec()
    """How far a plan made at registration may be from the estimator in whose place it answers;
    `false`: scikit-learn answers itself."""
    log_when_full: Literal["drop", "refuse"] = "drop"
    """What happens to a request that the log has no room for: answered and counted, or refused with
    503, so that nothing is answered that is not on record."""
    log_keep_days: Annotated[int, Field(ge=1)] = 183
    """For how many days the log is kept, at least; today's spec rules. 183 are the six months that
    the EU's AI Act asks of high-risk systems."""
    guards: GuardsSpec = GuardsSpec()
    """Which rows and answers are held up."""


class DeploymentSpec(Section):
    """How a model serves."""

    serving: ServingSpec = ServingSpec()
    """How predictions are made and logged."""
    fallback: Literal["baseline", "previous", "constant", "rule", "none"] = "baseline"
    """What answers once the champion is retired without a successor: the gate's dummy, the newest
    former champion that is still fit (or the dummy), a constant, an estimator of yours, or nothing
    (the endpoint then answers 503)."""
    rule: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")] | None = None
    """`module:function` that returns the unfitted estimator of `fallback: rule`."""
    constant: str | float | bool | None = None
    """What `fallback: constant` predicts: a class that the model knows, or a number."""
    may_leave_vacant: bool = False
    """Whether automation may leave the slot vacant; needed for `fallback: none` to retire."""
    rollout: RolloutSpec | None = None
    """By which steps a new version takes over; at once if not given."""


class ScoringSpec(Section):
    """Files in, predictions out, by the `score` flow."""

    source: str
    """A folder or an fsspec URL where files to predict for arrive."""
    destination: str
    """A folder or an fsspec URL for the predictions, outside the source."""
    pattern: str = "*"
    """Which names in the source are files to predict for, as a glob."""
    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """How many processes of this machine score, 1: the run's own; by default as many as pay."""
    cluster: Annotated[str, Field(pattern=r"^(tcp|tls|ws|wss|ucx)://\S+$")] | None = None
    """The address of a Dask scheduler whose workers score, such as tcp://10.0.0.7:8786."""


class SchedulesSpec(Section):
    """When flows run for this model; cron lines in the model's own time zone."""

    timezone: str = "UTC"
    """The zone that the cron lines are meant in."""
    train: str | None = None
    """When to train, such as '0 2 * * *': minute hour day month weekday."""
    ingest: str | None = None
    """When to look for new batches, beside the watcher."""
    score: str | None = None
    """When to predict for files; wants a scoring section."""
    monitor: str | None = None
    """When to judge the windows that have closed, beside their closing itself."""


class ModelSpec(Section):
    """One model, whole."""

    name: ModelName
    """The model's name, as its file is called."""
    owner: Annotated[str, Field(min_length=1)]
    """Who answers for the model: a team or an address."""
    purpose: str = ""
    """What the model is for, in a sentence."""
    tier: Literal["low", "medium", "high"] = "low"
    """How much depends on it: `low` promotes by itself; `medium` and `high` want approvals."""
    data: DataSpec
    """Where batches come from and what a row holds."""
    expectations: str | None = None
    """A suite's file name under config/expectations/, without its ending."""
    training: TrainingSpec
    """How the model is fitted."""
    evaluation: EvaluationSpec = EvaluationSpec()
    """How a candidate is judged."""
    deployment: DeploymentSpec = DeploymentSpec()
    """How the model serves."""
    monitoring: MonitoringSpec = MonitoringSpec()
    """What is watched while the model serves, and from where on it is bad."""
    decisions: DecisionsSpec = DecisionsSpec()
    """What follows from a bad window, and what holds it back."""
    retirement: RetirementSpec = RetirementSpec()
    """How a version is retired, and what happens to what it leaves behind."""
    notify: NotifySpec = NotifySpec()
    """Who is told."""
    scoring: ScoringSpec | None = None
    """Files in, predictions out."""
    schedules: SchedulesSpec = SchedulesSpec()
    """When flows run."""
    _suite: Any = PrivateAttr(default=None)

    @property
    def approvals_wanted(self) -> int:
        """How many people must agree before automation acts, by tier."""
        return {"low": 0, "medium": 1, "high": 2}[self.tier]

    @property
    def suite(self) -> Any:
        """The content of the suite's file as plain values, as it was when the spec was loaded."""
        return self._suite

    def with_suite(self, content: Any) -> ModelSpec:
        """Return this spec with the content of its suite's file."""
        twin = self.model_copy()
        twin._suite = content
        return twin
