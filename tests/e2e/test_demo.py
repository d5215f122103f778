"""The story that `./dev demo --once` plays, as a test."""
import demo
import steward


def test_story(tmp_path):
    sms, mail = steward.Sink(), steward.Sink()
    site = demo.configure(tmp_path / "site", sms, mail)
    try:
        demo.play(site, sms, mail)
    finally:
        site.close()
        sms.close()
        mail.close()
