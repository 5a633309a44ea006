"""Whether rules and dashboard ask for what there is.

    python3 tests/support/observed.py names               # every metric that they name is in docs/metrics.md
    python3 tests/support/observed.py queries PROMETHEUS  # the dashboard's queries, asked of a running Prometheus

The dashboard must be what Grafana can import: panels with ids of their own that do not overlap, and a data source
that is chosen. `queries` also needs most panels to have something to show.
"""

import json
import os
import re
import sys
import urllib.parse
import urllib.request

RULES = "deploy/prometheus/onsale.rules.yml"
DASHBOARD = os.environ.get("ONSALE_DASHBOARD", "deploy/grafana/onsale.json")


def panels():
    with open(DASHBOARD) as file:
        board = json.load(file)
    return board, [panel for panel in board["panels"] if panel["type"] != "row"]


def known():
    names = {}
    with open("docs/metrics.md") as file:
        for line in file:
            if row := re.match(r"\| `(onsale_[a-z_]+)` \| (\w+) \| (.*?) \|", line):
                names[row[1]] = row[2], set(re.findall(r"\w+", row[3]))
    return names


def names():
    known_, wrong, seen = known(), [], set()
    board, shown = panels()
    with open(RULES) as file:
        texts = [(RULES, file.read())]
    texts += [(panel["title"], target["expr"]) for panel in shown for target in panel["targets"]]
    for place, text in texts:
        for name, labels in re.findall(r"\b(onsale_[a-z_]+)(?:\{([^}]*)\})?", text):
            base = re.sub(r"_(bucket|sum|count)$", "", name)
            if base in known_ and base != name and known_[base][0] == "histogram":
                name = base
            elif name not in known_:
                wrong.append(f"{place}: no metric {name}")
                continue
            elif known_[name][0] == "histogram":
                wrong.append(f"{place}: {name} is a histogram: _bucket, _sum or _count")
            seen.add(name)
            for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", labels):
                if label not in known_[name][1] | {"instance", "job", "le"}:
                    wrong.append(f"{place}: {name} has no label {label}")
    ids = [panel["id"] for panel in board["panels"]]
    if len(set(ids)) != len(ids):
        wrong.append("two panels with one id")
    taken = set()
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        if taken & cells or at["x"] + at["w"] > 24:
            wrong.append(f"{panel['title']}: lies over another panel, or beyond the edge")
        taken |= cells
    for panel in shown:
        if panel["datasource"]["uid"] != "${datasource}" or not panel["targets"]:
            wrong.append(f"{panel['title']}: no data source, or nothing asked")
    print(f"{len(known_)} metrics, {len(seen)} of them asked for, {len(shown)} panels")
    return wrong


def queries(prometheus):
    wrong, shown, empty = [], 0, []
    for panel in panels()[1]:
        results = []
        for target in panel["targets"]:
            expr = target["expr"].replace("$instance", ".+")
            data = urllib.parse.urlencode({"query": expr}).encode()
            try:
                with urllib.request.urlopen(prometheus + "/api/v1/query", data, timeout=10) as answer:
                    results += json.load(answer)["data"]["result"]
            except urllib.error.HTTPError as error:
                wrong.append(f"{panel['title']}: {error.read().decode()[:300]}")
        shown += bool(results)
        if not results:
            empty.append(panel["title"])
    print(f"{shown} panels with data; without: {', '.join(empty) or 'none'}")
    if shown < 20:
        wrong.append("most panels show nothing")
    return wrong


found = names() if sys.argv[1] == "names" else queries(sys.argv[2])
for line in found:
    print("WRONG:", line)
sys.exit(1 if found else 0)
