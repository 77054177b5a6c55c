/**
 * Other people's replies: files of records in upstream's format (question_id, model_prediction, the
 * annotations beside them) or in our journal's (id, text). Read twice: once to check every line
 * before anything is written, once to write the journal.
 */
#ifndef FM_CORE_IMPORT_H
#define FM_CORE_IMPORT_H

#include "base/hash.h"
#include "base/idmap.h"
#include "core/journal.h"

typedef struct {
    size_t records;
    bool upstream; /* records carry question_id, and annotations of their own */
    fm_id_map ids; /* to line numbers */
    char sha256[FM_HASH_TEXT_BYTES];
} fm_import;

/* Check the whole file: every line a record, every id once. Errors name file, line and remedy. */
FM_MUST_CHECK fm_status fm_import_check(const char *path, fm_import *out, fm_err *err);
void fm_import_release(fm_import *import);

/* Journal the replies that are not in the journal yet. */
FM_MUST_CHECK fm_status fm_import_replies(const char *path, fm_journal *journal, fm_err *err);

/* Write the records without the replies: what a loader reads as annotations. */
FM_MUST_CHECK fm_status fm_import_annotations(const char *path, const char *out_path, fm_err *err);

#endif
