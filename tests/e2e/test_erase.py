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
