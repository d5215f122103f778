"""The rules of tickets, sentence by sentence: who may, every verb, every clock, what history says."""
import hashlib

import pytest

import steward

SECTIONS = {
    "departments": """
  engineering: {name: {zh: 工程部, en: Engineering}, head: zhao.gang}
  security: {name: {zh: 秩序部, en: Security}, head: chen.tao}
""",
    "categories": """
  leak: {name: {zh: 漏水, en: Water leak}, department: engineering, policy: urgent, kind: repair}
  noise: {name: {zh: 噪音, en: Noise}, department: security, kind: complaint}
""",
    "policies": """
  standard:
    calendar: always
    clocks: {claim: 10m, first_reply: 1h, accept: 30m, progress: 4h, resolve: 48h, feedback: 2h, confirm: 3d}
    pause: {resolve: [owner, parts]}
    escalate:
      - {at: 100%, tell: [responder]}
      - {at: +30m, tell: [manager], raise: priority}
  urgent:
    urgent: true
    calendar: always
    clocks: {claim: 2m, first_reply: 10m, accept: 15m, progress: 4h, resolve: 24h, feedback: 2h, confirm: 3d}
    when: [{priority: 1}, {segment: elderly}]
    escalate:
      - {at: 80%, tell: [responder]}
      - {at: 100%, tell: [responder, supervisor]}
      - {at: +30m, tell: [department_head, manager], raise: priority}
      - {at: +4h, tell: [director], repeat: 4h, times: 6}
    reopen: {tell: {2: [supervisor], 3: [manager], 4: [director]}, shrink: 75%}
    urge: {tell: [responder, department_head], step: 1, every: 30m}
    no_answer: {tries: 3, over: 3d, by: [call, sms]}
    pause: {resolve: [owner, access, parts], accept: []}
  awaab:
    calendar: always
    clocks: {resolve: 30d}
    when: [{category: noise}]
    milestones:
      investigate: {within: 10d, from: opened}
      summary: {within: 3d, from: investigate}
""",
}
ROLES = {"li.na": ("agent", {"device": "1001", "phone": "13600136001"}), "zhao.lei": ("agent", {"device": "1002"}),
         "zhao.gang": ("department", {"department": "engineering", "phone": "13600136003"}),
         "wu.bo": ("department", {"department": "engineering"}),
         "chen.tao": ("department", {"department": "security"}), "sun.li": ("supervisor", {"phone": "13600136002"}),
         "zhou.yu": ("manager", {}), "qian.wei": ("director", {}), "admin.a": ("admin", {}), "audit.a": ("auditor", {})}


@pytest.fixture
def desk(make, sink):
    site = make(frozen=True, start=False)
    for name, text in SECTIONS.items():
        site.section(name, text)
    site.webhook("sms", sink.url)
    site.start()
    site.tokens = {name: site.user(name, role=role, **more) for name, (role, more) in ROLES.items()}
    site.tokens["machine"] = site.ctl("token", "add", "--integration", "crm").stdout.strip()
    site.tokens["dev"] = steward.TOKEN
    steward.sample_owners(site)
    site.sink = sink
    return site


def ticket(site, by="li.na", status=(200, 201), **fields):
    return site.post("/tickets", {"subject": "厨房漏水", "channel": "walk_in", "take": True, **fields}, token=site.tokens[by],
                     status=status)


def do(site, key, verb, by="li.na", body=None, status=200):
    return site.post(f"/tickets/{key}/{verb}", body or {}, token=site.tokens[by], status=status)


def clocks(t):
    return {(c["name"], c["dispatch"], c["cycle"]): c for c in t["clocks"]}


def kinds(site, key):
    return [e["kind"] for e in site.timeline(key)]


def test_who_may_open_and_take(desk):
    for name in desk.tokens:
        if name == "audit.a":
            ticket(desk, name, status=403)
            continue
        t = ticket(desk, name)
        person = name not in ("machine", "dev")
        assert (t["state"], t["responder"]) == (("open", name) if person else ("new", None)), name
        fresh = ticket(desk, name, take=False)
        assert (fresh["state"], fresh["responder"]) == ("new", None)


