/*
 * api_once.h - what api.c asks of Idempotency-Key (api_once.c): handlers use edge_priv.h.
 */
#pragma once
#include "base/seal.h"
#include "edge/api/api_priv.h"

/** Before a command: takes the key and the body's digest, if there is a key. E_INVALID. Loop. */
int api_once_key(struct api_job *job) MUST_CHECK;
/** The answer kept under the key into job->out and job->status: 1; 0 if there is none; E_INVALID
 * when it was another body's. Any thread. */
int api_once_recall(struct db *db, struct api_job *job) MUST_CHECK;
/** Keeps the answer that job->out holds. In a command. */
int api_once_remember(struct db *db, struct api_job *job) MUST_CHECK;
/** Before a job of api_once() is answered: true when its answer is being kept first; it is then
 * answered with api_answer() again. */
bool api_once_keep(struct api_job *job);
/** The job leaves: its key may come again. */
void api_once_end(struct api_job *job);
