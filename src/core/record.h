/**
 * One record of a file of replies, in either format that occurs: our journal's ("id", "status",
 * "text" or "text_base64", ...) or upstream's ("question_id", "model_prediction", "error", with the
 * annotations beside them). Pure functions.
 */
#ifndef FM_CORE_RECORD_H
#define FM_CORE_RECORD_H

#include "core/usage.h"

typedef struct {
    bool upstream;
    const char *id;
    fm_reply reply;
    double cost;    /* NaN: not stated */
    double queue_s; /* NaN: not stated */
} fm_record;

/* Strings are copied into the arena. FM_E_INPUT begins with `place` and says what is missing. An
 * upstream record with an exception of its client and no text is an api_error: it is no answer. */
FM_MUST_CHECK fm_status fm_record_read(const cJSON *tree, const char *place, fm_arena *arena,
                                       fm_record *out, fm_err *err);

/* The id alone: numbers as decimal text. */
FM_MUST_CHECK fm_status fm_record_id(const cJSON *tree, const char *place, fm_arena *arena,
                                     const char **out, fm_err *err);

/* The numbers alone: what the attempt took, its status included. Nothing is copied. */
void fm_record_numbers(const cJSON *tree, fm_record *out);

/* Members status, text (or text_base64), finish_reason and detail into the open object. */
void fm_record_put_reply(fm_json_writer *w, const fm_reply *reply);

/* What an attempt took: times, tokens, money, the provider's names; absent where not stated. Times
 * are written in whole microseconds. */
void fm_record_put_attempt(fm_json_writer *w, const fm_attempt *attempt);

#endif
