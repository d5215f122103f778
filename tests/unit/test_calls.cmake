target_sources(test_calls PRIVATE tests/unit/calls_rig.c)
