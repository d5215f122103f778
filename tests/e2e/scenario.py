"""Readable scenarios (tests/scenario/*.scn; README.md there has the words) against the real daemon.

One daemon a file, its clock moved by `wait` alone; every scenario has an owner of its own, so that
none sees another's tickets. After each step the runner waits until nothing more is due.
"""
import datetime
import json
import pathlib
import re
import sqlite3

import steward

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "scenario"
PEOPLE = {"li.na": {"role": "agent", "device": "1001", "phone": "13600136001"},
          "zhao.lei": {"role": "agent", "device": "1002", "phone": "13600136002"},
          "wu.min": {"role": "agent", "phone": "13600136003"},
          "zhao.gang": {"role": "department", "department": "engineering", "phone": "13600136004"},
          "sun.li": {"role": "supervisor", "phone": "13600136005"},
          "zhou.yu": {"role": "manager", "phone": "13600136006"},
          "qian.wei": {"role": "director", "phone": "13600136007"},
          "he.jing": {"role": "auditor"}}
SPAN = re.compile(r"(\d+)(wd|[smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text):
    sign = -1 if text.startswith("-") else 1
    return sign * sum(int(n) * SECONDS[unit] for n, unit in SPAN.findall(text))


def matches(want, have):
    """want is a part of have: objects by their fields, lists as sets of parts, the rest by value."""
    if isinstance(want, dict):
        return isinstance(have, dict) and all(matches(v, have.get(k)) for k, v in want.items())
    if isinstance(want, list):
        return isinstance(have, list) and len(want) == len(have) and all(any(matches(w, h) for h in have) for w in want)
    return want == have


class Script:
    """A .scn file: sections of configuration, then scenarios as (name, [(line number, words)])."""

    def __init__(self, path):
        self.path, self.sections, self.without, self.scenarios = path, [], [], []
        lines = path.read_text(encoding="utf-8").replace("$root", str(FOLDER.parents[1])).split("\n")
        at = 0
        while at < len(lines):
            line = lines[at]
            at += 1
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if line.startswith("config "):
                begin = at
                while at < len(lines) and (not lines[at].strip() or lines[at][0] == " "):
                    at += 1
                self.sections.append((line[7:].strip(), "\n" + "\n".join(lines[begin:at])))
            elif line.startswith("without "):
                self.without += line.split()[1:]
            elif line.startswith("scenario "):
                self.scenarios.append((line[9:].strip(), []))
            else:
                assert line[0] == " " and self.scenarios, f"{path.name}:{at}: what is this? {line}"
                self.scenarios[-1][1].append((at, line.strip()))


class Stage:
    """The daemon of one file."""

    def __init__(self, script, folder):
        self.site = steward.Steward(folder, frozen=True)
        for name, text in script.sections:
            self.site.section(name, text)
        self.site.start()
        self.tokens = {"dev": steward.TOKEN}
        there = {d["key"] for d in self.site.get("/departments?limit=500")["items"]}
        for name, facts in PEOPLE.items():
            if name not in script.without:
                self.add(name, {k: v for k, v in facts.items() if k != "department" or v in there})
        self.pbx = self.site.pbx("pbx-a")
        self.count = 0

    def add(self, name, facts):
        self.site.post("/users", {"name": name, **facts})
        self.tokens[name] = self.site.post("/tokens", {"user": name})["token"]

    def settle(self):
        """Until nothing is due any more."""
        def quiet():
            with sqlite3.connect(f"file:{self.site.folder / 'steward.db'}?mode=ro", uri=True) as db:
                return not db.execute("SELECT 1 FROM clock WHERE done=0 AND next_at<=? LIMIT 1", (self.site.frozen,)).fetchone()
        steward.eventually(quiet, "quiet clocks")

    def close(self):
        verify, report = self.site.ctl("audit", "verify", ok=False), self.site.get("/audit/verify")
        self.pbx.close()
        self.site.close()
        assert verify.returncode == 0, verify.stdout + verify.stderr
        assert not report["odd"], report


class Run:
    """One scenario on a stage."""

    def __init__(self, stage, name):
        stage.count += 1
        self.stage, self.site, self.name = stage, stage.site, name
        self.number = f"139{stage.count:08d}"
        self.calls = self.seen = self.callback = 0
        self.key = None
        self.names = {}

    # -- what happens ---------------------------------------------------------------------------

    def do_owner(self, rest):
        """owner {"flags":…}: the scenario's number becomes a registered owner's."""
        body = {"name": f"业主{self.stage.count}", "phones": [self.number], **(self.fill(rest) if rest else {})}
        self.person = self.site.post("/owners", body)["id"]

    def call_name(self):
        self.calls += 1
        return f"s{self.stage.count}-{self.calls}"

    def do_call(self, rest):
        """call DEVICE: the owner calls and is answered there; the call ends."""
        self.do_answer(rest)
        self.do_hangup("")

    def do_answer(self, rest):
        name = self.call_name()
        self.stage.pbx.answered(name, rest or "1001", calling=self.number)
        self.live = name
        ticket = self.site.get(f"/calls?call={name}")["items"][0]["ticket"]
        self.key = ticket or self.key

    def do_hangup(self, _):
        self.stage.pbx.event("cleared", self.live, by="caller")
        self.stage.pbx.sync()

    def do_lost(self, _):
        """The owner calls and nobody answers."""
        name = self.call_name()
        self.stage.pbx.event("queued", name, queue="service", calling=self.number, called="4008000", direction="inbound")
        self.stage.pbx.event("cleared", name, by="caller")
        self.stage.pbx.sync()

    def do_dial(self, rest):
        """dial DEVICE answered|unanswered: we ring the owner."""
        device, how = rest.split()
        name = self.call_name()
        self.stage.pbx.event("originated", name, device=device, direction="outbound", calling=device, called=self.number)
        if how == "answered":
            self.stage.pbx.event("established", name, device=self.number)
        self.stage.pbx.event("cleared", name, by="agent")
        self.stage.pbx.sync()
        self.call_id = self.site.get(f"/calls?call={name}")["items"][0]["id"]

    def inbound(self, text, sender, key=None):
        self.calls += 1
        r = self.site.request("POST", "/hooks/sms/inbound", {"type": "message.inbound", "timestamp": "2026-11-22T00:00:00Z", "data": {
            "id": f"in-{self.stage.count}-{self.calls}", "from": sender, "to": "1069", "text": text,
            "at": "2026-11-22T00:00:00Z", "reply_to_key": key}})
        assert r.status == 204, r

    def do_sms(self, rest):
        """sms TEXT: the owner writes."""
        self.inbound(rest, "+86" + self.number)
        if not self.key:
            found = [t for t in self.site.get("/tickets?limit=500")["items"] if t["caller"] == "+86" + self.number]
            self.key = found[0]["id"] if found else None

    def do_answer_to(self, rest):
        """answer_to TEMPLATE TEXT: the owner's text names our newest message of that template (or text) to the number."""
        template, _, text = rest.partition(" ")
        ours = [m for m in self.site.get(f"/messages?person={self.person}&limit=500")["items"] if template in (m["template"], m["class"])]
        self.inbound(text, "+86" + self.number, ours[0]["key"])

    def do_mail(self, rest):
        """mail TEXT: the owner writes from their address; \\n is a new line."""
        self.inbound(rest.replace("\\n", "\n").replace("$ticket", self.key), self.address())

    def do_name_ticket(self, rest):
        """name_ticket TEXT: the owner's text names the ticket."""
        self.inbound(f"{self.key} {rest}", "+86" + self.number)

    def do_stranger(self, rest):
        """stranger TEXT: somebody whom nobody knows writes."""
        self.inbound(rest.replace("$ticket", self.key), f"+86136{self.stage.count:08d}")

    def do_household(self, _):
        """household: the owner has a home, and somebody lives there with them."""
        folder = self.site.folder / f"units-{self.stage.count}"
        folder.mkdir()
        (folder / "units.csv").write_text(f"estate,building,unit,area_m2,delivered_on\n四季花城,9,{self.stage.count},80,\n")
        self.site.ctl("import", str(folder))
        unit = next(u["id"] for u in self.site.get("/units?limit=500")["items"] if u["building"] == "9" and u["unit"] == str(self.stage.count))
        self.site.request("PATCH", f"/api/v1/owners/{self.person}", {"tenures": [{"unit_id": unit, "role": "owner"}]})
        self.relative = f"137{self.stage.count:08d}"
        self.site.post("/owners", {"name": f"家人{self.stage.count}", "phones": [self.relative], "tenures": [{"unit_id": unit, "role": "family"}]})

    def do_relative(self, rest):
        """relative TEXT: that somebody writes."""
        self.inbound(rest, "+86" + self.relative)

    def do_send(self, rest):
        """send {…}: a message to the owner, which the gateway took over at once (fields of POST /messages)."""
        m = self.site.post("/messages", {"channel": "sms", "to": self.number, "person_id": self.person, **self.fill(rest)})
        self.sent(m["key"])

    def do_delivered(self, _):
        """delivered: the gateway says so of every message to the owner that waits."""
        for m in self.site.get(f"/messages?person={self.person}&state=queued&limit=500")["items"]:
            self.sent(m["key"])

    def sent(self, key):
        r = self.site.request("POST", "/hooks/sms/receipt", {"type": "message.receipt", "timestamp": "2026-11-22T00:00:00Z", "data": {
            "key": key, "state": "delivered", "at": "2026-11-22T00:00:00Z", "error": None, "provider_id": None}})
        assert r.status == 204, r

    def do_ticket(self, rest):
        """ticket A: from here on the words are about the ticket that is now called A (`as A` calls it so)."""
        self.key, self.seen = self.names[rest]

    def do_as(self, rest):
        """as A: the present ticket is called A; the next call, text or `open` may begin another."""
        self.names[rest] = (self.key, self.seen)

    def do_often(self, rest):
        """often N WHO VERB {…}; WHO VERB {…}: these steps, N times."""
        times, _, steps = rest.partition(" ")
        for _ in range(int(times)):
            for step in steps.split("; "):
                self.step(step)

    def do_wait(self, rest):
        self.site.advance(seconds(rest))
        self.stage.settle()

    def do_open(self, rest):
        """open WHO {…}: typed in at the desk."""
        who, _, body = rest.partition(" ")
        body = {"caller": self.number, **self.fill(body)}
        self.key = self.site.post("/tickets", body, token=self.stage.tokens[who])["id"]

    def do_shift(self, rest):
        """shift WHO on|leave FROM TO: moments from now."""
        who, kind, begin, end = rest.split()
        self.site.post("/shifts", {"user": who, "kind": kind, "from": self.moment(begin), "to": self.moment(end)})

    def do_noshift(self, _):
        for row in self.site.get("/shifts?limit=500")["items"]:
            assert self.site.request("DELETE", f"/api/v1/shifts/{row['id']}").status in (200, 204)

    def do_user(self, rest):
        name, _, facts = rest.partition(" ")
        self.stage.add(name, json.loads(facts))

    def do_disable(self, rest):
        self.site.post(f"/users/{rest}/disable")

    def do_restart(self, _):
        self.stage.pbx.close()
        self.site.restart()
        self.stage.pbx = self.site.pbx("pbx-a")
        self.stage.settle()

    def do_kill(self, rest):
        """kill [SPAN]: -9, that much time passes, started again."""
        self.stage.pbx.close()
        self.site.kill()
        self.site.frozen += seconds(rest or "0s") * 1000
        self.site.start()
        self.stage.pbx = self.site.pbx("pbx-a")
        self.stage.settle()

    def do_reload(self, rest):
        """reload SECTION YAML: that section is replaced, and read again."""
        name, _, text = rest.partition(" ")
        self.site.section(name, " " + text)
        assert self.site.post("/reload") is not None

    def do_act(self, who, rest):
        """WHO VERB {…} [=> STATUS {…}]: a verb of the ticket, of its callback (callback VERB) or survey (survey answer)."""
        rest, _, want = rest.partition(" => ")
        verb, _, body = rest.partition(" ")
        path = f"/tickets/{self.key}/{verb}"
        if verb in ("callback", "survey"):
            verb, _, body = body.partition(" ")
            path = f"/{'callbacks' if 'callback' in rest.split()[0] else 'surveys'}/{self.row(rest.split()[0])['id']}/{verb}"
        elif verb == "patch":
            path = f"/tickets/{self.key}"
        body = self.fill(body)
        headers = {}
        if "if_match" in body:
            headers["If-Match"] = f'"{body.pop("if_match")}"'
        method = "PATCH" if verb == "patch" else "POST"
        r = self.site.request(method, "/api/v1" + path, body, token=self.stage.tokens[who], headers=headers)
        status, _, fields = want.partition(" ")
        assert r.status == int(status or 200), f"{r.status}: {r.body[:400]}"
        if fields:
            assert matches(json.loads(fields), r.json), r
        if r.status == 200 and r.json.get("ticket") and not self.key:
            self.key = r.json["ticket"]

    # -- what is to be seen ---------------------------------------------------------------------

    def ticket(self):
        return self.site.get(f"/tickets/{self.key}")

    def row(self, kind):
        if kind == "survey":
            return self.site.get(f"/surveys?ticket={self.key}")["items"][0]
        rows = [c for c in self.site.get("/callbacks?limit=500")["items"] if c["number"] == "+86" + self.number]
        assert rows, "no callback"
        return rows[0]

    def see_expect(self, rest):
        """expect {…}: the ticket has these fields."""
        assert matches(self.fill(rest), self.ticket()), self.ticket()

    def see_clock(self, rest):
        """clock NAME STATE [due SPAN] [cycle N] [dispatch N]: the last one of that name; due from now."""
        name, state, *more = rest.split()
        facts = dict(zip(more[::2], more[1::2]))
        found = [c for c in self.ticket()["clocks"] if c["name"] == name
                 and (not facts.get("cycle") or c["cycle"] == int(facts["cycle"]))
                 and (not facts.get("dispatch") or c["dispatch"] == int(facts["dispatch"]))]
        if state == "none":
            assert not found, found
            return
        assert found, f"no clock {name}: {self.ticket()['clocks']}"
        assert found[-1]["state"] == state, found
        if "due" in facts:
            assert found[-1]["due_at"] == self.moment(facts["due"]), (found[-1], self.moment(facts["due"]))

    def see_then(self, rest):
        """then KIND {…}: the next event of that kind, after the one seen last, has these data."""
        kind, _, body = rest.partition(" ")
        for e in self.site.timeline(self.key)[self.seen:]:
            if e["kind"] == kind and matches(self.fill(body), e["data"]):
                self.seen = e["seq"]
                return
        raise AssertionError(f"no {rest} after event {self.seen}: " + self.story())

    def see_never(self, rest):
        """never KIND {…}: no such event in the whole history."""
        kind, _, body = rest.partition(" ")
        assert not [e for e in self.site.timeline(self.key) if e["kind"] == kind and matches(json.loads(body or "{}"), e["data"])], self.story()

    def see_count(self, rest):
        """count N KIND {…}: so many events."""
        n, kind, *body = rest.split(" ", 2)
        found = [e for e in self.site.timeline(self.key) if e["kind"] == kind and matches(json.loads(body[0] if body else "{}"), e["data"])]
        assert len(found) == int(n), self.story()

    def see_message(self, rest):
        """message WHO TEMPLATE [{…}]: the ticket has such a message; messages N WHO TEMPLATE: so many."""
        assert self.messages(rest), [(m["account"], m["to"], m["template"], m["state"]) for m in self.site.get(f"/messages?ticket={self.key}&limit=500")["items"]]

    def see_messages(self, rest):
        n, _, rest = rest.partition(" ")
        assert len(self.messages(rest)) == int(n), self.messages(rest)

    def messages(self, rest):
        who, template, *body = rest.split(" ", 2)
        want = self.fill(body[0] if body else "{}")
        return [m for m in self.site.get(f"/messages?ticket={self.key}&limit=500")["items"]
                if m["template"] == template and matches(want, m)
                and (m["to"] in ("+86" + self.number,) or (m["person_id"] and not m["account"]) if who == "owner" else m["account"] == who)]

    def see_may(self, rest):
        """may WHO VERB…: `allowed` lists these for them; maynot WHO VERB…: none of these."""
        who, *verbs = rest.split()
        assert set(verbs) <= set(self.allowed(who)), self.allowed(who)

    def see_maynot(self, rest):
        who, *verbs = rest.split()
        assert not set(verbs) & set(self.allowed(who)), self.allowed(who)

    def allowed(self, who):
        return self.site.get(f"/tickets/{self.key}", token=self.stage.tokens[who])["allowed"]

    def see_inbound(self, rest):
        """inbound {…}: the last text that came in has these fields."""
        row = self.site.get("/inbound?limit=1")["items"][0]
        assert matches(self.fill(rest), row), row

    def see_tickets(self, rest):
        """tickets N: so many tickets of the owner's number."""
        found = [t["id"] for t in self.site.get("/tickets?limit=500")["items"] if t["caller"] == "+86" + self.number]
        assert len(found) == int(rest), found

    def see_callback(self, rest):
        row = self.row("callback")
        assert matches(self.fill(rest), row), row

    def see_survey(self, rest):
        row = self.row("survey")
        assert matches(self.fill(rest), row), row

    def see_alert(self, rest):
        """alert KIND [N]: so many alerts (1) of that kind name the ticket."""
        kind, *n = rest.split()
        rows = self.site.sql(f"SELECT data_json FROM alert WHERE kind='{kind}'")
        found = [r for r in rows if json.loads(r["data_json"]).get("ticket") == self.key]
        assert len(found) == int(n[0] if n else 1), rows

    def see_card(self, rest):
        """card {…}: the first open ticket on the owner's card has these fields."""
        card = self.site.get(f"/owners?phone={self.number}")["items"][0]["owner"]
        assert matches(self.fill(rest), card["open_tickets"][0]), card["open_tickets"]

    def see_verify(self, _):
        """The second reading of the histories agrees, now."""
        report = self.site.get("/audit/verify")
        assert report["ok"] and not report["odd"], report

    def address(self):
        return f"owner{self.stage.count}@example.com"

    # -- helpers --------------------------------------------------------------------------------

    def moment(self, span):
        at = datetime.datetime.fromtimestamp(self.site.frozen / 1000 + seconds(span), datetime.timezone.utc)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"

    def fill(self, text):
        """JSON with $call, $ticket, $person, $number (the owner's), $n (the scenario's) and $in(SPAN) filled in."""
        text = text.replace('"$call"', str(getattr(self, "call_id", 0))).replace('"$person"', str(getattr(self, "person", 0)))
        text = text.replace("$number", "+86" + self.number).replace("$n", str(self.stage.count))
        text = re.sub(r"\$in\(([^)]*)\)", lambda m: self.moment(m.group(1)), text.replace("$ticket", str(self.key)))
        return json.loads(text or "{}")

    def story(self):
        return "\n".join(f"{e['seq']} {e['at']} {e['by']} {e['kind']} {json.dumps(e['data'], ensure_ascii=False)}"
                         for e in self.site.timeline(self.key))

    def step(self, line):
        word, _, rest = line.partition(" ")
        if word in self.stage.tokens or word in PEOPLE:
            return self.do_act(word, rest.strip())
        verb = getattr(self, "do_" + word, None) or getattr(self, "see_" + word, None)
        assert verb, f"no word '{word}'"
        return verb(rest.strip())


def play(stage, script, name, lines):
    run = Run(stage, name)
    for number, line in lines:
        try:
            run.step(line)
        except (AssertionError, KeyError, ValueError, IndexError) as e:
            raise AssertionError(f"{script.path.name}:{number}: {line}\n{e}") from e


def scripts():
    return [Script(path) for path in sorted(FOLDER.glob("*.scn"))]
