"""How does data that arrived become an immutable snapshot, or go to quarantine?

`locate` → `receive` → `stage` → (validation) → `admit`; handles travel, frames do not.
"""

from tenure.intake.admission import admit, readmit, rejected_positions
from tenure.intake.arrival import receive
from tenure.intake.quarantine import Quarantined, find_batch, quarantined, show_quarantined
from tenure.intake.sources import Arrival, locate
from tenure.intake.staging import stage
from tenure.intake.watching import watch

__all__ = [
    "Arrival",
    "Quarantined",
    "admit",
    "find_batch",
    "locate",
    "quarantined",
    "readmit",
    "receive",
    "rejected_positions",
    "show_quarantined",
    "stage",
    "watch",
]
