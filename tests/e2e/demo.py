#!/usr/bin/python3
"""The whole story on one machine: `./dev demo`.

A PBX rings, the owner's record pops before the answer, the answer opens a ticket with that agent
as first responder, nobody keeps the promise, the ladder climbs, an SMS and an e-mail leave through
webhooks; halfway through, the daemon is killed with -9 and started again. Then the loop: the owner is
asked by SMS and is unhappy, the same responder goes round again, a manager is told, and the owner's
yes closes the ticket. Every step is observed
from outside (pop line, API, gateway); the exit status is 0 only if all of them were seen.
"""
import argparse
import base64
import hashlib
import hmac
import os
import pathlib
import shutil
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("STEWARD_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import steward  # noqa: E402

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POLICY = """
  standard:
    calendar: always
    clocks: {claim: 20s, first_reply: 30s, resolve: 6s, feedback: 30s, confirm: 60s}
    escalate:
      - {at: 50%, tell: [responder]}
      - {at: 100%, tell: [responder, supervisor]}
      - {at: +3s, tell: [manager]}
    reopen: {tell: {2: [manager], 3: [director]}, shrink: 50%}
"""
STEPS = []
START = time.monotonic()


def step(text):
    STEPS.append(text)
    print(f"\033[36m{time.monotonic() - START:7.3f} s\033[0m  {text}", flush=True)


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def signed(request):
    """The Standard Webhooks signature of a request is right."""
    h = request["headers"]
    content = f"{h['webhook-id']}.{h['webhook-timestamp']}.".encode() + request["body"]
    want = base64.b64encode(hmac.new(base64.b64decode(SECRET), content, hashlib.sha256).digest()).decode()
    return any(hmac.compare_digest(part.partition(",")[2], want) for part in h["webhook-signature"].split())


def configure(folder, sms, mail):
    site = steward.Steward(folder)
    site.section("policies", POLICY)
    site.webhook("sms", sms.url)
    site.webhook("mail", mail.url)
    return site


def people(site):
    site.ctl("user", "add", "li.na", "--role", "agent", "--device", "1001", "--display", "李娜", "--phone", "13600136001")
    site.ctl("user", "add", "sun.li", "--role", "supervisor", "--display", "孙丽", "--phone", "13600136002")
    site.ctl("user", "add", "zhou.yu", "--role", "manager", "--display", "周宇", "--email", "zhou.yu@example.com")
    steward.sample_owners(site)


def ring_and_answer(site):
    phone, pbx = site.agent("1001"), site.pbx("pbx-a")
    called = time.monotonic()
    pbx.ring("demo-1", "1001", calling="13800138000", queue="service")
    pop = phone.expect("pop", call="demo-1")
    ms = (time.monotonic() - called) * 1000
    owner = pop["owners"][0]
    check(pop["match"] == "one" and owner["name"] == "王芳", f"wrong pop: {pop}")
    step(f"the phone 1001 rings; {ms:.1f} ms later it shows {owner['name']}, {owner['tenures'][0]['unit']} "
         f"({owner['certainty']}: {owner['reason']})")
    pbx.event("established", "demo-1", device="1001")
    pbx.sync()
    ticket = site.ticket(caller="+8613800138000")
    check(ticket["responder"] == "li.na", f"wrong responder: {ticket}")
    step(f"li.na answers; the answer is on disk and has opened {ticket['id']}: first responder {ticket['responder']}")
    pbx.event("cleared", "demo-1", by="caller")
    pbx.sync()
    phone.expect("pop_end", call="demo-1")
    phone.close()
    pbx.close()
    return ticket["id"]


def escalations(site, ticket):
    return [e["data"] for e in site.timeline(ticket) if e["kind"] == "escalated" and e["data"]["clock"] == "resolve"]


def told(request):
    data = request["json"]["data"]
    check(signed(request), f"bad signature on {data}")
    return f"{data['channel']} to {data['to']}: {data['text'].strip().splitlines()[0][:70]}"


def ladder(site, ticket, sms, mail):
    first = sms.next(to="+8613600136001")
    step(f"half of the promise is gone: {told(first)}")
    site.kill()
    step("kill -9: the daemon is dead")
    site.start()
    step("started again; the call and the ticket are there" if site.get(f"/tickets/{ticket}")["responder"] == "li.na" else "?")
    pbx = site.pbx("pbx-a")
    check(pbx.welcome["last_seq"] == 3, f"last_seq {pbx.welcome}")
    pbx.send({"type": "event", "seq": 3, "event": "cleared", "call": "demo-1"})
    pbx.ack(3)
    step("the PBX resends its last event: acked, nothing doubled")
    pbx.close()
    step(f"the promise is broken: {told(sms.next(to='+8613600136002'))}")
    step(f"three seconds later: {told(mail.next(to='zhou.yu@example.com'))}")


def exactly_once(site, ticket, sms, mail):
    steward.eventually(lambda: len(escalations(site, ticket)) == 3, "three rungs")
    steps = [(e["step"], e["turn"]) for e in escalations(site, ticket)]
    check(len(set(steps)) == 3, f"a rung was climbed twice: {steps}")
    by_key = {}
    for request in sms.all + mail.all:
        data = request["json"]["data"]
        by_key.setdefault((data["to"], data["template"], str(data["params"])), set()).add(data["key"])
    check(all(len(keys) == 1 for keys in by_key.values()), f"one message under two keys: {by_key}")
    calls = site.get("/calls?call=demo-1")["items"]
    check(len(calls) == 1 and calls[0]["disposition"] == "answered", f"calls: {calls}")
    check(len(site.get("/tickets")["items"]) == 1, "more than one ticket")
    step(f"across the kill: {len(steps)} rungs, each once; {len(by_key)} messages, one key each; one call, one ticket")


def owner_writes(site, text, number):
    """What the SMS gateway posts when the owner answers."""
    reply = site.request("POST", "/hooks/sms/inbound", {"type": "message.inbound", "timestamp": "2026-11-22T08:00:00Z", "data": {
        "id": f"in-{number}", "from": "+8613800138000", "to": "10690000", "text": text, "at": "2026-11-22T08:00:00Z",
        "reply_to_key": None}})
    check(reply.status == 204, f"inbound: {reply}")
    return site.get(f"/tickets/{site.get('/tickets')['items'][0]['id']}")


def solve(site, ticket, token, note):
    for verb, state in (("resolve", "resolved"), ("reply", "awaiting_confirmation")):
        answer = site.post(f"/tickets/{ticket}/{verb}", {"note": note}, token=token)
        check(answer["state"] == state, f"{verb}: {answer}")


def close_loop(site, ticket, sms, mail):
    token = site.ctl("token", "add", "--user", "li.na").stdout.strip()
    solve(site, ticket, token, "更换了水管")
    step(f"li.na resolves and the owner is asked: {told(sms.next(to='+8613800138000'))}")
    again = owner_writes(site, "不满意", 1)
    check((again["state"], again["cycle"], again["responder"]) == ("open", 2, "li.na"), f"not reopened: {again}")
    step(f"the owner is unhappy: the same ticket, cycle {again['cycle']}, and still li.na's")
    while True:
        request = mail.next(to="zhou.yu@example.com")
        if request["json"]["data"]["template"] == "unsatisfied":
            break
    step(f"a rung higher: {told(request)}")
    solve(site, ticket, token, "重新密封了接口")
    done = owner_writes(site, "满意", 2)
    check((done["state"], done["close_kind"], done["cycle"]) == ("closed", "confirmed", 2), f"not closed: {done}")
    via = [e["data"]["via"] for e in site.timeline(ticket) if e["kind"] == "confirmed"]
    check(via == ["sms", "sms"], f"confirmed via {via}")
    check("ok" in site.ctl("audit", "verify").stdout.lower(), "the history does not verify")
    step(f"the owner's own yes closes {ticket}, and its hash chain verifies")


def play(site, sms, mail):
    site.start()
    people(site)
    step(f"stewardd runs: {len(site.get('/owners?q=四季花城')['items'])} owners, 3 people, two webhook gateways")
    ticket = ring_and_answer(site)
    ladder(site, ticket, sms, mail)
    exactly_once(site, ticket, sms, mail)
    close_loop(site, ticket, sms, mail)


def linger(site):
    print(f"""
The daemon is running; try it in another terminal:

  build/bin/stewardctl -c {site.config} ticket list
  build/bin/stewardctl -c {site.config} owner find 王芳
  curl -H 'Authorization: Bearer {steward.TOKEN}' http://127.0.0.1:{site.http_port}/api/v1/calls
  line protocol: 127.0.0.1:{site.line_port}

Ctrl-C ends it.""", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--once", action="store_true", help="play the story, then end; status 0 if every step was seen")
    options.add_argument("--folder", default=str(ROOT / "build/demo"), help="where the site is made (emptied first)")
    args = options.parse_args()
    shutil.rmtree(args.folder, ignore_errors=True)
    pathlib.Path(args.folder).parent.mkdir(parents=True, exist_ok=True)
    sms, mail = steward.Sink(), steward.Sink()
    site = None
    try:
        site = configure(args.folder, sms, mail)
        play(site, sms, mail)
        print(f"\n{len(STEPS)} steps, all observed from outside.", flush=True)
        if not args.once:
            linger(site)
        site.close()
    except (AssertionError, OSError) as e:
        print(f"\ndemo: {e}", file=sys.stderr)
        if site and site.process:
            site.process.kill()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
