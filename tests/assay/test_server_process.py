from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from assay.errors import ArtifactError
from assay.serving.server_process import is_ready, serving

if TYPE_CHECKING:
    from pathlib import Path


def test_a_server_lives_as_long_as_it_is_needed(slow_bundle: Path, tmp_path: Path) -> None:
    with serving(slow_bundle, log=tmp_path / "log") as one, serving(slow_bundle) as other:
        assert one != other
        assert is_ready(one)
        assert is_ready(other)
    assert not is_ready(one)
    assert not is_ready(other)


def test_it_ends_too_where_something_raised(slow_bundle: Path) -> None:
    with pytest.raises(ZeroDivisionError), serving(slow_bundle) as url:
        _ = 1 / 0
    assert not is_ready(url)


def test_a_proxy_of_the_environment_is_not_asked(slow_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(slow_bundle) as url:
        assert is_ready(url)


def test_the_bundle_runs_its_own_toolkit(slow_bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(slow_bundle, tmp_path / "bundle")
    (copy / "assay" / "serving" / "app.py").write_text("raise SystemExit('my own toolkit')\n")
    with pytest.raises(ArtifactError, match=r"exit code 1; its last lines:\n    my own toolkit"), serving(copy):
        pass


def test_a_bundle_without_a_toolkit_is_served_by_ours(slow_bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(slow_bundle, tmp_path / "bundle")
    shutil.rmtree(copy / "assay")
    with serving(copy) as url:
        assert is_ready(url)


def test_a_damaged_bundle_says_why_it_is_not_served(slow_bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(slow_bundle, tmp_path / "bundle")
    (copy / "model" / "MLmodel").write_text("{}")
    with pytest.raises(ArtifactError, match="the model is not the one that was packaged") as caught, serving(copy):
        pass
    assert "Traceback" not in str(caught.value)


def test_a_server_that_never_gets_ready_is_ended(slow_bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(slow_bundle, tmp_path / "bundle")
    code = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
    (copy / "assay" / "serving" / "app.py").write_text(code)
    start = time.monotonic()
    expected = r"not ready after 8 s; its last lines:\n    loading"
    with pytest.raises(ArtifactError, match=expected), serving(copy, timeout=8):
        pass
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:9/x"])
def test_nobody_there_is_not_ready(url: str) -> None:
    assert not is_ready(url)
