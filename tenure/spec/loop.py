"""What may a user write about a model in office: monitoring, decisions, retirement, notices?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tenure.spec.section import Section, Share

OfWindows = Annotated[str, Field(pattern=r"^[1-9]\d? of [1-9]\d?$")]
NumericMethod = Literal["wasserstein", "ks", "psi", "kl_div", "jensenshannon", "hellinger"]
CategoricalMethod = Literal["jensenshannon", "psi", "kl_div", "chisquare", "hellinger"]
Positive = Annotated[float, Field(gt=0)]
Fate = Annotated[str, Field(pattern=r"^(keep|delete|hold|[1-9]\d* days)$")]


class WindowSpec(Section):
    """Which rows one reading judges; a window closes by time, by rows or by batch."""

    days: Positive | None = None
    """Windows of so many days of data time."""
    rows: Annotated[int, Field(ge=1)] | None = None
    """Windows of so many rows, in order."""
    batches: Annotated[int, Field(ge=1, le=52)] | None = None
    """Windows of so many accepted batches; one batch if nothing else is said."""

    @model_validator(mode="after")
    def _one_kind(self) -> WindowSpec:
        if sum(each is not None for each in (self.days, self.rows, self.batches)) > 1:
            raise ValueError("one of days, rows and batches")
        return self

    @property
    def kind(self) -> Literal["days", "rows", "batches"]:
        """By what it closes."""
        return "days" if self.days else "rows" if self.rows else "batches"

    @property
    def size(self) -> float:
        """Of how many of those."""
        return self.days or self.rows or self.batches or 1


class Rung(Section):
    """From where on a window is this bad; each number that is given is used as it stands."""

    share: Share | None = None
    """Share of the judged columns that drift, by Evidently's verdict."""
    weighted_share: Share | None = None
    """The same, each column weighted by its importance to the model."""
    score: Positive | None = None
    """Evidently's score of any one column."""
    columns: dict[str, Positive] = Field(default_factory=dict)
    """Evidently's score of a column, by its name."""
    prediction: Positive | None = None
    """Evidently's score of the predictions against those at registration."""
    missing_share: Share | None = None
    """Share of missing values of any one column, beyond the reference's."""
    new_category_share: Share | None = None
    """Share of rows with a category of a column that the reference does not hold."""
    out_of_range_share: Share | None = None
    """Share of rows outside the range of a column that the reference has."""
    constant: bool | None = None
    """Whether a column that varied stands still, or one that stood still varies."""
    volume_below: Positive | None = None
    """Rows of the window as a share of what is usual."""
    metrics_below: dict[str, float] = Field(default_factory=dict)
    """Floors of metrics on labels; a window below one crosses."""
    metrics_above: dict[str, float] = Field(default_factory=dict)
    """Ceilings of error metrics on labels; a window above one crosses."""
    windows: OfWindows = "2 of 3"
    """In how many of how many of the last windows, the last one among them."""

    @model_validator(mode="after")
    def _count(self) -> Rung:
        wanted, among = self.k_of_n
        if wanted > among:
            raise ValueError("not more windows than are looked at, such as '2 of 3'")
        return self

    @property
    def k_of_n(self) -> tuple[int, int]:
        """How many of how many windows."""
        wanted, _, among = self.windows.partition(" of ")
        return int(wanted), int(among)


