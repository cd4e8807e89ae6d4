"""Which pods of a node a drain is about. Reads `kubectl get pods -o json`; prints one pod a line.

evict: those that leave by eviction; last: DaemonSet pods with a pod address; left: how many of the first are left.
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


pods = [p for p in json.load(sys.stdin)["items"] if lives(p) and not is_static(p)]
mode = sys.argv[1]
evict = [p for p in pods if kind_of(p) != "DaemonSet"]
last = [p for p in pods if kind_of(p) == "DaemonSet" and not p["spec"].get("hostNetwork")]
if mode == "left":
    print(len(evict))
else:
    for p in evict if mode == "evict" else last:
        m = p["metadata"]
        print(m["namespace"], m["name"], m["uid"])
