/**
 * manifest.json: everything that can change a number of a run. docs/run-directory.md has the
 * schema. A manifest owns nothing: its strings live in the arena that it was read into or made
 * from.
 */
#ifndef FM_CORE_MANIFEST_H
#define FM_CORE_MANIFEST_H

#include "base/hash.h"
#include "core/catalog.h"

#define FM_MANIFEST_SCHEMA "fathom.manifest/1"

/* Of seed and limit: what a JSON number keeps exactly. */
#define FM_MANIFEST_MAX_COUNT ((UINT64_C(1) << 53) - 1)

typedef struct {
    const char *suite, *suite_version, *task, *protocol;
    int protocol_version;
    fm_answers_family answers;

    const char *data_dir; /* absolute */
    const char
        *annotations; /* file name inside the run directory, or NULL: the data folder's own */
    char data_sha256[FM_HASH_TEXT_BYTES];

    const char *prompt; /* template; NULL for imported replies */

    const char *adapter; /* "predictions": imported replies */
    const fm_setting *settings;
    size_t n_settings;
    bool sees_truth;
    uint64_t seed;
    double timeout_s;
    const char *predictions, *predictions_sha256; /* imported replies, else NULL */

    uint64_t limit; /* 0: all samples */
} fm_manifest;

FM_MUST_CHECK fm_status fm_manifest_write(const fm_manifest *manifest, const char *path,
                                          fm_err *err);

/* FM_E_INPUT names the file and the member that is missing or of another schema version. */
FM_MUST_CHECK fm_status fm_manifest_read(const char *path, fm_arena *arena, fm_manifest *out,
                                         fm_err *err);

/* FM_OK where replies of the one may stand beside replies of the other, else FM_E_USAGE that says
 * what differs. The limit may differ. */
FM_MUST_CHECK fm_status fm_manifest_same_run(const fm_manifest *there, const fm_manifest *here,
                                             const char *run_dir, fm_err *err);

#endif
