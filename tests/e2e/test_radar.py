"""Many owners, one complaint: the warning, the incident that is offered, what it does and how it ends."""
import pytest

import steward

CATEGORIES = """
  leak: {name: {zh: 漏水, en: Water leak}, department: engineering, policy: standard}
  noise: {name: {zh: 噪音, en: Noise}, kind: complaint}
"""
POLICY = """
  standard:
    calendar: always
    clocks: {claim: 10m, first_reply: 1h, resolve: 4h, feedback: 2h, confirm: 3d}
    escalate:
      - {at: 80%, tell: [responder]}
      - {at: 100%, tell: [responder, supervisor]}
"""
ALERT = "\n  group_alert: {same: [building, category], owners: 3, within: 24h, tell: [manager]}\n"
UNITS = "estate,building,unit,area_m2,delivered_on\n" + "".join(f"四季花城,{b},{f}0{n},90,2019-05-01\n"
                                                              for b in (3, 5) for f in (1, 2, 3) for n in (1, 2))
PERSONS = "key,name,language,phones,emails,segment,flags,tier,consent\n" + "".join(
    f"p{i},业主{i},zh-Hans,1380000000{i},,,,,{'call' if i == 4 else ''}\n" for i in range(8))
TENURES = "person_key,estate,building,unit,role,from,to\n" + "".join(
    f"p{i},四季花城,3,{unit},{role},2019-05-01,\n" for i, unit, role in (
        (0, 101, "owner"), (1, 102, "owner"), (2, 201, "owner"), (3, 202, "owner"), (4, 301, "owner"), (5, 101, "family"))
) + "p6,四季花城,5,101,owner,2019-05-01,\np7,四季花城,5,102,owner,2019-05-01,\n"


@pytest.fixture
def town(make, sink):
    site = make(frozen=True, start=False)
    site.section("categories", CATEGORIES)
    site.section("departments", "\n  engineering: {name: {zh: 工程部, en: Engineering}}\n")
    site.section("policies", POLICY)
    site.section("tickets", ALERT)
    site.webhook("sms", sink.url)
    site.start()
    site.li = site.user("li.na", device="1001")
    site.boss = site.user("sun.li", role="supervisor", phone="13600136002")
    site.user("zhou.yu", role="manager", phone="13600136003")
    site.owners(units=UNITS, persons=PERSONS, tenures=TENURES)
    site.ids = {i: site.get(f"/owners?phone=1380000000{i}")["items"][0]["owner"]["id"] for i in range(8)}
    site.sink = sink
    return site


def complain(site, i, category="leak"):
    return site.post("/tickets", {"subject": "漏水", "category": category, "channel": "walk_in", "take": True,
                                  "person_id": site.ids[i]}, token=site.li)["id"]


def offered(site, n=1, state="proposed"):
    return steward.eventually(lambda: len(site.get(f"/incidents?state={state}")["items"]) >= n
                              and site.get(f"/incidents?state={state}")["items"], f"{n} incidents {state}")


def test_warns_once_and_offers(town):
    events = town.events()
    complain(town, 0), complain(town, 0), complain(town, 5)  # one household
    complain(town, 6), complain(town, 7)  # another building
    complain(town, 1, "noise")  # another category
    complain(town, 1)
    assert town.get("/incidents")["items"] == []
    complain(town, 2)
    _, alert = events.next("alert", kind="group_alert")
    assert "四季花城3栋漏水：3户反映" == alert["text"] and alert["data"]["owners"] == 3
    incident, = offered(town)
    assert alert["data"]["incident"] == incident["id"] and incident["opened_by"] == "steward"
    assert incident["scope"] == {"estate": "四季花城", "building": "3", "riser": None} and incident["category"] == "leak"
    assert incident["tickets"] == [] and "open" in incident["allowed"]
    message = town.sink.next(to="+8613600136003", template="group_alert")["json"]["data"]  # the digest goes there too
    assert "3户反映" in message["text"] and message["class"] == "staff"
    complain(town, 3), complain(town, 4)
    town.restart()
    complain(town, 3)
    assert len(town.get("/incidents")["items"]) == 1
    assert len(town.sql("SELECT 1 FROM alert WHERE kind = 'group_alert'")) == 1
    assert len([m for m in town.get("/messages")["items"] if m["template"] == "group_alert"]) == 1


def test_what_came_while_it_was_down_is_seen(town):
    complain(town, 0), complain(town, 1), complain(town, 2)
    town.kill()
    town.start()
    assert len(offered(town)) == 1


def test_old_complaints_do_not_count(town):
    complain(town, 0), complain(town, 1)
    town.advance(24 * 3600 + 1)
    complain(town, 2), complain(town, 3)
    town.restart()
    assert town.get("/incidents")["items"] == []


