"""What is asked of whoever computes a part of a run, and what comes back?

Orders and replies travel between processes and machines: they carry names, numbers and identities,
never rows and never a model. Who gets an order loads the version itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from tenure.errors import TenureError
from tenure.spec.model import DataSpec
from tenure.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all orders of one run share.

    Attributes:
        source: where the partitions are, a folder or an fsspec URL.
        destination: where the predictions go.
        actor: who asked.
        chunk_rows: how many rows are computed at a time, and are a row group of the output.
        piece_rows: from how many rows on a partition is cut.
    """

    model: str
    data: DataSpec
    source: str
    destination: str
    actor: str
    workspace: Workspace
    chunk_rows: int
    piece_rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Score one partition by one version.

    Attributes:
        name: of the partition's file.
        epoch: of the slot when the version was chosen.
        may_cut: whether a big partition is answered by `Cut`, for others to help with it.
    """

    terms: Terms
    name: str
    version: int
    epoch: int
    may_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The partition had been scored before, or another run was quicker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The partition is still being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The partition is big: what its pieces are.

    Attributes:
        digest: of its bytes.
        mark: what changes when the file does.
        rows: how many each piece holds, in order.
    """

    digest: str
    mark: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOrder:
    """Score one piece of a partition that was cut, and keep the answers for the joining."""

    order: Order
    cut: Cut
    number: int

    @property
    def name(self) -> str:
        """The partition's name."""
        return self.order.name


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinOrder:
    """Join the answers of all pieces to the partition's one output."""

    order: Order
    cut: Cut

    @property
    def name(self) -> str:
        """The partition's name."""
        return self.order.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """Some rows were scored; of a whole partition, or of one piece."""

    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """The partition cannot be scored as it is."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hindered:
    """Something around the partition failed, which may be over at the next attempt."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """The version cannot be loaded where the order was to be carried out."""

    error: TenureError


AnyOrder = Order | PieceOrder | JoinOrder
Reply = Known | Waiting | Cut | Finished | Bad | Hindered | Unfit
