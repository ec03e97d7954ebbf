"""What does an evaluation keep for people to look at, and in which shape?

`Evaluation.details` is the digest of one JSON object in the store; `load_details` returns it as the
mapping `Details` below. Every key is always there; what could not be made or does not fit the task
is `None` (a section) or an empty list (a table). Numbers are finite or `None`, never NaN. All
metrics are on the judged rows: the holdout, or the batches of a progressive comparison; whatever
stands beside the champion is on the rows of these that it had not seen either. Series for plots
hold at most `POINTS` points. Lines of a plot carry `who`: "candidate", "champion" or
"baseline".
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

FORMAT = 1
POINTS = 200
SCATTER_POINTS = 500

Who = Literal["candidate", "champion", "baseline"]


class JudgedRows(TypedDict):
    """What was judged, and what was left aside."""

    method: Literal["holdout", "progressive"]
    rows: int
    fitted_rows: int
    """Rows of the candidate's own training set."""
    positives: int | None
    """Two classes: judged rows of the positive class."""
    class_rows: list[dict[str, Any]]
    """Classification: `{"class": str, "rows": int}`, in class order; regression: empty."""
    champion: int | None
    """The version that the candidate was compared with."""
    compared_rows: int
    """Rows that neither candidate nor champion had seen; 0 where nothing was compared."""
    seen_by_champion: int
    """Judged rows that the champion was trained on, and that the comparison leaves out."""
    clusters: int
    """Groups or blocks of rows that the standard errors count as one."""
    clustered_by: str
    """In words: `rows`, `group 'customer'`, `blocks of 12 consecutive rows`."""
    split: str
    """In words: how the rows came to be held out, or which batches were judged."""
    start_at: str | None
    end_at: str | None
    """ISO times of the judged rows, where data.time is set."""


class MetricRow(TypedDict):
    """One metric, with 95 % interval, beside champion, baseline and floor: all on the same rows."""

    name: str
    primary: bool
    higher_is_better: bool
    value: float | None
    low: float | None
    high: float | None
    rows: int
    champion: float | None
    """None without a champion, and where it had seen some of these rows."""
    baseline: float | None
    floor: float | None
    floor_side: Literal["at_least", "at_most"] | None


class BatchRow(TypedDict):
    """The primary metric on one judged batch (progressive only)."""

    seq: int
    snapshot: str
    rows: int
    start_at: str | None
    end_at: str | None
    candidate: float | None
    """Of the recipe's fit that had not seen the batch."""
    champion: float | None
    """None where the champion had seen the batch; of a batch that it had seen in part, both values
    are of the rest, and `rows` counts that."""


class RecipeRow(TypedDict):
    """One competing recipe (a training span)."""

    recipe: str
    span: str
    candidate: str
    rows: int
    batches: int
    value: float | None
    difference: float | None
    """To the champion on the compared rows; positive favours the recipe."""
    standard_error: float | None
    chosen: bool


class SliceRow(TypedDict):
    """One slice of the judged rows."""

    column: str
    value: str
    rows: int
    share: float
    unknown: bool
    """Too small to judge; its values are shown and decide nothing."""
    metrics: list[dict[str, Any]]
    """`{"name", "value", "low", "high"}` each."""
    floors: list[dict[str, Any]]
    """`{"metric", "at_least", "at_most", "outcome"}` each; outcome is pass | fail | unknown."""


class CalibrationBin(TypedDict):
    """One bin of equal count."""

    low: float
    high: float
    rows: int
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


class Calibration(TypedDict):
    """How probabilities agree with what happened (many classes: of the predicted class)."""

    of: str
    """In words: whose probability."""
    bins: list[CalibrationBin]
    expected_calibration_error: float
    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    """Murphy's parts: brier ≈ reliability - resolution + uncertainty (over the bins)."""


class Curve(TypedDict):
    """One line; `x` and `y` are of equal length, at most POINTS."""

    who: Who
    x: list[float]
    y: list[float]
    area: float | None


class Curves(TypedDict):
    """Two classes only. roc: x false positive rate, y true positive rate.

    precision_recall: x recall, y precision.
    """

    roc: list[Curve]
    precision_recall: list[Curve]


class Confusion(TypedDict):
    """Counts; rows are true classes, columns predicted ones, both in `labels` order."""

    labels: list[str]
    counts: list[list[int]]
    shown: int
    """Classes shown; the rarest beyond 20 are gathered as 'other'."""


class Residuals(TypedDict):
    """Regression only. A residual is actual minus predicted."""

    actual: list[float]
    predicted: list[float]
    """A sample of at most SCATTER_POINTS judged rows, in the same order."""
    edges: list[float]
    """Histogram of residuals: len(counts) + 1 edges."""
    counts: list[int]
    """On the compared rows where champion_counts stands beside it, else on all."""
    champion_counts: list[int] | None
    """Of the champion's residuals on the compared rows, over the same edges."""
    mean: float
    deviation: float


class Importance(TypedDict):
    """How much the primary metric loses when a feature is shuffled."""

    feature: str
    mean: float
    deviation: float
    """Over the repeats."""
    share: float
    """Of the sum of all positive means; 0..1."""


class Importances(TypedDict):
    """Permutation importances, the most important first."""

    metric: str
    repeats: int
    rows: int
    """Rows used, capped; `rows_of` is how many there were."""
    rows_of: int
    features: list[Importance]


class LeakageFinding(TypedDict):
    """One sign that a feature knows the target."""

    kind: Literal["strong_feature", "determines", "sum_of_parts", "duplicates", "time_travel"]
    columns: list[str]
    outcome: Literal["pass", "warn", "fail"]
    """`pass` if accepted by evaluation.leakage.accept."""
    accepted: bool
    message: str
    value: float | None


class Leakage(TypedDict):
    """What was looked for, on how many rows, and what was found."""

    rows: int
    """Different rows that were looked at, of `rows_of`."""
    rows_of: int
    accepted: list[str]
    findings: list[LeakageFinding]


class Agreement(TypedDict):
    """How the fit that takes office agrees with its earlier fits (progressive only)."""

    rows: int
    disagreement: float
    """Mean absolute difference of predictions (probabilities, or in spreads of the target)."""
    usual: float | None
    """The largest between consecutive earlier fits; None with a single one."""
    allowed: float
    fits: int
    """Earlier fits that were asked."""
    newest_value: float | None
    """Primary metric of the fit that takes office on the newest batch (which it has seen)."""
    earlier_value: float | None
    """The same of the fit before it, which had not."""
    outcome: Literal["pass", "warn", "fail", "unknown"]


class Details(TypedDict):
    """The whole object."""

    format: int
    model: str
    candidate: str
    task: Literal["classification", "regression"]
    target: str
    classes: list[str]
    positive: str | None
    """Two classes: the one that counts as positive (the last in class order)."""
    primary: str
    judged: JudgedRows
    metrics: list[MetricRow]
    """On all judged rows."""
    compared: list[MetricRow]
    """The same on the rows that neither had seen, beside the champion; empty where those are all
    of the judged rows, or none. Floors are asked on all rows, so none stands here."""
    batches: list[BatchRow]
    recipes: list[RecipeRow]
    slices: list[SliceRow]
    calibration: Calibration | None
    curves: Curves | None
    confusion: Confusion | None
    residuals: Residuals | None
    importances: Importances | None
    leakage: Leakage | None
    agreement: Agreement | None
    notes: list[str]
    """Sentences that the page shows: what was capped, left out, corrected."""
