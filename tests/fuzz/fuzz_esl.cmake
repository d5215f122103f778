file(GLOB cti_esl_sources ${CMAKE_SOURCE_DIR}/plugins/cti_esl/*.c)
target_sources(${target} PRIVATE ${cti_esl_sources} tests/rig/paper/cti_replay.c)
target_include_directories(${target} PRIVATE plugins/cti_esl)
plugin_lib(${target} track link form)
