# The plugin's own sources: the test plays recordings against them through a host of paper.
file(GLOB cti_ami_sources ${CMAKE_SOURCE_DIR}/plugins/cti_ami/*.c)
target_sources(test_cti_ami PRIVATE ${cti_ami_sources} tests/rig/paper/cti_replay.c tests/rig/paper/cti_calls.c)
target_include_directories(test_cti_ami PRIVATE plugins/cti_ami)
plugin_lib(test_cti_ami track link)
