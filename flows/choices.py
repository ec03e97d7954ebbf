"""What may be typed into the forms of the flows?

Constraints stand in the annotations, words in the `Args:` of each flow; the choices of `model` are
put into each deployment's schema, since only the specs know them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Model = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
Number = Annotated[int, Field(ge=1, le=1_000_000_000)]
Reason = Annotated[str, Field(min_length=3, max_length=500)]
MaybeReason = Annotated[str, Field(max_length=500)]
Workers = Annotated[int, Field(ge=1, le=1024)]
CaseId = Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")]
Person = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.@+-]{0,62}$")]
