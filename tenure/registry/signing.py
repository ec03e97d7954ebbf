"""Who vouches for a manifest, and how is that checked?

Ed25519 over the envelope's type and payload (DSSE's pre-authentication encoding). Keys are JSON
files in the key folder: one private key, made at first use with mode 0600, and one `.pub.json` for
each key that is trusted, which may carry an end (`not_after`) or be marked `revoked`.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from tenure.errors import ArtifactRefused
from tenure.records import canonical
from tenure.workspace import STATE_FOLDER, Workspace

PAYLOAD_TYPE = "application/vnd.tenure.manifest+json"
_PRIVATE = "signing.json"


@dataclass(frozen=True, slots=True)
class _Key:
    id: str
    secret: bytes


def _encoded(payload: bytes) -> bytes:
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, workspace: Workspace) -> bytes:
    """Return the envelope of a payload, signed with the workspace's key, which is made if absent.

    The envelope is canonical JSON: payload and signature in base64, the key's id, the type.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = _own_key(workspace)
    signature = Ed25519PrivateKey.from_private_bytes(key.secret).sign(_encoded(payload))
    return canonical(
        {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.b64encode(payload).decode(),
            "signatures": [{"keyid": key.id, "sig": base64.b64encode(signature).decode()}],
        }
    )


def open_envelope(envelope: bytes, workspace: Workspace, what: str) -> bytes:
    """Return the payload of an envelope that a trusted key signed.

    Raises:
        ArtifactRefused: unsigned, a wrong signature, or a key that is unknown, revoked or over.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        parts = orjson.loads(envelope)
        payload = base64.b64decode(parts["payload"], validate=True)
        signature = base64.b64decode(parts["signatures"][0]["sig"], validate=True)
        key_id = str(parts["signatures"][0]["keyid"])
    except (ValueError, KeyError, IndexError, TypeError):
        raise ArtifactRefused(what=what, detail="its manifest is not signed") from None
    key = Ed25519PublicKey.from_public_bytes(_trusted_key(key_id, workspace, what))
    try:
        key.verify(signature, _encoded(payload))
    except InvalidSignature:
        raise ArtifactRefused(
            what=what, detail=f"the signature by key {key_id} does not fit its manifest"
        ) from None
    return payload


def _trusted_key(key_id: str, workspace: Workspace, what: str) -> bytes:
    for file in sorted(workspace.key_folder.glob("*.pub.json")):
        known: dict[str, Any] = orjson.loads(file.read_bytes())
        if known.get("id") != key_id:
            continue
        if known.get("revoked"):
            raise ArtifactRefused(what=what, detail=f"key {key_id} is revoked")
        end = known.get("not_after")
        if end and datetime.fromisoformat(end) <= datetime.now(UTC):
            raise ArtifactRefused(what=what, detail=f"key {key_id} ended on {end}")
        return base64.b64decode(known["public"])
    raise ArtifactRefused(what=what, detail=f"key {key_id} is not among the trusted keys")


def _own_key(workspace: Workspace) -> _Key:
    file = workspace.key_folder / _PRIVATE
    try:
        known = orjson.loads(file.read_bytes())
    except FileNotFoundError:
        return _make_key(workspace)
    return _Key(known["id"], base64.b64decode(known["secret"]))


def _make_key(workspace: Workspace) -> _Key:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    folder = workspace.key_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = _Key(hashlib.sha256(public).hexdigest()[:16], private.private_bytes_raw())
    _write_once(folder / f"{key.id}.pub.json", _spell(key.id, "public", public), 0o644)
    if not _write_once(folder / _PRIVATE, _spell(key.id, "secret", key.secret), 0o600):
        return _own_key(workspace)  # another process was first; its key signs
    return key


def _spell(key_id: str, name: str, value: bytes) -> bytes:
    made_at = datetime.now(UTC).isoformat()
    return canonical({"id": key_id, "made_at": made_at, name: base64.b64encode(value).decode()})


def _write_once(file: os.PathLike[str], data: bytes, mode: int) -> bool:
    fresh = f"{os.fspath(file)}.{os.getpid()}.fresh"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())
    try:
        os.link(fresh, file)
    except FileExistsError:
        return False
    finally:
        os.unlink(fresh)
    return True


def key_is_weak(workspace: Workspace) -> bool:
    """Say whether the signing key lies inside the folder that it is to vouch for."""
    return STATE_FOLDER in workspace.key_folder.parts
