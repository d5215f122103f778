file(GLOB cti_esl_sources ${CMAKE_SOURCE_DIR}/plugins/cti_esl/*.c
  ${CMAKE_SOURCE_DIR}/plugins/lib/track/*.c)
target_sources(replay_esl PRIVATE ${cti_esl_sources} tests/unit/cti_replay.c)
target_include_directories(replay_esl PRIVATE plugins/cti_esl plugins/lib/track)
set_property(TEST replay_esl APPEND PROPERTY ENVIRONMENT "FUZZ_SEED=1")
