# SPDX-License-Identifier: Apache-2.0
"""Builds Culvert and runs its tests; the last line is 'N passed, N failed, N skipped'.

  sudo tools/test                 the tier for every change: 15 minutes on two cores
  sudo tools/test --all           both compilers, sanitizers, fuzzing, clang-tidy: 60 minutes
  sudo tools/test --soak          load and life cycles, again and again, for an hour (--minutes)
  tools/test --suite unit         one suite of the tier (may be repeated)
  tools/test --list               which test is in which tier

Without root the tests that need network namespaces are skipped and say so. Build folders are below build/.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import extra  # noqa: E402
import meson  # noqa: E402
import plan  # noqa: E402
from ahead import Ahead  # noqa: E402
from prepare import is_wanted, prepare, suites_of  # noqa: E402
from results import Results, report_of  # noqa: E402

STARTED = time.monotonic()


def say(text):
    minutes, seconds = divmod(int(time.monotonic() - STARTED), 60)
    print(f"[{minutes:3}:{seconds:02}] {text}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="tools/test", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    tiers = parser.add_mutually_exclusive_group()
    tiers.add_argument("--all", dest="tier", action="store_const", const="all", help="the tier of an hour")
    tiers.add_argument("--soak", dest="tier", action="store_const", const="soak", help="the tier that repeats")
    parser.add_argument("--suite", action="append", choices=plan.SUITES, help="only this suite")
    parser.add_argument("--minutes", type=float, default=60, help="how long --soak goes on (60)")
    parser.add_argument("--list", action="store_true", help="print the tests of each tier and run nothing")
    parser.set_defaults(tier="short")
    return parser.parse_args()


def print_list():
    """Needs a configured build folder, because Meson knows the tests."""
    if not meson.configure(plan.GCC, stdout=subprocess.DEVNULL):
        return 1
    tests = meson.tests_of(plan.GCC)
    for tier, steps in plan.TIERS.items():
        for step in steps:
            if step.action != "test":
                print(f"{tier:6} {step.build.name:12} {step.action}")
            for suite in step.suites:
                for name in sorted(name for s, name in tests if s == suite):
                    print(f"{tier:6} {step.build.name:12} {suite:11} {name}")
    return 0


def run_step(step, ahead, suites, tier, results, env):
    """Makes the step ready and runs it, while `ahead` does what it can for the steps after it."""
    build = step.build
    if not is_wanted(step, suites):
        return
    say(f"{build.name}: {build.compiler} {' '.join(build.options)}")
    failed = prepare(step, suites)
    if failed:
        results.failure(build.name, failed, "the messages are above")
        return
    with ahead:
        if step.action == "test":
            run_tests(step, suites_of(step, suites), tier, results, env)
        else:
            say(f"{build.name}: {step.action}")
            {"fuzz": extra.fuzz, "tidy": extra.tidy}[step.action](build, results, env)


def run_tests(step, suites, tier, results, env):
    registered = {suite for suite, _ in meson.tests_of(step.build)}
    wanted = tuple(s for s in suites if s in registered)
    if not wanted:
        return
    say(f"{step.build.name}: {' '.join(wanted)} (tier {tier})")
    if meson.test(step.build, wanted, env):
        results.read_log(step.build.name, meson.log_of(step.build))
    else:
        results.failure(step.build.name, "meson test", "the messages are above")


def soak(options, results):
    """Rounds with a new seed each until the time is over or something fails."""
    end = STARTED + options.minutes * 60
    rounds = 0
    while time.monotonic() < end and not results.failed:
        rounds += 1
        seed = str(random.SystemRandom().randrange(1, 2**32))
        say(f"round {rounds}, CULVERT_SEED={seed}")
        env = plan.environment("soak") | {"CULVERT_SEED": seed, **plan.soak_environment(options.minutes)}
        for step in plan.TIERS["soak"]:
            run_step(step, contextlib.nullcontext(), options.suite, "soak", results, env)
            print(report_of("soak", meson.log_of(step.build)), end="", flush=True)


def give_back():
    """Under sudo the build folder shall belong to the person, not to root."""
    owner, group = os.environ.get("SUDO_UID"), os.environ.get("SUDO_GID")
    if os.geteuid() == 0 and owner and group:
        meson.run(["chown", "-R", f"{owner}:{group}", os.path.join(meson.ROOT, "build")])


def main():
    options = arguments()
    if options.list:
        return print_list()
    results = Results()
    try:
        if options.tier == "soak":
            soak(options, results)
        else:
            for position, step in enumerate(plan.TIERS[options.tier], 1):
                lengths = step.lengths or options.tier
                later = Ahead(options.tier, position, options.suite)
                run_step(step, later, options.suite, lengths, results, plan.environment(lengths))
    except KeyboardInterrupt:
        results.failure("tools/test", "run", "interrupted")
    give_back()
    say("done")
    results.report()
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
