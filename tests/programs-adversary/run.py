#!/usr/bin/env python3
"""Runs netdiag over every pair of this directory and compares the side it names with truth.toml.

    run.py [NAME ...] [--netdiag PATH] [--check] [--jobs N] [--before 'CMD ...']

`--check` starts each server alone in a network namespace of its own (needs root) and examines it with `netdiag check`.
`--before` is put in front of netdiag: ./without_rights.sh, or setpriv to another user. Exit status: how many were wrong,
where `unknown` counts as needless, not as wrong.
"""
import argparse, json, pathlib, shlex, subprocess, sys, tomllib
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
parser = argparse.ArgumentParser()
parser.add_argument("names", nargs="*")
parser.add_argument("--netdiag", default=str(HERE.parent.parent / "target/debug/netdiag"))
parser.add_argument("--check", action="store_true")
parser.add_argument("--jobs", type=int, default=2)
parser.add_argument("--before", default="")
told = parser.parse_args()

AWAIT = 'for i in $(seq 100); do ss -Hln{kind} | grep -q :12345 && break; sleep .1; done'


def command(case):
    before = shlex.split(told.before)
    udp = ["--udp"] if "--udp" in case.get("extra", "") else []
    if not told.check:
        return before + [told.netdiag, "run", "--json", "--server", case["server"], "--client", case["client"],
                         "--at", case["at"], *shlex.split(case.get("extra", ""))]
    check = shlex.join(before + [told.netdiag, "check", case["at"], "--json", *udp])
    script = "; ".join(["ip link set lo up", case["server"] + " >/dev/null 2>&1 & P=$!",
                        AWAIT.format(kind="u" if udp else "t"), check, "kill -9 $P"]).replace("& P=$!;", "& P=$!\n")
    return ["unshare", "-n", "--pid", "--fork", "--mount-proc", "bash", "-c", script]


def run(directory):
    case = tomllib.loads((directory / "truth.toml").read_text())
    for source in directory.glob("*.c"):
        subprocess.run(["cc", "-w", "-O1", "-pthread", "-o", source.stem, source.name], cwd=directory, check=True)
    try:
        done = subprocess.run(command(case), cwd=directory, capture_output=True, text=True, timeout=200,
                              stdin=subprocess.DEVNULL)
        verdict = json.loads(done.stdout)["verdict"]
    except (subprocess.TimeoutExpired, ValueError, KeyError) as error:
        verdict = {"side": "no report", "fault": None, "confidence": None, "summary": repr(error)}
    return directory.name, case["side"].split("|"), verdict


directories = [HERE / name for name in told.names] or sorted(path.parent for path in HERE.glob("*/truth.toml"))
wrong = 0
with ThreadPoolExecutor(told.jobs) as pool:
    for name, wanted, verdict in pool.map(run, directories):
        side = verdict["side"]
        word = "ok" if side in wanted else "needless" if side == "unknown" else "WRONG"
        wrong += word == "WRONG"
        print(f"{word:9}{name:28}wanted {'|'.join(wanted):20}got {side}/{verdict['fault']}/{verdict['confidence']}", flush=True)
        if word != "ok":
            print(f"         {verdict['summary'][:200]}", flush=True)
sys.exit(min(wrong, 100))
