"""Appraisal by its definitions, and the digest of complaints that is sent once a day."""
import csv
import io

import pytest

import steward

CATEGORIES = """
  leak: {name: {zh: 漏水, en: Water leak}, department: engineering}
  noise: {name: {zh: 噪音, en: Noise}, kind: complaint}
"""
POLICY = """
  standard:
    calendar: always
    clocks: {claim: 10m, first_reply: 1h, accept: 30m, resolve: 4h, feedback: 2h, confirm: 3d}
    escalate: [{at: 100%, tell: [supervisor]}]
"""


@pytest.fixture
def office(make, sink):
    site = make(frozen=True, start=False)  # 2026-11-22, 09:13 in Shanghai
    site.section("departments", "\n  engineering: {name: {zh: 工程部, en: Engineering}, head: zhao.gang}\n")
    site.section("categories", CATEGORIES)
    site.section("policies", POLICY)
    site.webhook("sms", sink.url)
    site.webhook("mail", sink.url)
    site.start()
    site.li = site.user("li.na", display="李娜")
    site.wang = site.user("wang.lei")
    site.zhao = site.user("zhao.gang", role="department", department="engineering")
    site.boss = site.user("sun.li", role="supervisor")
    site.user("qian.wei", role="director", email="qian@example.com", phone="13600136004")
    site.user("zhou.yu", role="manager", phone="13600136003")
    site.sink = sink
    return site


def take(site, token, category="leak", **more):
    return site.post("/tickets", {"subject": "漏水", "category": category, "channel": "walk_in", "take": True,
                                  "caller": "13800138000", **more}, token=token)["id"]


def verb(site, key, name, token, **body):
    return site.post(f"/tickets/{key}/{name}", body, token=token)


def test_by_responder(office):
    site = office
    good = take(site, site.li)
    verb(site, good, "resolve", site.li, told=True, satisfied=True, score=5)
    late = take(site, site.li)
    verb(site, late, "urge", site.wang)
    site.advance(4 * 3600 + 60)
    steward.eventually(lambda: [c for c in site.get(f"/tickets/{late}")["clocks"] if c["name"] == "resolve"][0]["state"] == "breached",
                       "breach")
    verb(site, late, "resolve", site.li)
    verb(site, late, "reply", site.li, note="好了")
    verb(site, late, "confirm", site.li, satisfied=False, score=1)
    verb(site, late, "handover", site.boss, to="wang.lei", ground="leave")
    verb(site, late, "handover/accept", site.wang)
    wrong = take(site, site.li)
    verb(site, wrong, "cancel", site.li, reason="wrong_number")
    report = site.get("/reports/appraisal?by=responder", token=site.boss)
    rows = {r["key"]: r for r in report["items"]}
    li, wang = rows["li.na"], rows["wang.lei"]
    assert li["name"] == "李娜" and li["tickets"] == 2 and li["confirmed"] == 1 and li["cancelled"] == 1
    assert li["cancels"] == {"wrong_number": 1, "no_request": 0, "duplicate": 0, "test": 0}
    assert li["staff_confirmations"] == 1 and sum(li["confirmations"].values()) == 0
    assert li["satisfaction"] == {"answers": 1, "average": 5} and li["broken"] == 0
    assert li["handovers"] == {"given": 1, "taken": 0} and wang["handovers"] == {"given": 0, "taken": 1}
    assert wang["tickets"] == 1 and wang["open"] == 1 and wang["urges"] == 1 and wang["unsatisfied"] == 1
    assert wang["reopened"] == 1 and wang["cycles_max"] == 2 and wang["satisfaction"]["average"] == 1
    resolve = wang["clocks"]["resolve"]
    assert (resolve["kept"], resolve["broken"], resolve["late"], resolve["running"]) == (0, 1, 1, 1)
    assert "accept" not in wang["clocks"]
    assert report["total"]["tickets"] == 3 and report["total"]["handovers"] == {"given": 1, "taken": 1}


def test_by_department_estate_category(office):
    site = office
    steward.sample_owners(site)
    person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    a, b = take(site, site.li, person_id=person), take(site, site.li, "noise")
    verb(site, a, "dispatch", site.li, department="engineering")
    verb(site, a, "dispatches/1/accept", site.zhao)
    verb(site, b, "dispatch", site.li, department="engineering")
    site.advance(31 * 60)
    steward.eventually(lambda: [c for c in site.get(f"/tickets/{b}")["clocks"] if c["name"] == "accept"][0]["state"] == "breached",
                       "breach")
    row, = site.get("/reports/appraisal?by=department")["items"]
    assert row["key"] == "engineering" and row["name"] == "工程部" and row["tickets"] == 2
    assert set(row["clocks"]) == {"accept"}
    assert (row["clocks"]["accept"]["kept"], row["clocks"]["accept"]["broken"]) == (1, 1) and row["kept"] == 1
    estates = {r["key"]: r["tickets"] for r in site.get("/reports/appraisal?by=estate")["items"]}
    assert estates == {"四季花城": 2} or estates == {None: 1, "四季花城": 1}
    categories = {r["key"]: r for r in site.get("/reports/appraisal?by=category")["items"]}
    assert categories["leak"]["name"] == "漏水" and {"accept", "resolve"} <= set(categories["noise"]["clocks"])


