"""What has a model's life been: who served when, which versions came, which batches went in?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from tenure.notices import Links
from tenure.pages.case import case_rows, case_title, commands
from tenure.pages.charts import Line, lines
from tenure.pages.happened import remark_rows
from tenure.pages.life_timeline import life_timeline
from tenure.pages.lives import Life, primary_of, read_life, stretches
from tenure.pages.paths import batch_path, case_path, evaluation_path, model_path
from tenure.pages.render import metric, when, write_page
from tenure.pages.rolling import Course, choices_of, course_of
from tenure.pages.watched import ROLES, charts_of, reading_rows, window_words
from tenure.records import (
    Action,
    Batch,
    BatchState,
    CaseState,
    Evaluation,
    GateVerdict,
    Stage,
    Version,
)
from tenure.records.rollout import step_name
from tenure.registry import open_ledger
from tenure.telling import links_of
from tenure.workspace import Workspace

SHOWN_WINDOWS = 60


def write_model_page(model: str, workspace: Workspace, links: Links | None = None) -> Path:
    """Draw a model's page: its champions over time, what was seen and decided, its cases."""
    life = read_life(model, open_ledger(workspace), workspace)
    return write_page(
        "model.html",
        model_path(model),
        workspace,
        trail=[("Tenure", "../index.html"), (model, None)],
        **life_facts(life, workspace),
        links=links or links_of(workspace),
    )


