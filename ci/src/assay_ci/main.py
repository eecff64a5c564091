"""The main object: all configuration in the constructor, one function a stage, and the functions that run them all."""

import uuid
from typing import Annotated

import dagger
from dagger import DefaultPath, Doc, Ignore, check, function, object_type

from assay_ci import containers, image, network, supply
from assay_ci.flow import one_stage, planned, whole_run
from assay_ci.settings import Settings
from assay_ci.stage_run import StageRun

_CODE = ["!pyproject.toml", "!src/**", "!tests/**", "!Dockerfile", "!requirements*.txt", "!**/*.pub"]
_DATA = ["!data/**", "!logs/**", "!labels/**", "!gx/**", "!**/*.dvc", "!.dvc/config", "!**/dvc.yaml", "!**/dvc.lock"]
_UPLOADED = ["**", *_CODE, *_DATA]
_TOOLKIT = ["**", "!src/assay/**", "!requirements/*.lock", "!Dockerfile"]
_KUBECTL = "registry.k8s.io/kubectl:v1.34.2"
_ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - inside a container, where nothing else would reach it
_LEFT_OUT = ["**/__pycache__", "**/.*_cache"]

Trigger = Annotated[
    str, Doc("push, pull_request, data, schedule, or one of [tool.assay.triggers]; empty means every stage")
]

Only = Annotated[str, Doc("Just this stage, with what it needs; empty means every stage of the trigger")]

AllowFailure = Annotated[bool, Doc("Give the report of a stage that did not pass instead of failing")]


