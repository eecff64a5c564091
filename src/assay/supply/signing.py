"""Signatures of model folders with a key pair of the project's own, in the format of OpenSSF model-signing, offline.

The library is imported where a key is configured, and only there: it brings Sigstore along.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import ArtifactError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from model_signing import hashing

KEY_VARIABLE = "ASSAY_SIGNING_KEY"
PASSWORD_VARIABLE = "ASSAY_SIGNING_PASSWORD"  # noqa: S105 - the variable's name
SIGNATURE = "model.sig"
"""Name of a signature's file in the registry and in a bundle."""

_PUBLIC = "pyproject.toml tool.assay.signing.public_key"
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_MAKE = "make one: openssl ecparam -name prime256v1 -genkey -noout -out model.key"


@dataclass(frozen=True, kw_only=True)
class Key:
    """A private key that was read.

    Attributes:
        file: Where it lies, PEM.
        password: What it is encrypted with.
        public: Its public half, PEM.
    """

    file: Path
    password: bytes | None = field(repr=False)
    public: bytes


def signing_key(project: Path, public_key: str | None) -> Key | None:
    """The private key that the environment names; None where it names none.

    Args:
        project: The project's folder.
        public_key: `[tool.assay.signing] public_key`, which the private key must fit.

    Raises:
        ConfigError: It is no key, cannot be decrypted, or is not the public key's other half.
    """
    named = os.environ.get(KEY_VARIABLE)
    if not named:
        return None
    password = os.environ.get(PASSWORD_VARIABLE, "").encode() or None
    key = Key(file=Path(named), password=password, public=_pem(_private(Path(named), password)))
    if public_key and _pem(_public(project / public_key)) != key.public:
        what = "the signing key is not the other half of the project's public key: nothing was registered"
        raise ConfigError(what, f"{KEY_VARIABLE} and {_PUBLIC}", next=_export(public_key))
    return key


def sign(model: Path, key: Key) -> dict[str, Any]:
    """The signature of all files in the folder `model`, as JSON values; another one each time."""
    from model_signing import signing

    config = signing.Config().set_hashing_config(_every_file())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, SIGNATURE)
        # annotated as text, but handed on to a function that takes bytes
        config.use_elliptic_key_signer(private_key=key.file, password=key.password)
        config.sign(model.resolve(), file)
        signature: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return signature


def flaw(model: Path, signature: Mapping[str, Any] | None, public: bytes) -> str:
    """Why `signature` is not one of `model` by the owner of the key `public` (PEM); empty where it is."""
    if not signature:
        return "there is none"
    from model_signing import verifying

    with tempfile.TemporaryDirectory() as folder:
        file, key = Path(folder, SIGNATURE), Path(folder, "public.pem")
        file.write_text(json.dumps(signature), encoding="utf-8")
        key.write_bytes(public)
        try:
            config = verifying.Config().set_hashing_config(_every_file())
            config.use_elliptic_key_verifier(public_key=key).verify(model.resolve(), file)
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over, the signature has not proved anything
            return _reason(error) or "it was not made with this key"
    return ""


def check(project: Path, public_key: str | None, model: Path, signature: Mapping[str, Any] | None) -> None:
    """See that `model` is signed where the project asks for it.

    Raises:
        ArtifactError: It is not, or not with the project's key.
        ConfigError: `public_key` names no public key.
    """
    if not public_key:
        return
    found = flaw(model, signature, _pem(_public(project / public_key)))
    if found:
        raise ArtifactError(
            f"the model has no valid signature: {found}",
            where=str(model),
            allowed=f"a signature by the owner of {public_key} ({_PUBLIC})",
            next=f"run register again with {KEY_VARIABLE} set to the file of the private key",
        )


def _every_file() -> hashing.Config:
    from model_signing import hashing

    # by default a file could hide behind a name such as .gitignore
    return hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)


def _reason(error: Exception) -> str:
    # a mismatch is told as Python's list of sentences, with raw digests behind "Expected"
    text = str(error).partition(": Expected")[0]
    return " ".join(re.sub(r"^Signature mismatch: \[.|\\", "", text).rstrip('"]').split())[:200]


def _private(file: Path, password: bytes | None) -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = _loaded(file, KEY_VARIABLE, lambda pem: load_pem_private_key(pem, password))
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key
    raise _no_key(file, KEY_VARIABLE, "private", _MAKE)


def _public(file: Path) -> EllipticCurvePublicKey:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = _loaded(file, _PUBLIC, load_pem_public_key)
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    raise _no_key(file, _PUBLIC, "public", _export(file.name))


def _loaded(file: Path, setting: str, load: Callable[[bytes], object]) -> object:
    """The key in `file`, of whatever kind; None where there is no key in it."""
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        return load(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"the key cannot be read: {error.strerror}", f"{setting}: {file}") from None
    except TypeError as error:
        # the library's words for a password that is missing or not needed; they hold neither key nor password
        raise ConfigError(str(error), f"{setting}: {file}", next=f"set {PASSWORD_VARIABLE}, or unset it") from None
    except ValueError as error:
        if "password" not in str(error).lower():
            return None
        then = f"set {PASSWORD_VARIABLE} to the password that the key was encrypted with"
        raise ConfigError("the password of the signing key is wrong", f"{setting}: {file}", next=then) from None
    except UnsupportedAlgorithm:
        return None


def _no_key(file: Path, setting: str, half: str, then: str) -> ConfigError:
    what = f"this file holds no {half} key that can be used"
    return ConfigError(what, f"{setting}: {file}", f"PEM, elliptic curve: {', '.join(_CURVES)}", then)


def _export(public_key: str) -> str:
    return f"write the public half of the key there: openssl ec -in model.key -pubout -out {public_key}"


def _pem(key: EllipticCurvePrivateKey | EllipticCurvePublicKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key() if hasattr(key, "public_key") else key
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
