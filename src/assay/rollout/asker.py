"""Asks a model from inside the cluster: requests by stdin, answers by stdout, a line of JSON each.

It runs in a pod with the candidate's image, as text behind `python -c`, so it may use nothing but the standard library.
Each request gets a connection of its own: a kept one would stay with the pod that it first came to.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from typing import Any

_LARGEST = 2**20


def ask(host: str, port: int, headers: dict[str, str], record: object, timeout: float) -> dict[str, Any]:
    """One prediction: status (0 where no whole answer came in time), version header, body and milliseconds."""
    started = time.perf_counter()
    said, status, body = None, 0, b""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        sent = {"content-type": "application/json", "connection": "close", **headers}
        connection.request("POST", "/predict", json.dumps({"records": [record]}), sent)
        response = connection.getresponse()
        said = response.getheader("x-model-version")
        while part := response.read1(65536):
            body += part
            if time.perf_counter() > started + timeout or len(body) > _LARGEST:
                raise TimeoutError
        status = response.status
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    milliseconds = (time.perf_counter() - started) * 1000
    return {"status": status, "version": said, "body": body.decode(errors="replace"), "ms": milliseconds}


def main() -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        print(json.dumps(ask(**json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
