#!/bin/bash
# Makes $CLUSTER_DIR/bin once: Kubernetes and CoreDNS compiled from their Go modules, etcd and containerd from Debian's packages.
# Needs root, Debian, gcc and Go 1.26 or newer. Four minutes the first time on 2 cores, a second later; may be interrupted and goes on.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); B=${CLUSTER_DIR:-$HOME/.cache/assay-cluster}
mkdir -p "$B"/{bin,deb,build}
exec 9>"$B/build.lock"; flock 9   # two builds at once would share their files
install(){ apt-get install -y -qq "$@" >/dev/null; }
# by what is there already, not by package: a kubectl from elsewhere would be in the way of Debian's
MISSING=(); while read -r p f; do command -v "$f" >/dev/null || MISSING+=("$p"); done <<P
runc runc
containernetworking-plugins /usr/lib/cni/bridge
iptables iptables
iproute2 ip
docker-registry docker-registry
kubernetes-client kubectl
P
[ ${#MISSING[@]} = 0 ] || install "${MISSING[@]}" || { apt-get update -qq; install "${MISSING[@]}"; }
if [ ! -x "$B/bin/conntrack" ]; then
  (cd "$B/deb" && apt-get download -qq etcd-server containerd conntrack && for f in *.deb; do dpkg -x "$f" root; done
   cp root/usr/bin/{etcd,containerd,containerd-shim-runc-v2,ctr} root/usr/sbin/conntrack "$B/bin/")
fi
compile(){ # name folder argument...: into bin/name, which is whole or not there
  local name=$1 folder=$2; shift 2; [ -x "$B/bin/$name" ] && return
  (cd "$folder" && CGO_ENABLED=0 nice go build -trimpath -o "$B/build/$name" "$@" && mv "$B/build/$name" "$B/bin/$name"); }
# Go rewrites go.mod where a module's own list is longer: it gets copies
rm -rf "$B/build/modules"; cp -r "$HERE/modules" "$B/build/modules"
V=v1.36.3; X=k8s.io/component-base/version
for c in kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy; do
  compile $c "$B/build/modules/kubernetes" -mod=mod -ldflags "-s -w -X $X.gitVersion=$V -X $X.gitMajor=1 -X $X.gitMinor=36" "k8s.io/kubernetes/cmd/$c"; done
compile kubedns "$B/build/modules/dns" -ldflags '-s -w' .
[ -x "$B/bin/pause" ] || gcc -static -Os -s -o "$B/bin/pause" "$HERE/modules/pause.c"   # PID 1 of the cluster, which must not be replaced
