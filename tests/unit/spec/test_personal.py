"""Is personal data found in texts, and are ids, times and decimals left alone?"""

from __future__ import annotations

import random
import uuid
from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from tenure.spec.personal import search


def found(name, values):
    return {(one.kind, one.rows) for one in search(name, pa.array(values, type=pa.string()))}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("e-mail addresses", "ann@bank.example"),
        ("e-mail addresses", "Write to Ann.Lee+x@mail.bank.example, please"),
        ("e-mail addresses", "ann@b\u00fccher.example"),
        ("IBANs", "CH9300762011623852957"),
        ("IBANs", "pay to CH93 0076 2011 6238 5295 7 PLEASE"),
        ("IBANs", "de89 3704 0044 0532 0130 00"),
        ("IBANs", "GB29NWBK60161331926819"),
        ("card numbers", "4111 1111 1111 1111"),
        ("card numbers", "card 5500-0000-0000-0004 ended"),
        ("card numbers", "378282246310005"),
        ("card numbers", "4111111111111111"),
        ("phone numbers", "+41 79 123 45 67"),
        ("phone numbers", "call +14155550132 now"),
        ("phone numbers", "(415) 555-0132"),
    ],
)
def test_one_cell_is_enough_where_the_shape_is_sure(kind, text):
    values = ["nothing here", None, text, text, "x"]
    assert found("remark", values) == {(kind, 2)}


@pytest.mark.parametrize(
    "values",
    [
        ["079 123 45 67", "044 668 18 00", "031 322 21 11"],
        ["415-555-0132", "415-555-0199", None],
        ["020 7946 0958", "0161 496 0000"],
    ],
)
def test_national_numbers_are_found_where_most_of_a_column_looks_so(values):
    assert {kind for kind, _ in found("contact", values)} == {"phone numbers"}
    assert found("remark", [*values, *(f"note {n}" for n in range(20))]) == set()


def test_a_column_called_phone_is_searched_for_bare_digits():
    values = ["0791234567", "41446681800"]
    assert found("mobile_no", values) == {("phone numbers", 2)}
    assert found("hotel", values) == set()
    assert found("code", values) == set()


def when(chance):
    return datetime(2020, 1, 1) + timedelta(seconds=chance.randrange(10**8))


def ids(make, rows=3000):
    chance = random.Random(7)
    return [make(chance) for _ in range(rows)]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("uuid", ids(lambda r: str(uuid.UUID(int=r.getrandbits(128))))),
        ("hash", ids(lambda r: f"{r.getrandbits(256):064x}")),
        ("order", ids(lambda r: f"{r.randrange(10**16):016d}")),
        ("order like a card", ids(lambda r: f"4{r.randrange(10**15):015d}")),
        ("padded", ids(lambda r: f"{r.randrange(10**9):012d}")),
        ("long", ids(lambda r: str(r.randrange(10**18, 10**19)))),
        ("ean", ids(lambda r: f"40{r.randrange(10**11):011d}")),
        ("decimal", ids(lambda r: f"{r.random() * 1e6:.12f}")),
        ("signed decimal", ids(lambda r: f"+{r.random() * 100:.9f}")),
        ("exponent", ids(lambda r: f"{r.random() * 1e30:.15e}")),
        ("iso", ids(lambda r: when(r).isoformat())),
        ("stamp", ids(lambda r: f"{when(r):%Y%m%d%H%M%S}")),
        ("german time", ids(lambda r: f"{when(r):%d-%m-%Y %H:%M:%S}")),
        ("offset", ids(lambda r: f"2020-01-01T00:00:{r.randrange(60):02d}+01:00")),
        ("epoch ms", ids(lambda r: str(1_600_000_000_000 + r.randrange(10**10)))),
        ("ip", ids(lambda r: ".".join(str(r.randrange(256)) for _ in range(4)))),
        ("version", ids(lambda r: f"{r.randrange(10)}.{r.randrange(100)}.{r.randrange(1000)}")),
        ("iban-like", ids(lambda r: f"CH{r.randrange(100):02d}REF{r.randrange(10**8):08d}")),
        ("mention", ids(lambda r: f"@user{r.randrange(100)} likes a@b")),
        ("part", ids(lambda r: f"{r.randrange(1000):03d}-{r.randrange(10000):04d}-77")),
        ("range", ids(lambda r: f"{r.randrange(1000, 9999)}-{r.randrange(1000, 9999)}")),
        ("coordinates", ids(lambda r: f"{r.random() * 90:.6f},{r.random() * 180:.6f}")),
        ("imei", ids(lambda r: f"35{r.randrange(10**13):013d}")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_only_looks_a_little_like_it_is_left_alone(name, values):
    assert found(name, values) == set()


def test_columns_of_real_cards_are_found_though_they_are_plain_digits():
    def card(chance):
        body = "4" + "".join(str(chance.randrange(10)) for _ in range(14))
        doubled = "0246813579"
        total = sum(
            int(doubled[int(d)]) if place % 2 == 0 else int(d) for place, d in enumerate(body)
        )
        return body + str(-total % 10)

    cards = ids(card, rows=500)
    assert found("account", cards) == {("card numbers", 500)}


def test_nothing_in_an_empty_column():
    assert found("x", []) == found("x", [None, None]) == set()
