target_sources(test_telephony PRIVATE tests/unit/tele_rig.c)