def test_who_may_claim_note_and_urge(desk):
    for name in desk.tokens:
        t = ticket(desk, "dev", take=False)
        refused = name == "audit.a"
        do(desk, t["id"], "note", name, {"text": "x"}, 403 if refused else 200)
        do(desk, t["id"], "urge", name, {"note": "x"}, 403 if refused else 200)
        got = do(desk, t["id"], "claim", name, status=403 if name in ("audit.a", "machine", "dev") else 200)
        if name not in ("audit.a", "machine", "dev"):
            assert got["responder"] == name


@pytest.mark.parametrize("verb,body", [
    ("dispatch", {"department": "engineering"}), ("reply", {"note": "x", "channel": "call"}),
    ("attempt", {"channel": "call", "outcome": "no_answer"}), ("resolve", {"note": "x"}),
    ("pause", {"clock": "resolve", "reason": "owner"}),
    ("handover", {"to": "zhao.lei", "ground": "leave"}),
])
def test_the_responder_or_a_supervisor(desk, verb, body):
    for name, may in (("li.na", True), ("sun.li", True), ("zhou.yu", True), ("qian.wei", True), ("admin.a", True), ("dev", True),
                      ("zhao.lei", False), ("zhao.gang", False), ("audit.a", False), ("machine", False)):
        t = ticket(desk)
        shown = desk.get(f"/tickets/{t['id']}", token=desk.tokens[name])["allowed"]
        assert (verb in shown) == may, (name, shown)
        do(desk, t["id"], verb, name, body, 200 if may else 403)


def test_supervisors_alone(desk):
    for name in ("li.na", "zhao.lei", "zhao.gang", "audit.a", "machine"):
        t = ticket(desk)
        do(desk, t["id"], "extend", name, {"clock": "resolve", "by": "2h", "reason": "x"}, 403)
        do(desk, t["id"], "close", name, {"reason": "x"}, 403)
        assert not {"extend", "close"} & set(desk.get(f"/tickets/{t['id']}", token=desk.tokens[name])["allowed"])
    t = ticket(desk)
    before = clocks(t)["resolve", None, 1]["due_at"]
    t = do(desk, t["id"], "extend", "sun.li", {"clock": "resolve", "by": "2h", "reason": "x"})
    assert clocks(t)["resolve", None, 1]["due_at"] > before
    assert do(desk, t["id"], "close", "zhou.yu", {"reason": "x"})["close_kind"] == "supervisor"


def test_dispatch_there_and_back(desk):
    t = ticket(desk, category="leak")
    assert (t["kind"], t["category"]) == ("repair", "leak")
    t = do(desk, t["id"], "dispatch", body={"note": "看看阀门", "department": "engineering"})
    d = t["dispatches"][0]
    assert t["state"] == "dispatched" and (d["n"], d["department"], d["assignee"], d["visit"], d["state"], d["accepted_by"]) == (
        1, "engineering", None, None, "sent", None) and d["sent_at"] and d["due_at"] and d["note"] == "看看阀门"
    assert clocks(t)["accept", 1, 1]["state"] == "running"
    for name in ("li.na", "chen.tao", "sun.li", "audit.a", "machine"):
        do(desk, t["id"], "dispatches/1/accept", name, status=403)
    t = do(desk, t["id"], "dispatches/1/accept", "wu.bo")
    assert t["dispatches"][0]["accepted_by"] == "wu.bo" and t["dispatches"][0]["state"] == "accepted"
    assert clocks(t)["accept", 1, 1]["state"] == "kept" and clocks(t)["progress", 1, 1]["state"] == "running"
    t = do(desk, t["id"], "dispatches/1/progress", "zhao.gang", {"note": "等配件"})
    assert [c["state"] for c in t["clocks"] if c["name"] == "progress"] == ["kept", "running"]
    t = do(desk, t["id"], "dispatches/1/done", "zhao.gang", {"note": "换了阀门"})
    assert t["state"] == "open" and t["dispatches"][0]["report"] == "换了阀门" and t["dispatches"][0]["state"] == "done"
    assert clocks(t)["feedback", None, 1]["state"] == "running"
    t = do(desk, t["id"], "reply", body={"note": "修好了", "channel": "call"})
    assert clocks(t)["feedback", None, 1]["state"] == "kept" and t["state"] == "open"
    assert t["responder"] == "li.na"


