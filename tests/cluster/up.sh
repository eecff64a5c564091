#!/bin/bash
# One-node Kubernetes in private mount+net+pid namespaces. Prints the KUBECONFIG path when the node is Ready.
# Everything it keeps is under $CLUSTER_DIR; outside: host veth "kubeh" (10.99.0.1/24), two host routes,
# cgroups named kubepods and kube-sys. down.sh removes all of these.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd); B=${CLUSTER_DIR:-$HOME/.cache/assay-cluster}; export CLUSTER_DIR=$B; K=$B/bin; HOSTIP=10.99.0.1; NODE_IP=10.99.0.2
T0=$(date +%s%N); say(){ printf '%6d ms %s\n' $(( ($(date +%s%N) - T0) / 1000000 )) "$*" >&2; }
if [ -e $B/run/holder.pid ] && [ "$(readlink /proc/$(cat $B/run/holder.pid)/exe 2>/dev/null)" = $B/bin/pause ]; then
  if kubectl --kubeconfig=$B/certs/admin.kubeconfig --request-timeout=3s get node node1 2>/dev/null | grep -qw Ready; then
    say "already up"; echo $B/certs/admin.kubeconfig; exit 0; fi
  say "half up: stopping it first"; $HERE/down.sh; fi
bash $HERE/certs.sh; bash $HERE/registry.sh
rm -rf $B/etcd $B/kubelet $B/run $B/cni $B/log; mkdir -p $B/{etcd,kubelet,run,cni/net.d,log/pods,containerd/root,etc,sysctl}
[ "${KEEP_IMAGES:-1}" = 1 ] || rm -rf $B/containerd; mkdir -p $B/containerd/root
# --- files
mkdir -p $B/etc/certs.d/localhost:5000 $B/etc/certs.d/docker.io
for h in localhost:5000 docker.io; do
  printf 'server = "http://%s:5000"\n[host."http://%s:5000"]\n  capabilities = ["pull","resolve"]\n' $HOSTIP $HOSTIP > $B/etc/certs.d/$h/hosts.toml; done
