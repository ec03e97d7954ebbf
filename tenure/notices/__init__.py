"""What are people told of a model, and how does it reach them?

Texts are made of records alone and hold no row values; they go out through Apprise, from a process
of their own that can reach nothing inside the network but what the owner named.
"""

from __future__ import annotations

from tenure.notices.links import Links, case_path
from tenure.notices.sending import Address, Delivery, send
from tenure.notices.texts import (
    Notice,
    Setting,
    Tone,
    Week,
    about_automation,
    about_case,
    about_decision,
    about_digest,
    about_halt,
    about_orphan,
    about_restored,
    about_rollout,
)

__all__ = [
    "Address",
    "Delivery",
    "Links",
    "Notice",
    "Setting",
    "Tone",
    "Week",
    "about_automation",
    "about_case",
    "about_decision",
    "about_digest",
    "about_halt",
    "about_orphan",
    "about_restored",
    "about_rollout",
    "case_path",
    "send",
]