def test_two_dispatches_and_refusals(desk):
    t = ticket(desk, category="leak")
    do(desk, t["id"], "dispatch", body={"department": "engineering"})
    t = do(desk, t["id"], "dispatch", body={"department": "security"})
    do(desk, t["id"], "dispatches/1/refuse", "chen.tao", {"note": "x"}, 403)
    t = do(desk, t["id"], "dispatches/1/refuse", "wu.bo", {"note": "不归我们"})
    assert t["state"] == "dispatched" and t["dispatches"][0]["state"] == "refused"
    assert ("feedback", None, 1) not in clocks(t) and clocks(t)["accept", 1, 1]["state"] == "kept"
    t = do(desk, t["id"], "dispatches/2/refuse", "chen.tao", {"note": "也不归"})
    assert t["state"] == "open" and clocks(t)["feedback", None, 1]["state"] == "running"
    messages = [m for m in desk.get(f"/messages?ticket={t['id']}")["items"] if m["account"] == "sun.li"]
    assert messages, "a second refusal goes to the supervisor"
    do(desk, t["id"], "dispatch", body={"department": "engineering", "final": True}, status=403)
    t = do(desk, t["id"], "dispatch", "sun.li", {"department": "engineering", "final": True})
    do(desk, t["id"], "dispatches/3/refuse", "wu.bo", {"note": "x"}, 409)
    shown = desk.get(f"/tickets/{t['id']}", token=desk.tokens["wu.bo"])["allowed"]
    assert "accept" in shown and "refuse" not in shown, shown
    do(desk, t["id"], "dispatches/3/accept", "wu.bo")
    t = do(desk, t["id"], "resolve", body={"note": "好了"})
    assert t["dispatches"][2]["state"] == "withdrawn" and t["state"] == "resolved"
    assert clocks(t)["progress", 3, 1]["state"] == "cancelled"
    assert "withdrawn" in kinds(desk, t["id"])


def test_withdrawn_is_open_again(desk):
    t = ticket(desk)
    do(desk, t["id"], "dispatch", body={"department": "engineering"})
    do(desk, t["id"], "dispatches/1/withdraw", "wu.bo", status=403)
    t = do(desk, t["id"], "dispatches/1/withdraw", body={"note": "不用了"})
    assert t["state"] == "open" and clocks(t)["accept", 1, 1]["state"] == "cancelled"
    do(desk, t["id"], "dispatches/9/withdraw", status=404)


def test_a_visit_pauses_resolve(desk):
    t = ticket(desk, person_id=desk.get("/owners?phone=13800138000")["items"][0]["owner"]["id"])
    visit = {"from": "2026-11-22T05:13:20.000Z", "to": "2026-11-22T07:13:20.000Z"}
    t = do(desk, t["id"], "dispatch", body={"department": "engineering", "visit": visit})
    assert t["dispatches"][0]["visit"] == visit
    c = clocks(t)["resolve", None, 1]
    assert c["state"] == "paused" and c["paused"] == "visit"
    told = [m for m in desk.get(f"/messages?ticket={t['id']}")["items"] if m["person_id"]]
    assert told and told[0]["class"] == "service"
    desk.advance(4 * 3600 + 1)
    t = steward.eventually(lambda: (lambda x: x if clocks(x)["resolve", None, 1]["state"] == "running" else None)(
        desk.get(f"/tickets/{t['id']}")), "resolve goes on")
    assert clocks(t)["resolve", None, 1]["used_s"] <= 2


