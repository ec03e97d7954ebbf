"""Who has to be told what of a model, and was it told?

What is due is read from the ledger alone: whoever asks later, after an event that was lost or a
sender that died, finds the same.
"""

from __future__ import annotations

from tenure.telling.digest import tell_week
from tenure.telling.due import Due, due_notices
from tenure.telling.tell import links_of, tell

__all__ = ["Due", "due_notices", "links_of", "tell", "tell_week"]
