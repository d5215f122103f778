/*
 * consent.h - may this be sent to an owner now: their consent, and the words by which they take it
 * back. Messages to staff never come here.
 */
#pragma once
#include <stdbool.h>

struct consent {
    bool sms, email, call, marketing;
};

/**
 * NULL if a message of this channel ("sms", "email") and class may go; else the name of the consent
 * that forbids it ("sms", "email", "marketing"). Marketing needs its own consent and the channel's.
 */
const char *consent_forbids(const struct consent *c, const char *channel,
                            const char *message_class);

enum consent_word { CONSENT_NONE, CONSENT_STOP, CONSENT_START };

/**
 * What an inbound text says about consent. Only the whole text counts (after trimming, full-width
 * to ASCII, upper case, final punctuation dropped): STOP, 退订, TD … A single letter counts only if
 * `last_marketing`, the last marketing text they got (NULL: none), offered a way out by it.
 */
enum consent_word consent_word(const char *text, const char *last_marketing);

enum answer_word { ANSWER_NONE, ANSWER_YES, ANSWER_NO };

/** What an owner's text says to "are you satisfied": 1, 是, 满意, yes …; 2, 否, 不满意, no …. The
 * whole text, read like an opt-out word. */
enum answer_word answer_word(const char *text);
/** 1 to 5 where the whole text is that figure ("5", "５。", "5分", "4星"); 0 for any other. */
int answer_figure(const char *text);
