"""gw_kannel against a real Kannel (Debian: kannel, kannel-extras), whose fakesmsc plays the network: both ways of
sending, delivery reports, an incoming STOP. Skipped where it is not installed."""
import os
import shutil
import socket
import subprocess

import pytest

import steward

FAKESMSC = "/usr/lib/kannel/test/fakesmsc"
pytestmark = pytest.mark.skipif(not shutil.which("bearerbox", path=os.environ["PATH"] + ":/usr/sbin") or not os.path.exists(FAKESMSC),
                                reason="kannel and kannel-extras are not installed")

CONF = """group = core
admin-port = {admin}
admin-interface = "127.0.0.1"
admin-password = adm
smsbox-port = {box}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
dlr-storage = internal

group = smsc
smsc = fake
smsc-id = FAKE
port = {smsc}
our-host = 127.0.0.1
connect-allow-ip = 127.0.0.1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {send}
sendsms-interface = "127.0.0.1"
global-sender = 13013

group = sendsms-user
username = steward
password = secret
max-messages = 10
concatenation = true

group = sms-service
keyword = default
get-url = "http://127.0.0.1:{http}/hooks/sms/inbound?secret=mo-secret&id=%I&from=%p&to=%P&text=%a&at=%T"
max-messages = 0
"""


def listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


@pytest.fixture
def kannel(tmp_path):
    """start(site): the boxes, and a network that sends `13800138000 … STOP` once."""
    running = []

    def run(*command):
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def start(ports, http):
        conf = tmp_path / "kannel.conf"
        conf.write_text(CONF.format(http=http, **ports))
        run("/usr/sbin/bearerbox", str(conf))
        steward.eventually(lambda: listening(ports["box"]), "bearerbox")
        run("/usr/sbin/smsbox", str(conf))
        steward.eventually(lambda: listening(ports["send"]), "smsbox")
        run(FAKESMSC, "-H", "127.0.0.1", "-r", str(ports["smsc"]), "-i", "1", "-m", "1", "13800138000 13013 text STOP")

    yield start
    for process in reversed(running):
        process.terminate()
    for process in running:
        process.wait(20)


@pytest.mark.parametrize("method", ["get", "post"])
def test_there_and_back(make, kannel, method):
    site = make(start=False)
    ports = {name: steward.free_port() for name in ("admin", "box", "smsc", "send")}
    site.plugin("sms", f"plugin: gw_kannel\nname: sms\nurl: http://127.0.0.1:{ports['send']}/cgi-bin/sendsms\n"
                       f"username: steward\npassword: secret\nsender: '10690000'\ninbound_secret: mo-secret\nmethod: {method}\n")
    site.start()
    steward.sample_owners(site)
    person = site.get("/owners?phone=13800138000")["items"][0]["owner"]["id"]
    kannel(ports, site.http_port)
    steward.eventually(lambda: site.get(f"/owners/{person}")["consent"]["sms"] is False, "STOP taken")
    for text, segments in (("您好，水管已修好。" * 9, 2), ("plain GSM [text] €", 1), ("100% & x=y; 😀", 1)):
        made = site.post("/messages", {"channel": "sms", "to": "+8613900139000", "text": text})
        done = steward.eventually(lambda: next((m for m in site.get("/messages")["items"]
                                                if m["id"] == made["id"] and m["delivered_at"]), None), "delivered")
        assert done["state"] == "delivered" and done["segments"] == segments and done["provider_id"]
