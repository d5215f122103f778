target_sources(test_ami_parse PRIVATE ${CMAKE_SOURCE_DIR}/plugins/cti_ami/ami_parse.c)
target_include_directories(test_ami_parse PRIVATE plugins/cti_ami)
