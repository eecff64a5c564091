"""The first signal ends a command in order, and none breaks that off."""

from __future__ import annotations

import signal

import pytest

from assay.cli.interrupts import interrupted_once


def test_only_the_first_one_counts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with interrupted_once():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.raise_signal(number)
    assert signal.getsignal(signal.SIGTERM) is before


def test_nohup_means_what_it_says() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupted_once():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
