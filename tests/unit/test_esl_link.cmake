# As test_cti_esl: the plugin's own sources and the host of paper.
file(GLOB cti_esl_sources ${CMAKE_SOURCE_DIR}/plugins/cti_esl/*.c)
target_sources(test_esl_link PRIVATE ${cti_esl_sources} tests/rig/paper/cti_replay.c tests/rig/paper/cti_calls.c)
target_include_directories(test_esl_link PRIVATE plugins/cti_esl)
plugin_lib(test_esl_link track link form)
