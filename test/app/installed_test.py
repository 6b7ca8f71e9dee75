# SPDX-License-Identifier: Apache-2.0
"""culvertd.8 and the systemd unit say what the program does; both are read by their own tools without a complaint."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
CULVERTD = pathlib.Path(os.environ["CULVERT_BUILD"]) / "app/culvertd"
MANUAL = (SOURCE / "docs/man/culvertd.8").read_text(encoding="utf-8")
UNIT = (SOURCE / "packaging/culvert.service").read_text(encoding="utf-8")
EXAMPLE = (SOURCE / "docs/example.yaml").read_text(encoding="utf-8")


def said_by(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def options_in(text):
    return set(re.findall(r"--[a-z]+", text))


class Manual(unittest.TestCase):
    def test_it_has_the_programs_options_and_no_others(self):
        self.assertEqual(options_in(MANUAL.replace("\\-", "-")), options_in(said_by(CULVERTD, "--help").stdout))

    def test_its_files_are_the_defaults(self):
        for key in ("control_socket", "state_directory"):
            default = re.search(rf"^ *{key}: (\S+)$", EXAMPLE, re.MULTILINE).group(1)
            self.assertIn(f".I {default}\n", MANUAL)
        # CLI11 prints an option's default behind it.
        self.assertRegex(said_by(CULVERTD, "--help").stdout, r"--config TEXT=/etc/culvert/culvert\.yaml")
        self.assertIn(".IR /etc/culvert/culvert.yaml .", MANUAL)

    def test_its_capabilities_are_those_of_the_unit(self):
        bounding = re.search(r"^CapabilityBoundingSet=(.*)$", UNIT, re.MULTILINE).group(1)
        self.assertEqual(set(re.findall(r"CAP_[A-Z_]+", MANUAL)), set(bounding.split()))

    def test_its_exit_codes_are_true(self):
        with tempfile.TemporaryDirectory() as folder:
            good, bad = pathlib.Path(folder, "good.yaml"), pathlib.Path(folder, "bad.yaml")
            good.write_text("interfaces: {lan0: {}, wan0: {}}\n", encoding="utf-8")
            bad.write_text("interfaces: {lan0: {mode: zebra}}\n", encoding="utf-8")
            self.assertEqual(said_by(CULVERTD, "--check", "--config", good).returncode, 0)
            wrong = said_by(CULVERTD, "--check", "--config", bad)
            self.assertEqual(wrong.returncode, 1)
            self.assertIn("interfaces.lan0.mode", wrong.stdout)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_troff_has_no_complaint_about_any_page(self):
        for page in sorted((SOURCE / "docs/man").iterdir()):
            done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", page], stderr=subprocess.PIPE, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page.name)


class Unit(unittest.TestCase):
    def test_it_names_the_installed_programs(self):
        meson = (SOURCE / "packaging/meson.build").read_text(encoding="utf-8")
        self.assertIn("culvert.service", meson)
        self.assertIn("ExecStart=/usr/sbin/culvertd --config /etc/culvert/culvert.yaml", UNIT)

    def test_a_reload_does_not_depend_on_what_the_configuration_says(self):
        # By the command it would go to the default socket and refuse a long file.
        self.assertRegex(UNIT, r"(?m)^ExecReload=/bin/kill -HUP \$MAINPID$")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_has_no_complaint_about_it(self):
        # Verified as a copy whose programs exist: the installed ones need not.
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, "culvert.service")
            text = UNIT.replace("/usr/sbin/culvertd", "/bin/true")
            copy.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE), encoding="utf-8")
            done = said_by("systemd-analyze", "verify", "--man=no", copy)
            complaints = [line for line in done.stdout.splitlines() if "culvert.service" in line]
            self.assertEqual(complaints, [], done.stdout)


if __name__ == "__main__":
    unittest.main()
