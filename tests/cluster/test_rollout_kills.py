"""kill -9 at every step of a deploy: the supervisor puts right what the stage cannot, or else whoever comes next."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from models import push_model
from releases import read

from assay.rollout import lease
from assay.rollout.kubernetes import KubernetesTarget
from assay.rollout.site import Site
from assay.stages import deploy
from assay.supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import Callable

    from rollouts import Aliases, Place

    from assay.context import Context, Outcome

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("in_place")]


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(owner: Any, name: str, when: Callable[..., bool], *, after: bool) -> None:
    """Let the call of `owner.name` for which `when` holds be the last thing that this process does."""
    real = getattr(owner, name)

    def wrapped(*arguments: Any) -> Any:
        if not after and when(*arguments):
            die()
        result = real(*arguments)
        if after and when(*arguments):
            die()
        return result

    setattr(owner, name, wrapped)


def at_step(percent: int) -> Callable[[Aliases], None]:
    return lambda _: dying(KubernetesTarget, "shift", lambda _self, step: step == percent, after=True)


POINTS: dict[str, Callable[[Aliases], None]] = {
    "candidate begun": lambda _: dying(Site, "put", lambda *_: True, after=False),
    "candidate up": lambda _: dying(KubernetesTarget, "warm_up", lambda _self: True, after=False),
    "10 percent": at_step(10),
    "50 percent": at_step(50),
    "100 percent": at_step(100),
    "stable changed": lambda _: dying(Site, "put", lambda _self, track, *_: track == "stable", after=True),
    "alias not moved": lambda aliases: dying(type(aliases), "set_champion", lambda *_: True, after=False),
}


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_stage_leaves_things_as_they_were(place: Place, point: str) -> None:
    place.begin()
    context = place.context(2, push_model(2))
    report = supervise(context, timeout=240, run=killed(place, POINTS[point]))
    assert "SIGKILL" in report.message
    place.serves(1)
    found = read(context.outputs / "deployment" / "deployment.json")
    assert found["status"] == "interrupted"
    assert "all requests go to version 1" in found["reason"]


def killed(place: Place, prepare: Callable[[Aliases], None]) -> Callable[[Context], Outcome]:
    """The stage, which does not survive what `prepare` chose; only its own process is changed."""

    def run(context: Context) -> Outcome:
        prepare(place.aliases)
        return deploy.run(context)

    return run


def test_killed_after_the_alias_moved_it_stays_moved(place: Place) -> None:
    place.begin()
    point = killed(place, lambda aliases: dying(type(aliases), "set_champion", lambda *_: True, after=True))
    supervise(place.context(2, push_model(2)), timeout=240, run=point)
    place.serves(2)
    # faster than to deploy version 1 again
    place.roll_back()


def test_with_the_machine_gone_too_the_next_one_puts_things_right(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.begin()
    monkeypatch.setattr(lease, "SECONDS", 5)
    dies_alone(place, "stable changed")
    assert "a deploy died half-way: all requests go to version 1" in place.roll_back()
    place.serves(1)
    dies_alone(place, "50 percent")
    report = place.deploy(2)
    assert report.summary["status"] == "promoted", report.message
    place.serves(2)
    place.roll_back()


def dies_alone(place: Place, point: str) -> None:
    """A stage without anybody who would clean up after it."""
    context = place.context(2, push_model(2))
    child = os.fork()
    if child == 0:
        try:
            killed(place, POINTS[point])(context)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert "lease.coordination.k8s.io/tiny-deploy" in place.left()
