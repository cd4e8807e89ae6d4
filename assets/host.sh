# Cutover's work on a node's host. Runs in a pod on the node, with the host's root at $HOST_ROOT.
#   sh -c "$(cat host.sh)" cutover TASK [ARG]
# Says what it saw in lines of key=value to $REPORT, at most 4 KiB; "done=1" is the last one.
# Only POSIX shell: the Cilium agent's image, in which this runs, promises no more.
set -u
task=$1; shift
root=${HOST_ROOT:-/host}
report=${REPORT:-/dev/termination-log}
net=$root${CNI_DIR:-/etc/cni/net.d}
leases=$root/var/lib/cni/networks/cbr0
backup=$root/var/lib/cutover/backup
boot_id=${BOOT_ID_FILE:-/proc/sys/kernel/random/boot_id}
links=${LINKS_DIR:-/sys/class/net}

say() { printf '%s=%s\n' "$1" "$2" >> "$report"; }
fail() { say error "$1"; exit 1; }

# keep FILE: into the backup with its checksum, never deleted
keep() {
  [ -e "$1" ] || return 0
  mkdir -p "$backup" || fail "cannot make $backup"
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  name=$stamp-$(basename "$1")
  if [ -d "$1" ]; then
    cp -a "$1" "$backup/$name" && rm -rf "$1" || fail "cannot move $1 to $backup"
  else
    sum=$(sha256sum < "$1") || fail "cannot read $1"
    printf '%s %s\n' "${sum%% *}" "$name" >> "$backup/SHA256SUMS"
    cp -a "$1" "$backup/$name" && rm -f "$1" || fail "cannot move $1 to $backup"
  fi
}

look() {
  say boot "$(cat "$boot_id" 2>/dev/null)"
  for f in "$net"/*; do [ ! -e "$f" ] || say conf "$(basename "$f")"; done
  sock=$root/run/cilium/cilium.sock
  if [ -S "$sock" ]; then
    for cli in cilium-dbg cilium; do
      state=$("$cli" -H "unix://$sock" status -o json 2>/dev/null | tr -d ' \n\t' |
        sed -n 's/.*"cni-file":{\([^}]*\)}.*/\1/p' | sed -n 's/.*"state":"\([A-Za-z]*\)".*/\1/p')
      [ -z "$state" ] || { say cni "$state"; break; }
    done
  fi
  for l in flannel.1 cni0 cilium_host; do [ ! -e "$links/$l" ] || say link "$l"; done
  n=0
  for f in "$leases"/*; do
    case $(basename "$f") in [0-9]*.*.*.*) n=$((n + 1)); [ $n -gt 80 ] || say lease "$(basename "$f")" ;; esac
  done
  say leases "$n"
}

restore() {
  [ -e "$net/10-flannel.conflist" ] || [ ! -e "$net/10-flannel.conflist.cilium_bak" ] ||
    mv "$net/10-flannel.conflist.cilium_bak" "$net/10-flannel.conflist" || fail "cannot put 10-flannel.conflist back"
  # without Flannel's file the node would be left with no configuration at all
  [ -e "$net/10-flannel.conflist" ] || { look; fail "no 10-flannel.conflist to put back; 05-cilium.conflist was left"; }
  keep "$net/05-cilium.conflist"
  # a stale twin would be mistaken for the way back next time
  keep "$net/10-flannel.conflist.cilium_bak"
}

reboot_once() {
  [ "$(cat "$boot_id")" = "$1" ] || { say rebooted already; return 0; }
  say rebooting "$1"; say done 1
  # detached and a little later, so that this pod ends and its report is kept before the node goes down
  nsenter -t 1 -m -u -i -n -p -- systemd-run --on-active=3 systemctl reboot 2>/dev/null ||
    nsenter -t 1 -m -u -i -n -p -- sh -c '(sleep 3; reboot) >/dev/null 2>&1 &' ||
    fail "neither systemd-run nor reboot could be started on the host"
  exit 0
}

clean() {
  keep "$net/10-flannel.conflist"
  keep "$net/10-flannel.conflist.cilium_bak"
  keep "$root/run/flannel"
  keep "$leases"
  for l in flannel.1 cni0; do [ ! -e "$links/$l" ] || ip link delete "$l" || fail "cannot delete link $l"; done
  for t in iptables ip6tables; do
    command -v $t >/dev/null 2>&1 || continue
    $t -w -t nat -D POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG 2>/dev/null
    $t -w -t nat -F FLANNEL-POSTRTG 2>/dev/null && $t -w -t nat -X FLANNEL-POSTRTG
    $t -w -D FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD 2>/dev/null
    $t -w -F FLANNEL-FWD 2>/dev/null && $t -w -X FLANNEL-FWD
  done
  command -v iptables-save >/dev/null 2>&1 && say rules "$(iptables-save 2>/dev/null | grep -ci flannel)"
  return 0
}

probe() {
  say address "${POD_IP:-}"
  host=${KUBERNETES_SERVICE_HOST:-}; port=${KUBERNETES_SERVICE_PORT:-443}
  n=0
  while [ $n -lt 10 ]; do
    if timeout 3 bash -c ": < /dev/tcp/$host/$port" 2>/dev/null || nc -w 3 "$host" "$port" </dev/null >/dev/null 2>&1; then
      say api ok; return 0
    fi
    n=$((n + 1)); sleep 1
  done
  say api "no connection to $host:$port"
}

case $task in
look) look ;;
restore) restore; look ;;
reboot) reboot_once "$1" ;;
clean) clean; look ;;
probe) probe ;;
*) fail "no task $task" ;;
esac
say done 1
