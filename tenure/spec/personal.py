# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported, so checkers do not know them.
"""Does a text column hold personal data that nobody declared?

E-mails, IBANs (ISO 13616, mod 97), payment card numbers (Luhn, ISO/IEC 7812) and phone numbers. A
check digit or a shape that hardly anything else has counts by itself; a weak shape (a run of digits
that could be an id) counts only where most of a column looks so. Counts leave here, values never.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

EMAIL = r"[\pL\pN_.%+'-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)*\.\pL{2,}"
# What RE2 finds in a column at once; only hits are looked at one by one, and more closely.
CARD = r"(?:^|[^\w.+-])(?:\d{14,19}|\d{4}(?:[ -]\d{4}){3}|3\d{3}[ -]\d{6}[ -]\d{5})(?:$|[^\w.-])"
PHONE = (
    r"\+[1-9](?:[ ().\-/]{0,2}\d){7}|\(0?\d{2,4}\) ?\d{3}[ -]\d{2}"
    r"|(?:^|[^\w.+-])(?:\d{3}[-. ]\d{3}[-. ]\d{4}|0[1-9]\d{0,3}[ /-]\d{2,4}[ -]\d{2})"
)
BARE = r"^\d(?:[ ().\-/]{0,2}\d){6,}$"
IBAN = r"(?i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"
_IBAN = re.compile(IBAN)
_CARD = re.compile(
    r"(?<![\w.+-])(?:\d{14,19}|\d{4}(?:[ -]\d{4}){3}|3\d{3}[ -]\d{6}[ -]\d{5})(?![\w.-])"
)
_PHONE_PLUS = re.compile(r"(?<![\w.+-])\+[1-9](?:[ ().\-/]{0,2}\d){7,14}(?![\w])")
_PHONE_PAREN = re.compile(r"(?<!\w)\(0?\d{2,4}\) ?\d{3}[ -]\d{2,4}(?:[ -]?\d{2,4})?(?!\w)")
_PHONE_WEAK = re.compile(
    r"(?<![\w.+-])(?:\d{3}([-. ])\d{3}\1\d{4}"
    r"|0[1-9]\d{0,3}[ /-]\d{2,4}(?:[ -]\d{2,4}){1,3})(?![\w:-])"
)
_PHONE_BARE = re.compile(r"^[\d ().\-/]{7,20}$")
_DECIMAL = re.compile(r"^\+?\d+\.\d+$")
_DATE = re.compile(r"^\d{2}[-/. ]\d{2}[-/. ]\d{4}")
_PHONE_NAME = re.compile(
    r"(?i)phone|mobile|msisdn|handy|natel|telefon|(?:^|[_\W])(?:tel|fax)(?:$|[_\W])"
)
_MOST = 0.5
_LENGTHS = orjson.loads(
    '{"AD":24,"AE":23,"AL":28,"AT":20,"AZ":28,"BA":20,"BE":16,"BG":22,"BH":22,"BR":29,"BY":28,'
    '"CH":21,"CR":22,"CY":28,"CZ":24,"DE":22,"DK":18,"DO":28,"EE":20,"EG":29,"ES":24,"FI":18,'
    '"FO":18,"FR":27,"GB":22,"GE":22,"GI":23,"GL":18,"GR":27,"GT":28,"HR":21,"HU":28,"IE":22,'
    '"IL":23,"IQ":23,"IS":26,"IT":27,"JO":30,"KW":30,"KZ":20,"LB":28,"LC":32,"LI":21,"LT":20,'
    '"LU":20,"LV":21,"MC":27,"MD":24,"ME":22,"MK":19,"MR":27,"MT":31,"MU":30,"NL":18,"NO":15,'
    '"PK":24,"PL":28,"PS":29,"PT":25,"QA":29,"RO":24,"RS":22,"SA":24,"SC":31,"SE":24,"SI":19,'
    '"SK":24,"SM":27,"ST":25,"SV":28,"TL":23,"TN":24,"TR":26,"UA":29,"VA":22,"VG":24,"XK":20}'
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How many rows of a column hold a kind of personal data."""

    column: str
    kind: str
    rows: int