def test_opened_it_gathers_and_is_said_on_the_next_card(town):
    keys = [complain(town, i) for i in (0, 1, 2)]
    incident, = offered(town)
    assert town.request("POST", f"/api/v1/incidents/{incident['id']}/open", {}, token=town.li).status == 403
    words = "主管道爆裂，预计18点修好。"
    opened = town.post(f"/incidents/{incident['id']}/open", {"words": words}, token=town.boss)
    assert opened["state"] == "open" and opened["tickets"] == keys and opened["opened_by"] == "sun.li"
    for key in keys:
        assert town.get(f"/tickets/{key}")["incident_id"] == incident["id"]
        assert [e["data"] for e in town.timeline(key) if e["kind"] == "joined_incident"] == [{"incident": incident["id"]}]
    desk, pbx = town.agent("1001"), town.pbx()
    pbx.ring("c1", calling="13800000003")  # somebody else of the building
    advice = desk.expect("pop", call="c1")["advice"]
    assert advice[0]["kind"] == "incident" and advice[0]["text"] == words and advice[0]["incident"] == incident["id"]
    pbx.ring("c2", calling="13800000006")  # of another building
    assert desk.expect("pop", call="c2")["advice"] == []
    later = complain(town, 3)
    steward.eventually(lambda: town.get(f"/tickets/{later}")["incident_id"] == incident["id"], "the later one joined")
    town.post(f"/incidents/{incident['id']}/words", {"words": "20点修好。"}, token=town.boss)
    pbx.ring("c3", calling="13800000003")  # its card is cached
    assert desk.expect("pop", call="c3")["advice"][0]["text"] == "20点修好。"
    town.restart()
    desk, pbx = town.agent("1001"), town.pbx()
    pbx.ring("c4", calling="13800000003")
    assert desk.expect("pop", call="c4")["advice"][0]["text"] == "20点修好。"


def escalations(site, key):
    return [e["data"] for e in site.timeline(key) if e["kind"] == "escalated" and e["data"]["clock"] == "resolve"]


def test_its_tickets_page_once_together(town):
    keys = [complain(town, i) for i in (0, 1, 2)]
    incident, = offered(town)
    town.post(f"/incidents/{incident['id']}/open", token=town.boss)
    alone = complain(town, 6)
    town.advance(4 * 3600 + 1)
    steps = steward.eventually(lambda: all(len(escalations(town, k)) == 2 for k in keys + [alone])
                               and [escalations(town, k) for k in keys], "every step")
    supervisor = [s[1] for s in steps]
    assert sorted(len(s["told"]) for s in supervisor) == [0, 0, 2]
    assert sorted(s.get("incident") or 0 for s in supervisor) == [0, incident["id"], incident["id"]]
    assert escalations(town, alone)[1]["told"] == ["li.na", "sun.li"]
    pages = [m for m in town.get("/messages?limit=500")["items"] if m["template"] == "escalated" and m["account"] == "sun.li"
             and m["params"]["clock"] == "resolve"]
    assert sorted(m["ticket"] for m in pages) == sorted([alone] + [k for k, s in zip(keys, supervisor) if s["told"]])
    assert town.ctl("audit", "verify").returncode == 0


def test_solved_every_caller_is_told_once(town):
    keys = [complain(town, i) for i in (0, 0, 1, 2, 4)]  # 0 called twice, 4 wants no SMS
    walker = town.post("/tickets", {"subject": "漏水", "category": "leak", "caller": "13955555555"}, token=town.li)["id"]
    incident, = offered(town)
    town.post(f"/incidents/{incident['id']}/open", {"subject": "3栋主管爆裂"}, token=town.boss)
    town.post(f"/tickets/{walker}/incident", {"id": incident["id"]}, token=town.li)
    done = town.post(f"/incidents/{incident['id']}/resolve", {"note": "已换管。"}, token=town.boss)
    assert done["state"] == "resolved" and done["told"] == 4 and done["resolved_by"] == "sun.li" and done["allowed"] == []
    told = [m for m in town.get("/messages?limit=500")["items"] if m["template"] == "incident_solved"]
    assert sorted(m["to"] for m in told) == ["+8613800000000", "+8613800000001", "+8613800000002", "+8613955555555"]
    assert all("3栋主管爆裂" in m["text"] and "已换管。" in m["text"] and m["class"] == "service" for m in told)
    assert [e["data"]["incident"] for e in town.timeline(keys[0]) if e["kind"] == "told"] == [incident["id"]]
    assert [e for e in town.timeline(keys[1]) if e["kind"] == "told"] == []
    assert town.get(f"/tickets/{keys[0]}")["state"] == "open"  # its responder's loop goes on
    refused = town.request("POST", f"/api/v1/tickets/{complain(town, 6)}/incident", {"id": incident["id"]}, token=town.li)
    assert refused.status == 422
    town.restart()
    assert len([m for m in town.get("/messages?limit=500")["items"] if m["template"] == "incident_solved"]) == 4