def test_csv_and_bounds(office):
    take(office, office.li)
    r = office.request("GET", "/api/v1/reports/appraisal?by=responder&format=csv")
    assert r.status == 200 and r.headers["content-type"].startswith("text/csv")
    row, = csv.DictReader(io.StringIO(r.body))
    assert row["key"] == "li.na" and row["tickets"] == "1" and row["resolve_kept"] == "0" and row["satisfaction"] == ""
    assert office.get("/reports/appraisal?from=2026-11-22&to=2026-11-22")["total"]["tickets"] == 1
    assert office.get("/reports/appraisal?from=2026-11-20&to=2026-11-21")["items"] == []
    assert office.get("/reports/appraisal?from=2026-11-21T16:00:00Z&to=2026-11-22T00:00:00Z")["items"] == []
    for query, field in (("by=cat", "by"), ("format=pdf", "format"), ("from=yesterday", "from"), ("to=99", "to"),
                         ("from=2026-11-22&to=2026-11-20", "from"), ("from=2020-01-01", "from")):
        r = office.request("GET", f"/api/v1/reports/appraisal?{query}")
        assert r.status == 422 and r.json["field"] == field, (query, r)
    assert office.request("GET", "/api/v1/reports/appraisal", token=office.li).status == 403


def digests(site):
    return [m for m in site.get("/messages?limit=500")["items"] if m["template"] == "digest"]


def test_digest_is_sent_once_a_day(office):
    site = office
    key = take(site, site.li, "noise")
    take(site, site.li)  # no complaint
    site.advance(5 * 3600)
    assert digests(site) == []
    site.advance(17 * 3600 + 46 * 60)  # 07:59 of the next day
    site.post("/tickets", {"subject": "x", "channel": "web"})
    assert digests(site) == []
    site.advance(60)
    sent = steward.eventually(lambda: len(digests(site)) == 2 and digests(site), "the digest")
    by = {m["account"]: m for m in sent}
    assert by["qian.wei"]["channel"] == "email" and by["zhou.yu"]["channel"] == "sms"
    text = by["qian.wei"]["text"]
    assert "2026-11-22" in text and "新增1件" in text and "超时1件" in text and key in text and by["qian.wei"]["class"] == "staff"
    site.restart()
    site.advance(3600)
    site.kill()
    site.start()
    site.advance(1)
    assert site.get("/reports/digest?date=2026-11-22")["items"][0]["id"] == key
    assert len(digests(site)) == 2
    site.advance(23 * 3600)
    steward.eventually(lambda: len(digests(site)) == 4, "the next day's digest")


def test_digest_after_a_night_without_power(office):
    take(office, office.li, "noise")
    steward.eventually(lambda: office.sql("SELECT 1 FROM report_sent"), "today is seen to")
    office.kill()
    office.frozen += 26 * 3600 * 1000
    office.start()
    steward.eventually(lambda: len(digests(office)) == 2, "the digest")


def test_no_complaints_no_digest(office):
    take(office, office.li)
    steward.eventually(lambda: office.sql("SELECT 1 FROM report_sent"), "today is seen to")
    office.advance(23 * 3600)
    steward.eventually(lambda: len(office.sql("SELECT 1 FROM report_sent")) == 2, "two days are seen to")
    assert digests(office) == []


def test_digest_to_read(office):
    key = take(office, office.li, "noise")
    today = office.get("/reports/digest?date=2026-11-22", token=office.boss)
    assert (today["opened"], today["closed"], today["open"], today["overdue"]) == (1, 0, 1, 0)
    item, = today["items"]
    assert item["id"] == key and item["responder"] == "li.na" and not item["overdue"] and key in today["text"]
    yesterday = office.get("/reports/digest")
    assert yesterday["date"] == "2026-11-21" and yesterday["items"] == []
    assert office.request("GET", "/api/v1/reports/digest?date=soon").status == 422


def test_at_the_command_line(office):
    key = take(office, office.li, "noise")
    assert "li.na" in office.ctl("report", "appraisal", "--by", "responder").stdout
    assert key in office.ctl("report", "digest", "--date", "2026-11-22").stdout
    assert "漏水" in office.ctl("category", "list").stdout and "工程部" in office.ctl("category", "show", "leak").stdout
    office.ctl("shift", "add", "li.na", "2026-11-22T00:00:00Z", "2026-11-22T09:00:00Z")
    assert "li.na" in office.ctl("shift", "list").stdout
    office.ctl("shift", "remove", "1")
    assert "li.na" not in office.ctl("shift", "list").stdout
    assert "停水" in office.ctl("incident", "new", "--category", "leak", "--words", "抢修中", "停水").stdout
    office.ctl("incident", "words", "1", "18点恢复")
    assert "18点恢复" in office.ctl("incident", "show", "1").stdout
    assert office.ctl("incident", "open", "1", ok=False).returncode == 1
    office.ctl("incident", "resolve", "1", "--note", "已恢复")
    assert "resolved" in office.ctl("incident", "list").stdout
