"""The model's image: built natively from the bundle, run as a service, published without any Docker socket."""

import dagger

from assay_ci.containers import stage
from assay_ci.plan import Step
from assay_ci.settings import Settings

PORT = 8080


async def bundle(settings: Settings, step: Step, inputs: dagger.Directory, kind: str = "candidate") -> dagger.Directory:
    """What the image is built from, as the toolkit lays it out; empty where there is no such version yet."""
    folders = ["--inputs", "/in", "--outputs", "/out", "--project", "/project"]
    container = stage(settings, step, inputs).with_exec(["python", "-m", "assay", "bundle", "--kind", kind, *folders])
    return container.directory("/out/bundle")


def build(settings: Settings, context: dagger.Directory) -> dagger.Container:
    """The image of a bundle, by the Dockerfile that lies in it."""
    arguments = [dagger.BuildArg("BASE_IMAGE", settings.base_image)]
    if settings.index_url:
        arguments.append(dagger.BuildArg("PIP_INDEX_URL", settings.index_url))
    return context.docker_build(build_args=arguments)


def service(image: dagger.Container) -> dagger.Service:
    """The image as a running server on `PORT`."""
    # the image's own health check asks every ten seconds; the engine looks at the port, and the stage at /readyz
    ready = image.without_docker_healthcheck().with_exposed_port(PORT)
    return ready.as_service(use_entrypoint=True)


async def publish(settings: Settings, image: dagger.Container) -> str:
    """Push the image to the registry; gives `address@sha256:...`."""
    if settings.registry_password:
        host = settings.registry.split("/", 1)[0]
        image = image.with_registry_auth(host, settings.registry_username, settings.registry_password)
    return await image.publish(settings.registry)
