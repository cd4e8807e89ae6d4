"""Which pods of a node a drain is about. Reads `kubectl get pods -o json`; prints one pod a line.

evict: those that leave by eviction; last: DaemonSet pods with a pod address that a taint keeps away; stubborn: those
that no taint keeps away; left: how many of the first are left.
"""
import json
import sys


def kind_of(pod):
    owners = pod["metadata"].get("ownerReferences") or []
    return next((o["kind"] for o in owners if o.get("controller")), "")


def lives(pod):
    return pod["status"].get("phase") not in ("Succeeded", "Failed")


def is_static(pod):
    return "kubernetes.io/config.mirror" in (pod["metadata"].get("annotations") or {})


def tolerates_all(pod):
    return any(
        t.get("operator") == "Exists" and not t.get("key") and t.get("effect") in (None, "", "NoSchedule")
        for t in pod["spec"].get("tolerations") or []
    )


pods = [p for p in json.load(sys.stdin)["items"] if lives(p) and not is_static(p)]
mode = sys.argv[1]
evict = [p for p in pods if kind_of(p) != "DaemonSet"]
daemons = [p for p in pods if kind_of(p) == "DaemonSet" and not p["spec"].get("hostNetwork")]
chosen = {
    "evict": evict,
    "last": [p for p in daemons if not tolerates_all(p)],
    "stubborn": [p for p in daemons if tolerates_all(p)],
}
if mode == "left":
    print(len(evict))
else:
    for p in chosen[mode]:
        m = p["metadata"]
        print(m["namespace"], m["name"], m["uid"])
