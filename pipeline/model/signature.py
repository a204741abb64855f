"""A version's signature, in the format of OpenSSF Model Signing: who holds the key has looked at exactly these files.

`model.sig` is a Sigstore bundle around a DSSE envelope around an in-toto statement with the SHA-256 of every file of
the version. `model_signing verify key` of the OpenSSF reads it, too; its package and the twenty that come with it, made
for Sigstore's services, are not needed for a key of one's own: `cryptography` computes the same.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipeline.errors import ScoringError, UsageError

FILE = "model.sig"
SIGN_KEY, VERIFY_KEY = "SCORING_SIGNING_KEY", "SCORING_VERIFY_KEY"

_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://model_signing/signature/v1.0"
_SERIALIZATION = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": [FILE]}
_HASHES = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384(), "secp521r1": hashes.SHA512()}
_MAKE = "openssl ecparam -name prime256v1 -genkey -noout -out signing.pem"


class SignatureError(ScoringError):
    """A signature that is missing, of no trusted key, or not of these files."""


def required() -> bool:
    """Whether a public key is configured, so that only signed versions may be used.

    Raises:
        SignatureError: the setting is there and empty, which would let every model in.
    """
    keys = os.environ.get(VERIFY_KEY)
    if keys is not None and not keys.strip():
        raise SignatureError(f"{VERIFY_KEY} is empty. Name a public key's file, or leave the variable out.")
    return keys is not None


def sign(digests: Mapping[str, str], name: str, key: Path) -> bytes:
    """Sign a version's files; returns the content of `model.sig`.

    Args:
        digests: SHA-256 of each file by its path below the version's folder.
        name: of the version.
        key: PEM file of an EC private key.

    Raises:
        UsageError: the key cannot be read, or is of another kind.
    """
    private = _private(key)
    names = sorted(digests)
    statement = {
        "_type": _STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _root(digests)}}],
        "predicateType": _PREDICATE,
        "predicate": {
            "serialization": _SERIALIZATION,
            "resources": [{"name": file, "algorithm": "sha256", "digest": digests[file]} for file in names],
        },
    }
    payload = json.dumps(statement).encode()
    signature = private.sign(_encoded(payload), ec.ECDSA(_HASHES[private.curve.name]))
    bundle = {
        "mediaType": _BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": _hint(private.public_key())}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": _PAYLOAD,
            "signatures": [{"sig": base64.b64encode(signature).decode(), "keyid": ""}],
        },
    }
    return json.dumps(bundle, indent=2).encode() + b"\n"


def verify(content: bytes, origin: Path) -> dict[str, str]:
    """The SHA-256 of each file, as a signature gives them that a trusted key made.

    Args:
        content: of `model.sig`.
        origin: its path, for the error message.

    Raises:
        SignatureError: no trusted key made it, or it is no signature of files.
        UsageError: a public key cannot be read, or is of another kind.
    """
    keys = [_public(Path(path)) for path in os.environ[VERIFY_KEY].split(os.pathsep)]
    try:
        envelope = json.loads(content)["dsseEnvelope"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        made = [base64.b64decode(signed["sig"], validate=True) for signed in envelope["signatures"]]
        if envelope["payloadType"] != _PAYLOAD:
            raise ValueError(f"payload of type {envelope['payloadType']}")
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise SignatureError(
            f"{origin}: not a signature: {type(error).__name__}: {error}. {_remedy(origin)}"
        ) from error
    if not any(_is_of(key, signature, payload) for key in keys for signature in made):
        raise SignatureError(
            f"{origin}: not made with the key of {VERIFY_KEY}={os.environ[VERIFY_KEY]}. {_remedy(origin)}"
        )
    try:
        return _digests(json.loads(payload))
    except (ValueError, KeyError, TypeError) as error:
        raise SignatureError(
            f"{origin}: signed, but no statement on a model's files: {error}. {_remedy(origin)}"
        ) from error


def missing(origin: Path) -> SignatureError:
    """The error where there is no signature, and there has to be one."""
    return SignatureError(f"{origin} is missing, and {VERIFY_KEY} asks for it. {_remedy(origin)}")


def altered(origin: Path, file: str) -> SignatureError:
    """The error where a file is not the one that was signed."""
    return SignatureError(
        f"{origin.parent / file} is not as it was signed in {origin}. It was not used. Restore the version from git or "
        f"your model storage. {_remedy(origin)}"
    )


def _digests(statement: dict[str, Any]) -> dict[str, str]:
    predicate, [subject] = statement["predicate"], statement["subject"]
    if statement["_type"] != _STATEMENT or statement["predicateType"] != _PREDICATE:
        raise ValueError(f"its type is {statement['predicateType']}")
    serialization, resources = predicate["serialization"], predicate["resources"]
    if (serialization["method"], serialization["hash_type"]) != ("files", "sha256"):
        raise ValueError(f"its digests are {serialization['method']}, {serialization['hash_type']}")
    digests = {str(file["name"]): str(file["digest"]) for file in resources}
    if len(digests) != len(resources) or _root(digests) != subject["digest"]["sha256"]:
        raise ValueError("its digests do not add up")
    return digests


def _root(digests: Mapping[str, str]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(digests[file]) for file in sorted(digests))).hexdigest()


def _encoded(payload: bytes) -> bytes:
    """What is signed: the pre-authentication encoding of DSSE."""
    return f"DSSEv1 {len(_PAYLOAD)} {_PAYLOAD} {len(payload)} ".encode() + payload


def _is_of(key: ec.EllipticCurvePublicKey, signature: bytes, payload: bytes) -> bool:
    try:
        key.verify(signature, _encoded(payload), ec.ECDSA(_HASHES[key.curve.name]))
    except InvalidSignature:
        return False
    return True


def _hint(key: ec.EllipticCurvePublicKey) -> str:
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(pem).hexdigest()


def _private(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{SIGN_KEY}={path}: no private key: {error}. Make one, without a password: {_MAKE}"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in _HASHES:
        raise UsageError(
            f"{SIGN_KEY}={path}: not a key on the curve P-256, P-384 or P-521. Make one: {_MAKE}"
        )
    return key


def _public(path: Path) -> ec.EllipticCurvePublicKey:
    remedy = "Write it: openssl ec -in signing.pem -pubout -out verify.pem"
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{VERIFY_KEY}={path}: no public key: {error}. {remedy}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise UsageError(f"{VERIFY_KEY}={path}: not a key on the curve P-256, P-384 or P-521. {remedy}")
    return key


def _remedy(origin: Path) -> str:
    name, version = origin.parts[-3:-1]
    return (
        f"Whoever holds the private key looks at the version and signs it: {SIGN_KEY}=signing.pem scoring "
        f"sign {name} {version}"
    )
