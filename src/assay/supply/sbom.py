"""The bill of materials of a model's image as CycloneDX 1.6 JSON: the same bytes for the same image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from assay.supply.inventory import of_bundle, of_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cyclonedx.model.license import License

    from assay.supply.inventory import Part

ROOT_VARIABLE = "ASSAY_IMAGE_ROOT"
"""Names the folder with the image's root file system, where one was built."""

FROM_IMAGE, FROM_LOCK = "the image's file system", "the bundle's requirements.lock: no image was there to look into"


def bill_of_materials(about: Mapping[str, Any], bundle: Path, root: Path | None) -> str:
    """The image of a model with all that it consists of, and the model itself.

    Args:
        about: What bundle.json says: name, version, model_digest, licence.
        bundle: The folder that the image is built from.
        root: The image's root file system; None where no image was built.

    Raises:
        ArtifactError: `root` is not the file system of a model's image.
    """
    parts = of_image(root) if root else of_bundle(bundle)
    bom = Bom()
    image = Component(
        type=ComponentType.CONTAINER if root else ComponentType.APPLICATION,
        bom_ref="image",
        name=about["name"],
        version=str(about["version"]),
    )
    bom.metadata.component = image
    bom.metadata.properties.add(Property(name="assay:source", value=FROM_IMAGE if root else FROM_LOCK))
    # the same package may lie in two folders, and is one reference
    bom.components.update({one.bom_ref.value: one for one in (_model(about), *map(_component, parts))}.values())
    bom.register_dependency(image, list(bom.components))
    return _settled(bom)


def _model(about: Mapping[str, Any]) -> Component:
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref="model",
        name=about["name"],
        version=str(about["version"]),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=about["model_digest"])],
        licenses=_licences(about.get("licence") or ""),
    )


def _component(part: Part) -> Component:
    purl = PackageURL(
        type=part.kind,
        namespace=part.namespace or None,
        name=part.name,
        version=part.version or None,
        qualifiers=dict(part.qualifiers),
    )
    return Component(
        type=ComponentType.PLATFORM if part.kind == "generic" else ComponentType.LIBRARY,
        bom_ref=purl.to_string(),
        name=part.name,
        version=part.version or None,
        purl=purl,
        licenses=_licences(part.licence),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one) for one in part.hashes],
    )


def _licences(text: str) -> list[License]:
    return [LicenseFactory().make_from_string(text)] if text else []


def _settled(bom: Bom) -> str:
    """`bom` as JSON without a clock, and with a serial number that its content alone decides on."""
    bom.metadata._timestamp = None  # type: ignore[assignment]  # noqa: SLF001 - optional in CycloneDX, not here
    bom.serial_number = UUID(int=0)
    bom.serial_number = uuid5(NAMESPACE_URL, _json(bom))
    return _json(bom)


def _json(bom: Bom) -> str:
    return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1) + "\n"
