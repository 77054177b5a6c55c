/**
 * Rewards as a service of lines: a line of JSON with a reply in, a line of JSON with its reward out.
 * docs/rewards.md has the members. What a line is judged by stands in it, or is the truth of a sample
 * of a suite that was loaded before.
 *
 * Once it is made, fm_rewarding_line() is a pure function of the line: any number of threads may call
 * it, each with an arena and a buffer of its own.
 */
#ifndef FM_CORE_REWARDING_H
#define FM_CORE_REWARDING_H

#include "core/catalog.h"
#include "base/buffer.h"
#include "fathom/reward.h"

/* Why a line has no reward: "type" of its error. */
#define FM_REWARDING_ERROR_MAP(X)                                                                  \
    X(NOT_JSON, "not_json", "the line is no JSON object")                                          \
    X(NOT_UTF8, "not_utf8", "the line is not UTF-8")                                               \
    X(TOO_LONG, "too_long", "the line is longer than 16 MiB")                                      \
    X(NO_REPLY, "no_reply", "no text under 'reply'")                                               \
    X(NO_TRUTH, "no_truth", "no 'truth', and no suite was named")                                  \
    X(UNKNOWN_SAMPLE, "unknown_sample", "the suite has no sample of that id")                      \
    X(BAD_TRUTH, "bad_truth", "the truth cannot be read")                                          \
    X(NO_MEMORY, "no_memory", "out of memory for this line")

#define FM_REWARDING_LINE_BYTES ((size_t)16 << 20)

typedef struct fm_rewarding fm_rewarding;

/* verdicts: every reward lists what was judged. NULL: out of memory. */
fm_rewarding *fm_rewarding_new(const fm_reward_rules *rules, bool verdicts);
void fm_rewarding_free(fm_rewarding *rewarding); /* accepts NULL */

/* Read the truths of a suite or task, once; depth maps are looked at where the data does not state how
 * deep its scenes are. data_dir NULL: as fm_catalog_data(). FM_E_USAGE where it asks for no traces. */
FM_MUST_CHECK fm_status fm_rewarding_load(fm_rewarding *rewarding, const fm_catalog *catalog,
                                          const char *suite, const char *data_dir, fm_err *err);

/* Append the line for `line` (without its newline; text NULL: it was longer than
 * FM_REWARDING_LINE_BYTES) to `out`, newline included. `arena` is reset. True where it holds a reward,
 * false where it holds an error. */
bool fm_rewarding_line(const fm_rewarding *rewarding, const char *line, size_t size,
                       fm_arena *arena, fm_buf *out);

#endif
