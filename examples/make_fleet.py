#!/usr/bin/env python3
"""Writes the sample files of this folder: a fleet of 5,095 lines at four carriers, one file for
each of the four change types with 1,000 rows, some of them wrong in the ways that files of real
customers are, one with lines of every carrier, and an optimisation to be charged. What must stay
true: the same text every time, so that every count is known beforehand (EXPECTED).

    python3 examples/make_fleet.py           writes the files beside this program
    python3 examples/make_fleet.py --check   says whether they are what it would write
"""

import csv
import io
import json
import sys
import zipfile
from pathlib import Path

ROWS = 1_000  # of each change
FIRST = 1  # lines 1 to 4,200 belong to POND Europe, 5,001 to 5,100 to POND Nordics
EUROPE, NORDICS = range(1, 4_201), range(5_001, 5_101)
STATUS, PLAN, CUSTOMER_PLAN, ASSIGN = (range(start, start + ROWS)
                                       for start in (1, 1_001, 2_001, 3_001))
UNKNOWN = 900_001  # from here on nobody has a line
PROVIDER, OTHER_PROVIDER = "POND Europe", "POND Nordics"
# Lines at the other carriers: account, integration, portal, first ICCID, first number, plan.
OTHER_LINES = 265
OTHER_CARRIERS = [
    ("Jasper Fleet", "jasper", "m2m", 8_901_000_000_000_000_000, None, "FLEET 5MB"),
    ("ThingSpace Fleet", "thingspace", "m2m", 8_914_800_000_000_000_000, None, "M2M-5MB"),
    ("Telegence Phones", "telegence", "mobility", 8_901_030_000_000_000_000, 2_145_550_100,
     "PLAN1GB")]
EVERY_CARRIER = range(4_001, 4_201)  # POND's lines in the change for every carrier
# Places 990 to 994 of each thousand are archived, 995 and 996 are terminated.
ARCHIVED, TERMINATED = range(990, 995), range(995, 997)
REV_CUSTOMERS = range(4_101, 4_111)

# POND's package types: code, name, carrier's id, active.
PLANS = [("IOT-1GB", "IoT 1 GB", 40117, True), ("IOT-5GB", "IoT 5 GB", 40118, True),
         ("IOT-100MB", "IoT 100 MB", 40119, True),
         ("IOT-2GB", "IoT 2 GB, withdrawn by the carrier", 40120, True),
         ("IOT-OLD", "IoT of 2019", 40117, False), ("IOT-TRIAL", "IoT trial", None, True)]

# Reasons and how often, for each change. All other rows are processed.
EXPECTED = {
    "suspend.csv": {"Invalid ICCID": 7, "Duplicate of an earlier row": 3,
                    "M2M Device is archived": 3,
                    "Status transition from Terminated to Suspended not allowed": 2,
                    "Device belongs to another service provider": 1},
    "carrier-plans.xlsx": {"POND answered HTTP 400: Package type is not active": 3,
                           "Carrier rate plan not found": 3,
                           "Carrier rate plan belongs to another service provider": 2,
                           "Carrier rate plan is inactive": 2,
                           "Carrier rate plan has no id at the carrier": 1, "Invalid ICCID": 4,
                           "M2M Device is archived": 2, "Duplicate of an earlier row": 1},
    "customer-plans.json": {"Invalid data allocation (negative)": 3,
                            "Invalid data allocation (more than 10000000 MB)": 2,
                            "Invalid customerDataAllocationMB (must be a decimal number "
                            "such as 1024 or 0.5)": 1,
                            "Invalid customer rate plan": 2, "Invalid customer rate pool": 1,
                            "Invalid ICCID": 2, "M2M Device is archived": 2,
                            "Duplicate of an earlier row": 1},
    "assign.csv": {"Rev Customer not found": 3, "Site not found for customer": 2,
                   "Active service line. New Service line not created": 3,
                   "Active service line. Cannot change customers": 2, "Invalid ICCID": 2,
                   "M2M Device is archived": 2, "Duplicate of an earlier row": 1},
    "every-carrier.csv": {"Invalid ICCID": 4, "Duplicate of an earlier row": 1},
}


