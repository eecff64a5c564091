"""deploy: stable and candidate side by side, smoke tests, canary, then promotion, or all as it was before."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.context import Context, Outcome
from assay.errors import AssayError
from assay.gates import Observed
from assay.reports import write_json
from assay.rollout.canary import LATENCY_RATIO, PREDICTION_PSI, SUCCESS_RATE
from assay.rollout.release import Release, read_release
from assay.rollout.smoke import smoke_tests
from assay.rollout.steps import Rollout, Step, roll_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from assay.gates import GateResult
    from assay.rollout.target import Target
    from assay.rollout.traffic import Reply

SMOKE = "deploy.smoke"
# more than monitor needs to judge by; at 10 ms each they are the longest part of a deployment that changes nothing
_HEALTH_REQUESTS = 150


def run(context: Context) -> Outcome:
    """Take the registered version live if nothing speaks against it; otherwise what serves goes on serving.

    Raises:
        ArtifactError: The inputs do not belong together.
        ServiceError: A version did not get ready, or the registry failed.
    """
    release = read_release(context)
    record = partial(_record, context, release)
    # a stage that is killed cannot write any more, so what would be true then stands there from the start
    record("interrupted", reason="the stage ended before a decision; the alias is as it was")
    try:
        with _target(context, release) as target:
            return _deploy(context, release, target, record)
    except BaseException as error:
        what = error.what if isinstance(error, AssayError) else f"{type(error).__name__}: {error}"
        record("rolled-back", reason=what)
        raise


def clean_up(context: Context) -> str:
    """Put right what a stage that was killed has left behind; says what was done, empty for nothing.

    Raises:
        ArtifactError: The champion cannot be served: what served before goes on.
        ServiceError: Cluster, keeper or registry does not answer: whoever comes next will do it.
    """
    told = _put_right(context)
    file = context.output("deployment") / "deployment.json"
    if told and file.exists():
        write_json(file, json.loads(file.read_text(encoding="utf-8")) | {"reason": f"the stage was killed; {told}"})
    return told


def _put_right(context: Context) -> str:
    if context.config.deploy.target == "local":
        from assay.rollout.half_done import put_right

        return put_right(context.config, context.project)
    from assay.rollout.kubernetes import clean_up as put_back

    return put_back(context, partial(_champion_image, context))


def _target(context: Context, release: Release) -> AbstractContextManager[Target]:
    if context.config.deploy.target == "local":
        from assay.rollout.local import local_target

        return local_target(context, release)
    from assay.rollout.kubernetes import kubernetes_target

    return kubernetes_target(context, release, partial(_champion_image, context))


def _champion_image(context: Context) -> str | None:
    from assay.tracking.registry import Registry, store_of

    champion = Registry(store_of(context.project)).champion(context.config.name)
    return champion.image.get("reference") if champion and champion.image else None


def _deploy(context: Context, release: Release, target: Target, record: Callable[..., None]) -> Outcome:
    print(f"version {target.candidate} is ready at {target.url}; {target.way}", flush=True)
    observed, steps = _measure(context, release, target)
    if release.same_model and target.stable is None:
        same = Observed(None, same_model=True, message=f"version {release.version} serves already: nothing to compare")
        observed |= {LATENCY_RATIO: same, PREDICTION_PSI: same}
    gates = context.judge(observed)
    blocked = [gate.gate for gate in gates if gate.status.blocks]
    unchanged = release.unchanged and target.up_to_date
    status = "rolled-back" if blocked and not unchanged else "unchanged" if unchanged else "promoted"
    if not blocked:
        record("interrupted", reason="the stage ended while the alias was moved: ask the registry", steps=steps)
        target.promote(partial(_move_alias, context.project, release) if status == "promoted" else _leave_alias)
    _keep_profile(context.output("deployment"), release, status)
    record(status, way=target.way, steps=steps, gates=gates, reason=", ".join(blocked))
    message = f"version {release.version} {status}" + (f": {', '.join(blocked)}" if blocked else "")
    summary = {"status": status, "version": release.version, "previous": release.previous}
    return Outcome(observed=observed, message=message, summary=summary | {"steps": [_plain(step) for step in steps]})


def _measure(context: Context, release: Release, target: Target) -> tuple[dict[str, Observed], list[Step]]:
    traffic = context.output("deployment") / "traffic"
    traffic.mkdir(exist_ok=True)
    plan = _plan(context, release, target)
    steps: list[Step] = []
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(1))
        smoke = pool.submit(smoke_tests, context.project, target.url, context.outputs / "smoke.xml")
        if not target.up_to_date or target.stable is not None:
            # beside them nothing else runs where times are compared
            wait([smoke])
        if target.live and smoke.done() and _blocks(context, SMOKE, smoke.result()):
            why = "not tried: the smoke tests failed, so nobody's requests may go there"
            untried = Observed(None, message=why, inconclusive=True)
            return {SMOKE: smoke.result(), **dict.fromkeys((SUCCESS_RATE, LATENCY_RATIO, PREDICTION_PSI), untried)}, []
        note = stack.enter_context(_journal(traffic, context.run_id, target))
        for step in roll_out(plan, target, partial(_judge_canary, context), note):
            print(_told(step), flush=True)
            steps.append(step)
        print(f"smoke tests: {smoke.result().message}")
        return {SMOKE: smoke.result(), **steps[-1].observed}, steps


def _blocks(context: Context, name: str, seen: Observed) -> bool:
    return any(gate.status.blocks for gate in context.judge({name: seen}) if gate.gate == name)


def _plan(context: Context, release: Release, target: Target) -> Rollout:
    canary = context.config.deploy.canary
    plan = Rollout(
        candidate=target.candidate,
        stable=target.stable,
        steps=canary.steps if target.stable else (100,),
        min_requests=canary.min_requests,
        regression=release.task == "regression",
    )
    same = release.same_model and target.up_to_date
    return replace(plan, min_requests=_HEALTH_REQUESTS, min_total=0) if same else plan


def _judge_canary(context: Context, observed: Mapping[str, Observed]) -> list[GateResult]:
    return [gate for gate in context.judge(observed) if gate.gate != SMOKE]


@contextlib.contextmanager
def _journal(traffic: Path, run_id: str, target: Target) -> Iterator[Callable[[Mapping[str, Any], Reply], None]]:
    """Logs for the versions whose own logs are out of reach."""
    versions = {target.candidate, target.stable} - target.own_logs - {None}
    if not versions:
        yield lambda _record, _reply: None
        return
    numbers = itertools.count(1)
    with (traffic / "client.jsonl").open("w", encoding="utf-8") as file:

        def note(record: Mapping[str, Any], reply: Reply) -> None:
            if reply.by in versions:
                file.write(reply.line(record, f"{run_id}-{next(numbers)}"))

        yield note


def _leave_alias() -> None:
    """It is where it should be."""


def _move_alias(project: Path, release: Release) -> None:
    # MLflow takes seconds to import: only where the alias is to be moved
    from assay.tracking.registry import Registry, store_of

    Registry(store_of(project)).set_champion(release.name, release.version, release.image)


def _keep_profile(folder: Path, release: Release, status: str) -> None:
    serves = release.champion if status == "rolled-back" else release.bundle
    if (serves / "profile.json").exists():
        shutil.copyfile(serves / "profile.json", folder / "profile.json")


def _record(
    context: Context,
    release: Release,
    status: str,
    *,
    reason: str = "",
    way: str = "",
    steps: Sequence[Step] = (),
    gates: Sequence[GateResult] = (),
) -> None:
    about = {"name": release.name, "version": release.version, "model_digest": release.model_digest}
    result = {"status": status, "previous": release.previous, "reason": reason}
    place = {"target": context.config.deploy.target, "way": way}
    details = {"steps": [_plain(step) for step in steps], "gates": [asdict(gate) for gate in gates]}
    write_json(context.output("deployment") / "deployment.json", about | result | place | details)


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
