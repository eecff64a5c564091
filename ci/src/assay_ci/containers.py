"""The containers of the stages: base image, locked packages, toolkit, then the part of the project a stage reads.

Each layer depends on less than the next, so that a change of the project's code installs nothing again.
"""

import dagger
from dagger import dag

from assay_ci.network import reaching
from assay_ci.plan import Step
from assay_ci.settings import Settings

STORE = "/store"
"""Where the embedded MLflow store is mounted: SQLite and artifacts in a cache volume."""

FETCHED = "/fetched"
"""Where downloads are kept between runs, in a cache volume."""

SEARCHES = "/searches"
"""Where the trials of a search for parameters are kept, in a cache volume."""

WINDOWS = "/windows"
"""Where monitor keeps what it knows of earlier windows."""

_KEY, _KUBECONFIG = "/run/secrets/signing_key", "/run/secrets/kubeconfig"
_TOOLKIT = "/opt/assay"
_VENV = "/opt/venv"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Docker's own Python images hold no byte code of the standard library: each process would compile hundreds of modules
_COMPILE = "import compileall, sysconfig; compileall.compile_dir(sysconfig.get_path('stdlib'), quiet=2, workers=0)"
_INSTALL = ["pip", "install", "--quiet", "--disable-pip-version-check"]
# uv does not know pip's settings, which may be the base image's own
_UV = f"""index=${{PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null)}}
[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
/opt/installer/bin/uv pip install -q --python {_VENV} --link-mode copy --compile-bytecode --no-deps --require-hashes"""


def toolkit(settings: Settings, requirements: str = "", project_requirements: str = "") -> dagger.Container:
    """A container that can run `python -m assay`, with the packages of `requirements/<requirements>.lock`."""
    container = dag.container().from_(settings.base_image).with_env_variable("PYTHONUNBUFFERED", "1")
    container = container.with_exec(["python", "-c", _COMPILE])
    # an environment of its own: what the base image has installed can neither help nor hinder
    container = container.with_exec(["python", "-m", "venv", _VENV]).with_env_variable("PATH", f"{_VENV}/bin:{_PATH}")
    for tool in ("pip", "uv"):
        container = container.with_mounted_cache(f"/root/.cache/{tool}", dag.cache_volume(f"assay-{tool}"))
    container = reaching(settings, container)
    if requirements:
        container = _with_locked(settings, container, requirements)
    if project_requirements:
        own = settings.source.file(project_requirements)
        container = container.with_file("/opt/project.txt", own).with_exec([*_INSTALL, "-r", "/opt/project.txt"])
    return (
        container.with_directory(_TOOLKIT, settings.package)
        .with_env_variable("PYTHONPATH", f"{_TOOLKIT}/src")
        .with_exec(["python", "-m", "compileall", "-q", f"{_TOOLKIT}/src"])
    )


def _with_locked(settings: Settings, container: dagger.Container, requirements: str) -> dagger.Container:
    """`container` with a lock's packages, by uv in a third of pip's time; by pip where uv does not find its way."""
    for name in ("installer", requirements):
        container = container.with_file(f"/opt/{name}.txt", settings.package.file(f"requirements/{name}.lock"))
        pip = f"{' '.join(_INSTALL)} --no-deps --require-hashes -r /opt/{name}.txt"
        script = f"{pip} --target /opt/installer" if name == "installer" else f"{_UV} -r /opt/{name}.txt || {pip}"
        container = container.with_exec(["sh", "-c", script])
    return container


def stage(settings: Settings, step: Step, inputs: dagger.Directory) -> dagger.Container:
    """The container of `step`, ready to execute its command: inputs at /in, outputs to /out, project at /project."""
    container = toolkit(settings, step.requirements, step.project_requirements)
    container = container.with_mounted_directory("/project", project(settings, step)).with_workdir("/project")
    container = container.with_mounted_directory("/in", inputs).with_directory("/out", dag.directory())
    for name, value in step.environment.items():
        container = container.with_env_variable(name, value)
    if step.gpu:
        container = container.experimental_with_all_gp_us()
    if step.stage in {"fetch", "monitor"}:
        container = _with_data_secrets(settings, container)
    if step.stage == "monitor":
        container = _with_monitoring(settings, container)
    if step.stage == "train":
        container = _with_training(settings, container)
    if step.stage == "deploy":
        container = with_cluster(settings, container)
    if step.stage == "register":
        container = _with_signing(settings, container)
    return with_run(settings, container, pure=True) if step.pure else with_store(settings, container)


def _with_training(settings: Settings, container: dagger.Container) -> dagger.Container:
    """A volume for a search that goes on after it was interrupted, and the tracking server where one is given."""
    container = container.with_mounted_cache(SEARCHES, dag.cache_volume("assay-search"))
    container = container.with_env_variable("ASSAY_SEARCH", SEARCHES)
    if not settings.tracking_uri:
        return container
    # they only become tags of the run: another commit with the same inputs is no reason to train again
    container = container.with_volatile_variable("ASSAY_COMMIT", settings.commit)
    container = container.with_volatile_variable("ASSAY_USER", settings.user)
    return _with_server(settings, container.with_volatile_variable("ASSAY_IMAGE", settings.image))


