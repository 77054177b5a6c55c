/**
 * judgements.jsonl: what a judge said of a run's replies, laid into the run directory by whoever asked
 * the judge. docs/run-directory.md has its format. Read whole; finding is thread-safe.
 */
#ifndef FM_CORE_JUDGEMENTS_H
#define FM_CORE_JUDGEMENTS_H

#include "base/hash.h"
#include "base/idmap.h"

typedef struct {
    bool there;                      /* the file exists */
    char sha256[FM_HASH_TEXT_BYTES]; /* of it */
    fm_id_map ids;
    const char **texts; /* by the ids' values */
    size_t n, capacity;
    fm_arena arena;
} fm_judgements;

/* A file that does not exist holds none. A line that is no judgement is FM_E_INPUT: a slip would make a
 * reply count as one that nobody judged. Of two lines with one id the later stands. */
FM_MUST_CHECK fm_status fm_judgements_read(fm_judgements *out, const char *path, fm_err *err);

/* The judge's words on the reply to an id; NULL: none. */
const char *fm_judgements_find(const fm_judgements *judgements, const char *id);

void fm_judgements_release(fm_judgements *judgements); /* accepts {0} */

#endif
