"""A person is forgotten: no row says anything of them any more, and every history still verifies."""
import steward


def test_nothing_is_left_and_the_chain_holds(make):
    site = make(frozen=True)
    site.li = site.user("li.na", device="1001", phone="13600136001")
    steward.sample_owners(site)
    line = site.pbx("pbx-a")
    line.answered("c1", "1001")
    line.event("cleared", "c1", by="caller")
    line.event("queued", "c2", queue="service", calling="13800138000", called="4008000", direction="inbound")
    line.event("cleared", "c2", by="caller")
    line.sync()
    ticket = site.get("/tickets")["items"][0]
    site.post(f"/tickets/{ticket['id']}/note", {"text": "王芳说厨房漏水"}, token=site.li)
    site.post(f"/tickets/{ticket['id']}/resolve", {"note": "王芳家"}, token=site.li)
    site.post(f"/tickets/{ticket['id']}/reply", {"note": "王芳您好"}, token=site.li)
    assert site.request("POST", f"/api/v1/owners/{ticket['person_id']}/erase", {}, token=site.li).status == 403
    assert site.post(f"/owners/{ticket['person_id']}/erase") == {"ok": True}
    assert site.request("POST", "/api/v1/owners/999/erase", {}).status == 404
    assert site.get("/owners?phone=13800138000")["match"] == "none"
    assert site.get("/owners?q=王芳")["items"] == []
    shown = site.get(f"/tickets/{ticket['id']}")
    assert shown["person_id"] is None and shown["caller"] is None and shown["responder"] == "li.na"
    kinds = [e["kind"] for e in site.timeline(ticket["id"])]
    assert kinds[-1] == "erased" and "noted" in kinds
    assert site.ctl("audit", "verify").returncode == 0
    site.stop()
    dump = site.sql("SELECT (SELECT group_concat(coalesce(data,'')) FROM ticket_event) || (SELECT group_concat(text) FROM message) "
                    "|| (SELECT group_concat(number) FROM callback) || (SELECT group_concat(coalesce(party,'')||coalesce(calling_raw,'')) "
                    "FROM call) || (SELECT group_concat(subject||coalesce(caller,'')) FROM ticket) AS all_text")[0]["all_text"]
    assert "王芳" not in dump and "13800138000" not in dump, dump
    site.start()
    assert site.ctl("audit", "verify").returncode == 0


def dump(site):
    """The whole database as text."""
    import subprocess
    return subprocess.run(["sqlite3", str(site.folder / "steward.db"), ".dump"], capture_output=True, text=True, check=True).stdout


def test_what_came_before_they_were_registered_and_what_staff_was_told(make):
    site = make(frozen=True)
    site.li = site.user("li.na", device="1001", phone="13600136001")
    site.user("sun.li", role="supervisor", phone="13600136002")
    line = site.pbx("pbx-a")
    number, other = "13712345678", "13787654321"
    line.event("queued", "c1", queue="service", calling=other, called="4008000", direction="inbound")
    line.event("cleared", "c1", by="caller")  # a callback of a stranger, whose clock texts go to staff
    line.answered("c2", "1001", calling="0" + number)
    line.event("transferred", "c2", device="1001", to=number)
    line.event("cleared", "c2", by="caller")
    line.sync()
    site.advance(3600)
    steward.eventually(lambda: site.sql("SELECT 1 FROM message WHERE template='callback'"), "the callback's text to staff")
    ticket = site.get("/tickets")["items"][0]
    site.post(f"/tickets/{ticket['id']}/note", {"text": f"业主电话 {number}"}, token=site.li)
    person = site.post("/owners", {"name": "钱多多", "phones": [number, other]})
    assert number in dump(site) and other in dump(site)
    assert site.post(f"/owners/{person['id']}/erase") == {"ok": True}
    assert site.ctl("audit", "verify").returncode == 0
    site.stop()
    left = [row for row in dump(site).splitlines() if number in row or other in row or "钱多多" in row]
    assert not left, left
