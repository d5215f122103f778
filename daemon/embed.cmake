# Embeds text files into a floor as C arrays, so that a program needs no data folder beside it.
# steward_embed(TARGET NAME GLOB) adds NAME_embedded[], a table of {file name, text, length}
# ordered by file name (declared in daemon/base/embed.h).
function(steward_embed target name pattern)
  file(GLOB files CONFIGURE_DEPENDS ${pattern})
  list(SORT files)
  set(out "${CMAKE_BINARY_DIR}/embed_${name}.c")
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAME=${name} "-DFILES=${files}"
            -P ${CMAKE_SOURCE_DIR}/daemon/embed_write.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/daemon/embed_write.cmake VERBATIM)
  get_target_property(kind ${target} TYPE)
  if(NOT kind STREQUAL "INTERFACE_LIBRARY")
    target_sources(${target} PRIVATE ${out})
  endif()
endfunction()
