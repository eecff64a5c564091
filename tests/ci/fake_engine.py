"""A small engine on loopback that executes nothing: it records what the real dagger-io client asks of it.

The schema holds only what the module uses, so that a call of anything else fails the test.
"""

from __future__ import annotations

import json
import threading
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from fake_schema import SCHEMA, TYPES
from graphql import GraphQLResolveInfo, get_named_type, graphql_sync, is_leaf_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Chain = tuple[tuple[str, dict[str, Any]], ...]


@dataclass(frozen=True)
class Exec:
    """One command as the engine would run it, with everything that was set before it."""

    args: list[str]
    env: dict[str, str]
    volatile: dict[str, str]
    secrets: dict[str, str]
    caches: dict[str, str]
    mounted: dict[str, str]
    services: list[str]
    image: str
    installs: list[str]
    gpu: bool
    describe: Callable[[str], str]

    @cached_property
    def mounts(self) -> dict[str, str]:
        """What each mounted folder is made of; long, as a description repeats those of its parts."""
        return {path: self.describe(key) for path, key in self.mounted.items()}


@dataclass
class FakeEngine:
    """Answers queries; `outcomes` gives the status and exit code of a stage's report, by default passed."""

    plan: str
    outcomes: dict[str, tuple[str, int]] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    broken: str = ""
    stable: bool = False
    ids: dict[str, Chain] = field(default_factory=dict)
    execs: list[Exec] = field(default_factory=list)
    unreachable: bool = False
    registry_code: int = 0
    published: list[tuple[str, Chain, list[Chain]]] = field(default_factory=list)
    stored: dict[str, Chain] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    run_cache: str = ""
    digest: str = "1" * 64
    _known: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        SCHEMA.type_map["Node"].resolve_type = lambda value, *_: _type_of(value)  # type: ignore[attr-defined]

    def answer(self, query: str) -> dict[str, Any]:
        """The response to one GraphQL query."""
        result = graphql_sync(SCHEMA, query, field_resolver=self._resolve)
        errors = [{"message": str(error)} for error in result.errors or ()]
        return {"data": result.data} | ({"errors": errors} if errors else {})

    def _resolve(self, chain: Chain | None, info: GraphQLResolveInfo, **args: Any) -> Any:
        chain = chain or ()
        if info.field_name == "node":
            return self.ids[args["id"]]
        step = (info.field_name, args)
        if not is_leaf_type(get_named_type(info.return_type)):
            return (*chain, step)
        with self._lock:
            return self._leaf(chain, info.field_name, args)

    def _leaf(self, chain: Chain, name: str, args: dict[str, Any]) -> Any:
        if name == "sync":
            self._run(chain)
        if name in {"id", "sync"}:
            key = f"{_type_of(chain)}-{len(self.ids)}"
            self.ids[key] = chain
            return key
        if name == "publish":
            return self._publish(chain, args)
        if name == "entries":
            if "directory" in dict(chain) and dict(chain)["directory"]["path"] == "/results":
                return ["run.json", "provenance.json"]
            return ["Dockerfile"] if self.stable else []
        if name == "glob":
            return [args["pattern"].replace("**", "some/file"), args["pattern"].replace("**", "some/")]
        address = dict(chain).get("from", {}).get("address", "")
        if name == "imageRef" and "/run-cache:" in address and (self.run_cache or address not in self.stored):
            raise ValueError(self.run_cache or f"{address}: not found")
        reference = f"{address}@sha256:{self.digest if 'income' in address else '1' * 64}"
        fixed = {
            "defaultPlatform": "linux/amd64",
            "imageRef": reference,
            "version": "v0.21.8",
            "size": 150_000_000,
            "exitCode": self.registry_code,
            "stderr": "nobody is there",
        }
        asked: dict[str, Callable[[Chain], str]] = {
            "contents": self._contents,
            "stdout": self._run,
            "plaintext": lambda secret: str(secret[-1][1]["plaintext"]),
        }
        return fixed[name] if name in fixed else asked[name](chain)

    def _publish(self, chain: Chain, args: dict[str, Any]) -> str:
        address, is_entry = args["address"], "forcedCompression" in args
        if self.unreachable or (is_entry and self.run_cache):
            raise ValueError(self.run_cache or "401 Unauthorized")
        if is_entry:
            (entry,) = [args["source"] for name, args in chain if name == "withDirectory"]
            self.stored[address] = self.ids[entry]
        else:
            variants = [self.ids[key] for key in args.get("platformVariants") or ()]
            self.published.append((address, chain, variants))
        return f"{address}@sha256:{'0' * 64}"

    def _run(self, chain: Chain) -> str:
        if "withExec" not in dict(chain):
            return ""
        done = self._exec(chain)
        self.execs.append(done)
        if self.broken and self.broken in done.args:
            msg = "the container cannot be made"
            raise ValueError(msg)
        if "--exit-code" in done.args and any(code for _, code in self.outcomes.values()):
            msg = f"exit code: {max(code for _, code in self.outcomes.values())}"
            raise ValueError(msg)
        if "cache" in done.args:
            if "key" not in done.args:
                return self.verdicts.get(json.loads(done.args[-1])["stage"], "")
            (plan,) = [args["contents"] for name, args in chain if name == "withNewFile"]
            (step,) = json.loads(plan)["steps"]
            name = f"{step['stage']}-{zlib.crc32(done.args[-1].encode())}"
            return json.dumps({"name": name, "stage": step["stage"], "facts": json.loads(done.args[-1])})
        said = {"plan": self.plan, "freeze": "reg.example/income:v1@sha256:frozen\n", "attest": "attached\n"}
        return next((text for word, text in said.items() if word in done.args), "the run's table\n")

    def _contents(self, chain: Chain) -> str:
        if chain[-1][1]["path"].endswith("image.json"):
            return json.dumps({"reference": "reg.example/income:v1@sha256:frozen"})
        if "withExec" not in dict(chain):
            stored = json.dumps({"message": "as it was stored", "run_id": "another"})
            return str(dict(chain).get("withNewFile", {}).get("contents", stored))
        done = self._exec(chain)
        stage = done.args[done.args.index("stage") + 1]
        status, code = self.outcomes.get(stage, ("passed", 0))
        run_id = done.env.get("ASSAY_RUN_ID") or ("another" if stage in self.stale else done.volatile["ASSAY_RUN_ID"])
        return json.dumps({"status": status, "exit_code": code, "message": f"{stage} {status}", "run_id": run_id})

    def _exec(self, chain: Chain) -> Exec:
        calls = list(_calls(chain))
        named = {n: [a for name, a in calls if name == n] for n, _ in calls}
        execs = [a["args"] for a in named.get("withExec", [])]
        return Exec(
            args=execs[-1],
            env={a["name"]: a["value"] for a in named.get("withEnvVariable", [])},
            volatile={a["name"]: a["value"] for a in named.get("withVolatileVariable", [])},
            secrets={a["name"]: a["secret"] for a in named.get("withSecretVariable", [])}
            | {a["path"]: a["source"] for a in named.get("withMountedSecret", [])},
            caches={a["path"]: self.ids[a["cache"]][0][1]["key"] for a in named.get("withMountedCache", [])},
            mounted={a["path"]: a["source"] for a in named.get("withMountedDirectory", [])},
            services=[a["alias"] for a in named.get("withServiceBinding", [])],
            image=named["from"][0]["address"],
            installs=[" ".join(args) for args in execs if "pip install" in " ".join(args)],
            gpu="experimentalWithAllGPUs" in named,
            describe=self.describe,
        )

    def describe(self, key: str) -> str:
        """A directory's or file's chain of calls as text, ids inside it followed; a secret stays a name."""
        return json.dumps(self._follow(key))

    def _follow(self, value: Any) -> Any:
        if not isinstance(value, str) or value not in self.ids:
            return value
        if value not in self._known:
            name, args = self.ids[value][0]
            whole = [[n, {k: self._follow(v) for k, v in a.items()}] for n, a in self.ids[value]]
            self._known[value] = f"secret {args['name']}" if name == "setSecret" else whole
        return self._known[value]


