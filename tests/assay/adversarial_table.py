"""What each adversarial model gets: the stage it ends in, its exit code, the gate that tells and what people read."""

from __future__ import annotations

from dataclasses import dataclass

TRAIN, VALIDATE = "train", "model-validate"
LEARNT = "on the rows it learned from"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One model and what it gets.

    Attributes:
        ends: The stage that it does not get beyond.
        code: Exit code of that stage.
        says: Words of the gate's message, where there is a gate, else of the stage's.
        gate: The gate that tells, and its status.
        next: Words of what to do about it.
        log: Words in the log of train, each.
        gates, data, top, task: Keys of `[tool.assay]`.
        champion: The model that serves; "-" is one that cannot be loaded.
        timeout, memory: Limits of each stage, seconds and bytes.
    """

    ends: str = VALIDATE
    code: int = 3
    says: str = ""
    gate: tuple[str, str] = ("", "")
    next: str = ""
    log: tuple[str, ...] = ()
    gates: str = ""
    data: str = 'positive = "yes"'
    top: str = ""
    task: str = "classification"
    champion: str = ""
    timeout: float = 60
    memory: int = 0


def contract(says: str, **more: str) -> Case:
    return Case(gate=("model.contract", "fail"), says=says, **more)  # type: ignore[arg-type]


def raised(says: str, ends: str = TRAIN, **more: object) -> Case:
    return Case(ends=ends, code=4, says=says, **more)  # type: ignore[arg-type]


def regression(**more: object) -> Case:
    return Case(task="regression", data="", **more)  # type: ignore[arg-type]


ACCURACY = "accuracy = { min = 0.6, vs_champion = { max_drop = 0.01 } }"
R2 = "r2 = { vs_champion = { max_drop_percent = 10 } }"
SLICES = "slice = { accuracy = { vs_champion = { max_drop = 0.05 } } }"
OWN = 'metrics = "adversaries:{}_metric"'
AGREEMENT = "agreement = { min = 0.5 }"


def incomparable(model: str, says: str) -> Case:
    gate = ("model.accuracy.vs_champion", "error")
    return Case(gates=ACCURACY, champion=model, gate=gate, says=says, next="vs_champion in the commit that replaces it")


PASSES = Case(code=0)
LEAVES = Case(code=0, log=("left one behind", LEARNT))
TABLE: dict[str, tuple[str, Case]] = {
    "a fair model passes": ("Good", Case(code=0, gates=ACCURACY, gate=("model.accuracy", "pass"))),
    # ---- answers ----
    "NaN for all": (
        "NothingAtOnce",
        raised("NaN, infinity or nothing for 300 of 300", next="a label of the train"),
    ),
    "NaN for some, later": ("Nothing", contract("NaN, infinity or nothing for")),
    "NaN never opens a gate": ("Nothing", Case(gates=ACCURACY, gate=("model.accuracy", "error"), says="NaN")),
    "infinity": ("Infinite", regression(gate=("model.contract", "fail"), says="infinity or nothing for")),
    "texts for numbers": ("Texts", raised("values, not numbers", task="regression", data="", next="a finite number")),
    "constant": ("Constant", Case(gate=("model.skill", "fail"), says="roc_auc 0.5")),
    "fewer predictions": ("Fewer", raised("shape (299,) for 300 rows", next="(300,)")),
    "fewer, later": ("FewerLater", contract("shape (99,) for 100 rows")),
    "more predictions": ("More", raised("shape (301,) for 300 rows")),
    "two dimensions": ("TwoDimensional", raised("shape (300, 1) for 300 rows")),
    "labels never seen": ("Strange", raised("not in the data: perhaps")),
    "tables for labels": ("Tables", contract("not in the data: {'label'")),
    "a shuffled Series": ("Shuffled", contract("index is in another order")),
    # ---- probabilities ----
    "labels in the wrong order": ("Swapped", contract("classes_")),
    "labels in another code": ("Coded", contract("none of the data's labels: 0, 1")),
    "half of one": ("Halved", contract("do not sum to 1")),
    "negative probabilities": ("Negative", contract("not from 0 to 1")),
    "a column missing": ("OneColumn", contract("shape (100, 1), not (100, 2)")),
    "no gate on what is unusable": ("Halved", Case(gates="roc_auc = { min = 0.5 }", gate=("model.roc_auc", "error"))),
    # ---- promises ----
    "changes its rows": ("Mutates", contract("predict changes the rows")),
    "changes its rows for probabilities": ("MutatesForShares", contract("predict_proba changes the rows")),
    "not the same twice": ("Random", contract("the second time")),
    "leans on the other rows": ("OthersMatter", contract("alone gets")),
    "leans on the row before": ("Neighbours", contract("another order")),
    "looks at the index": ("Index", contract("other")),
    "leaves the folder": ("Moves", contract("working directory")),
    "changes what is global": ("Sows", PASSES),
    "raises for single rows": ("RefusesSingles", raised("a single row raised ValueError: expected a batch", VALIDATE)),
    "raises later": ("RefusesLater", raised("ValueError: never seen", VALIDATE, next="src/adversaries.py:")),
    "needs the target": ("NeedsTarget", raised("""model.fit raised KeyError: "['y'] not in index""")),
    "needs the weight": (
        "",
        raised(
            "model.predict raised KeyError: 'n'",
            top='train = "adversaries:train_aside"\nparams = { column = "n" }',
            data='weight = "n"',
        ),
    ),
    "needs what is excluded": (
        "",
        raised(
            "model.predict raised KeyError: 'sex'",
            top='train = "adversaries:train_aside"\nparams = { column = "sex" }',
            data='exclude = ["sex"]',
        ),
    ),
    # ---- learning the wrong thing ----
    "reads the raw data": ("ReadsData", raised("training opened all.parquet", next="the rows that train is given")),
    "hides that it reads": ("ReadsDataQuietly", raised("training opened all.parquet")),
    "reads the raw data when it is asked": ("ReadsDataLater", raised("opened all.parquet")),
    "learns by heart": (
        "Memory",
        Case(gates="overfit = { accuracy = { max = 0.1 } }", gate=("model.overfit.accuracy", "fail"), says="1 on the"),
    ),
    "better on train only": (
        "Memory",
        Case(gates=ACCURACY, champion="Good", gate=("model.accuracy.vs_champion", "fail"), says="version 7 reaches"),
    ),
    "worse in one slice": (
        "WorseForSmiths",
        Case(gates=SLICES, champion="Good", gate=("model.slice.accuracy.vs_champion", "fail"), says="job=smith"),
    ),
    "worse than a negative R squared": (
        "Flatter",
        regression(gates=R2, champion="Flat", gate=("model.r2.vs_champion", "fail"), says="reaches -"),
    ),
    # ---- gates and metrics ----
    "a misspelt metric, where the project's own may be meant": (
        "Good",
        Case(
            top=OWN.format("boasting"),
            gates="accurracy = { min = 0.5 }",
            gate=("model.accurracy", "error"),
            says='did you mean "model.acc',
        ),
    ),
    "a metric that calls itself a gate": (
        "Mutates",
        contract("predict changes the rows", top=OWN.format("boasting")),
    ),
    "a metric of text": (
        "Good",
        raised("'agreement': 'good'", VALIDATE, top=OWN.format("text"), next="numbers by name"),
    ),
    "a metric that is NaN": (
        "Good",
        Case(top=OWN.format("nan"), gates=AGREEMENT, gate=("model.agreement", "error"), says="not a finite number"),
    ),
    "a list of metrics": (
        "Good",
        raised("metrics gave list", VALIDATE, top=OWN.format("list"), next="numbers by name"),
    ),
    "a metric that raises": ("Good", raised("metrics raised ZeroDivisionError", VALIDATE, top=OWN.format("raising"))),
    # ---- the champion ----
    "a champion with other classes": ("Good", incomparable("OldClasses", "not in the data: poor, rich")),
    "a champion that does not load": ("Good", incomparable("-", "cannot be loaded")),
    "a champion that needs a column that is gone": ("Good", incomparable("WantsMore", 'column "age" is missing')),
    # ---- costs ----
    "slow": ("Slow", Case(gates="latency_ms = { p95 = { max = 5 } }", gate=("model.latency_ms.p95", "fail"))),
    "slow with a batch": (
        "SlowBatch",
        Case(gates="batch_latency_ms = { p50 = { max = 20 } }", gate=("model.batch_latency_ms.p50", "fail")),
    ),
    "huge": ("Huge", Case(gates="size_mb = { max = 1 }", gate=("model.size_mb", "fail"))),
    "greedy": ("Greedy", Case(gates="memory_mb = { max = 100 }", gate=("model.memory_mb", "fail"))),
    "beyond the memory limit": ("Insatiable", raised("1024 MiB allowed", memory=2**30, next="raise memory in")),
    "beyond it elsewhere": ("InsatiableElsewhere", raised("1024 MiB allowed", memory=2**30)),
    # ---- the process ----
    "holds a lock": ("Locked", raised("cannot be written", next="keep open files, locks")),
    "holds a lambda": ("Lambda", Case(code=0, log=("written with cloudpickle",))),
    "prints by the megabyte": ("Chatty", Case(code=0, log=("MiB left out ...", "the last word", LEARNT))),
    "floods stderr": ("Floods", PASSES),
    "exits in fit": ("ExitsInFit", raised("model.fit raised SystemExit: 0")),
    "exits in predict": ("ExitsLater", raised("raised SystemExit: 0", VALIDATE)),
    "ends the process": ("ExitsHard", raised("exit code 0 without an answer", next="os._exit")),
    "ends the process later": ("ExitsHardLater", raised("exit code 0 without an answer", VALIDATE, next="os._exit")),
    "forks and returns": ("Forks", Case(code=0, log=(LEARNT,))),
    "leaves a daemon": ("Daemon", LEAVES),
    "leaves a program": ("Detached", LEAVES),
    "segfaults": ("Segfaults", raised("SIGSEGV", next="log", log=("adversaries_costly.py",))),
    "kills itself": ("KillsItself", raised("SIGKILL", next="ran out of memory")),
    "stops itself": ("StopsItself", raised("the time limit is 1 s", timeout=1, next="raise timeout")),
    "hangs": ("Hangs", raised("the time limit is 1 s", timeout=1, next="raise timeout")),
    "fails with no Exception": ("Cancels", raised("ended by GeneratorExit", next="src/adversaries_costly.py:")),
}
