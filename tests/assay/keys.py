"""Keys that are made for one test and thrown away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes


def key_file(folder: Path, password: str = "", key: PrivateKeyTypes | None = None) -> Path:
    """A private key, encrypted where a password is given; its public half lies beside it as `model.pub`."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    folder.mkdir(parents=True, exist_ok=True)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "model.pub").write_bytes(public)
    how = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    (folder / "model.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how))
    return folder / "model.key"


def ask_for_signature(project: Path, public_key: str = "keys/model.pub") -> None:
    """Let the project package only what the owner of `public_key` signed."""
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f'\n[tool.assay.signing]\npublic_key = "{public_key}"\n')
