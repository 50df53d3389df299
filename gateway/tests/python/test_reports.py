"""Finance's reports as pages: well-formed, self-contained, and no place for what a till or a programme wrote to become more than text."""

import html.parser
import json
import os
import re
from xml.etree import ElementTree

import pytest

import programmes
from conftest import Gateway
from crypto import ES256

ORDER = "</td><script>x(1)</script>&\"'"
RULE = "<b onload='x'>&amp;\"steps\""
SVG = "{http://www.w3.org/2000/svg}"
REPORTS = ("liability", "interstore", "exceptions", "bonus", "breakage")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """{report: (page, what --json says)} of a gateway with a hostile programme and a hostile till."""
    folder = tmp_path_factory.mktemp("reports")
    gateway = Gateway(os.environ["GATEWAY_BIN"], folder)
    programme = folder / "programme.toml"
    head = programmes.HEAD.replace('rule = "load-steps"', f"rule = {json.dumps(RULE)}").replace('name = "Test"', f"name = {json.dumps(RULE)}")
    programme.write_text(head + programmes.product())
    gateway.admin("programme", "activate", str(programme))
    till = gateway.ready_terminal(ES256)
    branch = gateway.ready_terminal(ES256, "register", "--store", "b-2")
    card = gateway.new_card()
    assert till.activate(card).code == 0 and till.load(card, 30000).code == 0
    sale = branch.purchase(card, 7000, {10: ORDER, 11: 1})
    assert sale.code == 0 and branch.refund(branch.request_of(sale), 2500).code == 0
    pin = gateway.admin("cashier", "add", "--name", "lin", "--supervisor")["pin"]
    assert branch.refund(branch.request_of(sale), 500, supervisor=("lin", pin)).code == 0
    assert till.cash_taken(1000).code == 0 and till.reconciliation(1, [[0x13, 9, 9900]]).code != 0
    for terminal in (till, branch):
        terminal.close()
    day = gateway.admin("status")["business_date"]
    gateway.stop()
    pages = {}
    for report in REPORTS:
        period = ("--as-of", day) if report == "liability" else ("--day", day)
        file = folder / f"{report}.html"
        said = gateway.admin("report", report, *period, "--html", str(file))
        pages[report] = file.read_text(encoding="utf-8"), said
    return pages


class Tags(html.parser.HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open, self.texts = set(), set(), [], []
        self.feed(text)
        self.close()
        assert self.open == [], "something is not closed"

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.handle_startendtag(tag, attributes)

    def handle_startendtag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("report", REPORTS)
def test_a_page_is_well_formed_needs_nothing_else_and_prints_on_a4(pages, report):
    page, _ = pages[report]
    tree = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))
    seen = Tags(page)
    assert seen.tags <= {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "bdi", "svg", "text", "rect"}
    assert seen.attributes <= {"lang", "charset", "http-equiv", "content", "class", "xmlns", "viewbox", "role", "x", "y", "width", "height", "fill", "stroke", "text-anchor"}
    assert "@page{size:A4" in page and not re.search(r"url\(|@import|https?:(?!//www\.w3\.org/2000/svg)", page)
    for drawn in tree.iter(f"{SVG}svg"):
        left, top, width, height = map(int, drawn.get("viewBox").split())
        for bar in drawn.iter(f"{SVG}rect"):
            x, y, long, high = (int(bar.get(name)) for name in ("x", "y", "width", "height"))
            assert left <= x and x + long <= left + width and top <= y and y + high <= top + height
            assert bar.get("fill") in ("#000", "#fff")
        for text in drawn.iter(f"{SVG}text"):
            assert 0 < int(text.get("y")) < height and len(text.text) <= 84
    for table in tree.iter("table"):
        columns = len(table.findall("./thead/tr/th"))
        assert all(len(row.findall("td")) == columns for row in table.findall("./tbody/tr"))


def test_what_a_till_or_a_programme_wrote_is_only_text(pages):
    cells = lambda report: {"".join(cell.itertext()) for cell in ElementTree.fromstring(pages[report][0].removeprefix("<!DOCTYPE html>\n")).iter("td")}
    assert ORDER in cells("exceptions") and RULE[:32] in {(cell or "")[:32] for cell in cells("bonus")}
    assert pages["exceptions"][1]["entries"][0]["order"] == ORDER and pages["bonus"][1]["by_rule"][0]["rule"].startswith(RULE[:32])


def test_the_reports_have_the_day(pages):
    said = {report: said for report, (_, said) in pages.items()}
    assert said["liability"]["by_kind"][0] == {"what": "principal", "in": "CNY", "lots": 1, "owed": said["liability"]["by_store"][0]["owed"]}
    (owed,) = said["interstore"]["settlement"]
    assert owed["creditor"] == "b-2" and (owed["opening"], owed["owed"], owed["owed_back"], owed["closing"]) == ("0.00", "70.00", "30.00", "40.00")
    came = {(row["debtor"], row["creditor"], row["what"]): (row["number"], row["owed"]) for row in said["interstore"]["by_message"]}
    assert came == {("S001", "b-2", "Purchase"): (1, "70.00"), ("b-2", "S001", "Refund"): (2, "30.00")}
    kinds = {(row["terminal"], row["what"]): (row["number"], row["of"], row["rate"]) for row in said["exceptions"]["by_terminal"]}
    assert kinds == {
        ("T0001", "cash taken, not credited"): (1, 3, "33.33"), ("T0001", "totals differ"): (1, 3, "33.33"),
        ("T0002", "refund"): (2, 3, "66.66"), ("T0002", "keyed in"): (1, 3, "33.33"), ("T0002", "allowed by a supervisor"): (1, 3, "33.33"),
    }
    (row,) = said["bonus"]["by_tier"]
    assert (row["load_from"], row["given"]) == ("100.00", "10.00")
    assert said["breakage"]["by_kind"] == [] and all(not report["complete"] for report in said.values())
