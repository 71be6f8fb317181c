"""The alerts of ops/prometheus: Prometheus' own tool takes them and tries them on made-up figures,
each says what to do with commands that exist, and each metric in them is one that the programs
register. A metric that is renamed, or an alert on one that nobody exports, fails here and not in
the night."""

import os
import re
import shutil
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("CARRYALL_BUILD_DIR", ROOT / "build/release")) / "carryall"
RULES = ROOT / "ops/prometheus/carryall.rules.yml"
UNIT = Path(__file__).resolve().parent / "rules_unit.yml"

# How C++ names a metric: in the call that makes it, or in a table of gauges or a snapshot of them.
REGISTERED = re.compile(r'(?:\b(?:counter|gauge|histogram)\(\s*|\bSnapshot \w+\{\s*|^    \{)'
                        r'"(carryall_[a-z0-9_]+)"', re.MULTILINE)
NAMED = re.compile(r"\bcarryall_[a-z0-9_]+")


def registered_metrics():
    names = set()
    for file in (ROOT / "src").rglob("*.cpp"):
        if not file.name.endswith("_test.cpp"):
            names.update(REGISTERED.findall(file.read_text()))
    return names


def values_of(key):
    """Of the rules, whether on the key's own line or folded below it."""
    text = RULES.read_text()
    found = re.findall(rf"^( *)(?:- )?{key}: *(?:>-\n((?:\1  +.*\n)+)|(.*)\n)", text, re.MULTILINE)
    return [folded or plain for _, folded, plain in found]


def promtool(*words):
    return subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)


class RulesTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(shutil.which("promtool"), "promtool is missing: ./dev setup test")

    def test_prometheus_takes_the_rules(self):
        checked = promtool("check", "rules", RULES)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_alerts_fire_when_they_should_and_only_then(self):
        tried = promtool("test", "rules", UNIT)
        self.assertEqual(tried.returncode, 0, tried.stdout + tried.stderr)

    def test_every_metric_of_a_rule_is_one_that_the_programs_export(self):
        named = {name for text in values_of("expr") for name in NAMED.findall(text)}
        self.assertGreater(len(named), 10)
        self.assertEqual(named - registered_metrics(), set())

    def test_every_alert_says_what_is_the_matter_why_it_matters_and_what_to_do(self):
        alerts = values_of("alert")
        self.assertEqual(len(alerts), len(set(alerts)))
        for key in ("expr", "summary", "description", "runbook"):
            texts = values_of(key)
            self.assertEqual(len(texts), len(alerts), key)
            self.assertTrue(all(text.strip('" ') for text in texts), key)

    def test_the_commands_that_alerts_name_exist(self):
        named = {words for text in values_of("runbook")
                 for words in re.findall(r"carryall ((?:[a-z]+)(?: [a-z]+)?)", text)}
        self.assertIn("charges release", named)
        for words in named:
            first, _, second = words.partition(" ")
            shown = subprocess.run([PROGRAM, first, "--help"], capture_output=True, text=True,
                                   check=False)
            self.assertEqual(shown.returncode, 0, words)
            if " SUBCOMMAND" in shown.stdout:
                self.assertRegex(shown.stdout, rf"(?m)^  {second} ", words)


if __name__ == "__main__":
    unittest.main()
