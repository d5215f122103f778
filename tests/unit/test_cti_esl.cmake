# The plugin's own sources: the test plays recordings against them through a host of paper.
file(GLOB cti_esl_sources ${CMAKE_SOURCE_DIR}/plugins/cti_esl/*.c)
target_sources(test_cti_esl PRIVATE ${cti_esl_sources} tests/rig/paper/cti_replay.c tests/rig/paper/cti_calls.c)
target_include_directories(test_cti_esl PRIVATE plugins/cti_esl)
plugin_lib(test_cti_esl track link form)
