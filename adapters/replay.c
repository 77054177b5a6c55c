/**
 * Replay: answers from a file of replies, by id.
 *
 * The file is a journal of ours or upstream's records; reading either is core/journal's. Owns only
 * what a file that lacks a reply, or is broken, means for a run.
 */
#include "adapters/adapters.h"

#include <stdlib.h>

#include "core/journal.h"

typedef struct {
    fm_journal *journal;
    fm_arena arena; /* of the last reply */
} replay;

static const fm_adapter_option replay_options[] = {
    {.name = "file", .summary = "replies: a journal (replies.jsonl) or upstream records"},
    {0},
};

static void replay_close(void *state)
{
    replay *r = state;

    (void)!fm_journal_close(r->journal, NULL); /* opened for reading: nothing can be lost */
    fm_arena_release(&r->arena);
    free(r);
}

static fm_status replay_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    const char *path = fm_adapter_setting(&fm_adapter_replay, config, "file");
    fm_journal_report report;

    if (!path || !*path)
        return fm_fail(err, FM_E_USAGE, "adapter 'replay' needs a file: --set file=PATH");
    replay *r = calloc(1, sizeof(*r));
    if (!r)
        return fm_fail(err, FM_E_NOMEM, "no memory to open '%s'", path);
    fm_status st = fm_journal_open(&r->journal, path, false, &report, err);
    if (st == FM_OK && report.unreadable)
        st = fm_fail(err, FM_E_INPUT, "%s:%zu: is no record of a reply", path,
                     report.first_unreadable);
    if (st != FM_OK) {
        replay_close(r);
        return st;
    }
    *state = r;
    return FM_OK;
}

static fm_status replay_generate(void *state, const fm_request *request, const fm_sample *truth,
                                 fm_reply *reply, fm_err *err)
{
    replay *r = state;
    bool found;

    (void)truth;
    fm_arena_reset(&r->arena);
    fm_status st = fm_journal_find(r->journal, request->id, &r->arena, reply, &found, err);
    if (st == FM_OK && !found) {
        reply->status = FM_SAMPLE_SKIPPED;
        reply->detail = "the file holds no reply to this sample";
    }
    return st;
}

const fm_adapter_ops fm_adapter_replay = {
    .name = "replay",
    .summary = "replies from a file: a journal or upstream records",
    .caps = FM_CAP_OFFLINE,
    .options = replay_options,
    .open = replay_open,
    .generate = replay_generate,
    .close = replay_close,
};
