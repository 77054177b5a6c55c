/**
 * manifest.json: everything that can change a number of a run. docs/run-directory.md has the
 * schema. A manifest owns nothing: its strings live in the arena that it was read into or made
 * from.
 */
#ifndef FM_CORE_MANIFEST_H
#define FM_CORE_MANIFEST_H

#include "base/hash.h"
#include "core/catalog.h"
#include "core/selection.h"

#define FM_MANIFEST_SCHEMA "fathom.manifest/1"

/* Of seeds and limits: what a JSON number keeps exactly. */
#define FM_MANIFEST_MAX_COUNT ((UINT64_C(1) << 53) - 1)

typedef struct {
    const char *suite, *suite_version, *task, *protocol;
    int protocol_version;
    fm_answers_family answers;

    const char *data_dir; /* absolute */
    const char
        *annotations; /* file name inside the run directory, or NULL: the data folder's own */
    char data_sha256[FM_HASH_TEXT_BYTES];
    size_t frames; /* that were asked for, of a video; 0: as the suite says */

    const char *prompt;      /* template; NULL for imported replies */
    const char *prompt_file; /* name of the file that it came from; NULL: the suite's own */

    const char *adapter; /* "predictions": imported replies */
    const fm_setting *settings;
    const bool *operational; /* [n_settings]: cannot change a reply; NULL: none is */
    size_t n_settings;
    const char *model_sha256; /* of what the setting `model` names; NULL: not known */
    bool cached;              /* the response cache could answer */
    bool replayed;            /* replies came from a cassette */
    bool sees_truth;
    uint64_t seed;
    double timeout_s;
    const char *predictions, *predictions_sha256; /* imported replies, else NULL */

    fm_selection selection;
} fm_manifest;

/* Name, settings and eyes of an adapter; the settings that its table calls operational are marked.
 * `settings` are borrowed. */
FM_MUST_CHECK fm_status fm_manifest_take_adapter(fm_manifest *manifest, const fm_adapter_ops *ops,
                                                 const fm_setting *settings, size_t n_settings,
                                                 fm_arena *arena, fm_err *err);

FM_MUST_CHECK fm_status fm_manifest_write(const fm_manifest *manifest, const char *path,
                                          fm_err *err);

/* FM_E_INPUT names the file and the member that is missing or of another schema version. */
FM_MUST_CHECK fm_status fm_manifest_read(const char *path, fm_arena *arena, fm_manifest *out,
                                         fm_err *err);

/* The first thing that differs of what determines a reply, and of the shard: suite, task, answers,
 * data, frames, prompt, adapter, model, settings that are not operational, seed; of a model, what it is where
 * both know it, else where. What else is selected, operational
 * settings, time limits, cache and machine may differ. */
typedef struct {
    const char *what;
    char a[96], b[96]; /* cut */
} fm_manifest_difference;
bool fm_manifest_differ(const fm_manifest *a, const fm_manifest *b, fm_manifest_difference *out);

/* FM_OK where replies of the one may stand beside replies of the other, else FM_E_USAGE that says
 * what differs. */
FM_MUST_CHECK fm_status fm_manifest_same_run(const fm_manifest *there, const fm_manifest *here,
                                             const char *run_dir, fm_err *err);

/* Whether `here` must be written over `there` where both are of the same run: another selection,
 * other operational settings, a cache or a cassette that was not used before. What was used once
 * stays noted: `here` takes it from `there`. */
bool fm_manifest_renew(const fm_manifest *there, fm_manifest *here);

#endif
