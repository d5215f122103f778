/*
 * clock_word.h - what a clock is called when a person is told of it.
 */
#pragma once
#include "domain/lang.h"

/** "解决" for resolve in Chinese, "resolution" in English; a milestone keeps its own name. */
const char *clock_word(const char *clock, enum lang lang);