def iccid(number):
    return f"8944501{number:012}"


def with_check_digit(digits):
    """The 20-digit form: Luhn's rule over the 19 digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return digits + str(-total % 10)


def with_wrong_check_digit(digits):
    right = with_check_digit(digits)
    return right[:-1] + str((int(right[-1]) + 1) % 10)


def rev_customer(number):
    return REV_CUSTOMERS[number % len(REV_CUSTOMERS)]


def mixed(good, bad):
    """The bad rows spread evenly among the good ones, the first one after a few good ones."""
    rows, step = list(good), ROWS // (len(bad) + 1)
    for place, row in enumerate(bad, 1):
        rows.insert(place * step, row)
    assert len(rows) == ROWS, len(rows)
    return rows


def fleet():
    yield ["ICCID", "MSISDN", "Service Provider", "Portal", "Status", "Carrier Rate Plan",
           "Customer", "Customer Rate Plan", "Archived"]
    for number in [*EUROPE, *NORDICS]:
        place = (number - 1) % ROWS + 1
        ours = number in EUROPE
        yield [iccid(number), "", PROVIDER if ours else OTHER_PROVIDER, "m2m",
               "Terminated" if ours and place in TERMINATED and number <= 4_000 else "Active",
               "IOT-1GB" if ours else "NORDIC-1GB",
               "Harbour Sensors" if number in CUSTOMER_PLAN else "",
               "START-100" if number in CUSTOMER_PLAN else "",
               "yes" if ours and place in ARCHIVED and number <= 4_000 else "no"]


    for name, _, portal, first, number, plan in OTHER_CARRIERS:
        for place in range(OTHER_LINES):
            yield [first + place, number + place if number else "", name, portal, "Active", plan,
                   "", "", "no"]


def every_carrier():
    """Lines of all carriers, mixed as they are in a customer's list."""
    columns = [[iccid(number) for number in EVERY_CARRIER],
               *([first + place for place in range(OTHER_LINES)]
                 for _, _, _, first, _, _ in OTHER_CARRIERS)]
    good = [[column[place]] for place in range(OTHER_LINES) for column in columns
            if place < len(column)]
    bad = [[iccid(UNKNOWN + 10)], [8_901_000_000_000_900_001], ["8.91E+18"], [iccid(UNKNOWN + 11)],
           [iccid(EVERY_CARRIER[0])]]
    return [["ICCID"]] + mixed(good, bad)


def suspend():
    lines = STATUS
    bad = [[iccid(UNKNOWN)], [iccid(UNKNOWN + 1)], [iccid(UNKNOWN + 2)],
           [with_wrong_check_digit(iccid(lines[984]))],
           [with_wrong_check_digit(iccid(lines[985]))], ["8.9E+18"], ["8.94450100000001E+18"],
           [iccid(lines[0])], [iccid(lines[1])], [with_check_digit(iccid(lines[2]))],
           [iccid(lines[989])], [iccid(lines[990])], [iccid(lines[991])],
           [iccid(lines[994])], [iccid(lines[995])], [iccid(NORDICS[0])]]
    good = [[with_check_digit(iccid(n)) if n % 50 == 0 else iccid(n)]
            for n in lines[:ROWS - len(bad)]]
    return [["ICCID", "Update Status"]] + [row + ["Suspended"] for row in mixed(good, bad)]


def carrier_plans():
    lines = PLAN
    bad = [[iccid(lines[983]), "IOT-2GB"], [iccid(lines[984]), "IOT-2GB"],
           [iccid(lines[985]), "IOT-2GB"],
           [iccid(lines[986]), "IOT-9GB"], [iccid(lines[987]), "IOT-9GB"],
           [iccid(lines[988]), "IOT 1GB"],
           [iccid(lines[996]), "NORDIC-1GB"], [iccid(lines[997]), "NORDIC-1GB"],
           [iccid(lines[998]), "IOT-OLD"], [iccid(lines[999]), "IOT-OLD"],
           [iccid(lines[994]), "IOT-TRIAL"], [iccid(UNKNOWN + 3), "IOT-5GB"],
           [iccid(UNKNOWN + 4), "IOT-5GB"], [8944501000000001.0 * 1000, "IOT-5GB"],
           [8.9e18, "IOT-5GB"], [iccid(lines[989]), "IOT-5GB"], [iccid(lines[990]), "IOT-5GB"],
           [iccid(lines[4]), "IOT-5GB"]]
    good = [[iccid(n), "IOT-5GB" if n % 2 else "IOT-100MB"] for n in lines[:ROWS - len(bad)]]
    return [["ICCID", "Carrier Rate Plan"]] + mixed(good, bad)


