# As test_cti_ami: the plugin's own sources and the host of paper.
file(GLOB cti_ami_sources ${CMAKE_SOURCE_DIR}/plugins/cti_ami/*.c)
target_sources(test_ami_calls PRIVATE ${cti_ami_sources} tests/rig/paper/cti_replay.c tests/rig/paper/cti_calls.c)
target_include_directories(test_ami_calls PRIVATE plugins/cti_ami)
plugin_lib(test_ami_calls track link)
