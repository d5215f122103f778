"""A site that runs with the specification's example file behaves as its comments say."""
import pathlib
import shutil

import pytest

import steward
from steward import eventually

DATA = pathlib.Path(__file__).resolve().parents[1] / "data/conf"


@pytest.fixture
def begin(make, sink):
    """begin(replace={old: new}): the example's site, addresses adapted, its people in."""
    def begin(replace=None):
        site = make(frozen=True, start=False)
        text = (DATA / "example.yaml").read_text(encoding="utf-8")
        text = text.replace("127.0.0.1:7070", f"127.0.0.1:{site.line_port}").replace("127.0.0.1:8080", f"127.0.0.1:{site.http_port}")
        text = text.replace("  control: steward.sock", "  dev_token_file: dev.token\n  control: steward.sock")
        for old, new in (replace or {}).items():
            assert old in text, old
            text = text.replace(old, new)
        site.config.write_text(text, encoding="utf-8")
        shutil.copy(DATA / "holidays-cn-2026.ics", site.folder)
        (site.folder / "templates").mkdir(exist_ok=True)
        site.webhook("sms", sink.url)
        site.webhook("mail", sink.url)
        site.start()
        site.sink = sink
        site.t = {}
        for name, role, more in (("li.na", "agent", {"device": "1001", "phone": "13600136001"}), ("zhao.lei", "agent", {"device": "1002"}),
                                 ("zhao.gang", "department", {"department": "engineering", "phone": "13600136003"}),
                                 ("chen.tao", "department", {"department": "security"}),
                                 ("sun.li", "supervisor", {"phone": "13600136002"}), ("zhou.yu", "manager", {"phone": "13600136004"}),
                                 ("qian.wei", "director", {"email": "q@example.com"})):
            site.t[name] = site.user(name, role=role, **more)
        steward.sample_owners(site)
        return site

    return begin


def clocks(t, cycle=1):
    return {c["name"]: c for c in t["clocks"] if c["cycle"] == cycle}


def leak(site, **more):
    return site.post("/tickets", {"subject": "漏水", "category": "leak", "take": True, **more}, token=site.t["li.na"])


def do(site, key, verb, by="li.na", body=None):
    return site.post(f"/tickets/{key}/{verb}", body or {}, token=site.t[by])


def escalated(site, key, clock):
    return [e["data"] for e in site.timeline(key) if e["kind"] == "escalated" and e["data"]["clock"] == clock]


def test_the_ladder_of_urgent(begin):
    site = begin()
    t = leak(site, priority=3)
    assert {k: v["due_at"][5:16] for k, v in clocks(t).items()} == {"first_reply": "11-22T01:23", "resolve": "11-23T01:13"}
    do(site, t["id"], "reply", body={"note": "x", "channel": "call"})
    site.advance(24 * 3600 * 0.8 + 1)
    eventually(lambda: len(escalated(site, t["id"], "resolve")) == 1, "80%")
    site.advance(24 * 3600 * 0.2)
    eventually(lambda: len(escalated(site, t["id"], "resolve")) == 2, "100%")
    site.advance(1800)
    eventually(lambda: len(escalated(site, t["id"], "resolve")) == 3, "+30m")
    assert site.get(f"/tickets/{t['id']}")["priority"] == 2
    for n in range(8):
        site.advance(4 * 3600)
        eventually(lambda: len(escalated(site, t["id"], "resolve")) == min(4 + n, 9), f"turn {n}")
    steps = escalated(site, t["id"], "resolve")
    assert [(s["step"], s["turn"], s["at"], sorted(s["told"])) for s in steps] == [
        (1, 1, "80%", ["li.na"]), (2, 1, "100%", ["li.na", "sun.li"]), (3, 1, "+30m", ["zhao.gang", "zhou.yu"])] + [
        (4, n, "+4h", ["qian.wei"]) for n in range(1, 7)]
    told = {m["account"]: m for m in site.get(f"/messages?ticket={t['id']}&limit=500")["items"] if m["template"] == "escalated"}
    assert told["li.na"]["channel"] == "sms" and told["li.na"]["text"].startswith("【四季花城】") and told["qian.wei"]["channel"] == "email"


