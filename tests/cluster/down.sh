#!/bin/bash
# Stops the cluster of up.sh: kills PID 1 of its pid namespace, and the registry if registry.sh started it (each only after checking that it is ours).
B=${CLUSTER_DIR:-$HOME/.cache/assay-cluster}; H=$(cat "$B/run/holder.pid" 2>/dev/null); R=$(cat "$B/registry.pid" 2>/dev/null)
if [ -n "$H" ] && [ "$(readlink "/proc/$H/exe")" = "$B/bin/pause" ]; then kill -9 "$H"
  for _ in $(seq 100); do [ -e "/proc/$H" ] || break; sleep .1; done; [ -e "/proc/$H" ] && echo "holder $H still there" >&2; fi
for _ in $(seq 50); do ip link show kubeh >/dev/null 2>&1 || break; sleep .1; done
ip link del kubeh 2>/dev/null   # gone with its namespace already, as a rule
CGROUPS=(/sys/fs/cgroup/{,*/}{kubepods,kube-sys})   # version 2, and each controller of version 1
for _ in 1 2 3 4 5; do
  find "${CGROUPS[@]}" -depth -type d -exec rmdir {} + 2>/dev/null
  ls -d "${CGROUPS[@]}" 2>/dev/null | grep -q . || break; sleep .5; done
[ -n "$R" ] && tr '\0' ' ' 2>/dev/null < "/proc/$R/cmdline" | grep -qF "docker-registry serve $B/registry.yml" && kill "$R"
rm -f "$B/run/holder.pid" "$B/registry.pid"; exit 0