def _calls(chain: Chain) -> Iterator[tuple[str, dict[str, Any]]]:
    """The calls that made a container, without what was taken out of it afterwards."""
    yield from ((name, args) for name, args in chain if name not in {"file", "directory"})


def _type_of(chain: Chain) -> str:
    kind = "Query"
    for name, _ in chain:
        kind = TYPES[kind, name]
    return kind


class _Handler(BaseHTTPRequestHandler):
    engine: FakeEngine
    wbufsize = -1  # one packet an answer, or each waits 40 ms for an acknowledgement

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        data = json.dumps(self.engine.answer(body["query"])).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 256  # the client asks many things at once; a full queue costs it a second


def serve(engine: FakeEngine) -> ThreadingHTTPServer:
    """Start answering on a free port of loopback."""
    handler = type("Handler", (_Handler,), {"engine": engine})
    server = _Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def by_stage(engine: FakeEngine) -> dict[str, Exec]:
    """The commands that ran a stage."""
    found = [(e.args[e.args.index("stage") + 1], e) for e in engine.execs if "stage" in e.args]
    return dict(found)


def written(engine: FakeEngine, stage: str) -> Any:
    """The report that the module itself wrote for a stage that left none."""
    calls = [call for chain in engine.ids.values() for call in chain]
    reports = [json.loads(a["contents"]) for n, a in calls if n == "withNewFile" and a["path"] == "report.json"]
    return next(report for report in reports if report["stage"] == stage)
