file(GLOB cti_ami_sources ${CMAKE_SOURCE_DIR}/plugins/cti_ami/*.c
  ${CMAKE_SOURCE_DIR}/plugins/lib/track/*.c)
target_sources(replay_ami PRIVATE ${cti_ami_sources} tests/unit/cti_replay.c)
target_include_directories(replay_ami PRIVATE plugins/cti_ami plugins/lib/track)
set_property(TEST replay_ami APPEND PROPERTY ENVIRONMENT "FUZZ_SEED=1")
