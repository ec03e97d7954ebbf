"""What do all parts of a spec have in common?"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ModelName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
ColumnType = Literal["int64", "float64", "string", "bool", "category", "datetime", "date"]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A part of a spec: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