def search(name: str, values: Any) -> list[Finding]:
    """Search one text column (an Arrow array of strings); each distinct text is looked at once."""
    import numpy as np
    import pyarrow.compute as pc

    counted = pc.value_counts(values.drop_null() if values.null_count else values)
    texts, rows = counted.field("values"), counted.field("counts").to_numpy()
    if not len(texts):
        return []
    has_at = pc.match_substring(texts, "@")
    emails = pc.and_(has_at, pc.match_substring_regex(texts, EMAIL))
    found = {"e-mail addresses": np.asarray(emails)}
    found["IBANs"] = _judged(texts, pc.match_substring_regex(texts, IBAN), _has_iban)
    found["card numbers"] = _cards(texts, pc.match_substring_regex(texts, CARD))
    phones = PHONE if _PHONE_NAME.search(name) is None else f"{PHONE}|{BARE}"
    found["phone numbers"] = _phones(name, texts, pc.match_substring_regex(texts, phones))
    return [Finding(name, kind, int(rows[hit].sum())) for kind, hit in found.items() if hit.any()]


def _judged(texts: Any, mask: Any, judge: Any) -> Any:
    import numpy as np

    hit = np.asarray(mask).copy()
    places = np.flatnonzero(hit)
    hit[places] = [judge(text) for text in texts.take(places).to_pylist()]
    return hit


def _has_iban(text: str) -> bool:
    return any(_is_iban(match.group()) for match in _IBAN.finditer(text))


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "").upper()
    length = _LENGTHS.get(plain[:2])
    if length is None or len(plain) < length:
        return False
    moved = plain[4:length] + plain[:4]
    return int("".join(str(int(letter, 36)) for letter in moved)) % 97 == 1


def _cards(texts: Any, mask: Any) -> Any:
    """Say which texts hold card numbers; plain digits count where most candidates pass Luhn."""
    import numpy as np

    hit = np.asarray(mask).copy()
    places = np.flatnonzero(hit)
    grouped, plain, candidates = [], [], 0
    for place, text in zip(places, texts.take(places).to_pylist(), strict=True):
        for match in _CARD.finditer(text):
            number = re.sub(r"\D", "", match.group())
            if not _is_issued(number):
                continue
            split = len(number) != len(match.group())
            candidates += not split
            if _luhn(number):
                (grouped if split else plain).append(place)
    hit[:] = False
    hit[grouped] = True
    if plain and len(plain) >= _MOST * candidates:
        hit[plain] = True
    return hit


def _is_issued(number: str) -> bool:
    """Say whether a number has the first digits and the length of a card network."""
    two, four = int(number[:2]), int(number[:4])
    match len(number):
        case 14:
            return two in (36, 38, 39) or 3000 <= four <= 3059
        case 15:
            return two in (34, 37)
        case 16:
            return (
                number[0] == "4"
                or 51 <= two <= 55
                or 2221 <= four <= 2720
                or two in (35, 60, 62, 65)
                or 6440 <= four <= 6499
            )
        case 19:
            return number[0] == "4" or two in (60, 62, 65)
        case _:
            return False


def _luhn(number: str) -> bool:
    doubled = "0246813579"
    odd, even = number[-1::-2], number[-2::-2]
    return sum(map(int, odd)) % 10 == -sum(int(doubled[int(digit)]) for digit in even) % 10


def _phones(name: str, texts: Any, mask: Any) -> Any:
    import numpy as np

    hit = np.asarray(mask).copy()
    places = np.flatnonzero(hit)
    named = _PHONE_NAME.search(name) is not None
    strong, weak = [], []
    for place, text in zip(places, texts.take(places).to_pylist(), strict=True):
        if _DECIMAL.match(text):
            continue
        if _PHONE_PLUS.search(text) or _PHONE_PAREN.search(text):
            strong.append(place)
        elif (named and _PHONE_BARE.match(text)) or _is_weak_phone(text):
            weak.append(place)
    hit[:] = False
    hit[strong] = True
    if weak and (named or len(weak) + len(strong) >= _MOST * len(texts)):
        hit[weak] = True
    return hit


def _is_weak_phone(text: str) -> bool:
    match = _PHONE_WEAK.search(text)
    if match is None or _DATE.match(match.group()):
        return False
    return 9 <= sum(letter.isdigit() for letter in match.group()) <= 11