class MonitoringSpec(Section):
    """What is watched while the model serves, and from where on it is bad.

    Without `warn`, `retrain` and `retire` thresholds are calibrated at registration from held-out
    windows of the reference and only warn.
    """

    enabled: bool = True
    """Whether anything is watched."""
    window: WindowSpec = WindowSpec()
    """Which rows one reading judges."""
    source: Literal["auto", "data", "predictions"] = "auto"
    """`data`: the batches that arrived; `predictions`: the log of what was asked; `auto`: data for
    windows by batches, predictions otherwise."""
    min_rows: Annotated[int, Field(ge=1)] = 300
    """A window with fewer rows is unknown."""
    columns: list[str] = Field(default_factory=list)
    """Which columns are judged for drift; every feature if empty."""
    leave_out: list[str] = Field(default_factory=list)
    """Columns that are not judged: a season's own."""
    numeric_method: NumericMethod = "wasserstein"
    """Evidently's method for numbers (`wasserstein` is its normed one)."""
    categorical_method: CategoricalMethod = "jensenshannon"
    """Evidently's method for categories, texts and bools."""
    methods: dict[str, NumericMethod | CategoricalMethod] = Field(default_factory=dict)
    """Evidently's method of a column, by its name."""
    thresholds: dict[str, Positive] = Field(default_factory=dict)
    """From which score on a column drifts, by its name; calibrated for the others."""
    threshold: Positive | None = None
    """From which score on any column without a threshold of its own drifts; None calibrates."""
    warn: Rung | None = None
    """From where on people are told."""
    retrain: Rung | None = None
    """From where on a challenger is trained on newer data."""
    retire: Rung | None = None
    """From where on the champion is taken out of office."""
    false_alarms_per_year: Positive = 1.0
    """What calibrated thresholds aim at on data that does not change."""
    max_unknown_windows: Annotated[int, Field(ge=1)] = 3
    """So many windows in a row that could not be judged become a warning."""
    keep_pages: Annotated[int, Field(ge=1)] = 8
    """Evidently's pages of so many windows are kept, and those that a case cites."""


class DecisionsSpec(Section):
    """What follows from a bad window, and what holds it back."""

    dry_run: bool = False
    """Decide and say, but do nothing."""
    cooldown_hours: Annotated[float, Field(ge=0)] = 24.0
    """How long after a retrain nothing is trained again because of drift."""
    max_attempts: Annotated[int, Field(ge=1)] = 3
    """Retrains because of one trouble before `when_attempts_spent`."""
    attempts_per_day: Annotated[int, Field(ge=1)] = 2
    """Retrains in 24 hours, at most."""
    when_attempts_spent: Literal["ask", "retire", "keep"] = "ask"
    """What follows when no challenger won: ask a person, retire, or keep and warn."""
    max_age_days: Positive | None = None
    """A champion older than this is retrained."""
    max_days_without_labels: Positive | None = None
    """Without labels for so long, people are told."""
    max_cases_per_year: Annotated[int, Field(ge=1)] = 12
    """Automatic retirements in 365 days, at most; then a person is asked."""
    approve_within_hours: Positive = 72.0
    """How long a case waits for approval."""
    when_not_answered: Literal["keep", "retire"] = "keep"
    """What a deadline that passes does."""


class RetentionSpec(Section):
    """What happens to what a retired version leaves: `keep`, `delete`, `hold` or `365 days`."""

    artifact: Fate = "keep"
    """The fitted model, in the archive that the endpoint cannot read."""
    snapshots: Fate = "keep"
    """The data that only this version was trained on."""
    predictions: Fate = "keep"
    """The log of its predictions."""
    quarantine: Fate = "keep"
    """The batches that were put aside while it served."""
    reports: Fate = "keep"
    """Validation reports, readings and pages."""


class RetirementSpec(Section):
    """How a version is retired, and what happens to what it leaves behind."""

    keep_superseded_days: Annotated[float, Field(ge=0)] = 30.0
    """How long a former champion stays on standby before it is retired as replaced."""
    answer: Literal["fallback", "gone"] = "fallback"
    """Who asks for the model after its champion was retired gets the fallback's answer, or 410."""
    drain_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    """How long requests in flight may take before the version is unloaded."""
    undo_hours: Annotated[float, Field(ge=0)] = 72.0
    """For how long `tenure restore` needs nothing but a reason; later it needs a person's name."""
    retention: RetentionSpec = RetentionSpec()
    """What happens to what it leaves."""


class NotifySpec(Section):
    """Who is told of warnings, cases, retirements and halts; texts hold no row values."""

    to: list[str] = Field(default_factory=list)
    """Names of environment variables that hold Apprise URLs (Slack, Teams, e-mail, webhooks);
    a secret never stands in a spec."""
    weekly: bool = False
    """Whether a digest goes out each Monday."""
    allow_hosts: list[str] = Field(default_factory=list)
    """Hosts inside private networks that may be told."""
