"""The preflight for a GPU: one sentence for each reason why there is none, before anything runs."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pytest
from helpers import MINIMAL, project

from assay import gpu
from assay.cli import main

if TYPE_CHECKING:
    from pathlib import Path


class Driver:
    """NVIDIA's driver library, as far as it is asked."""

    def __init__(self, code: int, devices: int) -> None:
        self.code, self.devices = code, devices

    def cuInit(self, _flags: int) -> int:  # noqa: N802 - the driver's name
        return self.code

    def cuDeviceGetCount(self, count: object) -> int:  # noqa: N802
        ctypes.cast(count, ctypes.POINTER(ctypes.c_int))[0] = self.devices  # type: ignore[arg-type]
        return 0


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_DEVICES", ("/dev/null",))


@pytest.mark.parametrize(
    ("code", "devices", "says"),
    [
        (0, 1, ""),
        (0, 0, "the driver sees no device; is CUDA_VISIBLE_DEVICES empty?"),
        (100, 0, "the driver does not start: it finds no device that may be used; nvidia-smi tells more"),
        (803, 0, "the driver does not start: CUDA error 803; nvidia-smi tells more"),
    ],
)
@pytest.mark.usefixtures("device")
def test_what_the_driver_says(code: int, devices: int, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Driver(code, devices))
    assert gpu.missing() == says


@pytest.mark.usefixtures("device")
def test_a_device_without_the_drivers_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_DRIVER", "libnothing.so.0")
    assert gpu.missing().startswith("there is a device but no driver library (libnothing.so.0)")


@pytest.mark.parametrize("command", [["run"], ["run", "--until", "data-validate"], ["gpu"]])
def test_before_anything_runs(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "_DEVICES", ("/no/such/device",))
    project(tmp_path, MINIMAL + "[tool.assay.resources.data-validate]\ngpu = true\n")
    assert main([*command, "--project", str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "asks for a GPU, and there is no NVIDIA device here" in told.err
    assert any("where:" in line and "gpu" in line for line in told.err.splitlines())
    assert not (tmp_path / ".assay").exists()


def test_a_stage_by_hand_looks_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gpu, "_DEVICES", ("/no/such/device",))
    project(tmp_path)
    folders = ["--inputs", str(tmp_path), "--outputs", str(tmp_path / "out"), "--project", str(tmp_path)]
    assert main(["stage", "train", *folders, "--gpu"]) == 2
    assert "train asks for a GPU" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
