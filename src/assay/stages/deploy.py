"""deploy, target `local`: stable and candidate side by side, smoke tests, canary, then promotion or rollback."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.context import Context, Outcome
from assay.errors import AssayError
from assay.gates import Observed
from assay.reports import write_json
from assay.rollout.canary import LATENCY_RATIO, PREDICTION_PSI
from assay.rollout.local_serving import CANDIDATE_VARIABLE, check_address, go_live, keeps_serving
from assay.rollout.release import Release, read_release, stable_bundle
from assay.rollout.smoke import smoke_tests
from assay.rollout.steps import Endpoint, Rollout, Step, roll_out
from assay.rollout.traffic import client, wait_ready
from assay.values import to_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from assay.gates import GateResult
    from assay.rollout.traffic import Reply

SMOKE = "deploy.smoke"
STABLE_VARIABLE = "ASSAY_STABLE_URL"

# more than monitor needs to judge by; at 10 ms each they are the longest part of a deployment that changes nothing
_HEALTH_REQUESTS = 150


def run(context: Context) -> Outcome:
    """Take the registered version live if nothing speaks against it; otherwise what serves goes on serving.

    Raises:
        ArtifactError: The inputs do not belong together.
        ServiceError: A version did not get ready, or the registry failed.
    """
    release = read_release(context)
    record = partial(_record, context.output("deployment"), release)
    # a stage that is killed cannot write any more, so what would be true then stands there from the start
    record("interrupted", reason="the stage ended before a decision; the alias is as it was")
    try:
        return _deploy(context, release, record)
    except BaseException as error:
        what = error.what if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
        record("rolled-back", reason=what)
        raise


def _deploy(context: Context, release: Release, record: Callable[..., None]) -> Outcome:
    if keeps_serving(context.config.deploy):
        check_address(context.project, context.config.deploy)
    steps, smoke = _measure(context, release)
    observed = {SMOKE: smoke, **steps[-1].observed}
    if release.same_model:
        same = Observed(None, no_champion=True, message=f"version {release.version} serves already: nothing to compare")
        observed |= {LATENCY_RATIO: same, PREDICTION_PSI: same}
    gates = context.judge(observed)
    blocked = [gate.gate for gate in gates if gate.status.blocks]
    status = "unchanged" if release.unchanged else "rolled-back" if blocked else "promoted"
    if status == "promoted":
        record("interrupted", reason="the stage ended while the alias was moved: ask the registry", steps=steps)
    if status != "rolled-back":
        _go_live(context, release, status)
    _keep_profile(context.output("deployment"), release, status)
    record(status, steps=steps, gates=gates, reason=", ".join(blocked))
    message = f"version {release.version} {status}" + (f": {', '.join(blocked)}" if blocked else "")
    summary = {"status": status, "version": release.version, "previous": release.previous}
    return Outcome(observed=observed, message=message, summary=summary | {"steps": [_plain(step) for step in steps]})


def _measure(context: Context, release: Release) -> tuple[list[Step], Observed]:
    traffic = context.output("deployment") / "traffic"
    traffic.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        candidate, stable = _endpoints(context, release, traffic, stack)
        pool = stack.enter_context(ThreadPoolExecutor(1))
        smoke = pool.submit(smoke_tests, context.project, candidate.url, context.outputs / "smoke.xml")
        if not release.same_model:
            # beside them nothing else runs where times are compared
            wait([smoke])
        note = stack.enter_context(_journal(traffic, context.run_id, _given(candidate, stable)))
        plan = _plan(context, release, candidate, stable)
        steps = []
        for step in roll_out(plan, partial(_judge_canary, context), note):
            print(_told(step), flush=True)
            steps.append(step)
        print(f"smoke tests: {smoke.result().message}")
        return steps, smoke.result()


def _given(candidate: Endpoint, stable: Endpoint | None) -> set[int]:
    ends = ((CANDIDATE_VARIABLE, candidate), (STABLE_VARIABLE, stable))
    return {end.version for variable, end in ends if end and os.environ.get(variable)}


def _endpoints(
    context: Context, release: Release, traffic: Path, stack: contextlib.ExitStack
) -> tuple[Endpoint, Endpoint | None]:
    seconds = to_seconds(context.config.deploy.ready_timeout)
    bundles = {CANDIDATE_VARIABLE: (release.version, release.bundle)}
    if release.previous is not None and not release.same_model:
        bundles[STABLE_VARIABLE] = (release.previous, context.outputs / ".stable")
    ends = []
    for variable, (version, bundle) in bundles.items():
        url = os.environ.get(variable, "").rstrip("/")
        if not url:
            if variable == STABLE_VARIABLE:
                stable_bundle(release, bundle)
                stack.callback(shutil.rmtree, bundle, ignore_errors=True)
            url = _start(bundle, traffic, seconds, stack)
        with client() as http:
            wait_ready(http, url, seconds)
        print(f"version {version} is ready at {url}", flush=True)
        ends.append(Endpoint(url, version, release.rows if version == release.version else release.stable_rows))
    return ends[0], ends[1] if len(ends) > 1 else None


def _start(bundle: Path, traffic: Path, seconds: float, stack: contextlib.ExitStack) -> str:
    from assay.serving.server_process import serving

    return stack.enter_context(serving(bundle, log=traffic, timeout=seconds))


def _plan(context: Context, release: Release, candidate: Endpoint, stable: Endpoint | None) -> Rollout:
    canary = context.config.deploy.canary
    plan = Rollout(
        candidate=candidate,
        stable=stable,
        steps=canary.steps,
        min_requests=canary.min_requests,
        regression=release.task == "regression",
    )
    return replace(plan, steps=(100,), min_requests=_HEALTH_REQUESTS, min_total=0) if release.same_model else plan


def _judge_canary(context: Context, observed: Mapping[str, Observed]) -> list[GateResult]:
    return [gate for gate in context.judge(observed) if gate.gate != SMOKE]


@contextlib.contextmanager
def _journal(traffic: Path, run_id: str, versions: set[int]) -> Iterator[Callable[[Mapping[str, Any], Reply], None]]:
    """Logs for the `versions` that were running before us, whose own logs are out of reach."""
    if not versions:
        yield lambda _record, _reply: None
        return
    numbers = itertools.count(1)
    with (traffic / "client.jsonl").open("w", encoding="utf-8") as file:

        def note(record: Mapping[str, Any], reply: Reply) -> None:
            if reply.to in versions:
                file.write(reply.line(record, f"{run_id}-{next(numbers)}"))

        yield note


def _go_live(context: Context, release: Release, status: str) -> None:
    """Move the alias, and what serves at the project's address with it."""
    deploy = context.config.deploy

    def move() -> None:
        if status == "promoted":
            _promote(context.project, release)

    if keeps_serving(deploy):
        print(go_live(context.project, deploy, release.version, release.bundle, move), flush=True)
    else:
        move()