@object_type
class Assay:
    """ML CI/CD: takes a repository with a model in it through eight gated stages, each in a container."""

    source: Annotated[
        dagger.Directory,
        DefaultPath("/"),
        Ignore([*_UPLOADED, *_LEFT_OUT]),
        Doc("The project; with -m give --source=."),
    ]
    package: Annotated[
        dagger.Directory, DefaultPath("/"), Ignore([*_TOOLKIT, *_LEFT_OUT]), Doc("Assay's own toolkit and locks")
    ]
    base_image: Annotated[str, Doc("Image with Python that all containers start from")] = "python:3.13-slim"
    index_url: Annotated[str, Doc("Package index for pip in place of the default")] = ""
    index_username: Annotated[str, Doc("User at the package index")] = ""
    index_password: Annotated[dagger.Secret | None, Doc("Password or token at the package index")] = None
    ca_bundle: Annotated[
        dagger.File | None, Doc("Certificate authorities (PEM) to trust in place of those that packages bring along")
    ] = None
    proxy: Annotated[dagger.Secret | None, Doc("HTTP proxy to the outside, http://[user:password@]host:port")] = None
    no_proxy: Annotated[str, Doc("Hosts that are reached without the proxy, separated by commas")] = ""
    tracking_uri: Annotated[str, Doc("MLflow server; empty: an embedded store in a cache volume of the engine")] = ""
    tracking_username: Annotated[str, Doc("User at the MLflow server")] = ""
    tracking_password: Annotated[dagger.Secret | None, Doc("Password at the MLflow server")] = None
    registry: Annotated[str, Doc("Where to publish the image, host/repository[:tag]; empty: it is not published")] = ""
    registry_username: Annotated[str, Doc("User at the registry")] = ""
    registry_password: Annotated[dagger.Secret | None, Doc("Password or token at the registry")] = None
    registry_http: Annotated[bool, Doc("The registry speaks plain http; the engine has to know it too")] = False
    platforms: Annotated[str, Doc("Publish for these, linux/amd64,linux/arm64; empty: for the engine's own")] = ""
    run_cache: Annotated[
        str, Doc("Where results of pure stages are shared between engines, oci://host/repository; empty: nowhere")
    ] = ""
    run_cache_username: Annotated[str, Doc("User at the registry of the run cache")] = ""
    run_cache_password: Annotated[dagger.Secret | None, Doc("Password or token there")] = None
    kubeconfig: Annotated[dagger.Secret | None, Doc("Where and as whom to deploy, for target kubernetes")] = None
    kubectl_image: Annotated[str, Doc("Image that kubectl is taken from, /bin/kubectl")] = _KUBECTL
    signing_key: Annotated[dagger.Secret | None, Doc("Private key (PEM) that register signs the model with")] = None
    signing_password: Annotated[dagger.Secret | None, Doc("What that key is encrypted with")] = None
    data_credentials: Annotated[
        dagger.Secret | None, Doc("Lines NAME=VALUE: environment for reading remote data, as its provider names it")
    ] = None
    dvc_config: Annotated[dagger.Secret | None, Doc("What `dvc remote modify --local` wrote: .dvc/config.local")] = None
    alert_url: Annotated[dagger.Secret | None, Doc("Webhook that monitor tells its alarms to")] = None
    alert_secret: Annotated[dagger.Secret | None, Doc("What monitor signs them with")] = None
    monitor_state: Annotated[
        dagger.Directory | None, Doc("What monitor left in monitor-report/state the last time; empty: a cache volume")
    ] = None
    commit: Annotated[str, Doc("Git commit of the project, noted with the model version")] = ""
    user: Annotated[str, Doc("Who starts this, noted with the model version")] = ""
    run_url: Annotated[str, Doc("Address of the CI run, noted in the provenance as the builder")] = ""

    @function(cache="never")
    async def full(self, trigger: Trigger = "", only: Only = "") -> str:
        """Run the stages of a trigger and give the table of the run; fails, with that table, when a stage does."""
        settings = await self._settings()
        run = await whole_run(settings, trigger, only, "--exit-code")
        return await run.stdout() + await supply.attested(settings, run)

    @function(cache="never")
    async def run(self, trigger: Trigger = "", only: Only = "") -> dagger.Directory:
        """Run the stages of a trigger and give all that they left, also when one failed: run.json, report.html."""
        settings = await self._settings()
        run = await whole_run(settings, trigger, only)
        told, folder = await supply.attested(settings, run), run.directory("/results")
        return folder.with_new_file("attested.txt", told) if told else folder

    @function
    async def plan(self, trigger: Trigger = "") -> str:
        """What a run would do, as a table."""
        return await planned(await self._settings(), ["--trigger", trigger]).stdout()

    @function
    @check
    async def code_test(self, allow_failure: AllowFailure = False) -> StageRun:
        """Tests, coverage, lint and types of the project."""
        return await one_stage(await self._settings(), "code-test", allow_failure=allow_failure)

    @function(cache="never")
    @check
    async def data_validate(self, allow_failure: AllowFailure = False) -> StageRun:
        """Schema, quality and drift of the data."""
        return await one_stage(await self._settings(), "data-validate", allow_failure=allow_failure)

    @function(cache="never")
    async def train(self, allow_failure: AllowFailure = False) -> StageRun:
        """Fit the model."""
        return await one_stage(await self._settings(), "train", allow_failure=allow_failure)

    @function(cache="never")
    async def model_validate(self, allow_failure: AllowFailure = False) -> StageRun:
        """Metrics, champion, fairness, latency and the project's model tests."""
        return await one_stage(await self._settings(), "model-validate", allow_failure=allow_failure)

    @function(cache="never")
    async def register(self, allow_failure: AllowFailure = False) -> StageRun:
        """A version in the registry, alias staging."""
        return await one_stage(await self._settings(), "register", allow_failure=allow_failure)

    @function(cache="never", name="package")
    async def package_stage(self, allow_failure: AllowFailure = False) -> StageRun:
        """Bundle and image, judged by its predictions; published where a registry is given."""
        return await one_stage(await self._settings(), "package", allow_failure=allow_failure)

    @function(cache="never")
    async def deploy(self, allow_failure: AllowFailure = False) -> StageRun:
        """Stable and candidate side by side, smoke tests, canary, promotion."""
        return await one_stage(await self._settings(), "deploy", allow_failure=allow_failure)

    @function(cache="never")
    async def monitor(self, allow_failure: AllowFailure = False) -> StageRun:
        """Live predictions against the profile of the model that serves."""
        return await one_stage(await self._settings(), "monitor", allow_failure=allow_failure)

    @function(cache="never")
    async def serve(self) -> dagger.Service:
        """The model's image as a service: `dagger call serve up --ports 8080:8080`."""
        settings = await self._settings()
        packaged = await one_stage(settings, "package")
        return image.service(image.build(settings, packaged.output().directory("bundle")))

    @function(cache="never")
    async def mlflow(self) -> dagger.Service:
        """MLflow's server and pages on the embedded store: `dagger call mlflow up --ports 5000:5000`."""
        settings, store = await self._settings(), f"sqlite:///{containers.STORE}/mlflow.db"
        command = ["mlflow", "server", "--backend-store-uri", store, "--host", _ALL_INTERFACES, "--port", "5000"]
        container = containers.with_store(settings, containers.toolkit(settings, "registry"))
        return container.with_exposed_port(5000).as_service(args=[*command, "--allowed-hosts", "*"])

    @function(cache="never")
    async def rollback(self) -> str:
        """Make the previous version the champion again."""
        return await self._ask("rollback", "deploy")

    @function(cache="never")
    async def history(self) -> str:
        """The versions of the model: who made each, from what, what it reaches, and which names it bears."""
        return await self._ask("history", "registry")

    async def _ask(self, command: str, requirements: str) -> str:
        """What a command of the toolkit says about the registry, or does there and in the cluster."""
        settings = await self._settings()
        container = containers.with_store(settings, containers.toolkit(settings, requirements))
        container = containers.with_cluster(settings, container)
        container = container.with_mounted_directory("/project", settings.source.filter(include=["pyproject.toml"]))
        return await container.with_exec(["python", "-m", "assay", command, "--project", "/project"]).stdout()

    async def _settings(self) -> Settings:
        names = set(Settings.__dataclass_fields__) - {"run_id", "image", "network"}
        values = {name: getattr(self, name) for name in names}
        return await network.prepared(Settings(run_id=uuid.uuid4().hex, **values))
