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


CLOCK_NUMBERS = ("kept", "broken", "late", "running", "cancelled")


def flat(row):
    """A row of the JSON as the CSV names its columns."""
    out = {"key": row["key"] or "", "name": row["name"] or ""}
    out |= {k: v for k, v in row.items() if isinstance(v, int)}
    out["confirmed_staff"] = out.pop("staff_confirmations")
    for prefix, part in (("cancelled_", "cancels"), ("confirmed_", "confirmations"), ("sample_", "sample"), ("handovers_", "handovers")):
        out |= {prefix + k: v for k, v in row[part].items()}
    out["answers"], average = row["satisfaction"]["answers"], row["satisfaction"]["average"]
    out["satisfaction"] = "" if average is None else f"{average:.3f}"
    for name in ("claim", "first_reply", "accept", "progress", "resolve", "feedback", "confirm", "handover"):
        clock = row["clocks"].get(name) or dict.fromkeys(CLOCK_NUMBERS, 0)
        out |= {f"{name}_{k}": clock[k] for k in CLOCK_NUMBERS}
    return {k: str(v) for k, v in out.items()}


def recount(site, keys):
    """The same numbers, counted from what single tickets, their histories and surveys show."""
    c = dict.fromkeys(("confirmed", "unconfirmed", "supervisor_closed", "cancelled", "open", "unsatisfied", "staff", "self", "drawn",
                       "agreed", "disagreed", "unanswered", "urges", "reopened", "answers", "sum", "given", "accept_kept", "accept_broken"), 0)
    for key in keys:
        t = site.get(f"/tickets/{key}")
        kind = {"closed": {"supervisor": "supervisor_closed"}.get(t["close_kind"], t["close_kind"]), "cancelled": "cancelled"}
        c[kind.get(t["state"], "open")] += 1
        c["urges"] += t["urges"]
        c["reopened"] += t["cycle"] - 1
        for clock in t["clocks"]:
            if clock["name"] == "accept":
                c["accept_broken" if clock["breached"] else "accept_kept"] += clock["breached"] or clock["state"] == "kept"
        for e in site.timeline(key):
            data = e["data"]
            if e["kind"] == "confirmed":
                c["unsatisfied"] += not data["satisfied"]
                c["answers"] += data["score"] is not None
                c["sum"] += data["score"] or 0
                c["staff"] += data["satisfied"] and data["via"] == "staff"
                c["self"] += data["satisfied"] and data["via"] != "staff"
            if e["kind"] in ("handover_accepted", "handover_approved"):
                c["given"] += data["moved"]
        for s in site.get(f"/surveys?ticket={key}")["items"]:
            if s["purpose"] == "sample":
                c["drawn"] += 1
                c["unanswered"] += s["state"] == "unanswered"
                c["agreed" if s["satisfied"] else "disagreed"] += s["state"] == "answered"
    return c


