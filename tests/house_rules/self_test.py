"""Proves of every house rule that it can fail and that it lets the right form pass."""

import sys
import unittest

import house_rules
from house_rules import File

TABLE = "CREATE TABLE thing (\n    tenant_id bigint,\n    CHECK (true)\n);\n"
PROTECTED = """
ALTER TABLE thing ENABLE ROW LEVEL SECURITY;
ALTER TABLE thing FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON thing USING (tenant_id = 1) WITH CHECK (tenant_id = 1);
"""
LOOP = """
DO $$ BEGIN FOREACH name IN ARRAY ARRAY['other', 'thing'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY own ON %I USING (true) ' 'WITH CHECK (true)', name);
END LOOP; END $$;
"""
LONG = "void f() {\n" + "    g();\n" * 70 + "}\n"
ALLOWED = LONG.replace("    g();\n", "", 2)
MIGRATION = "db/migrations/0001_a.sql"

# rule -> [(what is wrong, {path: text})]
BAD = {
    "include_direction": [
        ("right", {"src/devices/a.cpp": '#include "changes/b.hpp"\n'}),
        ("same level", {"src/db/a.cpp": '#include "http/client.hpp"\n'}),
        ("same level", {"src/sheets/a.cpp": '#include "files/link.hpp"\n'}),
        ("tests too", {"src/base/a_test.cpp": '#include "db/pool.hpp"\n'}),
        ("unknown folder", {"src/handlers/a.cpp": "// x\n"})],
    "seams": [
        ("beast", {"src/api/a.cpp": "#include <boost/beast/http.hpp>\n"}),
        ("asio", {"src/db/a.cpp": "#include <boost/asio.hpp>\n"}),
        ("pqxx", {"src/changes/store.cpp": "#include <pqxx/pqxx>\n"}),
        ("libpq", {"src/queue/a.cpp": "#include <libpq-fe.h>\n"}),
        ("curl", {"src/carriers/pond/client.cpp": "#  include <curl/curl.h>\n"}),
        ("tests", {"src/app/a.cpp": '#include "support/temp_dir.hpp"\n'})],
    "sql_in_store": [
        ("select", {"src/api/a.cpp": 'auto q = "SELECT 1";\n'}),
        ("lower case", {"src/changes/a.cpp": 'q("select a from b");\n'}),
        ("raw string", {"src/changes/a.cpp": 'q(R"sql(\n  UPDATE t SET x = 1)sql");\n'}),
        ("insert", {"src/devices/a.hpp": 'q("insert into t values (1)");\n'}),
        ("delete", {"src/app/a.cpp": 'q("DELETE FROM t");\n'})],
    "function_length": [
        ("function", {"src/base/a.cpp": LONG}),
        ("member", {"src/base/a.hpp": "class A {\n" + LONG.replace("f()", "f() const") + "};\n"}),
        ("test", {"src/base/a_test.cpp": LONG.replace("void f()", "TEST(A, b)")}),
        ("beside a table", {"src/base/a.cpp": LONG.replace("{", "{\n    int a[] = {\n1};", 1)}),
        ("constructor", {"src/base/a.cpp": LONG.replace("void f()", "A::A(int b) : b_{b}")})],
    "line_length": [
        ("code", {"src/base/a.cpp": "x" * 101 + "\n"}),
        ("script", {"dev": "#!/bin/sh\n" + "x" * 101})],
    "opening_comment": [
        ("header", {"src/base/a.hpp": "#pragma once\n"}),
        ("source", {"src/base/a.cpp": "int a;\n", "src/base/b.hpp": "// x\n"}),
        ("sql", {MIGRATION: "SELECT 1;\n"}),
        ("python", {"demo/a.py": "import os\n"})],
    "file_names": [
        ("utils", {"src/base/utils.cpp": "// x\n"}),
        ("part", {"src/db/pool_manager.hpp": "// x\n"}),
        ("helper", {"tests/test-helper.py": "# x\n"})],
    "sleeps": [
        ("sleep_for", {"src/base/a_test.cpp": "std::this_thread::sleep_for(1s);\n"}),
        ("sleep", {"tests/a.cpp": "::sleep(1);\n"}), ("python", {"tests/a.py": "time.sleep(1)\n"})],
    "unfinished": [("comment", {"src/base/a.cpp": "// TODO later\n"}),
                   ("page", {"docs/a.md": "FIXME\n"})],
    "machine_traces": [
        ("path", {"docs/a.md": "see /home/me/x\n"}), ("path", {"dev": "cd /work/x\n"}),
        ("lock file", {"portal/package-lock.json": '"resolved": "x"\n'}),
        ("registry", {".npmrc": "registry=https://registry.npmjs.org/\n"})],
    "coroutines": [("await", {"src/base/a.cpp": "// x\nco_await f();\n"})],
    "migration_numbers": [
        ("gap", {MIGRATION: "--\n", "db/migrations/0003_c.sql": "--\n"}),
        ("double", {MIGRATION: "--\n", "db/migrations/0001_b.sql": "--\n"}),
        ("name", {"db/migrations/first.sql": "--\n"})],
    "row_level_security": [
        (line, {MIGRATION: TABLE + PROTECTED.replace(line, "")})
        for line in PROTECTED.split("\n") if line] + [
        (part, {MIGRATION: TABLE + PROTECTED.replace(part, "")})
        for part in ("USING (tenant_id = 1)", "WITH CHECK (tenant_id = 1)")] + [
        ("not in the loop", {MIGRATION: TABLE + LOOP.replace("'thing'", "'thingy'")}),
        ("loop without FORCE", {MIGRATION: TABLE + LOOP.replace("FORCE", "NO FORCE")}),
        ("commented out", {MIGRATION: TABLE + PROTECTED.replace("ALTER", "-- ALTER")})],
}

