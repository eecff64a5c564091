"""The model's image: built natively from the bundle, run as a service, published without any Docker socket."""

import dagger
from dagger import dag

from assay_ci.containers import stage, with_login
from assay_ci.plan import Step
from assay_ci.settings import Settings

PORT = 8080
_ROOT = "/image"


async def bundle(settings: Settings, step: Step, inputs: dagger.Directory, kind: str = "candidate") -> dagger.Directory:
    """What the image is built from, as the toolkit lays it out; empty where there is no such version yet."""
    folders = ["--inputs", "/in", "--outputs", "/out", "--project", "/project"]
    container = stage(settings, step, inputs).with_exec(["python", "-m", "assay", "bundle", "--kind", kind, *folders])
    return container.directory("/out/bundle")


def build(settings: Settings, context: dagger.Directory, platform: str = "") -> dagger.Container:
    """The image of a bundle, by the Dockerfile that lies in it; for the engine's own platform unless told otherwise."""
    return context.docker_build(
        build_args=[dagger.BuildArg("BASE_IMAGE", settings.base_image)],
        platform=dagger.Platform(platform) if platform else None,
        secrets=[*settings.network.values()],
    )


def service(image: dagger.Container) -> dagger.Service:
    """The image as a running server on `PORT`."""
    # the image's own health check asks every ten seconds; the engine looks at the port, and the stage at /readyz
    ready = image.without_docker_healthcheck().with_exposed_port(PORT)
    return ready.as_service(use_entrypoint=True)


async def shown(container: dagger.Container, image: dagger.Container) -> dagger.Container:
    """`container` with everything that an image can be judged by: its server, its files, and what is sent of it."""
    sent = await image.as_tarball().size()
    container = container.with_service_binding("candidate", service(image))
    container = container.with_env_variable("ASSAY_CANDIDATE_URL", f"http://candidate:{PORT}")
    container = container.with_mounted_directory(_ROOT, image.rootfs()).with_env_variable("ASSAY_IMAGE_ROOT", _ROOT)
    return container.with_env_variable("ASSAY_IMAGE_COMPRESSED_BYTES", str(sent))


async def platforms(settings: Settings) -> list[str]:
    """What the image is published for: what is asked for, else the engine's own platform."""
    wanted = [name.strip() for name in settings.platforms.split(",") if name.strip()]
    return wanted or [await dag.default_platform()]


async def publish(settings: Settings, context: dagger.Directory, image: dagger.Container) -> str:
    """Push the image to the registry, for every platform that is asked for; gives `address@sha256:...`."""
    variants = [build(settings, context, name) for name in await platforms(settings)] if settings.platforms else []
    pushed = dag.container() if variants else image
    return await _with_login(settings, pushed).publish(settings.registry, platform_variants=variants or None)


async def published(settings: Settings) -> str:
    """Digest of the image that has the name which is published; empty where none has."""
    try:
        return (await _with_login(settings, dag.container()).from_(settings.registry).image_ref()).rpartition("@")[2]
    except dagger.QueryError:
        return ""


def _with_login(settings: Settings, container: dagger.Container) -> dagger.Container:
    return with_login(container, settings.registry, settings.registry_username, settings.registry_password)
