"""What does an export consist of?

Apart from how it is made, so that who only names it imports nothing heavy.
"""

from __future__ import annotations

from dataclasses import dataclass

ARTIFACT, SETTINGS, SERVICE, NEEDS, SIGNED = (
    "model.joblib",
    "model-settings.json",
    "inference-service.yaml",
    "requirements.txt",
    "manifest.dsse.json",
)
"""The files of an export."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A version that was written out.

    Attributes:
        model: its name.
        version: its number.
        folder: where it is.
        files: what is in there.
        object: the sha256 of the artifact.
        own_code: classes and functions of the user's own that whoever loads it must have.
    """

    model: str
    version: int
    folder: str
    files: tuple[str, ...]
    object: str
    own_code: tuple[str, ...]