def test_every_number_is_what_the_tickets_say(make, sink):
    site = make(frozen=True, start=False)
    site.section("departments", "\n  engineering: {name: {zh: 工程部}, head: zhao.gang}\n  security: {name: {zh: 秩序部}}\n")
    site.section("categories", CATEGORIES)
    site.section("tickets", "\n  open_on: answered\n  policy: standard\n  sample: 100%\n")
    site.section("policies", POLICY + "    no_answer: {tries: 1, over: 1d, by: [sms]}\n")
    site.webhook("sms", sink.url)
    site.start()
    li, wang, boss = site.user("li.na"), site.user("wang.lei"), site.user("sun.li", role="supervisor")
    zhao = site.user("zhao.gang", role="department", department="engineering")
    steward.sample_owners(site)
    owner = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]

    def told(who, score, **more):
        key = take(site, who, **more)
        verb(site, key, "resolve", who, told=True, satisfied=True, score=score)
        return key

    def rung(key, **body):
        row = next(c for c in site.get("/callbacks?limit=500")["items"] if c["ticket"] == key and c["reason"] == "sample")
        site.post(f"/callbacks/{row['id']}/claim", token=boss)
        site.post(f"/callbacks/{row['id']}/done", body, token=boss)

    rung(told(li, 5, person_id=owner), outcome="reached", satisfied=True, score=4)
    rung(told(li, 4), outcome="reached", satisfied=False, note="没人问过我")  # open again
    rung(told(wang, 3, category="noise"), outcome="no_answer")
    told(wang, 5)  # waits to be rung
    asked = take(site, li, person_id=owner)
    verb(site, asked, "resolve", li)
    verb(site, asked, "reply", li, note="好了")
    verb(site, asked, "confirm", steward.TOKEN, satisfied=False, score=1, via="survey")
    verb(site, asked, "resolve", li)
    verb(site, asked, "reply", li, note="好了")
    verb(site, asked, "confirm", steward.TOKEN, satisfied=True, score=2, via="survey")
    silent = take(site, wang, category="noise", person_id=owner)
    verb(site, silent, "resolve", wang)
    verb(site, silent, "reply", wang)
    moved = take(site, li)
    verb(site, moved, "urge", wang)
    verb(site, moved, "urge", li)
    verb(site, moved, "handover", boss, to="wang.lei", ground="leave")
    verb(site, moved, "handover/accept", wang)
    for key, department in ((moved, "engineering"), (moved, "security"), (asked, None)):
        if department:
            verb(site, key, "dispatch", boss, department=department)
    verb(site, moved, "dispatches/1/accept", zhao)
    verb(site, take(site, wang), "close", boss, reason="业主搬走")
    verb(site, take(site, li), "cancel", li, reason="test")
    site.post("/tickets", {"subject": "x", "channel": "web"})  # nobody's
    site.advance(25 * 3600)
    steward.eventually(lambda: site.get(f"/tickets/{silent}")["state"] == "closed", "closed unconfirmed")
    steward.eventually(lambda: not site.sql(f"SELECT 1 FROM clock WHERE done=0 AND next_at<={site.frozen} LIMIT 1"), "quiet clocks")

    tickets = site.get("/tickets?limit=500")["items"]
    places = {t["id"]: t["estate"] for t in tickets}
    whose = {"responder": lambda t: [t["responder"]], "category": lambda t: [t["category"]], "estate": lambda t: [places[t["id"]]],
             "department": lambda t: {d["department"] for d in t["dispatches"]}}
    for by, keys_of in whose.items():
        report = site.get(f"/reports/appraisal?by={by}&to=2026-11-30", token=boss)
        text = site.request("GET", f"/api/v1/reports/appraisal?by={by}&to=2026-11-30&format=csv", token=boss).body
        assert list(csv.DictReader(io.StringIO(text))) == [flat(r) for r in report["items"]], by
        groups = {}
        for t in tickets:
            for key in keys_of(t):
                groups.setdefault(key, []).append(t["id"])
        assert {r["key"] for r in report["items"]} >= set(groups), by
        for row in report["items"]:
            c, sample = recount(site, groups.get(row["key"], [])), row["sample"]
            assert row["tickets"] == len(groups.get(row["key"], [])), (by, row)
            for name in ("confirmed", "unconfirmed", "supervisor_closed", "cancelled", "open", "unsatisfied", "urges", "reopened"):
                assert row[name] == c[name], (by, row["key"], name, row[name], c)
            assert row["staff_confirmations"] == c["staff"] and sum(row["confirmations"].values()) == c["self"], (by, row["key"])
            assert sample == {k: c[k] for k in ("drawn", "agreed", "disagreed", "unanswered")}, (by, row["key"])
            assert row["satisfaction"] == {"answers": c["answers"], "average": round(c["sum"] / c["answers"], 3) if c["answers"] else None}
            if by != "responder":
                assert row["handovers"] == {"given": c["given"], "taken": c["given"]}
            if by in ("estate", "category"):
                accept = row["clocks"].get("accept", {"kept": 0, "broken": 0})
                assert (accept["kept"], accept["broken"]) == (c["accept_kept"], c["accept_broken"]), (by, row["key"])
        assert report["total"]["tickets"] == sum(r["tickets"] for r in report["items"])
    rows = {r["key"]: r for r in site.get("/reports/appraisal?by=responder&to=2026-11-30")["items"]}
    assert (rows["li.na"]["handovers"], rows["wang.lei"]["handovers"]) == ({"given": 1, "taken": 0}, {"given": 0, "taken": 1})
    total = site.get("/reports/appraisal?by=responder&to=2026-11-30")["total"]
    assert (total["unconfirmed"], total["staff_confirmations"], total["sample"]["drawn"], total["confirmations"]["survey"]) == (1, 4, 4, 1)
    rows = {r["key"]: r for r in site.get("/reports/appraisal?by=department&to=2026-11-30")["items"]}
    assert (rows["engineering"]["clocks"]["accept"]["kept"], rows["security"]["clocks"]["accept"]["broken"]) == (1, 1)


def test_a_digest_that_reaches_nobody_is_an_alert(make):
    site = make(frozen=True)
    site.user("qian.wei", role="director")  # neither e-mail nor telephone
    site.post("/tickets", {"subject": "x", "kind": "complaint"})
    site.advance(23 * 3600)
    steward.eventually(lambda: site.sql("SELECT 1 FROM alert WHERE kind='nobody_found' AND text='the digest of complaints reached nobody'"),
                       "the alert")
    assert digests(site) == []