printf 'nameserver %s\n' $HOSTIP > $B/etc/resolv.conf
cat > $B/etc/containerd.toml <<C
version = 2
root = "$B/containerd/root"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs","io.containerd.snapshotter.v1.btrfs","io.containerd.snapshotter.v1.zfs","io.containerd.snapshotter.v1.devmapper"]
[grpc]
  address = "$B/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost:5000/kube-pause:1"
  disable_tcp_service = true
  restrict_oom_score_adj = true   # some machines lack CAP_SYS_RESOURCE: runc cannot set oom_score_adj -998
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$B/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$B/etc/certs.d"
C
cat > $B/cni/net.d/10-bridge.conflist <<C
{"cniVersion":"0.4.0","name":"kube","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"hairpinMode":true,"ipMasq":false,
  "ipam":{"type":"host-local","dataDir":"$B/cni/ipam","ranges":[[{"subnet":"10.244.0.0/24"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
C
cat > $B/etc/kubelet.yaml <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix://$B/run/containerd.sock
address: 0.0.0.0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $B/certs/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $B/certs/kubelet-server.crt
tlsPrivateKeyFile: $B/certs/kubelet-server.key
clusterDomain: cluster.local
clusterDNS: [10.96.0.10]
resolvConf: $B/etc/resolv.conf
failSwapOn: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 100Mi, nodefs.available: 1Gi, imagefs.available: 1Gi, nodefs.inodesFree: 1%}
serializeImagePulls: false
registerNode: true
maxPods: 100
syncFrequency: 10s
nodeStatusUpdateFrequency: 5s
podLogsDir: $B/log/pods
C
cat > $B/etc/proxy.yaml <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ${PROXY_MODE:-iptables}
clusterCIDR: 10.244.0.0/16
hostnameOverride: node1
clientConnection: {kubeconfig: $B/certs/proxy.kubeconfig}
iptables: {minSyncPeriod: 100ms, syncPeriod: 30s}
nftables: {minSyncPeriod: 100ms, syncPeriod: 30s}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
C
# --- namespaces: "pause" is PID 1 of the new pid namespace and reaps; killing it ends the whole cluster
GROUPS2=/sys/fs/cgroup; CG=$GROUPS2/memory/kube-sys   # control groups of version 1
if [ -e $GROUPS2/cgroup.controllers ]; then CG=$GROUPS2/kube-sys   # version 2
  # pods get limits only where the root group hands its controllers down, which it must not in a container: there it has processes
  for c in cpu memory pids; do echo +$c 2>/dev/null > $GROUPS2/cgroup.subtree_control || { say "control groups (version 2): $c cannot be limited here"; exit 1; }; done
fi
mkdir -p $CG
setsid unshare -m -n -p -f --propagation private --mount-proc $B/bin/pause </dev/null >/dev/null 2>&1 &
U=$!; for i in $(seq 50); do H=$(cat /proc/$U/task/$U/children 2>/dev/null | tr -d ' '); [ -n "$H" ] && [ "$(readlink /proc/$H/exe)" = $B/bin/pause ] && break; sleep .05; done
disown $U; echo $H > $B/run/holder.pid; echo $H > $CG/cgroup.procs
ip link add kubeh type veth peer name eth0 netns $H
ip addr add $HOSTIP/24 dev kubeh; ip link set kubeh up
curl -sf -m 5 http://$HOSTIP:5000/v2/ >/dev/null || { say "the registry at localhost:5000 does not answer at $HOSTIP, where pods get their images"; $HERE/down.sh; exit 1; }
inns(){ nsenter -t $H -m -n -p -- "$@"; }
cat > $B/run/setup.sh <<C
set -e
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/netns
mount -t tmpfs -o mode=755 tmpfs /var/lib; mkdir -p /var/lib/kubelet /var/lib/cni; mount --bind $B/kubelet /var/lib/kubelet
mount -t tmpfs -o mode=755 tmpfs /var/log; mkdir -p /var/log/pods /var/log/containers
# the kubelet writes these three host-wide sysctls: give it plain files instead
for p in vm/overcommit_memory:1 kernel/panic:10 kernel/panic_on_oops:1; do
  f=\${p%%:*}; v=\${p##*:}; g=$B/sysctl/\$(echo \$f | tr / _); echo \$v > \$g; mount --bind \$g /proc/sys/\$f; done
ip link set lo up; ip addr add $NODE_IP/24 dev eth0; ip link set eth0 up; ip route add default via $HOSTIP
sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.bridge.bridge-nf-call-iptables=1 || true
C
inns bash $B/run/setup.sh
ip route add 10.244.0.0/16 via $NODE_IP; ip route add 10.96.0.0/16 via $NODE_IP
bg(){ # name command...: starts it inside, its output in log/name.log, its (inner) pid in run/name.pid
  local n=$1; shift
  inns bash -c 'n=$1; shift; echo 0 > '$CG'/cgroup.procs; PATH='$B'/bin:$PATH setsid "$@" </dev/null >'$B'/log/$n.log 2>&1 & echo $! > '$B'/run/$n.pid; exit 0' _ $n "$@"; }
say "namespaces ready"
bg etcd $B/bin/etcd --name n1 --data-dir $B/etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 --initial-cluster n1=http://127.0.0.1:2380 ${ETCD_EXTRA:-}
bg containerd $B/bin/containerd -c $B/etc/containerd.toml
C=$B/certs
bg kube-apiserver $K/kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=$NODE_IP --bind-address=0.0.0.0 --secure-port=6443 \
  --tls-cert-file=$C/apiserver.crt --tls-private-key-file=$C/apiserver.key --client-ca-file=$C/ca.crt --cert-dir=$B/run \
  --kubelet-client-certificate=$C/apiserver-kubelet.crt --kubelet-client-key=$C/apiserver-kubelet.key --kubelet-certificate-authority=$C/ca.crt \
  --kubelet-preferred-address-types=InternalIP --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=$C/sa.pub \
  --service-account-signing-key-file=$C/sa.key --service-cluster-ip-range=10.96.0.0/16 --authorization-mode=Node,RBAC \
  --enable-admission-plugins=NodeRestriction --allow-privileged=true ${APISERVER_EXTRA:-}
export KUBECONFIG=$C/admin.kubeconfig
for i in $(seq 240); do kubectl --request-timeout=2s get --raw /readyz >/dev/null 2>&1 && break; sleep .25; done
kubectl --request-timeout=5s get --raw /readyz >/dev/null; say "apiserver ready"
bg kube-controller-manager $K/kube-controller-manager --kubeconfig=$C/kcm.kubeconfig \
  --authentication-kubeconfig=$C/kcm.kubeconfig --authorization-kubeconfig=$C/kcm.kubeconfig \
  --service-account-private-key-file=$C/sa.key --root-ca-file=$C/ca.crt --use-service-account-credentials --pvclaimbinder-sync-period=2s \
  --kube-api-qps=300 --kube-api-burst=500 --cluster-cidr=10.244.0.0/16 --leader-elect=false --cert-dir=$B/run
bg kube-scheduler $K/kube-scheduler --kubeconfig=$C/sched.kubeconfig \
  --authentication-kubeconfig=$C/sched.kubeconfig --authorization-kubeconfig=$C/sched.kubeconfig --leader-elect=false --cert-dir=$B/run
[ "${NO_NODE:-}" = 1 ] && { echo $C/admin.kubeconfig; exit 0; }
bg kubelet $K/kubelet --config=$B/etc/kubelet.yaml --kubeconfig=$C/kubelet.kubeconfig \
  --hostname-override=node1 --node-ip=$NODE_IP --root-dir=/var/lib/kubelet --cert-dir=$B/run --v=2
bg kube-proxy $K/kube-proxy --config=$B/etc/proxy.yaml
# cluster DNS: CoreDNS (plugins errors cache kubernetes forward) as a process on the node address, behind Service kube-dns 10.96.0.10
if [ -x $B/bin/kubedns ]; then
  printf '.:53 {\n bind %s\n errors\n kubernetes cluster.local in-addr.arpa {\n  kubeconfig %s kube\n  ttl 5\n }\n forward . %s\n cache 5\n}\n' $NODE_IP $C/admin.kubeconfig $HOSTIP > $B/etc/Corefile
  cat > $B/etc/dns.yaml <<Y
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, ports: [{name: dns, protocol: UDP, port: 53}, {name: dns-tcp, protocol: TCP, port: 53}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-1, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, protocol: UDP, port: 53}, {name: dns-tcp, protocol: TCP, port: 53}]
endpoints: [{addresses: [$NODE_IP], conditions: {ready: true}}]
Y
  bg kubedns $B/bin/kubedns -conf $B/etc/Corefile
  for i in $(seq 40); do kubectl --request-timeout=5s apply -f $B/etc/dns.yaml >/dev/null 2>&1 && break; sleep .25; done
fi
for i in $(seq 240); do [ "$(kubectl --request-timeout=2s get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null)" = True ] && break; sleep .25; done
kubectl --request-timeout=5s get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -q True || { say "node NOT ready; see $B/log"; exit 1; }
say "node ready"
for i in $(seq 100); do kubectl --request-timeout=2s -n default get sa default >/dev/null 2>&1 && break; sleep .1; done
say "default service account there"
echo $C/admin.kubeconfig
