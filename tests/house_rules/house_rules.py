"""The house rules of CONTRIBUTING.md that a program can check, run as a test over every file of
the repository. What must stay true: each rule has a sample in self_test.py that breaks it, so a
rule that no longer finds anything is noticed, and each message says what to do instead."""

import re
import subprocess
import sys
from pathlib import Path

# Left to right, as data flows. A folder of src/ includes only folders that stand further left.
FLOW = [{"base"}, {"db", "http"}, {"files", "mail", "sheets"}, {"queue"}, {"tenants"}, {"devices"}, {"carriers"},
        {"billing"}, {"accounts"}, {"sync"}, {"changes"}, {"charges"}, {"notify"}, {"api"}, {"app"}]
LEVEL = {folder: level for level, folders in enumerate(FLOW) for folder in folders}

# Who may include what of other people's. Everybody else uses the small headers of that folder.
SEAMS = [
    (r"boost/(beast|asio)", ("src/http/",), "use src/http/"),
    (r"(pqxx|libpq-fe\.h)", ("src/db/", "tests/", "bench/"), "use src/db/"),
    (r"curl/", ("src/http/", "src/mail/"), "use the outgoing client of src/http/, or src/mail/"),
    (r"support/", ("tests/", "bench/", "*_test.cpp"), "the product knows nothing of its tests"),
]

