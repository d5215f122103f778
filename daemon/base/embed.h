/*
 * embed.h - text files that the build put into the program (see daemon/embed.cmake).
 */
#pragma once
#include <stddef.h>

/** One embedded file. A table of them ends with name == NULL. Text is NUL-terminated after len. */
struct embedded_file {
    const char *name;
    const char *text;
    size_t len;
};