def test_nobody_answers_the_question(begin):
    site = begin()
    person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    t = leak(site, person_id=person)
    do(site, t["id"], "resolve", body={"note": "x"})
    t = do(site, t["id"], "reply", body={"note": "好了吗", "channel": "call"})
    assert clocks(t)["confirm"]["due_at"] == "2026-11-25T01:13:20.000Z"
    for _ in range(3):
        do(site, t["id"], "attempt", body={"channel": "call", "outcome": "no_answer"})
    site.advance(3 * 86400 + 60)
    t = eventually(lambda: (lambda x: x if x["state"] == "closed" else None)(site.get(f"/tickets/{t['id']}")), "closed")
    assert t["close_kind"] == "unconfirmed"


def test_a_category_chooses_department_and_policy(begin):
    site = begin()
    t = leak(site)
    t = do(site, t["id"], "dispatch", body={"note": "x"})
    assert t["dispatches"][0]["department"] == "engineering"
    plain = site.post("/tickets", {"subject": "问路", "take": True}, token=site.t["li.na"])
    assert clocks(plain)["resolve"]["due_at"] != clocks(t)["resolve"]["due_at"]
    assert {c["key"] for c in site.get("/departments")["items"]} == {"engineering", "security"}
    heads = {d["key"]: (d["name"], d["head"]) for d in site.get("/departments")["items"]}
    assert heads["engineering"] == ("工程部", "zhao.gang")


def test_when_takes_another_policy(begin):
    site = begin()
    due = lambda **f: clocks(site.post("/tickets", {"subject": "x", "take": True, **f}, token=site.t["li.na"]))["resolve"]["due_at"]
    plain, urgent = due(priority=3), due(priority=1)
    assert urgent == "2026-11-23T01:13:20.000Z" and plain != urgent
    old = site.post("/owners", {"name": "老人", "phones": ["13111111111"], "segment": "elderly"})
    assert due(person_id=old["id"]) == urgent


def wrap(site, name="c1"):
    line = site.pbx()
    line.answered(name, "1001")
    during = site.get("/tickets")["items"]
    line.event("cleared", name, by="caller")
    line.sync()
    return during, site.get("/tickets")["items"]


def test_open_on_wrap_up(begin):
    site = begin({"open_on: answered": "open_on: wrap_up"})
    during, after = wrap(site)
    assert during == [] and [(t["responder"], t["state"]) for t in after] == [("li.na", "open")]


def test_open_on_manual(begin):
    site = begin({"open_on: answered": "open_on: manual"})
    assert wrap(site) == ([], [])
    call = site.get("/calls")["items"][0]
    assert call["ticket"] is None
    t = site.post("/tickets", {"subject": "漏水", "call_id": call["id"], "take": True}, token=site.t["li.na"])
    assert (t["call_id"], t["calls"], t["channel"], t["caller"], t["responder"]) == (call["id"], [call["id"]], "call", "+8613800138000", "li.na")
    assert clocks(t)["first_reply"]["state"] == "kept" and site.get(f"/calls/{call['id']}")["ticket"] == t["id"]


def test_numbers_as_this_site_shows_them(begin):
    site = begin()
    line = site.pbx()
    for n, (shown, party) in enumerate((("913800138000", "+8613800138000"), ("1795113800138000", "+8613800138000"), ("26888888", "+8675526888888"),
                                        ("91234567", "+85291234567"), ("075526888888", "+8675526888888"))):
        line.ring(f"n{n}", "1001", calling=shown)
        line.sync()
        assert site.get(f"/calls?call=n{n}")["items"][0]["party"] == party, shown


def test_working_days_and_holidays(begin):
    site = begin()

    site.section("policies", "\n  urgent: {calendar: always, clocks: {resolve: 24h}}\n  awaab:\n    calendar: office\n    clocks: {resolve: 2h}\n"
                             "    when: [{kind: complaint}]\n    milestones:\n      investigate: {within: 10wd, from: opened}\n"
                             "      summary: {within: 3wd, from: investigate}\n")
    site.ctl("reload")
    t = site.post("/tickets", {"subject": "x", "kind": "complaint", "take": True}, token=site.t["li.na"])
    # 2026-11-22 is a Sunday, 09:13 in Shanghai: sat-sun 09:00-17:30
    assert clocks(t)["resolve"]["due_at"] == "2026-11-22T03:13:20.000Z"
    assert clocks(t)["investigate"]["due_at"] == "2026-12-02T10:00:00.000Z", clocks(t)["investigate"]
    t = do(site, t["id"], "milestones/investigate", body={"note": "x"})
    assert clocks(t)["summary"]["due_at"] == "2026-11-25T10:00:00.000Z"
