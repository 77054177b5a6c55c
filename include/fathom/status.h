/**
 * What every fallible function returns, and the message that travels with it.
 *
 * A function that can fail returns `fm_status` and fills the caller's optional `fm_err`. On failure
 * its outputs are untouched unless its own comment says otherwise. Libraries return; only the
 * command line prints or exits. Messages: lower case, no full stop, the problem first, the subject
 * in single quotes, never a secret.
 */
#ifndef FATHOM_STATUS_H
#define FATHOM_STATUS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define FM_API               __attribute__((visibility("default")))
#define FM_MUST_CHECK        __attribute__((warn_unused_result))
#define FM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define FM_API
#define FM_MUST_CHECK
#define FM_PRINTF(fmt, args)
#endif

/* code, stable name, process exit code (docs/exit-codes.md is checked against this table), meaning
 */
#define FM_STATUS_MAP(X)                                                                           \
    X(OK, "ok", 0, "done")                                                                         \
    X(E_INTERNAL, "internal", 1, "a fault of fathom itself")                                       \
    X(E_NOMEM, "no_memory", 1, "out of memory, or a stated memory cap reached")                    \
    X(E_IO, "io", 1, "a file, pipe or disk failed")                                                \
    X(E_LOCKED, "locked", 1, "another process is using this folder")                               \
    X(E_USAGE, "usage", 2, "a wrong option, name or configuration")                                \
    X(E_INCOMPLETE, "incomplete", 3,                                                               \
      "not all is done or there: error budget, quota, cost cap, data")                             \
    X(E_INPUT, "bad_input", 4, "a data file is malformed, truncated or out of bounds")             \
    X(E_REGRESSION, "regression", 10, "the gate failed: worse than it allows")                     \
    X(E_INCONCLUSIVE, "inconclusive", 11, "the gate can neither pass nor fail on this data")       \
    X(E_INTERRUPTED, "interrupted", 130, "interrupted by the user, everything saved")

typedef enum {
#define FM_STATUS_ENUM(code, name, exit, text) FM_##code,
    FM_STATUS_MAP(FM_STATUS_ENUM)
#undef FM_STATUS_ENUM
        FM_STATUS_COUNT
} fm_status;

#define FM_ERR_TEXT_BYTES 512

/* Owned by the caller; start it as {0}. `text` is always terminated, one line (a break in what it
 * quotes becomes a space), and cut at a UTF-8 boundary when too long. */
typedef struct {
    fm_status code;
    char text[FM_ERR_TEXT_BYTES];
} fm_err;

/* Stable lower-case name, exit code and one-line meaning of a status. Unknown values give
 * "unknown", 1, "". */
FM_API const char *fm_status_name(fm_status st);
FM_API int fm_status_exit_code(fm_status st);
FM_API const char *fm_status_meaning(fm_status st);

/* Fill `err` (may be NULL) and return `st`, so that a failure is one line: return fm_fail(err,
 * FM_E_IO, ...). */
FM_API fm_status fm_fail(fm_err *err, fm_status st, const char *fmt, ...) FM_PRINTF(3, 4);

/* Put "<context>: " before the text that is already in `err` (may be NULL); returns `st`, the status
 * that came with it. */
FM_API fm_status fm_fail_within(fm_err *err, fm_status st, const char *fmt, ...) FM_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif
#endif
