# SPDX-License-Identifier: Apache-2.0
"""Runs Meson for one build folder: configure, compile, test, ask."""

import json
import os
import shutil
import subprocess

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def folder_of(build):
    return os.path.join(ROOT, "build", build.name)


def run(command, env=None, **more):
    return subprocess.run(command, cwd=ROOT, env=os.environ | (env or {}), stdin=subprocess.DEVNULL, check=False,
                          **more)


def configure(build, **more):
    """Sets the build folder up, or brings its options up to date. True if that worked."""
    folder = folder_of(build)
    ready = os.path.exists(os.path.join(folder, "build.ninja"))
    if ready:
        return run(["meson", "configure", folder, *build.options], stdout=subprocess.DEVNULL).returncode == 0
    shutil.rmtree(folder, ignore_errors=True)
    ccache = "ccache " if shutil.which("ccache") else ""
    command = ["meson", "setup", folder, ROOT, *build.options]
    return run(command, env={"CXX": ccache + build.compiler}, **more).returncode == 0


def compile_only(build, files):
    """Compiles these files of the build folder, or `all`."""
    return run(["ninja", "-C", folder_of(build), *files]).returncode == 0


def log_of(build):
    return os.path.join(folder_of(build), "meson-logs", "testlog.json")


def test(build, suites, env):
    """Runs these suites, which are compiled already. False if they could not be run, else results are in log_of()."""
    if os.path.exists(log_of(build)):
        os.remove(log_of(build))
    command = ["meson", "test", "-C", folder_of(build), "--no-rebuild", "--print-errorlogs"]
    command += ["--timeout-multiplier", str(build.timeout_multiplier)]
    for suite in suites:
        command += ["--suite", suite]
    run(command, env=env)
    return os.path.exists(log_of(build))


def introspect(build, what):
    out = run(["meson", "introspect", folder_of(build), what], stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out) if out else []


def tests_of(build):
    """[(suite, name)] of every registered test."""
    return [(s.split(":")[-1], t["name"]) for t in introspect(build, "--tests") for s in t["suite"]]


def files_of_suites(build, suites):
    """What the tests of these suites run, and what else they name as needed, relative to the build folder."""
    files = {target["id"]: target["filename"] for target in introspect(build, "--targets")}
    ids = {i for t in introspect(build, "--tests") if {s.split(":")[-1] for s in t["suite"]} & set(suites)
           for i in t["depends"]}
    return relative(build, (name for i in sorted(ids) for name in files[i]))


def relative(build, names):
    return [os.path.relpath(name, folder_of(build)) for name in names]
