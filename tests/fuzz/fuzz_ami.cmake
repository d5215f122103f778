file(GLOB cti_ami_sources ${CMAKE_SOURCE_DIR}/plugins/cti_ami/*.c)
target_sources(${target} PRIVATE ${cti_ami_sources} tests/rig/paper/cti_replay.c)
target_include_directories(${target} PRIVATE plugins/cti_ami)
plugin_lib(${target} track link)
