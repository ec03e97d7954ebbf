"""A model with data in a ledger, for the tests of training and evaluation."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import yaml

from tenure import evaluation, training
from tenure.records import Candidate, Column, Evaluation, Snapshot, digest_of
from tenure.registry import open_ledger
from tenure.registry.arrow import with_categories
from tenure.registry.frames import cast, to_table, write_frame
from tenure.workspace import Workspace

ACTOR = "person:ann"
TYPES = {"i": "int64", "f": "float64", "b": "bool", "M": "datetime"}

RECIPES = textwrap.dedent(
    """
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


    def logistic(C=1.0, **rest):
        return make_pipeline(StandardScaler(), LogisticRegression(C=C, **rest))


    def mixed():
        return make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), ["kind"]),
                remainder=StandardScaler(),
            ),
            LogisticRegression(),
        )


    def forest(n_estimators=30, max_depth=6):
        return RandomForestClassifier(n_estimators=n_estimators, max_depth=max_depth)


    def boosting(**parameters):
        return HistGradientBoostingClassifier(max_iter=20, **parameters)


    def line():
        return make_pipeline(StandardScaler(), LinearRegression())


    def trees(**parameters):
        return HistGradientBoostingRegressor(max_iter=30, **parameters)


    def sgd():
        return make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss"))


    def with_lambda():
        return make_pipeline(FunctionTransformer(lambda frame: frame), LogisticRegression())


    def transformer():
        return StandardScaler()


    def failing():
        return make_pipeline(FunctionTransformer(_fail), LogisticRegression())


    def _fail(frame):
        raise ValueError(f"could not convert string to float: '{frame.iloc[0, 0]}'")
    """
)


@dataclass
class House:
    """One model of a workspace, whose batches a test hands in as frames."""

    workspace: Workspace
    name: str = "fraud"
    spec: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def write(self, pipeline: str = "logistic", **sections: Any) -> None:
        """Write the spec: `training`, `evaluation` and `data` are merged into a short one."""
        spec = {
            "name": self.name,
            "owner": "risk@bank.example",
            "tier": sections.get("tier", "low"),
            "data": {"source": "data", "target": "y", **sections.get("data", {})},
            "training": {
                "pipeline": f"house_recipes:{pipeline}",
                **sections.get("training", {}),
            },
            "evaluation": sections.get("evaluation", {}),
        }
        self.spec = spec
        file = self.workspace.models_folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump(spec))
        (self.workspace.root / "house_recipes.py").write_text(RECIPES)

    def add(self, frame: pd.DataFrame, report: str = "1" * 64) -> Snapshot:
        """Accept a frame as the next batch; without data.time it has no time column."""
        if not self.spec["data"].get("time") and "at" in frame:
            frame = frame.drop(columns="at")
        ledger = open_ledger(self.workspace)
        columns = tuple(
            Column(name=str(name), type=self.types.get(str(name)) or _type(frame[name]))
            for name in frame
        )
        categories = {
            name: tuple(sorted({str(each) for each in frame[name].dropna()}))
            for name in frame
            if _type(frame[name]) == "category"
        }
        columns = tuple(
            Column(name=each.name, type=each.type, categories=categories.get(each.name, ()))
            for each in columns
        )
        kept, size, digest = write_frame(frame, columns, self.workspace)
        batch = digest_of([digest, len(ledger.snapshots(self.name))])
        name = f"batch-{batch[:6]}"
        ledger.arrive(
            self.name, digest=batch, name=name, location=name, size=size, actor="system:test"
        )
        known = with_categories(to_table(cast(frame, columns), columns), columns)
        stamps = frame.get("at")
        snapshot = Snapshot(
            model=self.name,
            digest=digest,
            batch=batch,
            object=kept,
            size=size,
            rows=len(frame),
            columns=known,
            report=report,
            start_at=None if stamps is None else stamps.min().to_pydatetime(),
            end_at=None if stamps is None else stamps.max().to_pydatetime(),
        )
        return ledger.accept_batch(snapshot, actor="system:test", reason="It passed.")

    def fits(self) -> list[Candidate]:
        """Carry out tonight's plan."""
        plan = training.plan(self.name, self.workspace)
        return [training.fit(self.name, order, self.workspace, actor=ACTOR) for order in plan.fits]

    def night(self) -> Evaluation:
        """Train and judge, without registering."""
        return evaluation.evaluate(self.name, self.fits(), self.workspace)

    def full_night(self) -> tuple[Evaluation, int | None]:
        """Train, judge, register and promote; return the evaluation and the serving version."""
        from tenure.registry import register

        judged = self.night()
        ledger = open_ledger(self.workspace)
        candidate = ledger.candidate(judged.candidate)
        assert candidate is not None
        rows = evaluation.golden_rows(candidate, self.workspace)
        version = register(candidate, judged, rows, self.workspace, actor=ACTOR)
        if judged.promotes:
            ledger.promote(
                self.name,
                version.number,
                expected_epoch=judged.champion_epoch,
                actor=ACTOR,
                reason=judged.reason,
                evidence=judged.digest,
            )
        slot = ledger.slot(self.name)
        return judged, slot.version if slot else None


def _type(values: pd.Series) -> str:
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "category"
    kind = getattr(values.dtype, "kind", "O")
    return TYPES.get(kind, "string")


def rows(
    count: int = 400,
    seed: int = 0,
    *,
    strength: float = 1.5,
    day: int = 0,
    task: str = "binary",
) -> pd.DataFrame:
    """Return rows with three features that tell the target and two that do not."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(draw.normal(size=(count, 5)), columns=list("abcde"))
    signal = strength * (frame["a"] - 0.7 * frame["b"] + 0.5 * frame["c"])
    noise = draw.logistic(size=count)
    match task:
        case "binary":
            frame["y"] = (signal + noise > 0.5).astype("int64")
        case "many":
            codes = pd.cut(signal + noise, [-np.inf, -1, 1, np.inf], labels=False)
            frame["y"] = pd.Categorical(np.array(["low", "mid", "top"])[codes])
        case "number":
            frame["y"] = 10 + signal + 0.5 * noise
    start = pd.Timestamp("2026-01-05", tz="UTC") + timedelta(days=day)
    frame.insert(
        0, "at", (start + pd.to_timedelta(np.sort(draw.random(count)), unit="D")).floor("us")
    )
    return frame
