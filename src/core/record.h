/**
 * One record of a file of replies, in either format that occurs: our journal's ("id", "status",
 * "text" or "text_base64", ...) or upstream's ("question_id", "model_prediction", "error", with the
 * annotations beside them). Pure functions.
 */
#ifndef FM_CORE_RECORD_H
#define FM_CORE_RECORD_H

#include "base/json.h"
#include "fathom/adapter.h"

typedef struct {
    bool upstream;
    const char *id;
    fm_reply reply;
} fm_record;

/* Strings are copied into the arena. FM_E_INPUT begins with `place` and says what is missing. An
 * upstream record with an exception of its client and no text is an api_error: it is no answer. */
FM_MUST_CHECK fm_status fm_record_read(const cJSON *tree, const char *place, fm_arena *arena,
                                       fm_record *out, fm_err *err);

/* The id alone: numbers as decimal text. */
FM_MUST_CHECK fm_status fm_record_id(const cJSON *tree, const char *place, fm_arena *arena,
                                     const char **out, fm_err *err);

/* Members status, text (or text_base64), finish_reason and detail into the open object. */
void fm_record_put_reply(fm_json_writer *w, const fm_reply *reply);

#endif
