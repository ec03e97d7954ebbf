"""Do pages open anywhere, ask for nothing, and say what the records say?"""

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from tenure.notices import Links
from tenure.pages.evaluation import evaluation_facts
from tenure.pages.evaluation_charts import metrics
from tenure.pages.life import life_facts
from tenure.pages.lives import Life, stretches
from tenure.pages.render import write_page
from tenure.pages.validation import validation_facts
from tenure.records import BatchState, GateVerdict, Outcome, Stage
from tenure.workspace import open_workspace
from tests.unit.pages.detail_samples import details, partly_seen_details, regression_details
from tests.unit.pages.page_samples import (
    COLUMNS,
    NASTY,
    START,
    batch,
    candidate,
    evaluation,
    report,
    tenure,
    version,
)

TRAIL = [("Tenure", "../../index.html"), ("fraud", None)]


@pytest.fixture
def quiet_workspace(tmp_path):
    (tmp_path / "config").mkdir()
    return open_workspace(tmp_path)


@pytest.fixture
def simulated_workspace(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "settings.yaml").write_text("simulated: true\n")
    return open_workspace(tmp_path)


def draw_evaluation(workspace, told=None, verdict=GateVerdict.WINS, stage=Stage.VALIDATED):
    facts = evaluation_facts(
        version(stage=stage), evaluation(verdict), candidate(), told or details()
    )
    file = write_page(
        "evaluation.html",
        "fraud/versions/7.html",
        workspace,
        trail=TRAIL,
        **facts,
        snapshots=[],
        serves="champion",
    )
    return file.read_text(encoding="utf-8")


def draw_validation(workspace, told=None, of=None):
    facts = validation_facts(told or report(), of or batch(), COLUMNS)
    file = write_page("validation.html", "fraud/batches/3.html", workspace, trail=TRAIL, **facts)
    return file.read_text(encoding="utf-8")


def draw_model(workspace, life):
    facts = life_facts(life, workspace)
    file = write_page(
        "model.html", "fraud/index.html", workspace, trail=TRAIL, links=Links(), **facts
    )
    return file.read_text(encoding="utf-8")


def a_life(**changes):
    life = Life(
        model="fraud",
        champion=tenure(2, 4, 4),
        versions=[
            (version(5, Stage.REJECTED, "It is not better."), evaluation(GateVerdict.TIES)),
            (version(4), evaluation()),
            (version(1), evaluation(GateVerdict.FIRST)),
        ],
        tenures=[tenure(1, 1, 1), tenure(2, 4, 4)],
        batches=[batch(3, reason="Too large."), batch(2, BatchState.ACCEPTED)],
        now=START + timedelta(days=9),
    )
    return replace(life, **changes)


class Looker(HTMLParser):
    """Collects what a page would load or run, and checks that what opens is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.scripts = [], [], 0

    def handle_starttag(self, tag, attrs):
        if tag not in {"meta", "br", "link", "img", "input"}:
            self.open.append(tag)
        self.scripts += tag == "script" or any(name.startswith("on") for name, _ in attrs)
        self.loads += [value for name, value in attrs if name in {"src", "srcset", "data"}]
        self.loads += [tag] if tag in {"link", "iframe", "object", "embed"} else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def everything(workspace):
    yield draw_evaluation(workspace)
    yield draw_evaluation(workspace, regression_details())
    yield draw_validation(workspace)
    yield draw_model(workspace, a_life())


def test_no_page_runs_or_loads_anything(quiet_workspace):
    for text in everything(quiet_workspace):
        looker = Looker()
        looker.feed(text)
        assert (looker.open, looker.scripts, looker.loads) == ([], 0, [])
        assert "url(" not in text
        assert "@import" not in text
        assert re.search(r"Content-Security-Policy[^>]+default-src 'none'", text)


def test_texts_of_users_are_escaped(quiet_workspace):
    for text in (draw_evaluation(quiet_workspace), draw_validation(quiet_workspace)):
        assert NASTY not in text
        assert "&lt;script&gt;" in text


def test_only_a_simulated_workspace_bears_the_mark(quiet_workspace, tmp_path):
    assert all("simulated clock" not in text for text in everything(quiet_workspace))
    (tmp_path / "config" / "settings.yaml").write_text("simulated: true\n")
    assert all("simulated clock" in text for text in everything(open_workspace(tmp_path)))


@pytest.mark.parametrize(
    ("verdict", "stage", "tone"),
    [
        (GateVerdict.FIRST, Stage.VALIDATED, "good"),
        (GateVerdict.WINS, Stage.VALIDATED, "good"),
        (GateVerdict.TIES, Stage.REJECTED, "bad"),
        (GateVerdict.FAILS_FLOOR, Stage.REJECTED, "bad"),
    ],
)
def test_the_banner_says_the_verdict_and_its_reason(quiet_workspace, verdict, stage, tone):
    text = draw_evaluation(quiet_workspace, verdict=verdict, stage=stage)
    assert f'<div class="verdict {tone}">' in text
    assert evaluation().reason in text


def test_an_evaluation_without_any_section_is_still_a_page(quiet_workspace):
    bare = details() | {
        "batches": [],
        "recipes": [],
        "slices": [],
        "calibration": None,
        "curves": None,
        "confusion": None,
        "importances": None,
        "leakage": None,
        "agreement": None,
        "notes": [],
    }
    text = draw_evaluation(quiet_workspace, bare)
    assert "What the gate asked" in text
    assert "Slice by slice" not in text


def metric_figures(told):
    """Each metric figure's text, by its title."""
    found = [re.sub(r"<[^>]+>", " ", str(figure)) for figure in metrics(told)]
    return [re.sub(r"\s+", " ", text).strip().replace("\u202f", " ") for text in found]


