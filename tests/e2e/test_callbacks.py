"""Calls that nobody answered leave a callback with a clock."""
import pytest

import steward


@pytest.fixture
def desk(frozen):
    frozen.li = frozen.user("li.na", device="1001")
    steward.sample_owners(frozen)
    frozen.line = frozen.pbx("pbx-a")
    return frozen


def lost(site, name, calling="13800138000", queued=True, **more):
    if queued:
        site.line.event("queued", name, queue="service", calling=calling, called="4008000", direction="inbound", **more)
    site.line.event("delivered", name, device="1001", calling=calling, called="4008000", direction="inbound", **more)
    site.line.event("cleared", name, by="caller" if queued else "system")
    site.line.sync()


def test_abandoned_leaves_one_row_for_a_number(desk):
    lost(desk, "a1")
    lost(desk, "a2", queued=False)
    items = desk.get("/callbacks")["items"]
    assert len(items) == 1
    row = items[0]
    assert row["number"] == "+8613800138000" and row["state"] == "waiting" and row["reason"] == "abandoned"
    assert len(row["calls"]) == 2 and row["due_at"] and row["person_id"] and row["ticket"] is None
    calls = {c["call"]: c["disposition"] for c in desk.get("/calls")["items"]}
    assert calls == {"a1": "abandoned", "a2": "missed"}


def test_withheld_leaves_none(desk):
    lost(desk, "w1", calling="anonymous")
    lost(desk, "w2", presentation="restricted")
    assert desk.get("/callbacks")["items"] == []


def test_claim_opens_the_ticket(desk):
    lost(desk, "a1")
    row = desk.get("/callbacks")["items"][0]
    claimed = desk.post(f"/callbacks/{row['id']}/claim", token=desk.li)
    assert claimed["state"] == "claimed" and claimed["claimed_by"] == "li.na"
    ticket = desk.get(f"/tickets/{claimed['ticket']}")
    assert ticket["channel"] == "callback" and ticket["responder"] == "li.na"
    again = desk.request("POST", f"/api/v1/callbacks/{row['id']}/claim", {}, token=desk.li)
    assert again.status == 409
    done = desk.post(f"/callbacks/{row['id']}/done", {"outcome": "reached", "note": "已回电"}, token=desk.li)
    assert done["state"] == "done"


def test_answered_later_supersedes(desk):
    lost(desk, "a1")
    desk.line.answered("a2", "1001", calling="13900139000")  # the same household
    assert desk.get("/callbacks")["items"][0]["state"] == "superseded"


def outbound(site, name, number, answered):
    site.line.event("originated", name, device="1001", direction="outbound", calling="1001", called=number)
    if answered:
        site.line.event("established", name, device=number)
        site.line.event("cleared", name, by="caller")
    else:
        site.line.event("failed", name, device=number, cause="no_answer")
        site.line.event("cleared", name, by="agent")
    site.line.sync()


def test_outbound_counts_and_ends(desk):
    lost(desk, "a1")
    row = desk.get("/callbacks")["items"][0]
    desk.post(f"/callbacks/{row['id']}/claim", token=desk.li)
    outbound(desk, "o1", "13800138000", answered=False)
    assert desk.get("/callbacks")["items"][0]["attempts"] == 1
    outbound(desk, "o2", "13800138000", answered=True)
    assert desk.get("/callbacks")["items"][0]["state"] == "done"


def test_who_rings_and_rings_leaves_the_newest_calls(desk):
    for n in range(120):
        for kind, more in ("delivered", {"device": "1001"}), ("cleared", {"by": "system"}):
            desk.line.event(kind, f"r{n}", calling="13800138000", called="4008000", direction="inbound", **more)
    desk.line.sync()
    row = steward.eventually(lambda: (c := desk.get("/callbacks")["items"]) and len(c[0]["calls"]) == 100 and c[0], "a hundred calls")
    newest = desk.sql("SELECT id FROM call ORDER BY id DESC LIMIT 100")
    assert sorted(map(int, row["calls"])) == sorted(c["id"] for c in newest)


def test_claim_clock_climbs(desk):
    token = desk.user("sun.li", role="supervisor", phone="13600136002")
    assert token
    lost(desk, "a1")
    desk.advance(3 * 24 * 3600)
    steward.eventually(lambda: desk.get("/messages")["items"], "a message to the supervisor")


def test_nobody_found_for_many_callbacks_is_said_of_the_first_fifty_a_minute(desk):
    for n in range(60):
        lost(desk, f"m{n}", calling=f"139{n:08d}")
    desk.advance(3 * 24 * 3600)
    steward.eventually(lambda: desk.sql("SELECT count(*) AS n FROM clock WHERE done=0 AND callback_id IS NOT NULL")[0]["n"] == 0
                       or not desk.sql(f"SELECT 1 FROM clock WHERE done=0 AND next_at<={desk.frozen} LIMIT 1"), "quiet clocks")
    rows = desk.sql("SELECT text FROM alert WHERE kind='nobody_found'")
    assert len(rows) == 50 and "more of this minute" in rows[-1]["text"]
    told = desk.sql("SELECT count(*) AS n FROM audit WHERE what='callback_escalated'")[0]["n"]
    assert told >= 60, "every step is carried out all the same"
