#!/bin/bash
# A plain HTTP registry at localhost:5000, started where none answers, with the image that each pod's sandbox is made of.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); B=${CLUSTER_DIR:-$HOME/.cache/assay-cluster}
answers(){ curl -sf -m 2 http://localhost:5000/v2/ >/dev/null; }
if ! answers; then
  mkdir -p "$B/registry"
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: ":5000"}\n' "$B/registry" > "$B/registry.yml"
  setsid docker-registry serve "$B/registry.yml" >"$B/registry.log" 2>&1 </dev/null 9>&- & echo $! > "$B/registry.pid"
  for _ in $(seq 50); do answers && break; sleep .1; done
fi
python3 "$HERE/tinyimage.py" localhost:5000 kube-pause "$B/bin/pause" >/dev/null
