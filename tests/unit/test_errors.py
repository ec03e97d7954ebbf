"""Errors cross process borders and become JSON: does each keep its facts and say them?"""

import pickle
from string import Formatter

import pytest

from tenure import errors


def family(kind=errors.TenureError):
    for child in kind.__subclasses__():
        if child.__module__.startswith("tenure.errors."):
            yield child
        yield from family(child)


def facts_of(kind):
    text = f"{kind.says} {kind.remedy}"
    return {name: f"<{name}>" for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("kind", sorted(set(family()), key=lambda k: k.__name__))
def test_each_error_survives_pickling_with_its_facts_and_its_text(kind):
    error = kind(**facts_of(kind))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.facts, str(again)) == (kind, error.facts, str(error))
    assert all(fact in str(error) for fact in facts_of(kind).values())
    assert error.as_dict()["code"] == kind.__name__


@pytest.mark.parametrize("kind", sorted(set(family()), key=lambda k: k.__name__))
def test_each_error_says_what_it_means_and_maps_to_an_exit_code(kind):
    assert kind.__doc__
    assert kind.exit_code in {1, 2, 3, 4, 5}
    assert 400 <= kind.http_status <= 599


def test_a_stale_epoch_names_slot_model_and_both_epochs():
    error = errors.StaleEpoch(slot="champion", model="fraud", now=8, decided_at=7)
    assert "'champion' of 'fraud' is at epoch 8" in str(error)
    assert "saw epoch 7" in str(error)
    assert error.exit_code == 3