def test_quiet_hours_hold_for_the_good_news(make, sink):
    site = make(frozen=True, start=False)  # 09:13 in Shanghai
    site.section("messages", '\n  quiet_hours: {from: "09:00", to: "10:00"}\n  sms: {gateway: sms}\n')
    site.webhook("sms", sink.url)
    site.start()
    steward.sample_owners(site)
    person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    incident = site.post("/incidents", {"subject": "停水", "scope": {"building": "3"}})["id"]
    ticket = site.post("/tickets", {"subject": "没水", "person_id": person})["id"]
    site.post(f"/tickets/{ticket}/incident", {"id": incident})
    site.post(f"/incidents/{incident}/resolve")
    message = next(m for m in site.get("/messages")["items"] if m["template"] == "incident_solved")
    assert message["state"] == "queued" and message["not_before"] == "2026-11-22T02:00:00.000Z"


def test_many_tickets_go_in_batches(town):
    n = 75
    incident = town.post("/incidents", {"subject": "停电", "category": "leak", "join": True})["id"]
    town.post(f"/incidents/{incident}/words", {"words": "正在抢修"})
    keys = [town.post("/tickets", {"subject": "停电", "category": "leak", "caller": f"139{i:08d}"})["id"] for i in range(n)]
    steward.eventually(lambda: len(town.get(f"/incidents/{incident}")["tickets"]) == n, "all joined")
    town.post(f"/incidents/{incident}/resolve")
    steward.eventually(lambda: town.get(f"/incidents/{incident}")["told"] == n, "all told")
    assert town.get(f"/incidents/{incident}")["tickets"] == keys


def test_by_hand_and_bad_input(town):
    made = town.post("/incidents", {"subject": "停水", "words": "水务局检修", "scope": {"estate": "四季花城", "building": "5"},
                                    "category": "leak"}, status=201, token=town.boss)
    assert made["state"] == "open" and made["scope"]["building"] == "5" and made["owners"] is None
    again = town.request("POST", "/api/v1/incidents", {"subject": "x", "scope": {"building": "5", "estate": "四季花城"},
                                                      "category": "leak"})
    assert again.status == 409 and again.json["state"] == "open"
    for body, field in (({}, "subject"), ({"subject": "x", "category": "no"}, "category"), ({"subject": 5}, "subject"),
                        ({"subject": "x", "scope": "3"}, "scope"), ({"subject": "x", "scope": {"building": "99"}}, "scope"),
                        ({"subject": "x", "scope": {"estate": "月球"}}, "scope"), ({"subject": "x", "scope": {"riser": "01"}}, "scope"),
                        ({"subject": "x", "scope": {"building": "5", "riser": "1x"}}, "scope"), ({"subject": "x", "join": True}, "join")):
        r = town.request("POST", "/api/v1/incidents", body)
        assert r.status == 422 and r.json["field"] == field, (body, r)
    assert town.request("POST", "/api/v1/incidents", {"subject": "x"}, token=town.li).status == 403
    assert town.request("GET", "/api/v1/incidents/99").status == 404
    assert town.request("POST", "/api/v1/incidents/99/resolve", {}).status == 404
    closed = town.post(f"/incidents/{made['id']}/close", {"reason": "误报"})
    assert closed["state"] == "closed" and closed["told"] == 0
    r = town.request("POST", f"/api/v1/incidents/{made['id']}/resolve", {})
    assert r.status == 409 and r.json["state"] == "closed" and r.json["allowed"] == []


def test_a_refused_offer_needs_new_owners(town):
    for i in (0, 1, 2):
        complain(town, i)
    incident, = offered(town)
    town.post(f"/incidents/{incident['id']}/close", {"reason": "各有原因"})
    town.restart()
    complain(town, 3)
    town.restart()
    assert len(town.get("/incidents")["items"]) == 1
    town.advance(60)
    complain(town, 0), complain(town, 1), complain(town, 4)
    assert len(offered(town)) == 1 and len(town.get("/incidents")["items"]) == 2


