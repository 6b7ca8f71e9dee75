#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""End to end on veth: culvertd beside the kernel and DPDK's testpmd, in network namespaces of their own.

    sudo CULVERT_BUILD=build/bench bench/veth/run.py [--bars] [--quick] [--rounds N] [--only TEXT] [--json FILE]

docs/benchmarks.md says what each row means. Exit status: 0, 1 when a bar was missed, 77 when this cannot run here.
"""

import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from bed import ABOVE_GENERATOR, GENERATOR_CPU, Bed, Order, first  # noqa: E402
from devices import Culvertd, CulvertdNat, Kernel, Masquerade, Testpmd  # noqa: E402
from house import require_root, skip  # noqa: E402
from trials import (AGAIN, alternate, idle_cpu_percent, lossless_mpps, mean_of, null_ratio,  # noqa: E402
                    ratio, typical_difference)

SIZES = (64, 512, 1400)
FLOWS = {"1 flow": 1, "64k flows": 65536}
STATUS_RATE = 1100  # asked for, so that 1,000 are sure to be answered
# As many times the rounds of other rows: a few per cent are looked for where single trials differ by twice that.
STATUS_ROUNDS = 2
IDLE_SECONDS = 5
IDLE_PACKETS, IDLE_GAP_US = 300, 20000


class Rows:
    """The rows of one run, as bench/support/bench.h writes them, with a unit."""

    def __init__(self):
        self.rows = []

    def add(self, row_id, case, unit, measured, reference=None, bar=None, null=1.0, ok=None, by_rounds=None):
        """by_rounds: the ratio that binds, when it is not that of the two figures."""
        ratio = by_rounds or (measured / reference if measured is not None and reference else None)
        self.rows.append({"id": row_id, "case": case, "unit": unit, "measured": measured, "reference": reference,
                          "ratio": ratio, "bar": bar, "null_ratio": null, "ok": ok})

    def print(self):
        def cell(value, digits):
            return "-" if value is None else f"{value:.{digits}f}"
        print(f"\n{'bar':<5} {'case':<72} {'measured':>9} {'reference':>9} {'ratio':>6} {'bar':>6} {'A/A':>6}  ok")
        for row in self.rows:
            verdict = {None: "", True: "ok", False: "MISSED"}[row["ok"]]
            print(f"{row['id']:<5} {row['case'] + ', ' + row['unit']:<72} {cell(row['measured'], 3):>9} "
                  f"{cell(row['reference'], 3):>9} {cell(row['ratio'], 3):>6} {cell(row['bar'], 3):>6} "
                  f"{row['null_ratio']:>6.3f}  {verdict}")

    def missed(self):
        return any(row["ok"] is False for row in self.rows)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", action="store_true", help="only what the bars V1 to V4 need")
    parser.add_argument("--quick", action="store_true", help="3 rounds, 64 bytes")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="only rows whose name contains it")
    parser.add_argument("--real-time", action="store_true",
                        help="generator and devices get real-time priority: for a machine that does other things too")
    parser.add_argument("--json", help="write the rows to this file")
    options = parser.parse_args()
    if options.quick:
        options.rounds = min(options.rounds, 3)
    return options


def print_series(case, series):
    print(f"{case}   (load average {os.getloadavg()[0]:.1f})")
    for name, one in series.items():
        if one.median is None:
            print(f"  {name:<18} void: {one.voids[0]}")
            continue
        lost = max(one.lost, key=one.lost.get) if one.lost else "nothing"
        print(f"  {name:<18} {one.median:6.3f} Mpps ({min(one.mpps):.3f} to {max(one.mpps):.3f})  offered "
              f"{statistics.median(one.offered):.2f}  CPU {statistics.median(one.cpu_ns):5.0f} ns a packet  "
              f"stolen {one.stolen_s:.2f} s  lost at: {lost}")
        if one.voids:
            print(f"  {name:<18} {len(one.voids)} of {len(one.voids) + len(one.mpps)} trials void: {one.voids[0]}")
    sys.stdout.flush()


def usable(series, *names):
    """A bar is not judged by what is left when half of the trials were void."""
    return all(len(series[name].mpps) > len(series[name].voids) for name in names)


def overload(beds, options, rows):
    contenders = [("culvertd", beds["culvertd"]), *((n, b) for n, b in beds.items() if n != "culvertd"),
                  ("culvertd" + AGAIN, beds["culvertd"])]
    sizes = SIZES[:1] if options.bars or options.quick else SIZES
    for length in sizes:
        for flows_name, flows in FLOWS.items():
            case = f"veth forward at overload, {length} B, {flows_name}"
            if options.only not in f"V1 {case}":
                continue
            series = alternate(contenders, Order(length=length, flows=flows), options.rounds)
            print_series(case, series)
            for peer in beds:
                if peer != "culvertd":
                    compare(rows, series, peer, case, ("V1", 1.05) if peer == "testpmd" and length == 64 else None)


def compare(rows, series, peer, case, bar=None):
    """Of the first of the series with `peer`. bar: its name and the least ratio."""
    ours = next(iter(series))
    by_rounds = ratio(series[ours], series[peer])
    name, least = bar or ("-", None)
    ok = None
    if bar is not None:
        ok = usable(series, ours, peer) and by_rounds >= least
    rows.add(name, f"{case} / {peer}", "Mpps", series[ours].median, series[peer].median, least,
             null_ratio(series, ours), ok, by_rounds)


def source_nat(beds, options, rows):
    """What there is already, and flows that nobody knows: each packet begins a session."""
    ours = CulvertdNat.name
    contenders = [(name, beds[name]) for name in (ours, Testpmd.name, Masquerade.name) if name in beds]
    contenders.append((ours + AGAIN, beds[ours]))
    stateful = [one for one in contenders if one[0] != Testpmd.name]
    cases = [("veth source NAT at overload, 64 B, 64k flows", contenders, Order(), ("V2", 1.0)),
             ("veth source NAT at overload, 64 B, 1M flows", contenders, Order(flows=1 << 20), None),
             ("veth source NAT at overload, 64 B, new flows", stateful, Order(flows=1 << 17, new=True), None)]
    for case, devices, order, bar in cases[:1] if options.bars else cases:
        if options.only not in f"V2 {case}":
            continue
        series = alternate(devices, order, options.rounds)
        print_series(case, series)
        for peer in [name for name, _ in devices if not name.startswith(ours)]:
            compare(rows, series, peer, case, bar if peer == Testpmd.name else None)
            rows.add("-", f"{case}, CPU a packet / {peer}", "ns", *(median_cpu(series, name) for name in (ours, peer)))


def median_cpu(series, name):
    return statistics.median(series[name].cpu_ns) if series[name].cpu_ns else None


def without_loss(beds, options, rows):
    for length in SIZES[:1] if options.quick else SIZES:
        case = f"veth forward without loss, {length} B, 64k flows"
        if options.only not in case:
            continue
        found = {}
        for name, bed in beds.items():
            order = Order(length=length, flows=65536, batch=32)
            most = 1.3 * bed.run(order).mpps
            found[name], trials = lossless_mpps(bed, order, most)
            print(f"{case}: {name} {found[name]:.3f} Mpps after {trials} trials "
                  f"(load average {os.getloadavg()[0]:.1f})", flush=True)
        for peer in beds:
            if peer != "culvertd":
                rows.add("-", f"{case} / {peer}", "Mpps", found["culvertd"], found[peer])


def status_load(beds, options, rows):
    case = "veth forward at overload, 64 B, 64k flows, 1,000 status calls a second / none"
    if options.only not in f"V3 {case}":
        return
    bed = beds["culvertd"]
    caller = StatusCaller(bed)

    def around(name):
        return caller if name == "1,000 calls" else contextlib.nullcontext()
    series = alternate([("no calls", bed), ("1,000 calls", bed), ("no calls" + AGAIN, bed)], Order(),
                       STATUS_ROUNDS * options.rounds, around)
    print_series(case, series)
    rate = caller.calls / max(caller.seconds, 1e-9)
    print(f"  {rate:.0f} calls a second were answered, the slowest in {caller.longest_ms:.1f} ms")
    null = typical_difference(series, "no calls")
    by_rounds = ratio(series["1,000 calls"], mean_of(series["no calls"], series["no calls" + AGAIN]))
    ok = usable(series, *series) and rate >= 1000 and by_rounds >= 1 / null
    rows.add("V3", case, "Mpps", series["1,000 calls"].median, series["no calls"].median, 1 / null, null, ok, by_rounds)
    rows.add("-", "status calls answered meanwhile", "calls/s", rate)


class StatusCaller:
    """While entered, another process asks culvertd for its status. Sums up what it did."""

    def __init__(self, bed):
        self.socket = f"{bed.work}/control.sock"
        self.calls, self.seconds, self.longest_ms = 0, 0.0, 0.0

    def __enter__(self):
        script = pathlib.Path(__file__).with_name("status_calls.py")
        self.process = subprocess.Popen(
            first("taskset", "-c", str(GENERATOR_CPU), sys.executable, str(script), self.socket, str(STATUS_RATE),
                  priority=ABOVE_GENERATOR), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()  # it asks

    def __exit__(self, *_):
        told = json.loads(self.process.communicate("\n", timeout=10)[0] or "{}")
        self.calls += told.get("calls", 0)
        self.seconds += told.get("seconds", 0.0)
        self.longest_ms = max(self.longest_ms, told.get("longest_ms", 0.0))


def idle(beds, options, rows):
    if options.only not in "V4 idle worker first packet after idle":
        return
    bed = beds["culvertd"]
    cpu = idle_cpu_percent(bed.daemon.pid, bed.device.worker_thread(), IDLE_SECONDS)
    rows.add("V4", "idle worker, CPU", "% of a core", cpu, bar=2.0, ok=cpu < 2.0)
    rows.add("-", "idle culvertd, all threads, CPU", "% of a core",
             idle_cpu_percent(bed.daemon.pid, None, IDLE_SECONDS))
    bed.tell("idle", 20, IDLE_GAP_US)
    latency = sorted(bed.tell("idle", IDLE_PACKETS, IDLE_GAP_US)["latency_ns"])
    if len(latency) < IDLE_PACKETS * 9 // 10:
        print(f"only {len(latency)} of {IDLE_PACKETS} single packets arrived")
    median = statistics.median(latency) / 1e3 if latency else None
    rows.add("V4", "first packet after 20 ms of silence, median", "us", median, bar=200.0,
             ok=median is not None and median < 200.0)
    if latency:
        rows.add("-", "first packet after 20 ms of silence, 99th of 100", "us", latency[len(latency) * 99 // 100] / 1e3)


def main():
    options = arguments()
    require_root()
    if options.real_time:
        os.environ["CULVERT_BENCH_REAL_TIME"] = "1"
    os.environ.setdefault("CULVERT_BUILD", str(pathlib.Path(__file__).resolve().parents[2] / "build/bench"))
    if len(os.sched_getaffinity(0)) < 2:
        skip("needs two cores: one makes the packets, the other forwards them")
    rows = Rows()
    with contextlib.ExitStack() as stack:
        beds = {"culvertd": stack.enter_context(Bed(Culvertd()))}
        if Testpmd.missing():
            print("dpdk-testpmd is not installed: its rows are missing (tools/install-dependencies --groups bench)")
        else:
            beds["testpmd"] = stack.enter_context(Bed(Testpmd()))
        plain = dict(beds)
        if not options.bars:
            beds["kernel"] = plain["kernel"] = stack.enter_context(Bed(Kernel()))
        beds[CulvertdNat.name] = stack.enter_context(Bed(CulvertdNat()))
        if Masquerade.missing():
            print("nft or conntrack is not installed: no masquerade beside source NAT")
        else:
            beds[Masquerade.name] = stack.enter_context(Bed(Masquerade()))
        for bed in beds.values():
            print(f"{bed.device.name}: {bed.device.story}")
        idle(beds, options, rows)
        overload(plain, options, rows)
        source_nat(beds, options, rows)
        status_load(beds, options, rows)
        if not options.bars:
            without_loss(plain, options, rows)
    rows.print()
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows.rows) + "\n", encoding="utf-8")
    return 1 if rows.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
