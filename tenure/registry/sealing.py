"""How are bytes kept that nobody may read by looking at the disk?

AES-256-GCM in pieces of 16 MiB, so that a batch of any size is sealed in little memory. Each piece
is bound to its place and to whether it is the last: one cannot be swapped, left out or cut off.
"""

from __future__ import annotations

import io
import os
import struct
from typing import TYPE_CHECKING, BinaryIO

from tenure.errors import SealBroken
from tenure.spec.keyring import secret_key

if TYPE_CHECKING:
    from tenure.workspace import Workspace

MARK = b"tenure-sealed-1\n"
PIECE = 16 << 20
_NONCE = 12
_TAG = 16
_HEAD = struct.Struct("<I")


def seal(source: BinaryIO, target: BinaryIO, workspace: Workspace) -> None:
    """Seal all of `source` into `target` with the workspace's sealing key."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher = AESGCM(secret_key("sealing", workspace))
    target.write(MARK)
    piece, number = source.read(PIECE), 0
    while True:
        following = source.read(PIECE)
        nonce = os.urandom(_NONCE)
        sealed = cipher.encrypt(nonce, piece, _place(number, last=not following))
        target.write(_HEAD.pack(len(sealed)) + nonce + sealed)
        if not following:
            return
        piece, number = following, number + 1


def unseal(source: BinaryIO, target: BinaryIO, workspace: Workspace) -> None:
    """Open what `seal` made.

    Raises:
        SealBroken: other bytes, another key, or bytes that were changed, swapped or cut off.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher = AESGCM(secret_key("sealing", workspace))
    if source.read(len(MARK)) != MARK:
        raise SealBroken(detail="they do not begin as sealed bytes do")
    head, number = source.read(_HEAD.size), 0
    while True:
        size = _HEAD.unpack(head)[0] if len(head) == _HEAD.size else 0
        nonce, sealed = source.read(_NONCE), source.read(min(size, PIECE + _TAG))
        head = source.read(_HEAD.size)
        try:
            target.write(cipher.decrypt(nonce, sealed, _place(number, last=not head)))
        except (InvalidTag, ValueError):
            raise SealBroken(detail="they were changed, or sealed with another key") from None
        if not head:
            return
        number += 1


def seal_bytes(data: bytes, workspace: Workspace) -> bytes:
    """Return sealed bytes."""
    target = io.BytesIO()
    seal(io.BytesIO(data), target, workspace)
    return target.getvalue()


def unseal_bytes(data: bytes, workspace: Workspace) -> bytes:
    """Return what was sealed; raises as `unseal`."""
    target = io.BytesIO()
    unseal(io.BytesIO(data), target, workspace)
    return target.getvalue()


def _place(number: int, *, last: bool) -> bytes:
    return MARK + struct.pack("<Q?", number, last)
