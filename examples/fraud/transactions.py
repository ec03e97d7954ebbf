"""What does a bank's card traffic look like, and where is the fraud in it?

Everything here is made by code, the same for the same seed; no real person or card is behind it.

- A thousand customers in four groups (student, family, professional, retired), each with a usual
  amount, a home hour and a favourite way to pay.
- Ten kinds of merchants. What people buy changes with the season (travel in summer, electronics and
  jewellery before Christmas), with the day of the week, and with the hour.
- Fraud is the work of rings, each about one in fifty transactions. *Spenders* buy what can be sold
  again, abroad, for many times the usual amount. *Testers* try stolen cards with small online
  payments at night. *Resellers* buy gift cards online in working hours, for amounts that look
  ordinary. A ring may begin on a day that the caller names: a model of the days before does not
  know it, and one that is trained afterwards does. It may end on a day as well. *Insiders*, who
  are there only where the caller says so, use payments like any other: no model finds them.
- A marketplace may open on a day that the caller names: a kind of merchant that was not there.
- A bad day: a terminal provider sends cents as euros and leaves out some merchants.

`python -m examples.fraud.transactions` writes two weeks into the workspace's source folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from os.path import relpath
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

ZONE = ZoneInfo("Europe/Berlin")
SOURCE = Path(__file__).parent / "data" / "fraud"
ROWS_A_DAY = 1500
RING_SHARE = 0.02
RINGS = ("spenders", "testers", "resellers", "insiders")
USUAL_RINGS = RINGS[:3]
MARKETPLACE = "marketplace"

GROUPS = ("family", "professional", "retired", "student")
GROUP_SHARES = (0.38, 0.3, 0.2, 0.12)
USUAL_AMOUNT = {"family": 46.0, "professional": 62.0, "retired": 34.0, "student": 18.0}
HOME_HOUR = {"family": 16.0, "professional": 18.0, "retired": 11.0, "student": 20.0}

MERCHANTS = {
    # name: (share of payments, amount as a multiple of the customer's usual, online share)
    "grocery": (0.30, 0.8, 0.05),
    "restaurant": (0.16, 0.7, 0.02),
    "fuel": (0.10, 1.1, 0.0),
    "clothing": (0.10, 1.3, 0.45),
    "pharmacy": (0.08, 0.5, 0.1),
    "entertainment": (0.08, 0.6, 0.6),
    "travel": (0.06, 4.0, 0.7),
    "electronics": (0.06, 3.2, 0.5),
    "gift_cards": (0.04, 0.9, 0.8),
    "jewellery": (0.02, 5.0, 0.2),
    MARKETPLACE: (0.25, 1.2, 0.95),
}
SEASON = {
    # months in which a kind of merchant sees more payments, and how many times more
    "travel": ((6, 7, 8), 2.2),
    "electronics": ((11, 12), 1.8),
    "jewellery": ((12, 2), 1.9),
    "gift_cards": ((12,), 2.0),
    "clothing": ((3, 4, 9, 10), 1.3),
}
WEEKEND = {"restaurant": 1.5, "entertainment": 1.5, "fuel": 0.8}


def days(
    start: date,
    n: int,
    seed: int = 7,
    *,
    begins: Mapping[str, date] | None = None,
    ends: Mapping[str, date] | None = None,
) -> Iterator[tuple[date, Any]]:
    """Yield `n` days of transactions from `start`, each day with its frame.

    A day is the same whichever day one starts from.

    Args:
        start: the first day.
        n: how many days.
        seed: of customers and days.
        begins: the first day of rings, or of the marketplace, that were not there before; the
            usual rings always were, the others never.
        ends: the first day without a ring.
    """
    first = dict.fromkeys(USUAL_RINGS, date.min) | dict(begins or {})
    last = dict(ends or {})
    for offset in range(n):
        day = start + timedelta(days=offset)
        there = [
            name
            for name, begun in first.items()
            if begun <= day and not (name in last and last[name] <= day)
        ]
        yield day, transactions(day, seed, there=there)


def transactions(day: date, seed: int = 7, *, there: Sequence[str] = USUAL_RINGS) -> Any:
    """Return one day's transactions as a frame, ordered by time.

    Columns: `transaction` (key), `at` (ISO, in Berlin's time), `customer`, `customer_group`,
    `merchant`, `amount` (euros), `times_usual` (amount over the customer's usual amount), `hour`
    (0..23, local), `is_online`, `is_foreign`, `payments_last_hour`, `is_fraud` (0 or 1).

    Args:
        day: which.
        seed: of customers and days.
        there: the rings at work, and the marketplace if it is open.
    """
    import pandas as pd

    rng = np.random.default_rng([seed, day.toordinal()])
    people = _customers(seed)
    count = int(rng.poisson(ROWS_A_DAY * (1.15 if day.weekday() >= 5 else 1.0)))
    rows = _honest(rng, people, count, _merchant_shares(day, MARKETPLACE in there), day)
    luck = rng.random(count) / RING_SHARE
    rows["is_fraud"] = np.zeros(count, dtype=int)
    for place, ring in enumerate(RINGS):
        at = np.flatnonzero((luck >= place) & (luck < place + 1) & (ring in there))
        _AT_WORK[ring](rng, rows, at)
        rows["is_fraud"][at] = 1
    minutes, seconds = rng.integers(0, 60, count), rng.integers(0, 60, count)
    order = np.lexsort((seconds, minutes, rows["hour"]))
    moments = [
        datetime(day.year, day.month, day.day, h, m, s, tzinfo=ZONE).isoformat()
        for h, m, s in zip(rows["hour"].tolist(), minutes.tolist(), seconds.tolist(), strict=True)
    ]
    usual = rows.pop("usual")
    frame = pd.DataFrame(rows)
    frame["amount"] = frame["amount"].round(2).clip(lower=0.5)
    frame["times_usual"] = (frame["amount"] / usual).round(3)
    frame["at"] = moments
    frame = frame.iloc[order].reset_index(drop=True)
    frame["transaction"] = [f"T{day:%y%m%d}{number:05d}" for number in range(count)]
    return frame[list(COLUMNS)]


COLUMNS = (
    "transaction",
    "at",
    "customer",
    "customer_group",
    "merchant",
    "amount",
    "times_usual",
    "hour",
    "is_online",
    "is_foreign",
    "payments_last_hour",
    "is_fraud",
)


def _customers(seed: int, count: int = 1000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([seed, 0])
    groups = rng.choice(GROUPS, size=count, p=GROUP_SHARES)
    usual = np.array([USUAL_AMOUNT[group] for group in groups]) * rng.lognormal(0, 0.35, count)
    hour = np.array([HOME_HOUR[group] for group in groups]) + rng.normal(0, 1.5, count)
    return {"group": groups, "usual": usual, "hour": hour, "activity": rng.gamma(2.0, 1.0, count)}


def _merchant_shares(day: date, is_open: bool) -> np.ndarray:
    shares = []
    for name, (share, _, _) in MERCHANTS.items():
        if name == MARKETPLACE and not is_open:
            shares.append(0.0)
            continue
        months, more = SEASON.get(name, ((), 1.0))
        weekend = WEEKEND.get(name, 1.0) if day.weekday() >= 5 else 1.0
        shares.append(share * (more if day.month in months else 1.0) * weekend)
    return np.array(shares) / sum(shares)


def _honest(
    rng: np.random.Generator,
    people: dict[str, np.ndarray],
    count: int,
    shares: np.ndarray,
    day: date,
) -> dict[str, np.ndarray]:
    activity = people["activity"] / people["activity"].sum()
    who = rng.choice(len(activity), size=count, p=activity)
    names = np.array(list(MERCHANTS))
    kind = rng.choice(len(names), size=count, p=shares)
    multiple = np.array([m for _, m, _ in MERCHANTS.values()])[kind]
    online = np.array([o for _, _, o in MERCHANTS.values()])[kind]
    usual = people["usual"][who]
    abroad = np.where(names[kind] == "travel", 0.35, 0.04) * (1.6 if day.month in (7, 8) else 1.0)
    return {
        "customer": np.array([f"C{number:05d}" for number in who]),
        "customer_group": people["group"][who],
        "merchant": names[kind],
        "amount": usual * multiple * rng.lognormal(0, 0.6, count),
        "hour": np.clip(rng.normal(people["hour"][who], 3.2, count), 0, 23).astype(int),
        "is_online": rng.random(count) < online,
        "is_foreign": rng.random(count) < abroad,
        "payments_last_hour": rng.poisson(0.15, count),
        "usual": usual,
    }


def _testers(rng: np.random.Generator, rows: dict[str, np.ndarray], at: np.ndarray) -> None:
    """Small online payments at night, several within the hour."""
    rows["merchant"][at] = rng.choice(["entertainment", "gift_cards", "clothing"], size=len(at))
    rows["amount"][at] = rng.uniform(1, 9, len(at))
    rows["hour"][at] = rng.choice([0, 1, 2, 3, 4, 23], size=len(at))
    rows["is_online"][at] = True
    rows["payments_last_hour"][at] = rng.poisson(2.2, len(at))


def _spenders(rng: np.random.Generator, rows: dict[str, np.ndarray], at: np.ndarray) -> None:
    """Things that can be sold again, mostly abroad, for many times the usual amount."""
    rows["merchant"][at] = rng.choice(["electronics", "jewellery", "travel"], size=len(at))
    rows["amount"][at] = rows["usual"][at] * rng.lognormal(2.1, 0.45, len(at))
    rows["is_foreign"][at] = rng.random(len(at)) < 0.7
    rows["payments_last_hour"][at] = rng.poisson(0.6, len(at))


def _resellers(rng: np.random.Generator, rows: dict[str, np.ndarray], at: np.ndarray) -> None:
    """Gift cards online in working hours, for amounts that look ordinary."""
    rows["merchant"][at] = "gift_cards"
    rows["amount"][at] = rng.choice([50.0, 75.0, 100.0], size=len(at))
    rows["hour"][at] = rng.integers(9, 17, len(at))
    rows["is_online"][at] = True
    rows["is_foreign"][at] = False


def _insiders(rng: np.random.Generator, rows: dict[str, np.ndarray], at: np.ndarray) -> None:
    """Payments like any other."""


_AT_WORK = {
    "spenders": _spenders,
    "testers": _testers,
    "resellers": _resellers,
    "insiders": _insiders,
}


def corrupted(frame: Any, seed: int = 7) -> Any:
    """Return a day as a broken terminal sent it: cents as euros, and merchants left out."""
    rng = np.random.default_rng([seed, 99])
    broken = frame.copy()
    broken["amount"] = broken["amount"] * 100
    broken.loc[rng.random(len(frame)) < 0.08, "merchant"] = None
    return broken


def with_gaps(frame: Any, count: int = 7, seed: int = 7) -> Any:
    """Return a day in which some terminals did not say what kind of merchant they stand at."""
    rng = np.random.default_rng([seed, 98])
    some = frame.copy()
    some.loc[rng.choice(len(frame), size=count, replace=False), "merchant"] = None
    return some


def write(day: date, frame: Any, folder: Path = SOURCE) -> Path:
    """Write a day as a CSV file into a source folder, in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{day}.csv"
    frame.to_csv(fresh, index=False)
    return fresh.rename(folder / f"{day}.csv")


if __name__ == "__main__":
    last = datetime.now(ZONE).date()
    for when, traffic in days(last - timedelta(days=14), 14):
        print(f"{len(traffic)} transactions in {relpath(write(when, traffic))}")