def test_pauses_take_only_listed_reasons(desk):
    t = ticket(desk, category="leak")
    for clock, reason, status in (("resolve", "weather", 422), ("claim", "owner", 422), ("first_reply", "owner", 422),
                                  ("resolve", "access", 200)):
        do(desk, t["id"], "pause", body={"clock": clock, "reason": reason}, status=status)
    desk.advance(3600)
    t = do(desk, t["id"], "resume", body={"clock": "resolve"})
    c = clocks(t)["resolve", None, 1]
    assert c["due_at"] == "2026-11-23T02:13:20.000Z" and c["state"] == "running"
    assert [k for k in kinds(desk, t["id"]) if k in ("clock_paused", "clock_resumed")] == ["clock_paused", "clock_resumed"]
    do(desk, t["id"], "resume", body={"clock": "resolve"}, status=409)


def test_states_and_the_only_ways(desk):
    """Every verb in every state: what the table does not name is 409 with state and allowed."""
    verbs = {"claim": {}, "dispatch": {"department": "engineering"}, "reply": {"note": "x", "channel": "call"},
             "resolve": {"note": "x"}, "confirm": {"satisfied": True}, "reopen": {"note": "x"}, "cancel": {"reason": "test"},
             "close": {"reason": "x"}}
    ways = {"new": {"claim", "cancel", "close"}, "open": {"dispatch", "reply", "resolve", "cancel", "close"},
            "dispatched": {"dispatch", "reply", "resolve", "close"}, "resolved": {"reply", "confirm", "close"},
            "awaiting_confirmation": {"reply", "confirm", "close"}, "closed": {"reopen"}, "cancelled": set()}
    route = {"new": [], "open": ["claim"], "dispatched": ["claim", "dispatch"], "resolved": ["claim", "resolve"],
             "awaiting_confirmation": ["claim", "resolve", "reply"], "closed": ["claim", "resolve", "reply", "confirm"],
             "cancelled": ["claim", "cancel"]}
    for state, path in route.items():
        for verb, body in verbs.items():
            t = ticket(desk, "sun.li", take=False)
            for step in path:
                t = do(desk, t["id"], step, "sun.li", verbs[step])
            assert t["state"] == state
            assert (verb in t["allowed"]) == (verb in ways[state]), (state, verb, t["allowed"])
            r = desk.request("POST", f"/api/v1/tickets/{t['id']}/{verb}", body, token=desk.tokens["sun.li"])
            assert r.status == (200 if verb in ways[state] else 409), (state, verb, r)
            if r.status == 409:
                assert r.json["state"] == state and isinstance(r.json["allowed"], list)


def test_cancelling(desk):
    for reason in ("wrong_number", "no_request", "duplicate", "test"):
        assert do(desk, ticket(desk)["id"], "cancel", body={"reason": reason})["state"] == "cancelled"
    do(desk, ticket(desk)["id"], "cancel", body={"reason": "lazy"}, status=422)
    do(desk, ticket(desk)["id"], "cancel", "zhao.lei", {"reason": "test"}, 403)
    t = ticket(desk)
    do(desk, t["id"], "dispatch", body={"department": "engineering"})
    do(desk, t["id"], "cancel", body={"reason": "test"}, status=409)
    do(desk, t["id"], "dispatches/1/withdraw")
    do(desk, t["id"], "cancel", body={"reason": "test"}, status=403)
    assert do(desk, t["id"], "cancel", "sun.li", {"reason": "test"})["state"] == "cancelled"
    t = ticket(desk)
    do(desk, t["id"], "reply", body={"note": "明天来", "channel": "call"})
    do(desk, t["id"], "cancel", body={"reason": "test"}, status=403)


def test_reopen_within(desk):
    t = ticket(desk)
    do(desk, t["id"], "resolve", body={"note": "x", "told": True, "satisfied": True})
    desk.advance(7 * 86400 - 60)
    t = do(desk, t["id"], "reopen", "zhao.lei", {"note": "又漏"})
    assert (t["state"], t["cycle"], t["responder"], t["closed_at"], t["close_kind"]) == ("open", 2, "li.na", None, None)
    assert clocks(t)["resolve", None, 2]["state"] == "running"
    do(desk, t["id"], "resolve", body={"note": "x", "told": True, "satisfied": True})
    desk.advance(7 * 86400 + 60)
    do(desk, t["id"], "reopen", "zhao.lei", {"note": "又漏"}, 409)


