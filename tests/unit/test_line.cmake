target_sources(test_line PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit/line_rig.c)