GOOD = [
    {"src/changes/a.cpp": '// x\n#include "devices/a.hpp"\n#include "changes/b.hpp"\n'},
    {"src/http/server.cpp": "// x\n#include <boost/beast/core.hpp>\n#include <curl/curl.h>\n"},
    {"src/db/pool.cpp": '// x\n#include <pqxx/pqxx>\nq("SELECT 1");\n'},
    {"src/changes/store.cpp": '// x\nq("SELECT 1");\n'},
    {"src/changes/store_test.cpp": '// x\n#include "support/database.hpp"\nq("SELECT 1");\n'},
    {"src/api/a.cpp": '// SELECT 1\nsay("select a file and update the list, then delete it");\n'},
    {"src/base/a.cpp": "// x\n" + ALLOWED + ALLOWED},
    {"src/base/a.cpp": "// x\nnamespace a {\nstruct B {\n" + "    int c = f();\n" * 90 + "};\n}\n"},
    {"src/base/a.cpp":
     "// x\nvoid f() {\n    int a[] = {\n" + "        {1},\n" * 90 + "    };\n}\n"},
    {"src/base/a.cpp": "// x\nconst char c = '\"';\nconst int n = 1'000'000;  // co_await\n"},
    {"src/base/commonwealth.cpp": "// x\n"},
    {"src/base/a.hpp": "// x\n", "src/base/a.cpp": "int a;\n", "src/base/a_test.cpp": "int b;\n",
     "src/base/a_b_test.cpp": "int b;\n"},
    {"src/base/a.cpp": "// x\nsleep_for(1s);\n"},
    {"dev": "#!/bin/sh\necho $root/work/x build/work/y\n"},
    {MIGRATION: "-- x\n" + TABLE + PROTECTED}, {MIGRATION: "-- x\n" + TABLE + LOOP},
    {MIGRATION: "-- x\nCREATE TABLE tenant (\n    id bigint\n);\n",
     "db/migrations/0002_b.sql": "-- x\n"},
]


class HouseRules(unittest.TestCase):
    def findings(self, files):
        return house_rules.check([File(path, text) for path, text in files.items()])

    def test_every_rule_finds_its_bad_samples(self):
        self.assertEqual(set(BAD), {rule.__name__ for rule in house_rules.RULES})
        for rule, samples in BAD.items():
            for what, files in samples:
                with self.subTest(rule=rule, what=what):
                    found = [line for line in self.findings(files) if f": {rule}: " in line]
                    self.assertTrue(found, "not found")
                    self.assertRegex(found[0], r"^[\w./-]+:\d+: \w+: .{20,}")

    def test_the_right_form_passes_every_rule(self):
        for files in GOOD:
            with self.subTest(files=files):
                self.assertEqual(self.findings(files), [])

    def test_the_line_of_a_finding_is_right(self):
        text = '// x\n/* two\nlines */\nconst char* a = "b";\nauto c = "SELECT 1";\n'
        found = self.findings({"src/api/a.cpp": text})
        self.assertTrue(found[0].startswith("src/api/a.cpp:5: sql_in_store"), found)


if __name__ == "__main__":
    sys.exit(unittest.main())
