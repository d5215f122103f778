# stewardctl is a program of its own: its parts, all but main.c, are built into this test.
file(GLOB ctl_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/daemon/ctl/*.c)
list(FILTER ctl_sources EXCLUDE REGEX "/main\\.c$")
target_sources(test_ctl PRIVATE ${ctl_sources})
