"""The CI workflows are thin, pinned and safe: they say which trigger it was, and the module does the rest."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workflows import COPIED, OURS, ROOT, calls, check_call, load, shell, step, steps

from assay.monitoring.alarm import TRIGGER
from assay.pipeline import STAGES, TRIGGERS

ALL = [*OURS.values(), *COPIED]
IDS = [str(path.relative_to(ROOT)) for path in ALL]
each = pytest.mark.parametrize("path", ALL, ids=IDS)
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
STRANGER = "github.event.pull_request.head.repo.full_name == github.repository"


def actionlint() -> list[str]:
    """The command: installed, or built by Go from its own source; its package on the index loads it from elsewhere."""
    if shutil.which("actionlint"):
        return ["actionlint"]
    if not shutil.which("go"):
        pytest.skip("neither actionlint nor Go is installed")
    built = subprocess.run(["go", "run", ACTIONLINT, "-version"], capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"Go cannot build actionlint: {built.stderr.splitlines()[-1]}")
    return ["go", "run", ACTIONLINT]


def lint(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    return done.stdout + done.stderr if done.returncode else ""


def test_actionlint_has_nothing_to_say() -> None:
    assert not lint(*actionlint(), "-no-color", *ALL)


def test_the_file_that_the_docs_give_is_sound(tmp_path: Path) -> None:
    (sample,) = re.findall(
        r"^```yaml\n(name: .*?)^```", (ROOT / "docs/github-actions.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (tmp_path / "assay.yml").write_text(sample.replace("COMMIT", "0" * 40))
    assert not lint(*actionlint(), "-no-color", tmp_path / "assay.yml")
    jobs, called = load(tmp_path / "assay.yml")["jobs"], load(OURS["stages"])["on"]["workflow_call"]
    assert set(jobs["stages"]["with"]) <= set(called["inputs"])
    assert set(jobs["stages"]["secrets"]) <= set(called["secrets"])


def test_zizmor_has_nothing_to_say() -> None:
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent)) or shutil.which("zizmor")
    if program is None:
        pytest.skip("zizmor is not installed: requirements/dev.lock has it")
    assert not lint(program, "--offline", "--no-progress", "--quiet", "--min-severity=medium", *ALL)


@each
def test_actions_are_pinned_by_commit_with_their_version_beside(path: Path) -> None:
    used = re.findall(r"uses: (.*)", path.read_text())
    ours = [line for line in used if line.startswith("./.github/")]
    pinned = [line for line in used if re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)+", line)]
    assert {*used} == {*ours, *pinned}


def test_an_action_has_one_version_everywhere() -> None:
    found = {line for path in ALL for line in re.findall(r"uses: ([\w/-]+@[0-9a-f]{40} .*)", path.read_text())}
    assert len({line.partition("@")[0] for line in found}) == len(found)


@each
def test_no_script_is_put_together_from_what_comes_from_outside(path: Path) -> None:
    assert not [found for found in steps(path) if "${{" in found.get("run", "") + found.get("with", {}).get("call", "")]


@each
def test_permissions_are_the_least(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    writers = {
        name: job["permissions"] for name, job in workflow["jobs"].items() if "write" in str(job.get("permissions"))
    }
    for name, granted in writers.items():
        assert granted in ({"pull-requests": "write"}, {"contents": "write"}), name
        checked_out = [
            found for found in workflow["jobs"][name].get("steps", ()) if "checkout" in found.get("uses", "")
        ]
        assert not checked_out, "what may write runs nobody's code"


@each
def test_strangers_get_no_secret_and_no_machine(path: Path) -> None:
    assert "pull_request_target" not in load(path)["on"]
    assert "workflow_run" not in load(path)["on"]
    assert all("vars.ASSAY_RUNNER" not in line or STRANGER in line for line in path.read_text().splitlines())


def test_a_pull_requests_stages_change_nothing_outside() -> None:
    changing = {stage.name for stage in STAGES if stage.world == "changes"}
    assert not changing.intersection(TRIGGERS["pull_request"])
    assert TRIGGERS["pull_request"] == ("code-test", "data-validate", "train", "model-validate")


@each
def test_every_dagger_call_is_one_that_the_module_understands(path: Path) -> None:
    for words in (words for found in steps(path) for words in calls(found.get("run", ""))):
        check_call(words)


def test_each_wrapper_is_one_call() -> None:
    found = {name: [w for s in steps(path) for w in calls(s.get("run", ""))] for name, path in OURS.items()}
    assert {name: len(words) for name, words in found.items() if words} == {"stages": 1, "monitor": 1}


def test_what_others_get_is_what_we_run() -> None:
    for path in COPIED:
        for name, ours in (("dagger call", OURS["stages"]), ("comment", OURS["comment"])):
            theirs = re.sub(r"\$\{MODULE:[^}]*\}", "$MODULE", step(path, name)["run"])
            assert theirs == step(ours, name)["run"], f"{path}: {name}"


def test_the_engine_is_the_one_that_the_module_is_for() -> None:
    wanted = json.loads((ROOT / "dagger.json").read_text())["engineVersion"].removeprefix("v")
    versions = [s["with"]["version"] for p in ALL for s in steps(p) if "dagger-for-github" in s.get("uses", "")]
    assert set(versions) == {wanted}


def test_the_events_of_the_pipeline_are_triggers() -> None:
    events = set(load(OURS["pipeline"])["on"]) - {"workflow_dispatch"}
    assert events == set(TRIGGERS) - {"data"}
    choice = load(OURS["pipeline"])["on"]["workflow_dispatch"]["inputs"]["stage"]
    assert choice["options"] == ["all", *(stage.name for stage in STAGES)]


def test_data_that_changes_is_one_workflows_and_all_else_the_others() -> None:
    pipeline, data = load(OURS["pipeline"]), load(OURS["data"])
    assert pipeline["on"]["push"]["paths-ignore"] == data["on"]["push"]["paths"]
    assert data["on"]["repository_dispatch"]["types"] == [f"assay-{TRIGGER}"]
    assert data["jobs"]["stages"]["with"] == {"trigger": TRIGGER}
    assert pipeline["concurrency"]["group"] == data["concurrency"]["group"], "two deploys never at once"


def test_callers_hand_on_every_secret() -> None:
    wanted = set(load(OURS["stages"])["on"]["workflow_call"]["secrets"])
    used = set(re.findall(r"secrets\.(\w+)", OURS["stages"].read_text()))
    assert wanted == used
    for name in ("pipeline", "data"):
        assert set(load(OURS[name])["jobs"]["stages"]["secrets"]) == wanted


SAYS = 'printf "%s\\n" "$@"'


@pytest.mark.parametrize("name", ["stages", "monitor"])
def test_what_is_not_set_is_not_passed(tmp_path: Path, name: str) -> None:
    called = step(OURS[name], "dagger call")
    nothing = dict.fromkeys([*called["env"], "GITHUB_SHA", "GITHUB_ACTOR"], "") | {"MODULE": "."}
    words = shell(called["run"], tmp_path, nothing, dagger=SAYS).splitlines()
    assert not [word for word in words if "://" in word]
    assert "" not in words
    assert not [word for word in words if word.startswith(("--registry", "--tracking", "--signing"))]


def test_secrets_are_named_and_values_stay_whole(tmp_path: Path) -> None:
    called = step(OURS["stages"], "dagger call")
    hostile = {
        name: f"$(touch pwned) `touch pwned` '{name}' *" for name in [*called["env"], "GITHUB_SHA", "GITHUB_ACTOR"]
    }
    words = shell(called["run"], tmp_path, hostile, dagger=SAYS).splitlines()
    assert not (tmp_path / "pwned").exists()
    assert f"--registry={hostile['REGISTRY']}" in words
    assert set(hostile["SETTINGS"].split()) <= set(words), "whole settings, and no file's name in place of *"
    assert f"--trigger={hostile['TRIGGER']}" in words
    for name in (name for name, value in called["env"].items() if "secrets." in value):
        assert sum(word.endswith(f"=env://{name}") for word in words) == 1
        assert not [word for word in words if hostile[name] in word]


@pytest.mark.parametrize("code", [0, 3])
def test_the_job_ends_as_the_run_did(tmp_path: Path, code: int) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/run.json").write_text(json.dumps({"exit_code": code}))
    *_, last = steps(OURS["stages"])
    ending = pytest.raises(subprocess.CalledProcessError) if code else contextlib.nullcontext()
    with ending as failure:
        shell(last["run"], tmp_path, {})
    assert (failure.value.returncode if failure else 0) == code


COMMENTS = [
    {"id": 1, "user": {"login": "mallory"}, "body": "<!-- assay --> not ours"},
    {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow's"},
]
OUR_COMMENT = {"id": 3, "user": {"login": "github-actions[bot]"}, "body": "<!-- assay -->\nold"}
GH = """
case "$*" in
  *--jq*) jq -r "${@: -1}" comments.json ;;
  *) echo "$@" > asked; cp comment.md sent.md ;;
esac"""


@pytest.mark.parametrize(
    ("there", "asks"),
    [
        (COMMENTS, "api --method POST repos/o/r/issues/7/comments"),
        ([*COMMENTS, OUR_COMMENT], "api --method PATCH repos/o/r/issues/comments/3"),
    ],
)
def test_there_is_one_comment_and_it_is_kept_up_to_date(tmp_path: Path, there: list[object], asks: str) -> None:
    (tmp_path / "comments.json").write_text(json.dumps(there))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/run.md").write_text("## tiny: 8 of 8\n")
    given = {"ISSUES": "repos/o/r/issues", "NUMBER": "7", "GH_TOKEN": "made-up"}
    shell(step(OURS["comment"], "comment")["run"], tmp_path, given, gh=GH)
    assert (tmp_path / "asked").read_text().startswith(asks)
    assert (tmp_path / "sent.md").read_text() == "<!-- assay -->\n## tiny: 8 of 8\n"