def _with_data_secrets(settings: Settings, container: dagger.Container) -> dagger.Container:
    """Credentials as files that only the exec sees, and a volume for what need not be fetched twice."""
    container = container.with_mounted_cache(FETCHED, dag.cache_volume("assay-fetched"))
    container = container.with_env_variable("ASSAY_FETCHED", FETCHED)
    secrets = {"ASSAY_DATA_CREDENTIALS": settings.data_credentials, "ASSAY_DVC_CONFIG": settings.dvc_config}
    for name, secret in secrets.items():
        if secret:
            path = f"/run/secrets/{name.lower()}"
            container = container.with_mounted_secret(path, secret).with_env_variable(name, path)
    return container


def with_cluster(settings: Settings, container: dagger.Container) -> dagger.Container:
    """kubectl, and the kubeconfig as a file that only the exec sees; unchanged where none is given."""
    if not settings.kubeconfig:
        return container
    kubectl = dag.container().from_(settings.kubectl_image).file("/bin/kubectl")
    container = container.with_file("/usr/local/bin/kubectl", kubectl, permissions=0o755)
    return container.with_mounted_secret(_KUBECONFIG, settings.kubeconfig).with_env_variable(
        "ASSAY_KUBECONFIG", _KUBECONFIG
    )


def _with_monitoring(settings: Settings, container: dagger.Container) -> dagger.Container:
    """Whom to tell, and a place for what is known of earlier windows."""
    container = container.with_env_variable("ASSAY_MONITOR_STATE", WINDOWS)
    container = container.with_env_variable("ASSAY_RUN_URL", settings.run_url)
    if settings.monitor_state:
        container = container.with_directory(WINDOWS, settings.monitor_state)
    else:
        known = dag.cache_volume("assay-monitor")
        container = container.with_mounted_cache(WINDOWS, known, sharing=dagger.CacheSharingMode.LOCKED)
    secrets = {"ASSAY_ALERT_URL": settings.alert_url, "ASSAY_ALERT_SECRET": settings.alert_secret}
    for name, secret in secrets.items():
        if secret:
            container = container.with_secret_variable(name, secret)
    return container


def _with_signing(settings: Settings, container: dagger.Container) -> dagger.Container:
    """The private key as a file that only the exec sees."""
    if settings.signing_key:
        container = container.with_mounted_secret(_KEY, settings.signing_key)
        container = container.with_env_variable("ASSAY_SIGNING_KEY", _KEY)
    if settings.signing_password:
        container = container.with_secret_variable("ASSAY_SIGNING_PASSWORD", settings.signing_password)
    return container


def with_run(settings: Settings, container: dagger.Container, *, pure: bool) -> dagger.Container:
    """`container` with the run's id: part of the cache key unless `pure`, so that the engine cannot skip the exec."""
    if pure:
        return container.with_volatile_variable("ASSAY_RUN_ID", settings.run_id)
    return container.with_env_variable("ASSAY_RUN_ID", settings.run_id)


def with_store(settings: Settings, container: dagger.Container) -> dagger.Container:
    """`container` with access to the registry: the given tracking server, else the embedded store."""
    container = with_run(settings, container, pure=False).with_env_variable("ASSAY_COMMIT", settings.commit)
    container = container.with_env_variable("ASSAY_USER", settings.user)
    container = container.with_env_variable("ASSAY_IMAGE", settings.image)
    if not settings.tracking_uri:
        store = dag.cache_volume("assay-mlflow")
        container = container.with_mounted_cache(STORE, store, sharing=dagger.CacheSharingMode.LOCKED)
        return container.with_env_variable("MLFLOW_TRACKING_URI", f"sqlite:///{STORE}/mlflow.db")
    return _with_server(settings, container)


def _with_server(settings: Settings, container: dagger.Container) -> dagger.Container:
    container = container.with_env_variable("MLFLOW_TRACKING_URI", settings.tracking_uri)
    if settings.tracking_username:
        container = container.with_env_variable("MLFLOW_TRACKING_USERNAME", settings.tracking_username)
    if settings.tracking_password:
        container = container.with_secret_variable("MLFLOW_TRACKING_PASSWORD", settings.tracking_password)
    return container


def with_login(container: dagger.Container, address: str, user: str, secret: dagger.Secret | None) -> dagger.Container:
    """`container` that is known to the registry at `address`; unchanged where there is no password for it."""
    return container.with_registry_auth(address.split("/", 1)[0], user, secret) if secret else container


def gpu_probe(settings: Settings, stage_name: str) -> dagger.Container:
    """A container that fails, and says why, where the engine cannot give `stage_name` a GPU."""
    container = with_run(settings, toolkit(settings), pure=False).experimental_with_all_gp_us()
    return container.with_exec(["python", "-m", "assay", "gpu", "--stage", stage_name])


def command(step: Step) -> list[str]:
    """The step's command with the container's own folders."""
    folders = {"{inputs}": "/in", "{outputs}": "/out", "{project}": "/project"}
    return [folders.get(word, word) for word in step.argv]


def project(settings: Settings, step: Step) -> dagger.Directory:
    """The part of the project that `step` reads."""
    data = [step.data, f"{step.data.rstrip('/')}/**"] if step.data else []
    return settings.source.filter(include=[*step.source, *data]) if step.source or data else dag.directory()
