/*
 * plate.h - one form of writing for number plates, so that 粤B·12345, 粤b-12345 and 粤B 12345 are
 * one car wherever they are stored, matched or looked for.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/**
 * Full width to ASCII, letters to upper case, and nothing between the characters: blanks, dots of
 * every kind, hyphens and dashes go. out has room for strlen(text) + 1 bytes; it may be text
 * itself. False when nothing is left.
 */
bool plate_normalise(const char *text, char *out);