def test_a_call_counts_once_its_category_is_known(town):
    pbx = town.pbx()
    for i in (0, 1, 2):
        pbx.answered(f"c{i}", "1001", calling=f"1380000000{i}")
    keys = [town.ticket(caller=f"+861380000000{i}")["id"] for i in (0, 1, 2)]
    for key in keys[:2]:
        assert town.request("PATCH", f"/api/v1/tickets/{key}", {"category": "leak"}, token=town.li).status == 200
    town.request("PATCH", f"/api/v1/tickets/{keys[2]}", {"category": "noise"}, token=town.li)
    assert town.get("/incidents")["items"] == []
    assert town.request("PATCH", f"/api/v1/tickets/{keys[2]}", {"category": "leak"}, token=town.boss).status == 200
    incident, = offered(town)
    assert town.post(f"/incidents/{incident['id']}/open", token=town.boss)["tickets"] == keys


def test_riser_and_other_rules_by_reload(town):
    for i in (0, 2, 4, 1):  # 101, 201 and 301 are on one riser, 102 is not
        complain(town, i, "noise")
    noise, = offered(town)
    assert noise["category"] == "noise" and noise["owners"] == 3
    town.section("tickets", ALERT.replace("building", "riser").replace("owners: 3", "owners: 4"))
    town.ctl("reload")
    for i in (0, 1, 2, 4):
        complain(town, i)
    complain(town, 6)  # 101 of another building
    assert len(town.get("/incidents")["items"]) == 1
    town.section("tickets", ALERT.replace("building", "riser"))
    town.ctl("reload")
    leak = steward.eventually(lambda: [i for i in town.get("/incidents")["items"] if i["category"] == "leak"], "the riser's")[0]
    assert leak["scope"] == {"estate": "四季花城", "building": "3", "riser": "01"} and leak["owners"] == 3
    assert "01号立管" in leak["words"]
    assert len(town.post(f"/incidents/{leak['id']}/open", token=town.boss)["tickets"]) == 3
    town.section("tickets", "\n  group_alert: {same: []}\n")
    town.ctl("reload")
    for i in range(5):
        complain(town, i, "noise")
    assert len(town.get("/incidents")["items"]) == 2


def test_killed_in_the_midst_nobody_is_forgotten_or_told_twice(town):
    n = 100
    incident = town.post("/incidents", {"subject": "停电", "category": "leak", "join": True})["id"]
    for i in range(n):
        town.post("/tickets", {"subject": "停电", "category": "leak", "caller": f"139{i:08d}"})
    steward.eventually(lambda: len(town.get(f"/incidents/{incident}")["tickets"]) == n, "all joined")
    assert town.post(f"/incidents/{incident}/resolve")["told"] >= 32  # the first batch, with the answer
    town.kill()
    town.start()
    steward.eventually(lambda: town.get(f"/incidents/{incident}")["told"] == n, "all told")
    told = [m["to"] for m in town.get("/messages?limit=500")["items"] if m["template"] == "incident_solved"]
    assert len(told) == len(set(told)) == n
    assert town.sql("SELECT telling FROM incident") == [{"telling": None}]
    assert town.ctl("audit", "verify").returncode == 0


def test_every_change_is_told_live(make, sink):
    site = make(frozen=True, start=False)
    site.section("categories", CATEGORIES)
    site.section("departments", "\n  engineering: {name: {zh: 工程部, en: Engineering}}\n")
    site.webhook("crm", sink.url, "events: [incident.*]\n")
    site.start()
    boss, events = site.user("sun.li", role="supervisor"), site.events()
    i = site.post("/incidents", {"subject": "停水", "category": "leak", "words": "抢修中"}, token=boss)["id"]
    for verb, body in (("words", {"words": "18点恢复"}), ("resolve", {"note": "已恢复"})):
        site.post(f"/incidents/{i}/{verb}", body, token=boss)
    other = site.post("/incidents", {"subject": "停电", "category": "noise"}, token=boss)["id"]
    site.post(f"/incidents/{other}/close", {"reason": "误报"}, token=boss)
    for kind, number, state in (("incident_opened", i, "open"), ("incident_words", i, "open"), ("incident_resolved", i, "resolved"),
                                ("incident_opened", other, "open"), ("incident_closed", other, "closed")):
        _, alert = events.next("alert")
        assert (alert["kind"], alert["data"]["incident"], alert["data"]["state"]) == (kind, number, state)
    posted = {}
    while len(posted) < 4:
        request = sink.requests.get(timeout=steward.TIMEOUT)["json"]
        posted[request["type"], request["data"]["id"]] = request["data"]
    assert set(posted) == {("incident.opened", i), ("incident.resolved", i), ("incident.opened", other), ("incident.closed", other)}
    solved = posted["incident.resolved", i]
    assert (solved["state"], solved["reason"], solved["words"]) == ("resolved", "已恢复", "18点恢复")
