# SPDX-License-Identifier: Apache-2.0
"""Measures Culvert in a release build below build/bench, and prints one table of all rows.

  sudo tools/bench                everything; 20 minutes on two quiet cores
  sudo tools/bench --bars         what the bars need; exit status 1 when one is missed
  sudo tools/bench --quick        fewer rounds: to see that all works, not to compare
  tools/bench --only turn         one program (its name, or the id of one of its bars; may be repeated)
  tools/bench --instructions      instructions an operation, by callgrind; no root, no quiet machine needed
  sudo tools/bench --json FILE    the rows as JSON, too

Without root bench/veth cannot run. docs/benchmarks.md says what each row means.
"""

import argparse
import os
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "suites")]

import instructions  # noqa: E402
import meson  # noqa: E402
from plan import Build  # noqa: E402
from programs import ALSO_BUILT, COUNTED, PROGRAMS  # noqa: E402
from rows import Table  # noqa: E402

BENCH = Build("bench", "g++", ("-Dbuildtype=release", "-Dbench=enabled"))
CANNOT_RUN = 77


def arguments():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bars", action="store_true", help="only what has a bar")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this program, or the one with this bar")
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--instructions", action="store_true", help="count instructions instead of time")
    parser.add_argument("--real-time", action="store_true",
                        help="bench/veth with real-time priority, on a machine that does other things too")
    parser.add_argument("--json", metavar="FILE", help="write all rows there")
    return parser.parse_args()


def chosen(options):
    programs = [p for p in PROGRAMS if not options.only or p.name in options.only or set(p.bars) & set(options.only)]
    if options.bars:
        programs = [p for p in programs if p.bars]
    if not programs:
        sys.exit(f"nothing is called {' or '.join(options.only)}; there are {', '.join(p.name for p in PROGRAMS)}")
    return programs


def build(programs):
    targets = [p.path for p in programs if not p.path.endswith(".py")]
    if any(p.root for p in programs):
        targets += ALSO_BUILT
    return meson.configure(BENCH) and meson.run(["ninja", "-C", meson.folder_of(BENCH), *targets]).returncode == 0


def path_of(program):
    return os.path.join(meson.ROOT if program.path.endswith(".py") else meson.folder_of(BENCH), program.path)


def measure(program, options, table, folder):
    rows = os.path.join(folder, program.name + ".json")
    command = [path_of(program), "--json", rows]
    command += program.bars_only if options.bars else ()
    command += program.quick if options.quick else ()
    command += ("--real-time",) if options.real_time and program.root else ()
    print(f"\n== {program.name}", flush=True)
    code = meson.run(command, env={"CULVERT_BUILD": meson.folder_of(BENCH)}).returncode
    if code not in (0, 1):  # 1: a bar was missed, which the rows tell
        table.trouble(program.name, "cannot run here" if code == CANNOT_RUN else f"ended with {code}")
        return
    table.read(program.name, rows, program.bars)


def count(programs, table):
    by_name = {p.name: p for p in programs}
    for one in COUNTED:
        if one.program not in by_name:
            continue
        for contender in one.contenders:
            try:
                value = instructions.per_operation(path_of(by_name[one.program]), one.comparison, contender)
            except instructions.CountingFailed as error:
                table.trouble(one.program, f"{one.comparison}, {contender}: {error}")
                continue
            print(f"{value:10.1f} instructions  {one.comparison}: {contender}", flush=True)
            table.add_figure(one.program, f"{one.comparison}: {contender}", value, "instructions")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return f"{len(models)} x {models[0] if models else 'unknown CPU'}, Linux {os.uname().release}"


def main():
    options = arguments()
    programs = chosen(options)
    if not build(programs):
        print("tools/bench: the build failed; its messages are above")
        return 1
    print(f"\n{machine()}, load average {os.getloadavg()[0]:.1f}", flush=True)
    table = Table()
    if options.instructions:
        count(programs, table)
    else:
        with tempfile.TemporaryDirectory(prefix="culvert-bench-") as folder:
            for program in programs:
                measure(program, options, table, folder)
        print(f"\n{table.text(options.bars)}")
        print(f"{machine()}, load average {os.getloadavg()[0]:.1f}", flush=True)
    for trouble in table.troubles if options.instructions else ():
        print(f"TROUBLE {trouble}")
    if options.json:
        table.write(options.json)
    return table.exit_code()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
