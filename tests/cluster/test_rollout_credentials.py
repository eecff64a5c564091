"""Who we are to the cluster: unknown, expired before or in the middle of a deploy, without rights, with just enough."""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest
from cluster import FOLDER, HERE
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from models import push_model

from assay.rollout import lease
from assay.rollout.kubernetes import KubernetesTarget
from assay.stages import deploy
from assay.supervisor import supervise

if TYPE_CHECKING:
    from pathlib import Path

    from rollouts import Place

    from assay.context import Context, Outcome
    from assay.reports import StageReport

TEN = 10
LIFETIME = dt.timedelta(seconds=25)

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("in_place")]


@pytest.fixture(autouse=True)
def _version_1(in_place: None, place: Place) -> None:  # noqa: ARG001 - first the environment, then the deploy
    place.begin()


def kubeconfig(place: Place, folder: Path, user: dict[str, str]) -> Path:
    """A kubeconfig that leads to the cluster as this user."""
    config = json.loads(place.kubectl("config", "view", "--raw", "--minify", "--output=json"))
    config["users"][0]["user"] = user
    (folder / "config").write_text(json.dumps(config), encoding="utf-8")
    return folder / "config"


def deploy_as(place: Place, folder: Path, patch: pytest.MonkeyPatch, user: dict[str, str]) -> StageReport:
    """Version 2 is to be deployed by this user."""
    with patch.context() as mine:
        mine.setenv("ASSAY_KUBECONFIG", str(kubeconfig(place, folder, user)))
        return place.run(place.context(2, push_model(2)))


def token_of_an_account(place: Place) -> dict[str, str]:
    return {"token": place.kubectl("create", "token", "default").strip()}


def key_of_the_cluster(name: str) -> rsa.RSAPrivateKey:
    """A private key of the one-node cluster, to make credentials with that it would give to nobody."""
    admin = FOLDER / "certs" / "admin.kubeconfig"
    file = FOLDER / "certs" / f"{name}.key"
    if not file.exists() or not admin.exists():
        pytest.skip(f"only the one-node cluster of {HERE.name} shows its keys, to make expired credentials with")
    found = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(found, rsa.RSAPrivateKey)
    return found


def certificate(begin: dt.datetime, end: dt.datetime) -> dict[str, str]:
    """A client certificate of the cluster's own authority, for an administrator."""
    authority = x509.load_pem_x509_certificate((FOLDER / "certs" / "ca.crt").read_bytes())
    key = rsa.generate_private_key(65537, 2048)
    names = [(x509.NameOID.ORGANIZATION_NAME, "system:masters"), (x509.NameOID.COMMON_NAME, "admin")]
    name = x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
    builder = x509.CertificateBuilder(
        authority.subject, name, key.public_key(), x509.random_serial_number(), begin, end
    )
    usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    made = builder.add_extension(usage, critical=False).sign(key_of_the_cluster("ca"), SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    texts = {"client-certificate-data": made.public_bytes(Encoding.PEM), "client-key-data": secret}
    return {name: base64.b64encode(text).decode() for name, text in texts.items()}


def expired_token(place: Place) -> dict[str, str]:
    """A token of the cluster that lasted until an hour ago: the one that it gives, dated back and signed again."""
    head, claims, _ = token_of_an_account(place)["token"].split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    said |= {name: said[name] - 7200 for name in ("exp", "iat", "nbf")}
    text = f"{head}.{letters(json.dumps(said).encode())}"
    return {"token": f"{text}.{letters(key_of_the_cluster('sa').sign(text.encode(), PKCS1v15(), SHA256()))}"}


def letters(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_that_are_worth_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = secrets.token_hex()
    report = deploy_as(place, tmp_path, monkeypatch, {"token": secret})
    assert report.exit_code == 5
    assert "the cluster does not accept these credentials: they are wrong" in report.message
    assert "get a fresh kubeconfig" in report.message
    assert secret not in report.message
    place.serves(1)


@pytest.mark.parametrize("kind", ["client certificate", "token"])
def test_that_have_expired(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    hour, now = dt.timedelta(hours=1), dt.datetime.now(dt.UTC)
    user = expired_token(place) if kind == "token" else certificate(now - 2 * hour, now - hour)
    report = deploy_as(place, tmp_path, monkeypatch, user)
    assert report.exit_code == 5
    assert (
        f"does not accept these credentials: the kubeconfig's {kind} expired at {now - hour:%Y-%m-%d}" in report.message
    )
    place.serves(1)


def test_that_expire_in_the_middle(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    user, real = certificate(now - LIFETIME, now + LIFETIME), KubernetesTarget.shift

    def shift(self: KubernetesTarget, percent: int) -> None:
        real(self, percent)
        if percent == TEN:
            time.sleep(max(0.0, (now + LIFETIME - dt.datetime.now(dt.UTC)).total_seconds() + 1))

    def run(context: Context) -> Outcome:
        # in the stage's own process
        KubernetesTarget.shift = shift  # type: ignore[method-assign]
        return deploy.run(context)

    with monkeypatch.context() as patch:
        patch.setenv("ASSAY_KUBECONFIG", str(kubeconfig(place, tmp_path, user)))
        report = supervise(place.context(2, push_model(2)), timeout=240, run=run)
    assert report.exit_code == 5
    assert "the cluster could not be put back to what it was" in report.message
    assert "the kubeconfig's client certificate expired at" in report.message
    assert "run assay rollback" in report.message
    assert place.aliases.read()["champion"] == 1
    # the version before has all its pods still, so that only the candidate's share of the requests is at risk
    assert set(place.answers()) == {1, 2}
    monkeypatch.setattr(lease, "SECONDS", 5)
    assert "all requests go to version 1" in place.roll_back()
    place.serves(1)


def test_that_may_not(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    report = deploy_as(place, tmp_path, monkeypatch, token_of_an_account(place))
    assert report.exit_code == 5
    assert "these credentials may not do this" in report.message
    assert 'cannot get resource "leases"' in report.message
    place.serves(1)


# as README.md names them
RIGHTS = {
    "get,list,create,patch,update,delete": "deployments,services,poddisruptionbudgets,leases,pods",
    "get,list": "endpointslices,events",
    "get": "pods/log",
    "create": "pods/exec,pods/portforward",
}


def test_the_rights_that_are_asked_for_suffice(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number, (verbs, resources) in enumerate(RIGHTS.items()):
        place.kubectl("create", "role", f"deployer-{number}", f"--verb={verbs}", f"--resource={resources}")
        account = f"--serviceaccount={place.kubectl.namespace}:default"
        place.kubectl("create", "rolebinding", f"deployer-{number}", f"--role=deployer-{number}", account)
    report: Any = deploy_as(place, tmp_path, monkeypatch, token_of_an_account(place))
    assert report.summary.get("status") == "promoted", report.message
    place.serves(2)
