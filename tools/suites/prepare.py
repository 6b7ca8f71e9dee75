# SPDX-License-Identifier: Apache-2.0
"""Makes one step of a tier ready: its build folder configured, and what it needs of it compiled."""

import extra
import meson


def suites_of(step, suites):
    """Those of the step's suites that are asked for; none asked for is the same as all."""
    return tuple(s for s in step.suites if not suites or s in suites)


def is_wanted(step, suites):
    return bool(suites_of(step, suites)) if suites or step.action == "test" else True


def prepare(step, suites=()):
    """Returns which part did not work, "configure" or "build", or nothing. The programs' messages are on the output."""
    if not meson.configure(step.build):
        return "configure"
    targets = needed(step, suites)
    return "" if not targets or meson.compile_only(step.build, targets) else "build"


def needed(step, suites):
    """The files of the build folder that the step needs; `all` stands for whatever there is."""
    if step.action == "fuzz":
        return extra.fuzz_programs(step.build)
    if step.action == "tidy" or (step.build_all and not suites):
        return ["all"]
    return meson.files_of_suites(step.build, suites_of(step, suites))