def test_the_champion_stands_only_beside_values_of_the_same_rows():
    whole = metric_figures(details())
    assert "Metrics on 8 214 rows that it never saw" in whole[0]
    assert "champion, version 4" in whole[0]
    on_all, _, on_common = metric_figures(partly_seen_details())
    assert "Metrics on 8 214 rows" in on_all
    assert "champion, version" not in on_all
    assert "floor that the spec asks for" in on_all
    assert "on the 3 100 rows that the champion never saw" in on_common
    assert "0.640" in on_common
    assert "champion, version 4" in on_common


def test_the_tile_of_the_champion_names_both_values_on_fewer_rows(quiet_workspace):
    assert "this version there" not in draw_evaluation(quiet_workspace)
    told = partly_seen_details()
    told["judged"]["rows"] += 1
    assert "this version there 0.710" in draw_evaluation(quiet_workspace, told)


def test_without_a_common_row_only_the_candidate_is_drawn():
    told = details()
    told["judged"] |= {"compared_rows": 0, "seen_by_champion": 8214}
    for text in metric_figures(told):
        assert "champion, version" not in text


def test_what_an_earlier_release_kept_shows_no_champion_on_other_rows():
    told = details()
    del told["compared"]
    told["judged"] |= {"compared_rows": 3100, "seen_by_champion": 5114}
    assert all("champion, version" not in text for text in metric_figures(told))


def test_lineage_stands_on_the_page(quiet_workspace):
    text = draw_evaluation(quiet_workspace)
    for told in ("137909d", "changes that were not committed", "1.93 CPU s", "scikit-learn 1.9.1"):
        assert told in text


def test_memory_that_could_not_be_seen_is_no_number(quiet_workspace):
    made = candidate()
    small = replace(made, lineage=replace(made.lineage, peak_memory_bytes=0))
    facts = evaluation_facts(version(), evaluation(), small, details())
    file = write_page(
        "evaluation.html", "a.html", quiet_workspace, trail=TRAIL, **facts, snapshots=[], serves=""
    )
    assert "no more memory than there was" in file.read_text()
    assert "0 B of memory" not in file.read_text()


def test_a_quarantined_batch_says_what_to_do(quiet_workspace):
    text = draw_validation(quiet_workspace)
    assert "tenure quarantine readmit fraud 030303030303" in text
    good = replace(report(), outcome=Outcome.PASS, violations=())
    text = draw_validation(quiet_workspace, good, batch(3, BatchState.ACCEPTED))
    assert "tenure quarantine" not in text
    assert "11 checks on 2050 rows found nothing." in text


def test_rows_that_were_split_off_are_counted(quiet_workspace):
    told = replace(report(Outcome.WARN), rejected_rows=50)
    text = draw_validation(quiet_workspace, told, batch(3, BatchState.ACCEPTED))
    assert "2\u202f000" in text
    assert "rows split off" in text


def test_a_batch_that_is_refused_has_no_rows_split_off(quiet_workspace):
    splits = replace(report().violations[1], action="rows")
    told = replace(report(), rejected_rows=50, violations=(report().violations[0], splits))
    text = draw_validation(quiet_workspace, told)
    assert "rows split off" not in text
    assert "rows taken in" not in text
    assert "none: the batch is refused" in text


def test_every_rule_stands_on_the_page_also_where_it_holds(quiet_workspace):
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", draw_validation(quiet_workspace)))
    assert "columns passed whole batch amount in range failed amount 1 638 412" in text
    assert "no key twice passed customer, at 2 050 0" in text
    earlier = draw_validation(quiet_workspace, replace(report(), asked=()))
    assert "What was asked" not in earlier


def test_each_tenure_ends_where_the_next_begins():
    held = stretches([tenure(1, 1, 1), tenure(2, 4, 4)], START)
    assert [(t.version, end) for t, end in held] == [(4, None), (1, START + timedelta(days=4))]


def test_a_model_that_nobody_serves_says_so(quiet_workspace):
    life = a_life(champion=None, tenures=[], versions=[], batches=[])
    text = draw_model(quiet_workspace, life)
    assert "No version serves yet." in text
    assert "tenure train fraud" in text


def test_a_model_page_leads_to_its_versions_and_batches(quiet_workspace):
    text = draw_model(quiet_workspace, a_life())
    assert 'href="versions/5.html"' in text
    assert f'href="batches/{"03" * 6}.html"' in text
    assert "Too large." in text


def test_a_page_is_replaced_in_one_step(quiet_workspace):
    draw_validation(quiet_workspace)
    draw_validation(quiet_workspace)
    folder = quiet_workspace.pages / "fraud" / "batches"
    assert [file.name for file in folder.iterdir()] == ["3.html"]
