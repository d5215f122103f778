target_sources(test_source PRIVATE tests/unit/calls_rig.c)
