# The host is tried with real modules.
foreach(plugin gw_webhook gw_kannel skeleton)
  add_dependencies(test_host plugin_${plugin})
endforeach()
# Modules that are wrong in one way each: tests/unit/bad_plugins/NAME.c.
file(GLOB bad_plugins CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/bad_plugins/*.c)
foreach(source ${bad_plugins})
  get_filename_component(bad ${source} NAME_WE)
  add_library(plugin_${bad} MODULE ${source})
  set_target_properties(plugin_${bad} PROPERTIES PREFIX "" OUTPUT_NAME ${bad}
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests/plugins" C_VISIBILITY_PRESET hidden)
  target_include_directories(plugin_${bad} PRIVATE include)
  add_dependencies(test_host plugin_${bad})
endforeach()
target_compile_definitions(test_host PRIVATE BAD_PLUGINS="${CMAKE_BINARY_DIR}/tests/plugins")
