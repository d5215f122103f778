/*
 * answer.h - what an owner's text says to a question of ours: yes, no, or a figure from 1 to 5; and
 * which ticket it names.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "domain/consent.h"

/** A text as an answer. What it quotes (`> …`, what stands below "… wrote:", a signature) is not
 * part of the answer, but may name the ticket. */
struct answer {
    enum answer_word word; /* said in words: 满意, no; ANSWER_NONE for a figure and other texts */
    int figure;            /* 1 to 5, alone or as "5分"; 0: none */
    int64_t ticket;        /* "T-000123" in the text, else in what it quotes; 0: none */
};

#define ANSWER_OWN_MAX 128 /* a longer text is no answer but says something */
/** The sender's own lines, a blank between them, without what they quote or sign with; "" when they
 * are too many to be an answer. */
void answer_own(const char *text, char own[ANSWER_OWN_MAX]);

/** Reads a whole text; what is no answer has neither word nor figure. */
void answer_read(const char *text, struct answer *out);

/**
 * What it says to a question. One that asks for a figure ("1-5", "1到5分") takes figures up to 2 as
 * no, the others as yes, with *score; any other question, and one that was put by word of mouth
 * (NULL), takes 1 as yes and 2 as no. ANSWER_NONE: it cannot be an answer to that question. *score
 * is 0 where no figure was asked for.
 */
enum answer_word answer_to(const struct answer *a, const char *question, int *score);
