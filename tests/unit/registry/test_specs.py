"""By which spec is a model ruled that has lost its own?"""

import pytest
import yaml

from tenure.errors import BadSpec, ModelNotFound
from tenure.registry import collect, open_ledger, open_store
from tenure.registry.specs import (
    ORPHANED,
    SEEN,
    keep_spec,
    last_spec,
    note_orphans,
    orphaned_specs,
    orphans,
    spec_digest,
    spec_in_force,
    spec_to_act_by,
    specs_in_force,
)
from tenure.spec import load_spec
from tests.unit.registry import lives

SPEC = {
    "name": "fraud",
    "owner": "risk@bank.example",
    "data": {"source": "in", "target": "y", "columns": {"a": "float64", "y": "int64"}},
    "training": {"pipeline": "recipes:make", "parameters": {"C": 0.5}},
    "expectations": "rows",
    "monitoring": {"retire": {"score": 0.5, "windows": "1 of 1"}, "window": {"days": 7}},
    "schedules": {"train": "0 3 * * *", "monitor": "0 5 * * *", "timezone": "Europe/Berlin"},
    "notify": {"to": ["HOOK"]},
}
ACTOR = "system:test"


@pytest.fixture
def house(workspace):
    """A model whose first version is in office."""
    write(workspace)
    (workspace.expectations_folder / "rows.yaml").write_text("rules: []\n")
    lives.bare_version(workspace, tag="1")
    lives.promote(workspace, 1, 0)
    return workspace


def write(workspace, **more):
    (workspace.models_folder / "fraud.yaml").write_text(yaml.safe_dump(SPEC | more))


def lose(workspace):
    (workspace.models_folder / "fraud.yaml").unlink()


def kinds(workspace):
    return [row.kind for row in open_ledger(workspace).happenings("fraud", (SEEN, ORPHANED))]


def test_a_spec_is_kept_when_it_is_new_or_has_changed(house):
    first = keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    assert keep_spec(load_spec("fraud", house), house, actor=ACTOR) == first
    write(house, purpose="to find fraud")
    second = keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    rows = open_ledger(house).happenings("fraud", (SEEN,))
    assert [row.evidence for row in rows] == [first, second]
    assert rows[-1].reason == "The spec of 'fraud' has changed."
    assert spec_digest(load_spec("fraud", house)) == second


def test_what_was_kept_is_the_spec_with_its_suite(house):
    spec = spec_to_act_by("fraud", house, actor=ACTOR)
    kept = last_spec("fraud", house)
    assert kept == spec
    assert kept.suite == spec.suite == {"rules": []}


def test_a_model_without_its_spec_is_ruled_by_the_last_one(house):
    spec = spec_to_act_by("fraud", house, actor=ACTOR)
    assert orphans(house) == []
    lose(house)
    assert orphans(house) == ["fraud"]
    assert spec_in_force("fraud", house) == spec


def test_an_orphan_is_watched_and_not_trained(house):
    keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    lose(house)
    (left,) = orphaned_specs(house)
    assert (left.schedules.train, left.schedules.monitor) == (None, "0 5 * * *")
    assert not left.training.on_arrival
    assert [each.name for each in specs_in_force(house)] == ["fraud"]


def test_it_is_put_on_record_once_and_again_when_it_is_back(house):
    keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    lose(house)
    assert note_orphans(house, actor=ACTOR) == ["fraud"]
    assert note_orphans(house, actor=ACTOR) == []
    write(house)
    keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    assert note_orphans(house, actor=ACTOR) == []
    lose(house)
    assert note_orphans(house, actor=ACTOR) == ["fraud"]
    assert kinds(house) == [SEEN, ORPHANED, SEEN, ORPHANED]


def test_what_is_remembered_beside_the_ledger_may_be_lost(house):
    keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    (house.state / "checks" / "fraud" / "spec").write_text("999")
    keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    assert kinds(house) == [SEEN]


def test_a_spec_with_mistakes_is_no_lost_one(house):
    keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    write(house, tier="highest")
    assert orphans(house) == []
    with pytest.raises(BadSpec):
        spec_in_force("fraud", house)


def test_without_any_spec_nothing_rules(house):
    lose(house)
    with pytest.raises(ModelNotFound):
        spec_in_force("fraud", house)
    assert orphaned_specs(house) == []
    assert note_orphans(house, actor=ACTOR) == ["fraud"]
    (row,) = open_ledger(house).happenings("fraud", (ORPHANED,))
    assert "nobody watches it" in row.reason


def test_a_kept_spec_is_not_collected(house):
    first = keep_spec(load_spec("fraud", house), house, actor=ACTOR)
    stray = open_store(house).put_json({"nobody": "needs this"})
    gone = collect(house, grace_s=-1)
    assert stray in gone
    assert first not in gone