def test_reopened_without_responder(desk):
    t = ticket(desk, "dev", take=False)
    do(desk, t["id"], "close", "sun.li", {"reason": "x"})
    t = do(desk, t["id"], "reopen", "li.na", {"note": "x"})
    assert (t["state"], t["responder"], t["cycle"]) == ("open", "li.na", 2)


def test_handover_moves_only_by_both(desk):
    t = ticket(desk)
    for ground in ("leave", "left_company", "conflict_of_interest", "stage_two_review", "reassignment"):
        got = do(desk, t["id"], "handover", body={"to": "zhao.lei", "ground": ground, "note": "n"})
        assert got["handover"]["to"] == "zhao.lei" and got["handover"]["ground"] == ground and got["responder"] == "li.na"
        do(desk, t["id"], "handover/refuse", "li.na", status=403)
        assert do(desk, t["id"], "handover/refuse", "zhao.lei")["handover"] is None
    do(desk, t["id"], "handover", body={"to": "zhao.lei", "ground": "tired"}, status=422)
    do(desk, t["id"], "handover", body={"to": "nobody", "ground": "leave"}, status=422)
    do(desk, t["id"], "handover", body={"to": "audit.a", "ground": "leave"}, status=422)
    do(desk, t["id"], "handover", body={"to": "zhao.lei", "ground": "leave"})
    do(desk, t["id"], "handover/approve", "li.na", status=403)
    do(desk, t["id"], "handover/accept", "li.na", status=403)
    assert do(desk, t["id"], "handover/accept", "zhao.lei")["responder"] == "li.na"
    assert do(desk, t["id"], "handover/approve", "sun.li")["responder"] == "zhao.lei"
    t = do(desk, t["id"], "handover", "sun.li", {"to": "li.na", "ground": "reassignment"})
    assert t["responder"] == "zhao.lei" and t["handover"]["approved_by"] == "sun.li"
    t = do(desk, t["id"], "handover/accept", "li.na")
    assert (t["responder"], t["handover"]) == ("li.na", None)
    assert {"handover_asked", "handover_accepted", "handover_approved", "handover_refused"} <= set(kinds(desk, t["id"]))


def test_disabling_hands_over(desk):
    keys = [ticket(desk)["id"] for _ in range(2)]
    closed = ticket(desk)["id"]
    do(desk, closed, "cancel", body={"reason": "test"})
    desk.ctl("user", "disable", "li.na")
    for key in keys:
        t = desk.get(f"/tickets/{key}")
        assert t["handover"]["ground"] == "left_company"
    assert desk.get(f"/tickets/{closed}")["handover"] is None


def test_confirmed_by_whom(desk):
    def asked():
        t = ticket(desk, caller="13800138000")
        do(desk, t["id"], "resolve", body={"note": "x"})
        do(desk, t["id"], "reply", body={"note": "x", "channel": "call"})
        return t["id"]

    def via(key):
        return next(e["data"]["via"] for e in desk.timeline(key) if e["kind"] == "confirmed")

    for said in ("survey", "sms", "link", "call", "staff"):
        key = asked()
        do(desk, key, "confirm", body={"satisfied": True, "via": said})
        assert via(key) == "staff"
    key = asked()
    do(desk, key, "confirm", body={"satisfied": True, "via": "pigeon"}, status=422)
    do(desk, key, "confirm", body={"satisfied": True, "score": 9}, status=422)
    do(desk, key, "confirm", "zhao.lei", {"satisfied": True}, 403)
    pbx = desk.pbx()
    pbx.answered("before", "1002")
    pbx.event("cleared", "before", by="caller")
    pbx.sync()
    before = desk.get("/calls?call=before")["items"][0]["id"]
    desk.advance(60)
    key = asked()
    do(desk, key, "confirm", body={"satisfied": True, "via": "call", "call_id": before})
    assert via(key) == "staff"
    key = asked()
    pbx.answered("after", "1002")
    after = desk.get("/calls?call=after")["items"][0]["id"]
    t = do(desk, key, "confirm", body={"satisfied": True, "via": "call", "call_id": after, "score": 4})
    assert via(key) == "call" and t["close_kind"] == "confirmed"


