"""A version beside the one that serves: two images in one run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Dagger

pytestmark = pytest.mark.engine


def test_a_second_version_is_compared_with_the_first(dagger: Dagger, tmp_path: Path) -> None:
    assert dagger.call("full").code == 0
    toml = dagger.project / "pyproject.toml"
    text = toml.read_text()
    assert "\nlearning_rate = 0.04\n" in text
    toml.write_text(text.replace("\nlearning_rate = 0.04\n", "\nlearning_rate = 0.045\n"))
    try:
        # the engine once took all memory, without end, over where the files of the second image came from
        done = dagger.call("run", "export", "--path", str(tmp_path / "out"), seconds=400)
    finally:
        toml.write_text(text)
    assert done.code == 0, done.err[-4000:]
    deployment = json.loads((tmp_path / "out/deploy/deployment/deployment.json").read_text())
    assert deployment["status"] == "promoted"
    gates = {gate["gate"]: gate for gate in json.loads((tmp_path / "out/deploy/report.json").read_text())["gates"]}
    assert gates["deploy.canary.latency_ratio"]["observed"] > 0
    # both are asked through ONNX Runtime, as they really serve
    assert (tmp_path / "out/resolve/champion/model.onnx").is_file()
    assert (tmp_path / "out/package/bundle/model.onnx").is_file()
