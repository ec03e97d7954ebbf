"""How much may one client ask of the prediction server?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may cost; what goes beyond is refused early and cheaply.

    Attributes:
        body_bytes: the longest body, declared or counted while it arrives (413).
        body_timeout_s: how long a body may take from its first to its last byte (408).
        rows: the most instances of one request (422).
        name_length: how many characters of a client's own names an answer repeats.
        in_flight: requests for predictions at once; more get 503 with Retry-After.
        batch_rows: the most rows that requests are joined to; one of more rows goes alone.
        answer_s: how long a request may wait and compute (503 or 504).
        header_bytes: the longest request line with headers (431).
        header_timeout_s: how long a request line with headers may take (408, then closed).
        idle_s: how long an idle connection is kept.
        connections: connections at once; more get 503.
        drain_s: how long a stopping server answers on, telling clients to go.
        stop_s: how long requests in flight may still take after that.
    """

    body_bytes: int = 8 * 1024 * 1024
    body_timeout_s: float = 5.0
    rows: int = 10_000
    name_length: int = 60
    in_flight: int = 128
    batch_rows: int = 4_096
    answer_s: float = 30.0
    header_bytes: int = 32 * 1024
    header_timeout_s: float = 5.0
    idle_s: float = 15.0
    connections: int = 1_000
    drain_s: float = 0.5
    stop_s: float = 10.0