def customer_plans():
    lines = CUSTOMER_PLAN
    bad = [{"iccid": iccid(lines[986]), "customerDataAllocationMB": "-1"},
           {"iccid": iccid(lines[987]), "customerDataAllocationMB": "-250.5"},
           {"iccid": iccid(lines[988]), "customerDataAllocationMB": -5},
           {"iccid": iccid(lines[996]), "customerDataAllocationMB": "99999999"},
           {"iccid": iccid(lines[997]), "customerDataAllocationMB": "10000001"},
           {"iccid": iccid(lines[998]), "customerDataAllocationMB": "a lot"},
           {"iccid": iccid(lines[999]), "customerRatePlan": "FLEET-9000"},
           {"iccid": iccid(lines[994]), "customerRatePlan": "FLEET-9000"},
           {"iccid": iccid(lines[995]), "customerPool": "Nobody's pool"},
           iccid(UNKNOWN + 5), iccid(UNKNOWN + 6), iccid(lines[989]), iccid(lines[990]),
           iccid(lines[7])]
    good = [{"iccid": iccid(n), "customerDataAllocationMB": f"{n % 7 * 250}.5"}
            if n % 10 == 0 else iccid(n) for n in lines[:ROWS - len(bad)]]
    return {"changeType": "customerrateplanchange",
            "customerRatePlanUpdate": {"customerRatePlan": "FLEET-500",
                                       "customerPool": "Fleet pool",
                                       "customerDataAllocationMB": "512"},
            "devices": mixed(good, bad)}


# At Rev.io these have an active service before the demonstration: of the same customer, of another.
SAME_SERVICE, OTHER_SERVICE = ASSIGN[985:988], ASSIGN[996:998]


def assign():
    lines = ASSIGN

    def row(number, customer=None, site="Main"):
        return [iccid(number), customer or rev_customer(number), f"ACC-{number}", site]

    bad = [row(lines[988], 7_777), row(lines[998], 7_778), row(lines[999], "ACME"),
           row(lines[994], site="Nowhere"), row(lines[995], site="Nowhere"),
           *map(row, SAME_SERVICE), *map(row, OTHER_SERVICE),
           row(UNKNOWN + 7), row(UNKNOWN + 8), row(lines[989]), row(lines[990]), row(lines[2])]
    good = [row(n) for n in lines[:ROWS - len(bad)]]
    return [["ICCID", "Rev Customer Id", "Account Number", "Site"]] + mixed(good, bad)


# What an optimiser found for one customer: two comm groups, the second with a line that is absurd.
CHARGED_LINES = EUROPE[2_000:2_012]
REVIO = 3  # the Rev.io account of the demonstration, by the order in which accounts are made


def optimization():
    def result(number):
        return {"iccid": iccid(number), "ratePlan": "FLEET-500", "usageMb": str(number % 900),
                "rateCharge": "25000.00" if number == CHARGED_LINES[-1] else "4.50",
                "overageCharge": f"{number % 3}.25" if number % 2 else "0",
                "revProductTypeId": 311}

    ended = "2026-10-01T02:00:00Z"
    return {"portalType": "m2m", "revCustomerId": str(REV_CUSTOMERS[0]),
            "integrationAuthenticationId": REVIO, "billingPeriodStart": "2026-09-01",
            "billingPeriodEnd": "2026-09-30", "runEndTime": ended,
            "commGroups": [
                {"commGroupId": 710 + group, "queues": [
                    {"queueId": 7_100 + group, "totalCost": "60.00", "runEndTime": ended,
                     "deviceResults": [result(number) for number in lines]}]}
                for group, lines in ((1, CHARGED_LINES[:6]), (2, CHARGED_LINES[6:]))]}


