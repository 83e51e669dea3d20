"""A software authenticator: it makes passkeys and answers with them as a browser and a phone do (WebAuthn, ES256)."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

Json = dict[str, Any]

USER_PRESENT, USER_VERIFIED, HOLDS_A_KEY = 0x01, 0x04, 0x40
NO_MODEL = bytes(16)
"""The AAGUID of an authenticator that does not say what it is."""


@dataclass
class Key:
    """A passkey, with the half of it that is secret."""

    id: bytes
    domain: str
    user: bytes
    private: ec.EllipticCurvePrivateKey
    count: int = 0

    def cose(self) -> bytes:
        """The public half, as a COSE key of ES256."""
        numbers = self.private.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})


@dataclass
class Authenticator:
    """Somebody's phone, and the browser beside it. What it says wrongly, a test has set."""

    origin: str = "http://localhost:8000"
    """The page that the browser shows."""
    verifies: bool = True
    """Whether it makes sure, by a finger or a PIN, who holds it."""
    counts: bool = True
    framed: bool = False
    """Whether the page is within one of somebody else's."""
    next_id: bytes | None = None
    """What the next key is called, if it is not to be chance."""
    keys: list[Key] = field(default_factory=list)

    def create(self, options: Json) -> Json:
        """What `navigator.credentials.create()` gives, by its `toJSON()`."""
        excluded = {base64url_to_bytes(each["id"]) for each in options["excludeCredentials"]}
        assert not excluded & {key.id for key in self.keys}, "a browser makes no second key for the same account"
        user = base64url_to_bytes(options["user"]["id"])
        key_id = self.next_id or secrets.token_bytes(32)
        made = Key(key_id, options["rp"]["id"], user, ec.generate_private_key(ec.SECP256R1()))
        self.keys.append(made)
        attested = NO_MODEL + len(made.id).to_bytes(2, "big") + made.id + made.cose()
        data = self._data(made, HOLDS_A_KEY) + attested
        response = {
            "clientDataJSON": bytes_to_base64url(self._client("webauthn.create", options)),
            "attestationObject": bytes_to_base64url(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
            "transports": ["internal"],
        }
        return _credential(made, response)

    def get(self, options: Json) -> Json:
        """What `navigator.credentials.get()` gives, by its `toJSON()`: its person takes the newest key."""
        key = [key for key in self.keys if key.domain == options["rpId"]][-1]
        if self.counts:
            key.count += 1
        data, client = self._data(key), self._client("webauthn.get", options)
        signature = key.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        response = {
            "clientDataJSON": bytes_to_base64url(client),
            "authenticatorData": bytes_to_base64url(data),
            "signature": bytes_to_base64url(signature),
            "userHandle": bytes_to_base64url(key.user),
        }
        return _credential(key, response)

    def _data(self, key: Key, flags: int = 0) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return hashlib.sha256(key.domain.encode()).digest() + bytes([flags]) + key.count.to_bytes(4, "big")

    def _client(self, kind: str, options: Json) -> bytes:
        client = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": self.framed}
        return json.dumps(client).encode()


def _credential(key: Key, response: Json) -> Json:
    return {
        "id": bytes_to_base64url(key.id),
        "rawId": bytes_to_base64url(key.id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    }
