target_sources(test_esl_event PRIVATE ${CMAKE_SOURCE_DIR}/plugins/cti_esl/esl_event.c)
target_include_directories(test_esl_event PRIVATE plugins/cti_esl)
plugin_lib(test_esl_event form)
