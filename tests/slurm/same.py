"""Compares two results.json: the same submissions, and for each the same points and the same outcome of each check."""
import json
import sys


def marks(path):
    with open(path, encoding="utf-8") as file:
        results = json.load(file)
    return {
        one["name"]: (one["points"], [(check["id"], check["outcome"]) for check in one["checks"]])
        for one in results["submissions"]
    }


merged, alone = (marks(path) for path in sys.argv[1:])
differing = sorted(name for name in merged.keys() | alone.keys() if merged.get(name) != alone.get(name))
for name in differing:
    print(f"{name}\n  merged: {merged.get(name)}\n  alone:  {alone.get(name)}", file=sys.stderr)
print(f"{len(alone)} submissions, {len(differing)} of them graded differently")
sys.exit(1 if differing else 0)
