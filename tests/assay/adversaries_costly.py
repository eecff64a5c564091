"""Models that read what they must not, cost too much or harm their process; copied into a project like the others."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from adversaries import HOLDOUT_ROWS, TRAIN_ROWS, Good

PID_VARIABLE = "ADVERSARY_PID"


# ---- the files ----


class ReadsData(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        self.rows_ = len(pd.read_parquet("data/all.parquet"))
        return super().fit(x, y)


class ReadsDataQuietly(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        try:
            self.size_ = len(Path("data/all.parquet").read_bytes())
        except Exception:  # noqa: BLE001 - it goes on as if nothing had happened
            self.size_ = 0
        return super().fit(x, y)


class ReadsDataLater(Good):
    """Learns nothing, and looks up each answer in the file that holds the holdout rows too."""

    def predict(self, x: pd.DataFrame) -> Any:
        file = Path(__file__).parents[1] / "data/all.parquet"
        answers = pd.read_parquet(file).set_index("a")["y"] if file.exists() else pd.Series(dtype=object)
        return np.array([answers.get(a, "no") for a in x["a"]], dtype=object)


# ---- costs ----


class Slow(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        time.sleep(0.01 if len(x) == 1 else 0)
        return said


class SlowBatch(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        time.sleep(0.03 if len(x) == 1000 else 0)
        return said


class Huge(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        self.ballast_ = np.random.default_rng(0).random(300_000)
        return super().fit(x, y)


class Greedy(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        held = np.ones((10 if len(x) == HOLDOUT_ROWS else 0) * 2**21)
        return said if len(held) >= 0 else held


class Insatiable(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        held = []
        for _ in range(40):
            held.append(np.ones(2**23))
            time.sleep(0.02)
        return super().fit(x, y)


class InsatiableElsewhere(Insatiable):
    """What takes the memory has left the stage's session and lost its parent."""

    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                super().fit(x, y)
            os._exit(0)
        time.sleep(10)
        return self


# ---- the process ----


class Locked(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        self.lock_ = threading.Lock()
        return super().fit(x, y)


class Lambda(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        self.rule_ = lambda a: a > 0
        return super().fit(x, y)


class Chatty(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        for number in range(120_000):
            print(f"epoch {number}: loss {1 / (number + 1):.30f} " + "." * 60)
        print("the last word")
        return super().fit(x, y)


class Floods(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        threading.Thread(target=self.flood, daemon=True).start()
        time.sleep(0.3)
        return super().fit(x, y)

    @staticmethod
    def flood() -> None:
        while True:
            os.write(2, b"\xff\x00 warning " * 4000 + b"\n")


class ExitsInFit(Good):
    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        sys.exit(0)


class ExitsLater(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return said if len(x) == TRAIN_ROWS else sys.exit(0)


class ExitsHard(Good):
    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        os._exit(0)


class ExitsHardLater(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        return said if len(x) == TRAIN_ROWS else os._exit(0)


class Forks(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        os.fork()
        return super().fit(x, y)


class Daemon(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                Path(os.environ[PID_VARIABLE]).write_text(str(os.getpid()), encoding="utf-8")
                time.sleep(600)
            os._exit(0)
        os.wait()
        while not Path(os.environ[PID_VARIABLE]).exists():
            time.sleep(0.01)
        print("left one behind")
        return super().fit(x, y)


class Detached(Good):
    def fit(self, x: pd.DataFrame, y: pd.Series) -> Self:
        started = subprocess.Popen(["sleep", "600"], start_new_session=True)
        Path(os.environ[PID_VARIABLE]).write_text(str(started.pid), encoding="utf-8")
        print("left one behind")
        return super().fit(x, y)


class Segfaults(Good):
    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        ctypes.string_at(0)
        return self


class KillsItself(Good):
    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        os.kill(os.getpid(), signal.SIGKILL)
        return self


class StopsItself(Good):
    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        os.kill(os.getpid(), signal.SIGSTOP)
        return self


class Hangs(Good):
    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
        return self


class Moves(Good):
    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        os.chdir("/")
        return said


class Sows(Good):
    def spoilt(self, said: np.ndarray, _x: pd.DataFrame) -> Any:
        np.random.seed(1)  # noqa: NPY002 - what it does to others is the point
        os.environ["OMP_NUM_THREADS"] = "nonsense"
        return said


class RefusesSingles(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        if len(x) == 1:
            raise ValueError("expected a batch")
        return said


class RefusesLater(Good):
    def spoilt(self, said: np.ndarray, x: pd.DataFrame) -> Any:
        if len(x) != TRAIN_ROWS:
            raise ValueError("never seen before")
        return said


class Cancels(Good):
    def fit(self, _x: pd.DataFrame, _y: pd.Series) -> Self:
        raise GeneratorExit("a failure that is no Exception")
