"""What a request may cost the server, in one place."""

from __future__ import annotations

from typing import Final

MAX_ROWS: Final = 10_000
MAX_BYTES: Final = 10_000_000
MAX_HEAD_BYTES: Final = 65_536
# for head and body together: whoever sends slower only holds a connection
REQUEST_SECONDS: Final = 10.0
# longer than the 60 s of most balancers: whoever closes an idle connection first may cut off a request
KEEP_ALIVE_SECONDS: Final = 75
PREDICT_SECONDS: Final = 30.0
# after SIGTERM: for what is in flight, and for what is on its way over a connection that looks idle
GRACE_SECONDS: Final = 30
LAST_CALL_SECONDS: Final = 0.3
LATE_SECONDS: Final = 0.05