def _promote(project: Path, release: Release) -> None:
    # MLflow takes seconds to import: only where the alias is to be moved
    from assay.tracking.registry import Registry, store_of

    Registry(store_of(project)).set_champion(release.name, release.version, release.image)


def _keep_profile(folder: Path, release: Release, status: str) -> None:
    serves = release.champion if status == "rolled-back" else release.bundle
    if (serves / "profile.json").exists():
        shutil.copyfile(serves / "profile.json", folder / "profile.json")


def _record(
    folder: Path,
    release: Release,
    status: str,
    *,
    reason: str = "",
    steps: Sequence[Step] = (),
    gates: Sequence[GateResult] = (),
) -> None:
    about = {"name": release.name, "version": release.version, "model_digest": release.model_digest}
    result = {"status": status, "previous": release.previous, "target": "local", "reason": reason}
    details = {"steps": [_plain(step) for step in steps], "gates": [asdict(gate) for gate in gates]}
    write_json(folder / "deployment.json", about | result | details)


def _plain(step: Step) -> dict[str, Any]:
    new, old = step.candidate, step.stable
    return {
        "percent": step.percent,
        "observed_percent": step.observed_percent,
        "requests": {"stable": old.requests, "candidate": new.requests},
        "success_rate": new.success_rate,
        "p50_ms": {"stable": old.p50_ms, "candidate": new.p50_ms},
        "p95_ms": {"stable": old.p95_ms, "candidate": new.p95_ms},
        "verdict": str(step.verdict),
        "message": step.message,
    }


def _told(step: Step) -> str:
    new, old = step.candidate, step.stable
    p95 = f", p95 {new.p95_ms:.1f} ms" if new.p95_ms else ""
    against = f" against {old.p95_ms:.1f} ms" if old.p95_ms else ""
    share = f"{new.requests} of {new.requests + old.requests} requests ({step.observed_percent:g} %)"
    return f"canary {step.percent} %: {share}{p95}{against}: {step.verdict} {step.message}".rstrip()