def test_changes(desk):
    t = ticket(desk, by="dev", take=False)
    patch = lambda who, body: desk.request("PATCH", f"/api/v1/tickets/{t['id']}", body, token=desk.tokens[who])
    assert patch("audit.a", {"subject": "x"}).status == 403
    assert patch("zhao.lei", {"category": "leak"}).json["priority"] == 3
    assert clocks(desk.get(f"/tickets/{t['id']}"))["resolve", None, 1]["due_at"] == "2026-11-23T01:13:20.000Z"
    assert patch("zhao.lei", {"category": "noise"}).status == 403, "later, and not the first setting"
    now = desk.get(f"/tickets/{t['id']}")
    assert now["category"] == "leak"
    assert patch("zhao.lei", {"subject": "新", "kind": "complaint"}).json["kind"] == "complaint"
    assert patch("sun.li", {"category": "noise"}).json["category"] == "noise"
    for bad in ({"priority": 5}, {"priority": 0}, {"kind": "x"}, {"unit_id": 9999}, {"person_id": 9999}, {"category": "x"}):
        r = patch("sun.li", bad)
        assert r.status == 422 and r.json["field"] == list(bad)[0], r
    assert "changed" in kinds(desk, t["id"]) and "rebased" in kinds(desk, t["id"])


def test_what_policies_are_chosen(desk):
    assert clocks(ticket(desk))["resolve", None, 1]["due_at"] == "2026-11-24T01:13:20.000Z"
    for fields in ({"priority": 1}, {"category": "leak"}):
        assert clocks(ticket(desk, **fields))["resolve", None, 1]["due_at"] == "2026-11-23T01:13:20.000Z", fields
    one = desk.get("/owners?q=李强")["items"][0]
    person = one.get("owner", one)["id"]
    assert desk.request("PATCH", f"/api/v1/owners/{person}", {"segment": "elderly"}).status == 200
    assert clocks(ticket(desk, person_id=person))["resolve", None, 1]["due_at"] == "2026-11-23T01:13:20.000Z"


def test_a_raise_never_gives_more_time(desk):
    t = ticket(desk, priority=2)
    desk.advance(48 * 3600 + 1900)
    t = steward.eventually(lambda: (lambda x: x if x["priority"] == 1 else None)(desk.get(f"/tickets/{t['id']}")), "raised")
    assert clocks(t)["resolve", None, 1]["state"] == "breached"
    r = desk.request("PATCH", f"/api/v1/tickets/{t['id']}", {"priority": 3}, token=desk.tokens["li.na"])
    assert r.status == 403, r


def test_milestones(desk):
    t = ticket(desk, category="noise")
    assert clocks(t)["investigate", None, 1]["state"] == "running" and ("summary", None, 1) not in clocks(t)
    do(desk, t["id"], "milestones/investigate", "zhao.lei", {"note": "x"}, 403)
    t = do(desk, t["id"], "milestones/investigate", body={"note": "看过"})
    assert clocks(t)["investigate", None, 1]["state"] == "kept" and clocks(t)["summary", None, 1]["state"] == "running"
    do(desk, t["id"], "milestones/lunch", status=404)


def test_urges(desk):
    t = ticket(desk, category="leak")
    t = do(desk, t["id"], "urge", "zhao.lei", {"note": "快"})
    assert t["urges"] == 1
    steps = [e["data"] for e in desk.timeline(t["id"]) if e["kind"] == "escalated"]
    assert len(steps) == 1 and steps[0]["step"] == 1 and steps[0]["clock"] == "resolve"
    desk.advance(60)
    t = do(desk, t["id"], "urge", "zhao.lei")
    climbed = lambda: [e["data"]["step"] for e in desk.timeline(t["id"])
                       if e["kind"] == "escalated" and e["data"]["clock"] == "resolve"]
    assert t["urges"] == 2 and climbed() == [1], "every 30m"
    desk.advance(30 * 60)
    do(desk, t["id"], "urge", "zhao.lei")
    assert climbed() == [1, 2]


