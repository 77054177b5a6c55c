/**
 * replies.jsonl: what a model said, on disk before anything is computed from it.
 *
 * Opened for writing it drops a torn last line (what a killed process leaves) and appends whole
 * records, synced at least once a second by a thread of its own. Opened for reading it changes
 * nothing, and reads upstream's record files as well (core/record.h). Either way it is an index
 * from sample id to the last record of that id. Appending and finding may not run at the same time;
 * finding alone is thread-safe.
 */
#ifndef FM_CORE_JOURNAL_H
#define FM_CORE_JOURNAL_H

#include "base/arena.h"
#include "core/usage.h"

typedef struct fm_journal fm_journal;

typedef struct {
    size_t lines, records, ids;
    size_t settled;          /* ids that need not be asked again: see fm_journal_settled() */
    bool torn;               /* a torn last line was dropped (or, reading, ignored) */
    size_t unreadable;       /* whole lines that are no record: kept in the file, ignored */
    size_t first_unreadable; /* line number */
} fm_journal_report;

FM_MUST_CHECK fm_status fm_journal_open(fm_journal **out, const char *path, bool writable,
                                        fm_journal_report *report, fm_err *err);

/* A reply that is longer is none: it would not fit into a line, whatever its bytes. */
#define FM_JOURNAL_REPLY_BYTES ((size_t)8 << 20)

/* One attempt at a sample. On failure (disk full) the file is as it was before the call. FM_E_INPUT:
 * the reply is too long. */
FM_MUST_CHECK fm_status fm_journal_append(fm_journal *journal, const char *id,
                                          const fm_attempt *attempt, fm_err *err);

/* What all attempts in it took: summed while the file was opened and since. */
fm_usage_totals *fm_journal_usage(const fm_journal *journal);

bool fm_journal_has(const fm_journal *journal, const char *id);

/* Whether the last record of the id is a reply, or blocked: a sample that failed on its way to the
 * model (api_error, timeout, quota, skipped) is asked again by the next start. */
bool fm_journal_settled(const fm_journal *journal, const char *id);

/* The last record of an id, its bytes in `arena`. *found false where there is none. */
FM_MUST_CHECK fm_status fm_journal_find(const fm_journal *journal, const char *id, fm_arena *arena,
                                        fm_reply *out, bool *found, fm_err *err);

/* Sync and close; FM_E_IO when the last records may not have reached the disk. Accepts NULL. */
FM_MUST_CHECK fm_status fm_journal_close(fm_journal *journal, fm_err *err);

#endif
