# SPDX-License-Identifier: Apache-2.0
"""What each tier builds and runs. The one table that answers "which test runs when".

A tier is a list of steps. A step names a build folder (below build/), how it is configured, and the suites that run in
it. Tests read CULVERT_TEST_TIER (short, all, soak) where more time buys more: seeds, packets, cycles.
"""

from dataclasses import dataclass

WITHOUT_KERNEL = ("unit", "packets", "model", "simulation", "fuzz")
WITHOUT_NAMESPACES = WITHOUT_KERNEL + ("hot", "lint")
NAMESPACES = ("netns",)
PACKET_PATH = ("packets", "simulation", "hot")
SLICES = ("threads",)  # whose tests are in one of the others too
SUITES = WITHOUT_NAMESPACES + NAMESPACES + SLICES + ("soak",)


@dataclass(frozen=True)
class Build:
    name: str
    compiler: str
    options: tuple
    timeout_multiplier: int = 1


@dataclass(frozen=True)
class Step:
    build: Build
    suites: tuple
    action: str = "test"  # or "fuzz", "tidy"
    build_all: bool = False  # every target, not only what the suites need: warnings are errors everywhere
    lengths: str = ""  # the tier whose lengths its tests take; nothing: that of the step


# Line tables are enough for traces and take a fifth of the compile time less than full debug information.
LINES = ("-Ddebug=false", "-Dcpp_args=-g1")
# b_lundef: clang leaves the sanitizer's own symbols to the link of the program.
SANITIZER_OPTIONS = ("-Doptimization=0", "-Db_lundef=false", *LINES)

GCC = Build("gcc", "g++", ("-Dchecks=true", *LINES))
GCC_RELEASE = Build("gcc-release", "g++", ("-Dbuildtype=release",))
# Without precompiled headers, which would hide a missing #include.
ADDRESS = Build("address", "clang++-14", ("-Dsanitize=address", "-Db_pch=false", *SANITIZER_OPTIONS),
                timeout_multiplier=4)
THREAD = Build("thread", "clang++-14", ("-Dsanitize=thread", *SANITIZER_OPTIONS), timeout_multiplier=8)
FUZZ = Build("fuzz", "clang++-14", ("-Dsanitize=address", "-Dfuzz=true", "-Db_lundef=false", *LINES))

# Tests with namespaces wait for clocks more than they compute, so they come as soon as culvertd is there: what later
# steps need is compiled meanwhile (ahead.py).
TIERS = {
    # 15 minutes on two cores.
    "short": (
        Step(GCC, NAMESPACES),
        Step(GCC, WITHOUT_NAMESPACES, build_all=True),
    ),
    # 60 minutes on two cores. Building takes most of it, so clang builds everything once, with ASan and UBSan; what
    # is shipped, g++'s release, is tested on the packet path. Long are the tests of g++ only.
    "all": (
        Step(GCC, NAMESPACES),
        Step(GCC, WITHOUT_NAMESPACES, build_all=True),
        Step(ADDRESS, NAMESPACES, lengths="short"),
        Step(ADDRESS, WITHOUT_KERNEL + ("hot",), lengths="short", build_all=True),
        Step(THREAD, ("threads", "hot", "netns"), lengths="short"),
        Step(GCC_RELEASE, PACKET_PATH, lengths="short"),
        Step(FUZZ, (), "fuzz"),
        Step(ADDRESS, (), "tidy"),
    ),
    # As long as --minutes says, again and again with new seeds.
    "soak": (Step(GCC, ("simulation", "netns", "soak")),),
}

# Seconds that each fuzz target runs.
FUZZ_SECONDS = 60


def soak_environment(minutes):
    """The load of a round is a third of a short soak and ten minutes of a long one; the rest is other suites' tests."""
    return {"CULVERT_SOAK_SECONDS": str(int(min(600, max(30, minutes * 20))))}


def environment(tier):
    """What every test sees. A sanitizer's first report ends the test; leaks count."""
    return {
        "CULVERT_TEST_TIER": tier,
        "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1:abort_on_error=0",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
        "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-14",
        "TSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-14",
    }