def small_files():
    yield "customers.csv", [["Name", "Rev Customer Id", "Account Number"],
                            *[[f"Nordcell customer {n}", n, f"NC-{n}"] for n in REV_CUSTOMERS],
                            ["Harbour Sensors", "", "HS-1"], ["City Bikes", "", "CB-1"]]
    yield "sites.csv", [["Name", "Rev Customer Id", "Customer"],
                        *[["Main", n, ""] for n in REV_CUSTOMERS],
                        ["Quay 7", "", "Harbour Sensors"]]
    yield "carrier-rate-plans.csv", [
        ["Service Provider", "Code", "Name", "Carrier Plan Id", "Active"],
        *[[PROVIDER, code, name, carrier_id or "", "yes" if active else "no"]
          for code, name, carrier_id, active in PLANS],
        [OTHER_PROVIDER, "NORDIC-1GB", "Nordics 1 GB", 40117, "yes"],
        *[[name, plan, plan, "", "yes"] for name, _, _, _, _, plan in OTHER_CARRIERS]]
    yield "customer-rate-plans.csv", [["Code", "Name", "Data Allocation MB"],
                                      ["START-100", "Start 100 MB", 100],
                                      ["FLEET-500", "Fleet 500 MB", 500],
                                      ["FLEET-1000", "Fleet 1 GB", "1000"]]
    yield "customer-rate-pools.csv", [["Name", "Data Allocation MB"], ["Fleet pool", 500_000]]


def csv_text(rows):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def column(index):
    return chr(ord("A") + index)


def workbook(rows):
    """A small XLSX as every spreadsheet program reads it: texts inline, numbers as numbers."""
    def cell(value, at):
        if isinstance(value, float):
            return f'<c r="{at}"><v>{value!r}</v></c>'
        return f'<c r="{at}" t="inlineStr"><is><t>{value}</t></is></c>'

    lines = "".join(
        f'<row r="{n}">' + "".join(cell(v, f"{column(i)}{n}") for i, v in enumerate(row)) + "</row>"
        for n, row in enumerate(rows, 1))
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    sheet_type = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    head = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    parts = {
        "[Content_Types].xml":
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{sheet_type}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/sheet1.xml" '
            f'ContentType="{sheet_type}.worksheet+xml"/></Types>',
        "_rels/.rels":
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml":
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
            f'<sheet name="Changes" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels":
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml":
            f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
    }
    data = io.BytesIO()
    # Stored, not packed: packing differs from one zlib to the next.
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), head + text)
    return data.getvalue()


def json_text(request):
    devices = ",\n    ".join(json.dumps(device) for device in request["devices"])
    rest = json.dumps({k: v for k, v in request.items() if k != "devices"}, indent=2)
    return (rest[:-2] + f',\n  "devices": [\n    {devices}\n  ]\n}}\n').encode()


def all_files():
    files = {name: csv_text(rows) for name, rows in small_files()}
    files["devices.csv"] = csv_text(fleet())
    files["suspend.csv"] = csv_text(suspend())
    files["carrier-plans.xlsx"] = workbook(carrier_plans())
    files["customer-plans.json"] = json_text(customer_plans())
    files["assign.csv"] = csv_text(assign())
    files["every-carrier.csv"] = csv_text(every_carrier())
    files["optimization.json"] = (json.dumps(optimization(), indent=2) + "\n").encode()
    return files


def main():
    folder = Path(__file__).resolve().parent
    files = all_files()
    if "--check" in sys.argv[1:]:
        stale = [name for name, data in files.items()
                 if not (folder / name).is_file() or (folder / name).read_bytes() != data]
        print("\n".join(f"examples/{name} is not what make_fleet.py writes" for name in stale)
              or f"{len(files)} files are as they should be")
        return 1 if stale else 0
    for name, data in files.items():
        (folder / name).write_bytes(data)
        print(f"examples/{name}: {len(data):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