def test_reopen_tells_by_cycle_and_shrinks(desk):
    t = ticket(desk, category="leak")
    told = []
    for cycle in (2, 3, 4, 5):
        do(desk, t["id"], "resolve", body={"note": "x"})
        t = do(desk, t["id"], "confirm", body={"satisfied": False, "note": "不好"})
        assert t["cycle"] == cycle
        told.append([e for e in desk.timeline(t["id"]) if e["kind"] == "reopened"][-1]["data"]["told"])
    assert told == [["sun.li"], ["zhou.yu"], ["qian.wei"], ["qian.wei"]]
    assert clocks(t)["resolve", None, 2]["due_at"] == "2026-11-22T19:13:20.000Z", "three quarters of 24 h"
    t = do(desk, t["id"], "dispatch", body={"department": "engineering"})
    assert clocks(t)["accept", 1, 5]["due_at"] == "2026-11-22T01:24:35.000Z"


def test_no_answer_closes_unconfirmed(desk):
    person = desk.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    t = ticket(desk, category="leak", person_id=person)
    do(desk, t["id"], "resolve", body={"note": "x"})
    t = do(desk, t["id"], "reply", body={"note": "好了吗", "channel": "sms"})
    assert t["state"] == "awaiting_confirmation"
    desk.advance(86400 + 60)
    desk.advance(86400)
    do(desk, t["id"], "attempt", body={"channel": "call", "outcome": "no_answer"})
    do(desk, t["id"], "attempt", body={"channel": "call", "outcome": "no_answer"})
    assert desk.get(f"/tickets/{t['id']}")["state"] == "awaiting_confirmation"
    desk.advance(86400)
    t = steward.eventually(lambda: (lambda x: x if x["state"] == "closed" else None)(desk.get(f"/tickets/{t['id']}")), "closed")
    assert t["close_kind"] == "unconfirmed"
    assert clocks(t)["confirm", None, 1]["state"] == "kept"


def test_the_data_of_escalations_and_breaches(desk):
    t = ticket(desk, category="leak")
    do(desk, t["id"], "dispatch", body={"department": "engineering"})
    desk.advance(16 * 60)
    steward.eventually(lambda: "clock_breached" in kinds(desk, t["id"]), "the breach")
    events = [e for e in desk.timeline(t["id"]) if e["kind"] == "escalated" and e["data"]["clock"] == "accept"]
    for e in events:
        assert set(e["data"]) == {"clock", "dispatch", "cycle", "step", "turn", "at", "told", "messages"}, e
    assert [(e["data"]["step"], e["data"]["turn"], e["data"]["at"], e["data"]["dispatch"], e["data"]["cycle"]) for e in events] == [
        (1, 1, "80%", 1, 1), (2, 1, "100%", 1, 1)]
    breach = [e["data"] for e in desk.timeline(t["id"]) if e["kind"] == "clock_breached" and e["data"]["clock"] == "accept"]
    assert breach == [{"clock": "accept", "dispatch": 1, "cycle": 1}]
    print([e["data"]["told"] for e in events])
    late = do(desk, t["id"], "dispatches/1/accept", "wu.bo")
    assert clocks(late)["accept", 1, 1]["state"] == "kept"
    breach = [e["data"] for e in desk.timeline(t["id"]) if e["kind"] == "clock_kept" and e["data"]["clock"] == "accept"]
    assert len(breach) == 1


def test_the_chain_by_hand(desk):
    t = ticket(desk, category="leak")
    do(desk, t["id"], "note", body={"text": "一"})
    rows = desk.sql("SELECT ticket_id,seq,at,by,kind,data,salt,digest,hash FROM ticket_event ORDER BY ticket_id,seq")
    sha = lambda s: hashlib.sha256(s.encode()).hexdigest()
    previous = t["id"]
    for row, shown in zip(rows, desk.timeline(t["id"]), strict=True):
        assert row["digest"] == sha(row["salt"] + row["data"])
        assert row["hash"] == sha(f"{previous}\n{row['seq']}\n{row['at']}\n{row['by']}\n{row['kind']}\n{row['digest']}")
        previous = row["hash"]
        assert (shown["seq"], shown["by"], shown["kind"], shown["hash"]) == (row["seq"], row["by"], row["kind"], row["hash"])
