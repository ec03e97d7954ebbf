"""How are names that come from data written so that a page can show them?

Evidently puts column names and categories into the page's own script, as they are. So whatever is
not a letter, a digit or harmless is replaced before the report is made, and names stay different.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 60
_UNSAFE = re.compile(r"[^\w .,:+()/@%-]")


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """Return a name to show for each name: harmless, short, and each another one.

    >>> safe_names(["<b>", "[b]", "fine"])
    {'<b>': '·b·', '[b]': '·b· (2)', 'fine': 'fine'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    ordered = list(dict.fromkeys(names))
    for name in sorted(ordered, key=lambda each: _shown(each) != each):
        shown, place = _shown(name), 2
        while shown in taken:
            shown, place = f"{_shown(name)[: LONGEST - 8]} ({place})", place + 1
        taken.add(shown)
        found[name] = shown
    return {name: found[name] for name in ordered}


def is_unsafe(name: str) -> bool:
    """Say whether a name may not stand in a page as it is."""
    return _shown(name) != name


def _shown(name: str) -> str:
    return _UNSAFE.sub("·", name)[:LONGEST] or "(empty)"
