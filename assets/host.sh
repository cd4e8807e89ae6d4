# Cutover's work on a node's host. Runs in a pod on the node with the host's root at $HOST_ROOT, or on the
# host itself (HOST_ROOT= REPORT=-), there as root:
#   sh host.sh TASK [ARGUMENT…]
# Says what it saw in lines of key=value to $REPORT, at most 4 KiB; "done=1" is the last one.
# Only POSIX shell, awk and the usual tools: the Cilium agent's image, in which this runs, promises no more.
set -u
task=$1; shift
root=${HOST_ROOT-/host}
report=${REPORT:-/dev/termination-log}
net=$root${CNI_DIR:-/etc/cni/net.d}
leases=$root/var/lib/cni/networks/cbr0
backup=$root/var/lib/cutover/backup
cleaned=$backup/cleaned
boot_id=${BOOT_ID_FILE:-/proc/sys/kernel/random/boot_id}
links=${LINKS_DIR:-/sys/class/net}
plugins=$root${CNI_BIN_DIR:-/opt/cni/bin}
hold=$net/00-cutover-hold.conflist
bpf=$root${BPF_DIR:-/sys/fs/bpf}

say() { if [ "$report" = - ]; then printf '%s=%s\n' "$1" "$2"; else printf '%s=%s\n' "$1" "$2" >> "$report"; fi; }
# fail MESSAGE [CODE]: the message is for people, the code for programs
fail() { say error_code "${2:-failed}"; say error "$1"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
stamp() { date -u +%Y%m%dT%H%M%SZ; }

# keep FILE: into the backup with its checksum, never deleted
keep() {
  [ -e "$1" ] || return 0
  mkdir -p "$backup" || fail "cannot make $backup"
  kept=$(stamp)-$(basename "$1")
  sum=$(sha256sum < "$1") || fail "cannot read $1"
  printf '%s %s\n' "${sum%% *}" "$kept" >> "$backup/SHA256SUMS"
  cp -a "$1" "$backup/$kept" && rm -f "$1" || fail "cannot move $1 to $backup"
}

# agent ARGUMENT…: Cilium's own command line, out of this image or out of the agent's
agent() {
  sock=$root/run/cilium/cilium.sock
  [ -S "$sock" ] || return 1
  for cli in cilium-dbg cilium; do
    has $cli && $cli -H "unix://$sock" "$@" 2>/dev/null && return 0
  done
  pid=$(pgrep -o -x cilium-agent 2>/dev/null) || return 1
  nsenter -t "$pid" -m -- cilium-dbg "$@" 2>/dev/null || nsenter -t "$pid" -m -- cilium "$@" 2>/dev/null
}

saved() { "$1-save" 2>/dev/null; }

# A copy is complete when it ends so: a full disk leaves one that does not
complete() { [ "$(tail -n 1 "$1" 2>/dev/null)" = "# end" ]; }
# completed FILE: what was written to FILE.part becomes FILE, on disk, or nothing does
completed() { echo "# end" >> "$1.part" && complete "$1.part" && sync && mv "$1.part" "$1"; }

# nftables, out of this image or the host's own; fails where there is neither
nft_() {
  if has nft; then nft "$@"
  elif [ -n "$root" ] && nsenter -t 1 -m -n -- sh -c 'command -v nft' >/dev/null 2>&1; then nsenter -t 1 -m -n -- nft "$@"
  else return 127
  fi
}

# Flannel's own lines in the firewall (its chains, the jumps to them, its comments), not every rule that names it
flannels() { saved "$1" | grep -cE '^:FLANNEL-|-[AIj] FLANNEL-|--comment "?flanneld '; }
# Cilium's: all of them are in chains of its own, or jump there
ciliums() { saved "$1" | grep -cE '^:(OLD_)?CILIUM_|-[AIj] (OLD_)?CILIUM_'; }
cilium_links="cilium_host cilium_net cilium_vxlan cilium_geneve cilium_wg0 lxc_health"

# how many there are; a table of nftables counts as one
rules() {
  n=0
  for t in iptables ip6tables; do ! has $t-save || n=$((n + $(flannels $t))); done
  n=$((n + $(nft_ list tables 2>/dev/null | grep -c ' flannel-ipv')))
  echo $n
}

# Encryption as the agent counts it, and what the kernel has sent to each other node: its address and bytes
encrypted() {
  agent encrypt status | awk -F': *' '
    /Keys in use/ { print "keys=" $2 + 0 }
    /Number of peers/ { print "peers=" $2 + 0 }
    /^Errors/ { print "errors=" $2 + 0 }' | while IFS='=' read -r key n; do say "$key" "$n"; done
  { ip -s xfrm state 2>/dev/null | awk '
      $1 == "src" { to = $4 }
      /lifetime current/ { now = 1; next }
      now && match($0, /[0-9]+\(bytes\)/) { sent[to] += substr($0, RSTART, RLENGTH - 7); now = 0 }
      END { for (to in sent) if (to != "0.0.0.0") print to, sent[to] }'
    [ "$mode" != Wireguard ] || agent debuginfo -o json | tr -d ' \n\t' | sed 's/.*"wireguard":{//' | tr '{' '\n' | awk '
      match($0, /"endpoint":"[0-9.]+:/) { to = substr($0, RSTART + 12, RLENGTH - 13)
        if (match($0, /"transfer-tx":[0-9]+/)) print to, substr($0, RSTART + 14, RLENGTH - 14) }'
  } | head -n 40 | while read -r line; do say peer "$line"; done
}

# The plugins that Multus calls, in their order: of a list its first one
multus_types() {
  tr -d ' \n\t' < "$net/00-multus.conf" | sed 's/.*"delegates"://' | grep -oE '"type":"(flannel|cilium-cni)"' |
    sed 's/.*:"//; s/"//' | tr '\n' ' ' | sed 's/ $//'
}

look() {
  say boot "$(cat "$boot_id" 2>/dev/null)"
  for f in "$net"/*; do [ ! -e "$f" ] || say conf "$(basename "$f")"; done
  [ ! -e "$net/00-multus.conf" ] || say multus "$(multus_types)"
  status=$(agent status -o json | tr -d ' \n\t')
  state=$(printf '%s' "$status" | sed -n 's/.*"cni-file":{\([^}]*\)}.*/\1/p' | sed -n 's/.*"state":"\([A-Za-z]*\)".*/\1/p')
  [ -z "$state" ] || say cni "$state"
  # the first mode after it: others have one, too
  mode=$(printf '%s' "$status" | sed -n 's/.*"encryption":{//p' | sed 's/"mode":"/\n/' | sed -n '2s/".*//p')
  [ -z "$mode" ] || say encryption "$mode"
  [ "${mode:-Disabled}" = Disabled ] || encrypted
  for l in flannel.1 flannel-v6.1 cni0 cilium_host; do [ ! -e "$links/$l" ] || say link "$l"; done
  for l in $cilium_links; do [ ! -e "$links/$l" ] || say cilium "link $l"; done
  n=0
  for t in iptables ip6tables; do ! has $t-save || n=$((n + $(ciliums $t))); done
  [ $n = 0 ] || say cilium "$n firewall rules"
  for f in "$plugins/cilium-cni" "$bpf/tc/globals"/cilium_*; do
    [ ! -e "$f" ] || { say cilium "${f#"$root"}"; [ "$f" = "$plugins/cilium-cni" ] || break; }
  done
  for f in "$root/run/flannel" "$leases"; do [ ! -d "$f" ] || say folder "${f#"$root"}"; done
  say rules "$(rules)"
  nft_ list tables >/dev/null 2>&1 || say unseen nftables
  for t in iptables ip6tables; do ! has $t-save || saved $t >/dev/null || say unseen $t; done
  n=0
  for f in "$leases"/*; do
    case $(basename "$f") in [0-9]*.*.*.*) n=$((n + 1)); [ $n -gt 80 ] || say lease "$(basename "$f")" ;; esac
  done
  say leases "$n"
  # the agent's own endpoints (host, health) have no pod: their name is "/"
  agent endpoint list -o jsonpath='{range [*]}{.id}{" "}{.status.networking.addressing[0].ipv4}{" "}{.status.external-identifiers.pod-name}{"\n"}{end}' |
    awk 'NF == 3 && $3 != "/" && n < 60 { n++; print $1 " " $2 }' | while read -r line; do say endpoint "$line"; done
}

# New pods are held back while the CNI changes, and old ones still leave through the plugins that they came
# with: the configuration of now, with a plugin before the others that refuses ADD and lets DEL pass. For
# DaemonSet pods that tolerate every taint and so cannot be kept away otherwise.
hold_pods() {
  [ ! -e "$hold" ] || return 0
  [ ! -e "$net/00-multus.conf" ] || fail "00-multus.conf is the CNI configuration: pods cannot be held back before it"
  for f in "$net"/*.conflist; do [ -e "$f" ] && break; done
  [ -e "$f" ] || fail "no CNI configuration to hold pods with"
  [ -d "$plugins" ] || fail "no folder ${plugins#"$root"} for CNI plugins"
  grep -q '"plugins"' "$f" || fail "$(basename "$f") is no list of plugins"
  cat > "$plugins/cutover-hold.part" <<'END' || fail "cannot write to ${plugins#"$root"}"
#!/bin/sh
cat >/dev/null
case $CNI_COMMAND in
ADD) echo '{"cniVersion":"0.3.1","code":11,"msg":"Cutover holds new pods back while this node changes its CNI"}'; exit 1 ;;
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0"]}' ;;
esac
END
  chmod 755 "$plugins/cutover-hold.part" && mv "$plugins/cutover-hold.part" "$plugins/cutover-hold" || fail "cannot write to ${plugins#"$root"}"
  tr '\n' ' ' < "$f" | sed 's/"plugins"[[:space:]]*:[[:space:]]*\[/&{"type":"cutover-hold"},/' > "$hold.part" &&
    mv "$hold.part" "$hold" || fail "cannot write $(basename "$hold")"
}

# What is left of a hold that is over
unhold() {
  [ -e "$hold" ] || rm -f "$hold.cilium_bak" "$plugins/cutover-hold"
}

# Cilium's own configuration: up to 1.13 a .conf, a .conflist since
ciliums_conf() {
  for f in "$net/05-cilium.conflist" "$net/05-cilium.conf"; do [ ! -e "$f" ] || { echo "$f"; return 0; }; done
  return 1
}

restore() {
  [ -e "$net/10-flannel.conflist" ] || [ ! -e "$net/10-flannel.conflist.cilium_bak" ] ||
    mv "$net/10-flannel.conflist.cilium_bak" "$net/10-flannel.conflist" || fail "cannot put 10-flannel.conflist back"
  # without Flannel's file the node would be left with no configuration at all
  [ -e "$net/10-flannel.conflist" ] || { look; fail "no 10-flannel.conflist to put back; 05-cilium.conflist was left" missing-file; }
  keep "$net/05-cilium.conflist"
  keep "$net/05-cilium.conf"
  rm -f "$hold"
  unhold
  # a stale twin would be mistaken for the way back next time
  keep "$net/10-flannel.conflist.cilium_bak"
}

# Another configuration is there: a node is never left without one
clean_multus() {
  [ -e "$net/10-flannel.conflist" ] || ciliums_conf >/dev/null ||
    { look; fail "00-multus.conf is the only CNI configuration of this host; it was left" missing-file; }
  keep "$net/00-multus.conf"
  keep "$net/00-multus.conf.cilium_bak"
  keep "$plugins/multus"
  # a token, and what its plugin remembers of pods: their DEL goes to the configuration that is in force now
  rm -rf "$net/multus.d" "$root/var/lib/cni/multus"
}

reboot_once() {
  [ "$(cat "$boot_id")" = "$1" ] || { say rebooted already; return 0; }
  say rebooting "$1"
  # detached and a little later, so that the report is kept before the node goes down
  if [ -z "$root" ]; then on_host=; else on_host="nsenter -t 1 -m -u -i -n -p --"; fi
  # without systemd: out of the container's group of processes, which ends with it
  $on_host systemd-run --on-active=3 systemctl reboot >/dev/null 2>&1 ||
    $on_host sh -c 'command -v reboot >/dev/null || exit 1
      echo $$ > /sys/fs/cgroup/cgroup.procs; (sleep 3; reboot) >/dev/null 2>&1 &' 2>/dev/null ||
    fail "neither systemd-run nor reboot could be started on the host"
}

# put_away PATH…: below the root; into the set, complete before anything is removed. Begun again it goes on.
put_away() {
  for p in "$@"; do
    [ -e "$root$p" ] || continue
    to=$cleaned/files$p
    mkdir -p "$(dirname "$to")" || fail "cannot make $(dirname "$to")"
    if [ -d "$to" ]; then
      cp -an "$root$p/." "$to/" || fail "cannot copy $p to $cleaned"
    elif [ ! -e "$to" ]; then
      rm -rf "$to.part"
      cp -a "$root$p" "$to.part" && mv "$to.part" "$to" || fail "cannot copy $p to $cleaned"
    fi
    (cd "$cleaned/files" && find . -type f ! -name '*.part*' -exec sha256sum {} +) > "$cleaned/SHA256SUMS" ||
      fail "cannot read what was copied to $cleaned"
    sync
    rm -rf "$root$p"
    [ ! -e "$root$p" ] || fail "cannot remove $p; its copy is in $cleaned"
  done
}

# Commands that make a link again as it is now: its kind, addresses, routes and neighbours
link_again() {
  ip -o -d link show dev "$1" | awk -v l="$1" '{
    for (i = 1; i <= NF; i++) {
      if ($i == "mtu") mtu = $(i + 1)
      if ($i == "link/ether") mac = $(i + 1)
      if ($i == "bridge") kind = "bridge"
      if ($i == "vxlan" && kind == "") { kind = "vxlan"; more = " " $(i + 1) " " $(i + 2) }
      if (kind == "vxlan" && ($i == "local" || $i == "dstport")) more = more " " $i " " $(i + 1)
      if (kind == "vxlan" && $i == "dev") more = more " dev " $(i + 1)
      if (kind == "vxlan" && $i == "nolearning") more = more " nolearning"
      if ($i ~ /^<.*[<,]UP[,>]/) up = 1
    }
    print "ip link add " l " address " mac " mtu " mtu " type " kind more
    if (up) print "ip link set " l " up"
  }'
  ip -o -4 addr show dev "$1" | awk -v l="$1" '{ b = ""; for (i = 1; i <= NF; i++) if ($i == "brd") b = " brd " $(i + 1); print "ip addr add " $4 b " dev " l }'
  ip -4 route show dev "$1" proto static 2>/dev/null | awk -v l="$1" '{ print "ip route add " $0 " dev " l " proto static" }'
  ip -4 route show dev "$1" proto boot 2>/dev/null | awk -v l="$1" '{ print "ip route add " $0 " dev " l }'
  ip neigh show dev "$1" nud permanent | awk -v l="$1" '{ print "ip neigh replace " $1 " lladdr " $3 " dev " l " nud permanent" }'
  ! has bridge || bridge fdb show dev "$1" 2>/dev/null | awk -v l="$1" '$2 == "dst" { print "bridge fdb append " $1 " dev " l " dst " $3 }'
}

# Which rules are Flannel's (CHAINS and NOTE: those of others), or host ports that lead into its networks. Prints what
# removes them (want=remove) or what puts them back at their places (want=restore), as iptables-restore --noflush reads it.
firewall() {
  saved "$1" > "$cleaned/now" && grep -q '^COMMIT' "$cleaned/now" || [ ! -s "$cleaned/now" ] || return 1
  awk -v want="$2" -v networks="$3" -v chains="${CHAINS:-^FLANNEL}" -v note="--comment \"?${NOTE:-flanneld} " '
    function number(ip,  a) { split(ip, a, "."); return ((a[1] * 256 + a[2]) * 256 + a[3]) * 256 + a[4] }
    function within(ip,  i, n, nets, parts, size) {
      n = split(networks, nets, " ")
      for (i = 1; i <= n; i++) {
        if (split(nets[i], parts, "/") != 2 || parts[1] !~ /^[0-9.]+$/) continue
        size = 2 ^ (32 - parts[2])
        if (int(number(ip) / size) == int(number(parts[1]) / size)) return 1
      }
      return 0
    }
    function gone(chain) { return chain ~ chains || (table, chain) in stale }
    /^\*/ { table = substr($1, 2) }
    NR == FNR {
      if ($1 == "-A" && $2 ~ /^CNI-DN-/ && match($0, /--to-destination [0-9.]+/) &&
          within(substr($0, RSTART + 17, RLENGTH - 17))) stale[table, $2] = 1
      next
    }
    /^\*/ { head = $0; out = ""; last = ""; next }
    /^:/ {
      chain = substr($1, 2)
      if (gone(chain)) {
        if (want == "restore") out = out ":" chain " - [0:0]\n"
        else last = last "-F " chain "\n"
        ends[++ended] = chain
      }
      next
    }
    $1 == "-A" {
      place[table, $2]++
      target = ""
      for (i = 3; i < NF; i++) if ($i == "-j" || $i == "-g") target = $(i + 1)
      if (!gone($2) && !gone(target) && $0 !~ note) next
      if (want == "restore") {
        if (gone($2)) out = out $0 "\n"
        else out = out "-I " $2 " " place[table, $2] substr($0, 4 + length($2)) "\n"
      } else if (!gone($2)) out = out "-D" substr($0, 3) "\n"
      next
    }
    /^COMMIT/ {
      if (want == "remove") for (i = 1; i <= ended; i++) last = last "-X " ends[i] "\n"
      ended = 0
      if (out last != "") printf "%s\n%s%sCOMMIT\n", head, out, last
    }' "$cleaned/now" "$cleaned/now" && rm -f "$cleaned/now"
}

# remove_rules NETWORKS: with a copy of all of them first, complete before one is removed
remove_rules() {
  for t in iptables ip6tables; do
    has $t-save || continue
    saved $t >/dev/null || fail "cannot read the rules of $t; nothing was removed"
    complete "$cleaned/$t.restore" || { firewall $t restore "$1" > "$cleaned/$t.restore.part" && completed "$cleaned/$t.restore"; } ||
      fail "cannot save the rules of $t; nothing was removed"
  done
  for t in iptables ip6tables; do
    has $t-save || continue
    firewall $t remove "$1" > "$cleaned/$t.remove" || fail "cannot write to $cleaned; the rules of $t were not removed"
    [ ! -s "$cleaned/$t.remove" ] || $t-restore -w --noflush < "$cleaned/$t.remove" 2> "$cleaned/said" ||
      fail "cannot remove the rules from $t: $(head -c 200 "$cleaned/said")"
  done
}

clean() {
  # a node is never left without a CNI configuration
  ciliums_conf >/dev/null || { look; fail "no 05-cilium.conflist: Flannel's configuration is the only one; nothing was removed" missing-file; }
  mkdir -p "$cleaned" || fail "cannot make $cleaned"
  remove_rules "$*"
  for family in ip:flannel-ipv4 ip6:flannel-ipv6; do
    nft_ list table "${family%:*}" "${family#*:}" >/dev/null 2>&1 || continue
    nft_ list table "${family%:*}" "${family#*:}" > "$cleaned/nft.${family%:*}.part" &&
      completed "$cleaned/nft.${family%:*}" || fail "cannot save the table ${family#*:} of nftables; it was not deleted"
    nft_ delete table "${family%:*}" "${family#*:}" || fail "cannot delete the table ${family#*:} of nftables"
  done
  rm -f "$cleaned/said" "$cleaned"/*.remove
  for l in flannel.1 flannel-v6.1 cni0; do
    [ -e "$links/$l" ] || continue
    complete "$cleaned/link.$l" || { link_again $l > "$cleaned/link.$l.part" && grep -q '^ip link add' "$cleaned/link.$l.part" && completed "$cleaned/link.$l"; } ||
      fail "cannot save link $l; it was not deleted"
    ip link delete "$l" || fail "cannot delete link $l"
  done
  # Flannel's own configuration goes last: it is the cheap way back
  put_away /run/flannel /var/lib/cni/networks/cbr0
  conf=${CNI_DIR:-/etc/cni/net.d}
  put_away "$conf/10-flannel.conflist" "$conf/10-flannel.conflist.cilium_bak"
}

# What helm leaves of Cilium on a host that is back on Flannel. Its agent makes all of it again when it is installed.
clean_cilium() {
  [ -e "$net/10-flannel.conflist" ] && ! ciliums_conf >/dev/null ||
    { look; fail "10-flannel.conflist is not the CNI configuration of this host; nothing was removed" missing-file; }
  ! agent status >/dev/null || fail "Cilium's agent runs on this host; nothing was removed"
  cleaned=$backup/cilium
  mkdir -p "$cleaned" || fail "cannot make $cleaned"
  CHAINS='^(OLD_)?CILIUM_' NOTE='cilium-feeder:'
  remove_rules ""
  # rules that lead to its proxy, and their tables
  ip rule show 2>/dev/null | awk '/fwmark 0x[0-9a-f]+00\/0xf00 lookup 200[45]/ {
    for (i = 1; i <= NF; i++) { if ($i == "fwmark") mark = $(i + 1); if ($i == "lookup") print mark, $(i + 1) } }' |
    while read -r mark table; do ip rule delete fwmark "$mark" lookup "$table" && ip route flush table "$table"; done
  # its programs on the host's own links
  ! has tc || for l in "$links"/*; do
    l=$(basename "$l")
    for way in ingress egress; do
      tc filter show dev "$l" $way 2>/dev/null | awk '/ cil_| bpf_(netdev|overlay|host|lxc)/ { for (i = 1; i < NF; i++) if ($i == "pref") print $(i + 1) }' |
        sort -u | while read -r pref; do tc filter delete dev "$l" $way pref "$pref"; done
    done
  done
  for l in $cilium_links; do
    [ ! -e "$links/$l" ] || ip link delete "$l" || [ ! -e "$links/$l" ] || fail "cannot delete link $l"
  done
  rm -rf "$bpf/tc/globals"/cilium_* "$bpf/cilium"
  put_away "${CNI_BIN_DIR:-/opt/cni/bin}/cilium-cni"
  rm -f "$cleaned/said" "$cleaned"/*.remove
  mv "$cleaned" "$backup/$(stamp)-cilium" || fail "cannot rename $cleaned"
}

put_back() {
  [ -d "$cleaned" ] || return 0
  [ ! -s "$cleaned/SHA256SUMS" ] || (cd "$cleaned/files" && sha256sum -c ../SHA256SUMS) >/dev/null 2>&1 ||
    fail "the copy in $cleaned is not what it was; nothing was put back"
  for l in cni0 flannel.1 flannel-v6.1; do
    [ -e "$cleaned/link.$l" ] && [ ! -e "$links/$l" ] || continue
    while read -r command; do [ "$command" != "# end" ] || continue; $command 2> "$cleaned/said" || fail "cannot make link $l again: $command: $(head -c 200 "$cleaned/said")"
    done < "$cleaned/link.$l"
  done
  for t in iptables ip6tables; do
    grep -q '^\*' "$cleaned/$t.restore" 2>/dev/null || continue
    # Flannel is at work again and has written its own
    [ "$(flannels $t)" = 0 ] || continue
    $t-restore -w --noflush < "$cleaned/$t.restore" 2> "$cleaned/said" ||
      fail "cannot put the rules of $t back: $(head -c 200 "$cleaned/said")"
  done
  for f in ip:flannel-ipv4 ip6:flannel-ipv6; do
    [ ! -e "$cleaned/nft.${f%:*}" ] || nft_ list table "${f%:*}" "${f#*:}" >/dev/null 2>&1 ||
      nft_ -f - < "$cleaned/nft.${f%:*}" || fail "cannot put the table ${f#*:} of nftables back"
  done
  conf=${CNI_DIR:-/etc/cni/net.d}
  for p in /run/flannel /var/lib/cni/networks/cbr0 "$conf/10-flannel.conflist.cilium_bak" "$conf/10-flannel.conflist"; do
    [ -e "$cleaned/files$p" ] || continue
    to=$root$p
    # two active configurations at once are never left on a node
    [ "$p" != "$conf/10-flannel.conflist" ] || ! ciliums_conf >/dev/null || to=$to.cilium_bak
    [ ! -d "$to" ] || { cp -an "$cleaned/files$p/." "$to/" || fail "cannot put $p back"; continue; }
    [ -e "$to" ] || { mkdir -p "$(dirname "$to")" && cp -a "$cleaned/files$p" "$to"; } || fail "cannot put $p back"
  done
  rm -f "$cleaned/said"
  mv "$cleaned" "$backup/$(stamp)-put-back" || fail "cannot rename $cleaned"
}

# lives ID: a sandbox or container of that id runs. Fails with 2 where no runtime's folder is known.
lives() {
  known=2
  for d in "$root/run/containerd/io.containerd.runtime.v2.task/k8s.io" \
    "$root/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io" "$root/run/containers/storage/overlay-containers"; do
    [ -d "$d" ] || continue
    known=1
    [ ! -e "$d/$1" ] || return 0
  done
  return $known
}

# gone ID WHAT: true only where it is certain that nothing with that id runs any more
gone() {
  if [ -z "$1" ]; then say kept "$2: its owner is unknown"; return 1; fi
  lives "$1"
  case $? in
  0) say kept "$2: its sandbox lives"; return 1 ;;
  1) return 0 ;;
  *) say kept "$2: the folder of the container runtime is not known"; return 1 ;;
  esac
}

# An address is taken a moment before its sandbox runs: what is young, or has its interface, is left alone.
release() {
  unhold
  for what in "$@"; do
    case $what in
    */*) ;;
    lease=[0-9]*)
      name=${what#lease=}
      f=$leases/$name
      [ -f "$f" ] || continue
      if [ -z "$(find "$f" -mmin +1)" ]; then say kept "$name: it was given less than a minute ago"; continue; fi
      ! gone "$(head -n 1 "$f" | tr -d '\r ')" "$name" || { keep "$f"; say released "$name"; }
      ;;
    endpoint=[0-9]*)
      name="endpoint ${what#endpoint=}"
      link=$(agent endpoint get "${what#endpoint=}" -o jsonpath='{[0].status.networking.interface-name}')
      if [ -z "$link" ]; then say kept "$name: its interface is unknown"; continue; fi
      if [ -e "$links/$link" ]; then say kept "$name: its interface $link is there"; continue; fi
      id=$(agent endpoint get "${what#endpoint=}" -o jsonpath='{[0].status.external-identifiers.container-id}')
      gone "$id" "$name" || continue
      if agent endpoint disconnect "${what#endpoint=}" >/dev/null; then say released "$name"; else say kept "$name: the agent refused"; fi
      ;;
    esac
  done
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
hold) hold_pods; look ;;
restore) restore; look ;;
reboot) reboot_once "$1" ;;
clean) clean "$@"; look ;;
put-back) put_back; look ;;
clean-cilium) clean_cilium; look ;;
clean-multus) clean_multus; look ;;
release) release "$@"; look ;;
probe) probe ;;
*) fail "no task $task" ;;
esac
say done 1