def life_facts(life: Life, workspace: Workspace) -> dict[str, Any]:
    """Return what the template names."""
    serving = life.champion.version if life.champion else None
    pages = {case.id: case_path(life.model, case.id) for case in life.cases}
    gone = (Stage.RETIRED, Stage.ARCHIVED, Stage.PURGED)
    rolling = course_of(life.rollouts[-1], workspace) if life.rollouts else None
    return {
        "life": life,
        "serving": serving,
        "sentence": sentence(life),
        "accepted": [b for b in life.batches if b.state is BatchState.ACCEPTED],
        "quarantined": [b for b in life.batches if b.state is BatchState.QUARANTINED],
        "refused": [v for v, _ in life.versions if v.stage is Stage.REJECTED],
        "retired": [v for v, _ in life.versions if v.stage in gone],
        "stretches": stretches(life.tenures, life.now),
        "rows": [_version_row(life, *pair) for pair in life.versions],
        "batch_rows": [_batch_row(life.model, batch) for batch in life.batches],
        "timeline": life_timeline(life),
        "course": _course(life),
        "watched": charts_of(life.seen, life.policy),
        "newest": life.seen[-1] if life.seen else None,
        "newest_window": window_words(life.seen[-1].reading.window) if life.seen else "",
        "newest_role": ROLES[life.seen[-1].severity] if life.seen else "",
        "windows": reading_rows(life.seen[-SHOWN_WINDOWS:], pages, "../", workspace),
        "cases": case_rows(life.cases, life.model),
        "remarks": remark_rows(life.remarks, life.model, "../"),
        "rolling": rolling,
        "alerts": alerts(life, rolling),
        "steps": next_steps(life),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What stands at the top of a page; `link` leads to more."""

    tone: str
    head: str
    text: str
    link: str | None = None


def alerts(life: Life, rolling: Course | None) -> list[Alert]:
    """Return what stands at the top of the page: a halt, a case, a rollout, an empty slot."""
    found = []
    if rolling is not None and not rolling.rollout.is_over:
        found.append(Alert(tone=rolling.tone, head=rolling.headline, text=rolling.then))
    if life.stop is not None:
        scope = " of all models" if life.stop.of_all else ""
        text = f"{life.stop.by}, since {when(life.stop.since)}: {life.stop.reason}"
        found.append(Alert(tone="warn", head=f"Automation{scope} is halted", text=text))
    case = life.open_case
    if case is not None:
        head = f"{case_title(case)}: " + (
            "approval wanted" if case.state is CaseState.WAITING else "being carried out"
        )
        until = f" Until {when(case.deadline_at)}, then: {case.on_timeout}."
        text = case.reason + (until if case.state is CaseState.WAITING and case.deadline_at else "")
        link = case_path(life.model, case.id).removeprefix(f"{life.model}/")
        tone = "bad" if case.action is Action.RETIRE else "warn"
        found.append(Alert(tone=tone, head=head, text=text, link=link))
    if _stands_in(life) and life.champion is not None:
        text = (
            f"Since {when(life.champion.since)}: {life.champion.reason} Training goes on; a "
            "version that passes the gate takes over."
        )
        found.append(Alert(tone="warn", head="The fallback answers", text=text))
    if life.champion is not None and life.champion.version is None:
        text = f"Since {when(life.champion.since)}: {life.champion.reason}"
        found.append(Alert(tone="bad", head="Nobody serves: the slot is vacant", text=text))
    return found


def _stands_in(life: Life) -> bool:
    """Say whether the champion is a fallback."""
    number = life.champion.version if life.champion else None
    verdicts = {version.number: judged.verdict for version, judged in life.versions}
    return number is not None and verdicts.get(number) is GateVerdict.FALLBACK


def sentence(life: Life) -> str:
    """Return who serves since when, in one sentence."""
    if life.champion is None:
        return "No version serves yet."
    if life.champion.version is None:
        return f"Nobody has served since {when(life.champion.since)}."
    fallback = ", a fallback," if _stands_in(life) else ""
    return (
        f"Version {life.champion.version}{fallback} has served since {when(life.champion.since)}."
    )


def next_steps(life: Life) -> list[tuple[str, str]]:
    """Return what a person might do now: (why, command)."""
    steps = []
    if life.open_case is not None:
        steps += commands(life.open_case)
    if life.rollouts and not life.rollouts[-1].is_over:
        steps += choices_of(life.rollouts[-1])
    if life.stop is not None:
        scope = "--all" if life.stop.of_all else life.model
        steps.append(("Let automation act again", f'tenure resume {scope} --reason "…"'))
    if _stands_in(life):
        steps.append(("Look for a version that is fit", f"tenure train {life.model}"))
    if life.champion is None:
        steps.append(("Make a first version", f"tenure train {life.model}"))
    waiting = [b for b in life.batches if b.state is BatchState.QUARANTINED]
    if waiting:
        noun = "batch lies" if len(waiting) == 1 else "batches lie"
        steps.append((f"{len(waiting)} {noun} in quarantine", "tenure quarantine list"))
    if any(b.state is BatchState.ARRIVED for b in life.batches):
        steps.append(("A batch waits to be taken in", f"tenure ingest {life.model}"))
    return steps


def _course(life: Life) -> Markup | None:
    """Draw the deciding metric version by version, None for fewer than two of them."""
    known = [
        (version, found)
        for version, evaluation in reversed(life.versions)
        if (found := primary_of(evaluation)) is not None and found.value is not None
    ]
    if len(known) < 2:
        return None
    name = metric(known[-1][1].name)
    values = [found.value or 0.0 for _, found in known]
    band = [(found.low, found.high) for _, found in known]
    whole = [(a, b) for a, b in band if a is not None and b is not None]
    return lines(
        f"{name[0].upper()}{name[1:]}, version by version",
        [
            Line(
                name=name,
                x=[float(version.number) for version, _ in known],
                y=values,
                band=whole if len(whole) == len(known) else (),
                dots=True,
            )
        ],
        x_label="version",
        y_label=name,
        x_bounds=(known[0][0].number - 0.3, known[-1][0].number + 0.3),
        x_ticks=[
            (float(v.number), str(v.number))
            for place, (v, _) in enumerate(known)
            if place % (1 + len(known) // 20) == 0
        ],
        note="Each on the rows that it was judged by, with its 95 % interval; "
        "versions are compared on the same rows on their own pages.",
        wide=True,
    )


def _version_row(life: Life, version: Version, evaluation: Evaluation) -> dict[str, Any]:
    served = any(tenure.version == version.number for tenure in life.tenures)
    now = life.champion is not None and life.champion.version == version.number
    return {
        "version": version,
        "evaluation": evaluation,
        "primary": primary_of(evaluation),
        "link": f"versions/{evaluation_path(life.model, version.number).rsplit('/', 1)[-1]}",
        "serves": "champion" if now else "former champion" if served else "",
        "beside": _beside(life, version.number),
    }


def _beside(life: Life, number: int) -> str:
    """Return the slot that a version holds beside the champion's, with its share."""
    now = life.rollouts[-1] if life.rollouts else None
    if now is None or now.is_over or now.version != number:
        return ""
    return f"{now.slot.value}, {step_name(now.share)}" if now.share else now.slot.value


def _batch_row(model: str, batch: Batch) -> dict[str, Any]:
    link = batch_path(model, batch.digest).removeprefix(f"{model}/")
    return {"batch": batch, "link": link if batch.report else None}
