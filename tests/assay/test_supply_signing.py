from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import small
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from keys import ask_for_signature, key_file

from assay import artifacts
from assay.errors import ArtifactError, ConfigError
from assay.serving.bundle import make_bundle
from assay.single import stage_context
from assay.stages import register
from assay.supply import signing
from assay.tracking.registry import Registry, store_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from assay.context import Context


@pytest.fixture
def made(inputs: Path, tmp_path: Path) -> Path:
    return shutil.copytree(inputs, tmp_path / "in")


@pytest.fixture
def context(made: Path, store: Path, tmp_path: Path) -> Callable[[str], Context]:
    small.project(store)
    return lambda stage: stage_context(stage, store, made, tmp_path / "out")


@pytest.fixture
def signer(monkeypatch: pytest.MonkeyPatch, store: Path) -> Callable[..., Path]:
    """Makes a key in a folder of the project and names it in the environment."""

    def make(folder: str = "keys", *, password: str = "", given: str | None = None, key: Any = None) -> Path:
        file = key_file(store / folder, password, key)
        monkeypatch.setenv(signing.KEY_VARIABLE, str(file))
        monkeypatch.setenv(signing.PASSWORD_VARIABLE, password if given is None else given)
        return file

    return make


def _registered(context: Context) -> dict[str, Any]:
    register.run(context)
    found: dict[str, Any] = json.loads((context.outputs / "registration.json").read_text())
    shutil.copy(context.outputs / "registration.json", context.inputs / "registration.json")
    return found


def _kept(context: Context) -> str | None:
    registry = Registry(store_of(context.project))
    registry.set_champion("tiny", 1)
    version = registry.champion("tiny")
    assert version
    return registry.read(version, signing.SIGNATURE)


@pytest.mark.parametrize("password", [pytest.param("", id="plain"), pytest.param("correct horse", id="encrypted")])
def test_a_signed_model_is_packaged(
    context: Callable[[str], Context], signer: Callable[..., Path], store: Path, password: str
) -> None:
    signer(password=password)
    ask_for_signature(store)
    found = _registered(context("register"))
    assert json.loads(_kept(context("register")) or "") == found["signature"]
    bundle = make_bundle(context("package"))
    assert json.loads((bundle / "model.sig").read_text()) == found["signature"]
    public = (store / "keys" / "model.pub").read_bytes()
    assert signing.flaw(bundle / "model", found["signature"], public) == ""


def test_without_a_key_nothing_is_signed_and_nothing_is_asked(context: Callable[[str], Context]) -> None:
    assert "signature" not in _registered(context("register"))
    assert _kept(context("register")) is None
    assert not (make_bundle(context("package")) / "model.sig").exists()


def test_a_signature_that_is_missing_is_added_to_the_same_version_and_stays(
    context: Callable[[str], Context], signer: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "signature" not in _registered(context("register"))
    signer()
    added = _registered(context("register"))
    assert (added["version"], bool(added["signature"])) == (1, True)
    again = _registered(context("register"))
    monkeypatch.delenv(signing.KEY_VARIABLE)
    assert [again, _registered(context("register"))] == [added, added]
    signer("others")
    other = _registered(context("register"))
    assert (other["version"], other["signature"] != added["signature"]) == (1, True)


def _changed(made: Path) -> None:
    (made / "model" / "dtypes.json").write_text('{"columns": {}}')


def _another_file(made: Path) -> None:
    (made / "model" / ".gitignore").write_text("hidden")


def _stripped(made: Path) -> None:
    registration = json.loads((made / "registration.json").read_text())
    del registration["signature"]
    (made / "registration.json").write_text(json.dumps(registration))


def _forged(made: Path) -> None:
    registration = json.loads((made / "registration.json").read_text())
    registration["signature"]["dsseEnvelope"]["signatures"][0]["sig"] = "AAAA"
    (made / "registration.json").write_text(json.dumps(registration))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        pytest.param(_changed, "Hash mismatch for 'dtypes.json'", id="changed-byte"),
        pytest.param(_another_file, "Extra files found in model 'model': .gitignore", id="another-file"),
        pytest.param(_stripped, "there is none", id="none"),
        pytest.param(_forged, "it was not made with this key", id="forged"),
    ],
)
def test_package_refuses(
    context: Callable[[str], Context],
    signer: Callable[..., Path],
    store: Path,
    made: Path,
    damage: Callable[[Path], None],
    expected: str,
) -> None:
    signer()
    ask_for_signature(store)
    _registered(context("register"))
    damage(made)
    # whoever can change the model can write its new digest too: only the signature is left to tell
    small.change(made / "registration.json", model_digest=artifacts.digest(made / "model"))
    with pytest.raises(ArtifactError, match="no valid signature") as raised:
        make_bundle(context("package"))
    assert expected in raised.value.what
    assert "ASSAY_SIGNING_KEY" in raised.value.next


def test_a_signature_by_somebody_else_is_refused(
    context: Callable[[str], Context], signer: Callable[..., Path], store: Path
) -> None:
    signer("others")
    _registered(context("register"))
    key_file(store / "keys")
    ask_for_signature(store)
    with pytest.raises(ArtifactError, match="Key mismatch"):
        make_bundle(context("package"))


def test_a_key_that_is_not_the_projects_registers_nothing(
    context: Callable[[str], Context], signer: Callable[..., Path], store: Path
) -> None:
    signer("others")
    key_file(store / "keys")
    ask_for_signature(store)
    with pytest.raises(ConfigError, match="not the other half"):
        register.run(context("register"))
    assert not Registry(store_of(store))._connected.search_model_versions()


_RSA = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize(
    ("made_with", "expected"),
    [
        pytest.param({"password": "one", "given": "two"}, "the password of the signing key is wrong", id="wrong"),
        pytest.param({"password": "one", "given": ""}, "Password was not given", id="missing"),
        pytest.param({"given": "two"}, "Password was given but", id="needless"),
        pytest.param({"key": _RSA}, "no private key that can be used", id="rsa"),
        pytest.param({"key": ec.generate_private_key(ec.SECP256K1())}, "no private key", id="other-curve"),
    ],
)
def test_a_key_that_cannot_be_used_is_told_without_showing_it(
    signer: Callable[..., Path], store: Path, made_with: dict[str, Any], expected: str
) -> None:
    file = signer(**made_with)
    with pytest.raises(ConfigError) as raised:
        signing.signing_key(store, None)
    told = str(raised.value)
    assert expected in told
    assert "next:" in told
    assert str(file) in told
    secrets = [line for line in file.read_text().splitlines() if line] + ["one", "two"]
    assert not [secret for secret in secrets if secret in told.replace("this file holds", "").split()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("no key", "holds no public key", id="text"),
        pytest.param(None, "cannot be read: No such", id="none"),
    ],
)
def test_a_public_key_that_is_none(store: Path, tmp_path: Path, text: str | None, expected: str) -> None:
    if text:
        (store / "model.pub").write_text(text)
    with pytest.raises(ConfigError, match=expected):
        signing.check(store, "model.pub", tmp_path, {"a": 1})


def test_no_library_is_imported_where_no_key_is_configured() -> None:
    code = """
import sys
from pathlib import Path
from assay.supply import signing
assert signing.signing_key(Path(), None) is None
signing.check(Path(), None, Path(), None)
print([name for name in ("model_signing", "cryptography") if name in sys.modules])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
