#!/usr/bin/python3
"""Makes the sample files in this folder: one table, written by independent programs.

Needs the Debian packages python3-openpyxl, python3-xlsxwriter, libxlsxwriter-dev, gnumeric and
libreoffice-calc. The *.expected files beside the samples say what the readers must find; they are
checked by eye against the table below, never copied from a failing test.
"""
import datetime
import pathlib
import shutil
import subprocess
import tempfile

import openpyxl
import xlsxwriter

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["ICCID", "IMEI", "MSISDN", "Label", "Active", "Monthly fee", "Activated on", "Note"]
DAY = datetime.date(2026, 3, 31)
# By row number; row 4 stays blank.
TABLE = {
    2: ["89014103211118510720", "356938035643809", "15551230001", "Pump 1", True, 12.5, DAY,
        "first"],
    3: ["89014103211118510738", 356938035643817, 15551230002, "Zürich – Café", False, 0.1, DAY,
        'says "hi", twice; a|b'],
    5: [89014103211118510746, None, None, "line one\nline two", None, -3.25, None, "日本語 🚚 <&>"],
    6: ["89014103211118510753", None, None, '="Pump "&4', None, "=2*3", None, "=NA()"],
}


def with_openpyxl(path, **changes):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Devices"
    sheet.append(NAMES)
    for number, cells in TABLE.items():
        for column, value in enumerate(cells, start=1):
            if value is not None:
                sheet.cell(number, column, value)
    book.create_sheet("Other")["A1"] = "not read"
    if changes.get("hidden_first"):
        hidden = book.create_sheet("Secret", 0)
        hidden["A1"] = "hidden"
        hidden.sheet_state = "hidden"
        sheet.row_dimensions[3].hidden = True
    if changes.get("from_1904"):
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.save(path)


def with_python_xlsxwriter(path, **options):
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd", **options})
    sheet = book.add_worksheet("Devices")
    sheet.write_row(0, 0, NAMES)
    results = {'="Pump "&4': "Pump 4", "=2*3": 6, "=NA()": "#N/A"}
    bold = book.add_format({"bold": True})
    for number, cells in TABLE.items():
        for column, value in enumerate(cells):
            if isinstance(value, str) and value.startswith("="):
                sheet.write_formula(number - 1, column, value, None, results[value])
            elif value == "Pump 1":
                sheet.write_rich_string(number - 1, column, "Pu", bold, "mp", " 1")
            elif isinstance(value, str):
                sheet.write_string(number - 1, column, value)
            elif value is not None:
                sheet.write(number - 1, column, value)
    book.add_worksheet("Other").write(0, 0, "not read")
    book.close()


def with_libxlsxwriter(folder):
    program = folder / "sample"
    subprocess.run(["cc", str(HERE / "libxlsxwriter_sample.c"), "-o", str(program), "-lxlsxwriter"],
                   check=True)
    subprocess.run([str(program), str(HERE / "libxlsxwriter.xlsx")], check=True)
    subprocess.run([str(program), str(HERE / "libxlsxwriter_constant_memory.xlsx"), "constant"],
                   check=True)


def with_gnumeric(folder):
    source = HERE / "openpyxl.xlsx"
    for name, exporter in [("gnumeric.xlsx", "Gnumeric_Excel:xlsx2"),
                           ("gnumeric.xls", "Gnumeric_Excel:excel_biff8"),
                           ("gnumeric.csv", "Gnumeric_stf:stf_csv")]:
        subprocess.run(["ssconvert", "--recalc", "-T", exporter, str(source), str(HERE / name)],
                       check=True)


def with_libreoffice(folder):
    # The CSV filter takes separator, quote and encoding: 76 UTF-8, 65535 UTF-16, 1 Windows-1252.
    jobs = [("xlsx", "xlsx", "libreoffice.xlsx"), ("ods", "ods", "libreoffice.ods"),
            ("csv:Text - txt - csv (StarCalc):44,34,76,1", "csv", "libreoffice_comma.csv"),
            ("csv:Text - txt - csv (StarCalc):59,34,1,1", "csv", "libreoffice_semicolon_1252.csv"),
            ("csv:Text - txt - csv (StarCalc):9,34,65535,1", "csv", "libreoffice_tab_utf16.csv")]
    for target, ending, name in jobs:
        command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless",
                   "--convert-to", target, "--outdir", str(folder), str(HERE / "openpyxl.xlsx")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        shutil.move(folder / f"openpyxl.{ending}", HERE / name)


def main():
    with_openpyxl(HERE / "openpyxl.xlsx")
    with_openpyxl(HERE / "openpyxl_hidden.xlsx", hidden_first=True)
    with_openpyxl(HERE / "openpyxl_1904.xlsx", from_1904=True)
    with_python_xlsxwriter(HERE / "python_xlsxwriter.xlsx")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with_libxlsxwriter(folder)
        with_gnumeric(folder)
        with_libreoffice(folder)


if __name__ == "__main__":
    main()
