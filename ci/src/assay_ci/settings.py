"""Everything that can be set from outside, handed on as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import dagger


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The constructor's arguments; see `Assay` for what each one means."""

    source: dagger.Directory
    package: dagger.Directory
    base_image: str
    index_url: str
    index_username: str
    index_password: dagger.Secret | None
    ca_bundle: dagger.File | None
    proxy: dagger.Secret | None
    no_proxy: str
    tracking_uri: str
    tracking_username: str
    tracking_password: dagger.Secret | None
    registry: str
    registry_username: str
    registry_password: dagger.Secret | None
    registry_http: bool
    platforms: str
    run_cache: str
    run_cache_username: str
    run_cache_password: dagger.Secret | None
    kubeconfig: dagger.Secret | None
    kubectl_image: str
    signing_key: dagger.Secret | None
    signing_password: dagger.Secret | None
    data_credentials: dagger.Secret | None
    dvc_config: dagger.Secret | None
    alert_url: dagger.Secret | None
    alert_secret: dagger.Secret | None
    monitor_state: dagger.Directory | None
    commit: str
    user: str
    run_url: str
    image: str = ""
    run_id: str
    network: Mapping[str, dagger.Secret] = field(default_factory=dict)