MAX_LINE = 100
MAX_FUNCTION_LINES = 70
BANNED_NAMES = {"util", "utils", "common", "manager", "helper", "helpers"}
SQL = re.compile(r"\b(SELECT\s|INSERT\s+INTO\b|DELETE\s+FROM\b|CREATE\s+(TABLE|INDEX|ROLE)\b"
                 r"|MERGE\s+INTO\b|TRUNCATE\s+\w|WITH\s+\w+\s+AS\s*\()"
                 r"|(?i:\bUPDATE\s+\w+\s+SET\b|\bSELECT\b.+\bFROM\b|\bINSERT\s+INTO\b"
                 r"|\bDELETE\s+FROM\s+\w)")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|(?<!\.)sleep)\s*\(|\btime\.sleep\b")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
MACHINE = re.compile(r"(?<![\w.$}])/(work|root|home|Users)/[\w.]|registry\.npmjs\.org"
                     r"|deb\.debian\.org|\bpypi\.org|pythonhosted\.org|\.pkg\.dev\b|\"resolved\":")
COROUTINE = re.compile(r"\bco_(await|return|yield)\b")

LITERAL = re.compile(r'R"(?P<tag>[^()\s\\]{0,16})\((?P<raw>.*?)\)(?P=tag)"'
                     r'|"(?P<text>(?:[^"\\\n]|\\.)*)"'
                     r"|(?<![0-9a-fA-F])'(?:[^'\\\n]|\\.)+'"
                     r"|(?P<comment>//[^\n]*|/\*.*?\*/)", re.DOTALL)


class File:
    """One file: its text, and for C++ the code without comments and literals, lines kept."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.folder = path.split("/")[1] if path.startswith("src/") and path.count("/") > 1 else ""
        self.is_cpp = path.endswith((".cpp", ".hpp"))
        self.is_script = path.endswith((".py", ".sh", ".mjs", ".ts")) or text.startswith("#!")
        self.is_test = path.startswith("tests/") or path.endswith("_test.cpp")
        self.literals = []  # (line, text)
        self.code = LITERAL.sub(self._blank, text) if self.is_cpp else text

    def _blank(self, match):
        content = match["raw"] if match["raw"] is not None else match["text"]
        if content is not None:
            self.literals.append((self.line_at(match.start()), content))
        return '""' + "\n" * match[0].count("\n") if match["comment"] is None \
            else "\n" * match[0].count("\n")

    def line_at(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def includes(self):
        for number, line in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
            if match and self.is_cpp:
                yield number, match[1] == '"', match[2]


def include_direction(files):
    for file in files:
        if not file.folder:
            continue
        if file.folder not in LEVEL:
            yield file, 1, f"src/{file.folder} has no place in the flow: add it to FLOW in " \
                           "tests/house_rules/house_rules.py and to docs/ARCHITECTURE.md"
            continue
        for number, ours, name in file.includes():
            target = name.split("/")[0]
            if not ours or "/" not in name or target == file.folder or target not in LEVEL:
                continue
            if LEVEL[target] >= LEVEL[file.folder]:
                yield file, number, f"{file.folder} stands left of or beside {target} in the flow" \
                                    " and may not include it: move what both need further left"


def seams(files):
    for file in files:
        for number, _, name in file.includes():
            for pattern, allowed, advice in SEAMS:
                may = any(file.path.endswith(place[1:]) if place.startswith("*")
                          else file.path.startswith(place) for place in allowed)
                if re.match(pattern, name) and not may:
                    yield file, number, f"<{name}> is for {' and '.join(allowed)} only: {advice}"


def sql_in_store(files):
    for file in files:
        allowed = file.is_test or file.folder == "db" or file.path.endswith("store.cpp")
        if not file.path.startswith("src/") or allowed:
            continue
        for number, text in file.literals:
            if SQL.search(text):
                yield file, number, "SQL outside a store.cpp: move the statement into " \
                                    f"src/{file.folder}/store.cpp and call it"


def function_length(files):
    for file in files:
        if file.is_cpp:
            for start, length in functions(file.code):
                if length > MAX_FUNCTION_LINES:
                    yield file, start, f"a function of {length} lines (limit " \
                                       f"{MAX_FUNCTION_LINES}): split it where its subject changes"


def functions(code):
    """First line and number of lines of each outermost function, by its braces. Tables (= {...})
    are data and do not count."""
    stack, function_depth, start, line, statement, statement_line = [], None, 0, 1, "", 1
    table_depth, table_line, table_lines = None, 0, 0
    for character in code:
        if character == "\n":
            line += 1
        if character == "{":
            is_type = re.match(r"\s*(template\s*<.*>\s*)?(class|struct|union|enum|namespace)\b",
                               statement)
            # A(int b) : b_{b} { ... }: the first brace initialises, only the last one is the body.
            initialises = re.search(r"\)\s*(noexcept\s*)?:[^:]", statement) and \
                statement.rstrip()[-1:] not in (")", "}")
            if function_depth is None and ")" in statement and not is_type and not initialises:
                function_depth, start, table_lines = len(stack), statement_line, 0
            elif table_depth is None and statement.rstrip().endswith("="):
                table_depth, table_line = len(stack), line
            stack.append(statement + "{}" if initialises else "")
            statement = ""
        elif character == "}":
            statement = stack.pop() if stack else ""
            if table_depth == len(stack):
                table_lines += line - table_line
                table_depth = None
            if function_depth == len(stack):
                yield start, line - start + 1 - table_lines
                function_depth = None
        elif character == ";":
            statement = ""
        else:
            if not statement.strip():
                statement_line = line
            statement += character


def line_length(files):
    for file in files:
        if file.is_cpp or file.is_script:
            for number, line in enumerate(file.lines, 1):
                if len(line) > MAX_LINE:
                    yield file, number, f"{len(line)} characters (limit {MAX_LINE}): break the line"


def opening_comment(files):
    marks = {".cpp": ("//",), ".hpp": ("//",), ".sql": ("--",), ".sh": ("#",), ".cmake": ("#",),
             ".py": ('"""', "#"), ".ts": ("//", "/*"), ".mjs": ("//", "/*", "#!")}
    paths = {file.path for file in files}
    for file in files:
        expected = marks.get(Path(file.path).suffix)
        if file.path.endswith(".cpp") and paths & headers_of(file.path[:-4]):
            continue
        if expected and file.text.strip() and not file.text.startswith(expected):
            yield file, 1, "open the file with a paragraph: what it is for and what must stay true"


def headers_of(stem):
    """x.cpp, x_test.cpp and x_something_test.cpp may leave their paragraph to x.hpp."""
    words = stem.split("_")
    if words[-1] != "test":
        return {stem + ".hpp"}
    return {"_".join(words[:count]) + ".hpp" for count in range(1, len(words))}


def file_names(files):
    for file in files:
        words = set(re.split(r"[^a-z]+", Path(file.path).name.lower()))
        if words & BANNED_NAMES:
            yield file, 1, "a name that says nothing of the content: name the file after its noun"


def sleeps(files):
    for file in files:
        if file.is_test and file.path.endswith((".cpp", ".hpp", ".py")):
            for number, line in enumerate(file.code.split("\n"), 1):
                if SLEEP.search(line):
                    yield file, number, "a test that sleeps: wait for the event, or pass `now`"


def unfinished(files):
    for file in files:
        for number, line in enumerate(file.lines, 1):
            if UNFINISHED.search(line):
                yield file, number, "unfinished work in the text: finish it or leave it out"


def machine_traces(files):
    for file in files:
        for number, line in enumerate(file.lines, 1):
            if MACHINE.search(line):
                yield file, number, "a path of one machine or the address of a registry: the " \
                                    "repository must work on any machine, so leave it out"


def coroutines(files):
    for file in files:
        if file.is_cpp:
            for number, line in enumerate(file.code.split("\n"), 1):
                if COROUTINE.search(line):
                    yield file, number, "g++ 12 destroys temporaries of co_await twice: use " \
                                        "plain functions and threads"


def migration_numbers(files):
    migrations = sorted(f.path for f in files if f.path.startswith("db/migrations/"))
    by_path = {file.path: file for file in files}
    for expected, path in enumerate(migrations, 1):
        if not re.fullmatch(r"db/migrations/\d{4}_[a-z0-9_]+\.sql", path):
            yield by_path[path], 1, "a migration is called NNNN_what_it_does.sql"
        elif int(Path(path).name[:4]) != expected:
            yield by_path[path], 1, f"migrations have no gaps and no doubles: {expected:04}"


def row_level_security(files):
    """By the text; tests/house_rules/catalog_test.cpp asks the database itself."""
    migrations = [file for file in files if re.match(r"db/migrations/.*\.sql$", file.path)]
    everything = "\n".join(re.sub(r"--[^\n]*", "", file.text) for file in migrations)
    for file in migrations:
        for match in re.finditer(r"CREATE TABLE (\w+) \((.*?)\n\)", file.text, re.DOTALL):
            if not re.search(r"^\s*tenant_id\b", match[2], re.MULTILINE):
                continue
            for what in missing_protection(everything, match[1]):
                yield file, file.line_at(match.start()), \
                    f"table {match[1]} has a tenant_id but no {what}: add it, one tenant must " \
                    "never see or write another one's rows"


def missing_protection(sql, table):
    name = rf"{table}\b"
    wanted = {"ENABLE ROW LEVEL SECURITY": rf"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY",
              "FORCE ROW LEVEL SECURITY": rf"ALTER TABLE {name} FORCE ROW LEVEL SECURITY",
              "policy with USING": rf"CREATE POLICY \w+ ON {name}[^;]*\bUSING\b",
              "policy with WITH CHECK": rf"CREATE POLICY \w+ ON {name}[^;]*\bWITH CHECK\b"}
    # A DO block that does it for each name of an array counts like the statements written out.
    blocks = [block for block in re.findall(r"DO \$\$.*?END \$\$", sql, re.DOTALL)
              if re.search(rf"ARRAY\[[^\]]*'{table}'", block)]
    looped = {what: pattern.replace(name, "%I") for what, pattern in wanted.items()}
    for what, pattern in wanted.items():
        if not re.search(pattern, sql) and \
                not any(re.search(looped[what], block) for block in blocks):
            yield what


RULES = [include_direction, seams, sql_in_store, function_length, line_length, opening_comment,
         file_names, sleeps, unfinished, machine_traces, coroutines, migration_numbers,
         row_level_security]


def check(files):
    """Every finding as path:line: rule: what to do."""
    return [f"{file.path}:{line}: {rule.__name__}: {advice}"
            for rule in RULES for file, line, advice in rule(files)]


def repository_files(root):
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=root, capture_output=True, text=True, check=True).stdout
    for path in filter(None, listed.split("\0")):
        # The rules and their bad samples are the only text that must break them.
        if path.startswith("tests/house_rules/") and path.endswith(".py"):
            continue
        try:
            yield File(path, (root / path).read_text(encoding="utf-8"))
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # a picture or a sheet; or deleted and not yet committed


def main():
    files = list(repository_files(Path(__file__).resolve().parents[2]))
    findings = check(files)
    print("\n".join(findings))
    print(f"house rules: {len(RULES)} rules, {len(files)} files, {len(findings)} findings")
    return 1 if findings or not files else 0


if __name__ == "__main__":
    sys.exit(main())
