"""What is done at the registry once an image is there: the clock is taken out of it, its papers are attached to it."""

import json

import dagger

from assay_ci import containers
from assay_ci.settings import Settings

_PAPERS = "provenance.json"


async def frozen(settings: Settings, reference: str) -> tuple[str, str]:
    """`reference` with the digest that the same image has everywhere; else as it is, and why.

    The engine may reach what containers do not, such as a registry on its own host.
    """
    done = _asked(settings, containers.toolkit(settings, "attest"), ["freeze", "--image", reference])
    if await done.exit_code():
        return reference, f"the digest depends on when it was made: {(await done.stderr()).strip()}"
    return (await done.stdout()).strip(), ""


async def attested(settings: Settings, run: dagger.Container) -> str:
    """Attach bill of materials and provenance to the image that was published; what came of it in a line.

    Args:
        settings: Where the registry is.
        run: The container that wrote run.json and the provenance to /results.

    Returns:
        Empty where the run published nothing.
    """
    if not settings.registry or _PAPERS not in await run.directory("/results").entries():
        return ""
    image = json.loads(await run.file("/results/package/image.json").contents())
    if not image["reference"]:
        return ""
    container = containers.toolkit(settings, "attest").with_mounted_directory("/results", run.directory("/results"))
    done = _asked(settings, container, ["attest", "/results", "--image", image["reference"]])
    failed = await done.exit_code()
    told = f"its papers are not attached to it: {await done.stderr()}" if failed else await done.stdout()
    return f"image: {image['reference']}\n{told}"


def _asked(settings: Settings, container: dagger.Container, words: list[str]) -> dagger.Container:
    """`container` after a command of the toolkit that talks to the registry, whatever came of it."""
    container = containers.with_run(settings, container, pure=False)
    if settings.registry_http:
        container = container.with_env_variable("ASSAY_REGISTRY_INSECURE", "1")
    if settings.registry_password:
        container = container.with_env_variable("ASSAY_REGISTRY_USERNAME", settings.registry_username)
        container = container.with_secret_variable("ASSAY_REGISTRY_PASSWORD", settings.registry_password)
    return container.with_exec(["python", "-m", "assay", *words], expect=dagger.ReturnType.ANY)
