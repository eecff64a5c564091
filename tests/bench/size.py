"""How large an environment that serves the example's model is: ours, MLflow's and BentoML's; the last line is JSON, MB.

Each is what its own documentation installs to serve a scikit-learn model, into a folder of its own, for the Python that
runs this. `assay_onnx` is ours for a model that ONNX Runtime serves, as it does the example's; what ends in `_image` is
as the Dockerfile leaves it: without the packages' own tests.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
# the model needs the same three packages everywhere
MODEL = ("scikit-learn", "pandas", "skops")
WANTED = {
    "assay": ("--no-deps", "--require-hashes", "-r", str(ROOT / "requirements" / "serve.lock")),
    "assay_onnx": ("--no-deps", "--require-hashes", "-r", str(ROOT / "requirements" / "serve-onnx.lock")),
    "mlflow": ("mlflow", *MODEL),
    "bentoml": ("bentoml", *MODEL),
}


def installed(folder: Path, packages: tuple[str, ...]) -> Path:
    """`folder` after pip installed `packages` into it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*command, "--target", str(folder), *packages], check=True, stdout=sys.stderr)
    return folder


def megabytes(folder: Path) -> float:
    """The size of all files below `folder`."""
    return round(sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir()) / 1e6, 1)


def without_tests(folder: Path) -> Path:
    """`folder` without the packages' own tests, which the Dockerfile removes."""
    for tests in [found for found in folder.rglob("tests") if found.is_dir()]:
        shutil.rmtree(tests, ignore_errors=True)
    return folder


def main() -> None:
    """Install, weigh and print."""
    with tempfile.TemporaryDirectory(prefix="assay-bench-") as scratch:
        found = {name: megabytes(installed(Path(scratch, name), packages)) for name, packages in WANTED.items()}
        found |= {f"{name}_image": megabytes(without_tests(Path(scratch, name))) for name in ("assay", "assay_onnx")}
        packages = {name: len(list(Path(scratch, name).glob("*.dist-info"))) for name in WANTED}
    print("packages:", packages, file=sys.stderr)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
