/* Owns the order of things: target, data, manifest, journal, asking, grading. */
#include "core/run.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/threads.h"
#include "core/asking.h"
#include "core/grading.h"
#include "core/import.h"
#include "core/prompt.h"

/* Everything that one command holds while it works; released in one place. */
typedef struct {
    const fm_catalog *catalog;
    const fm_run_options *options;
    fm_arena arena; /* target, manifest */
    fm_target target;
    const fm_loader_ops *loader;
    char data_dir[FM_PATH_BYTES]; /* absolute */
    fm_manifest manifest;
    fm_rundir dir;
    fm_journal *journal;
    /* The last notices of lost samples and of the form of the answers: several protocols say them once. */
    char lost[640], form[640];
    bool again; /* a run is graded that was answered before */
} session;

static void session_init(session *s, const fm_catalog *catalog, const fm_run_options *options)
{
    *s = (session){.catalog = catalog, .options = options, .dir.lock_fd = -1};
}

/* Returns st, or the failure to close the journal when everything else went well. */
static fm_status session_release(session *s, fm_status st, fm_err *err)
{
    fm_status closed = fm_journal_close(s->journal, st == FM_OK ? err : NULL);

    fm_rundir_release(&s->dir);
    fm_arena_release(&s->arena);
    return st == FM_OK ? closed : st;
}

static void notice(const session *s, const char *text)
{
    if (s->options->notice)
        s->options->notice(s->options->context, text);
}

static int jobs_of(const session *s)
{
    return s->options->jobs > 0 ? s->options->jobs : fm_threads_available();
}

/* ---- target and data ---- */

static fm_status find_data(session *s, const char *given, fm_err *err)
{
    return fm_catalog_data(s->catalog, &s->target, given, s->data_dir, err);
}

static fm_status find_target(session *s, const char *spec, fm_err *err)
{
    fm_status st = fm_catalog_target(s->catalog, spec, &s->arena, &s->target, err);

    if (st == FM_OK)
        st = fm_catalog_loader(s->catalog, s->target.suite->loader, &s->loader, err);
    return st;
}

/* The hash of the annotations. */
static fm_status fingerprint(session *s, char out[FM_HASH_TEXT_BYTES], fm_err *err)
{
    void *loader = NULL;
    fm_status st =
        fm_grading_open_loader(&s->dir, &s->manifest, s->loader, s->target.task, s->data_dir,
                               s->catalog->pictures_dir, FM_LOAD_NAMES, &loader, err);

    if (st != FM_OK)
        return st;
    st = s->loader->fingerprint(loader, out, err);
    s->loader->close(loader);
    return st;
}

/* ---- manifest ---- */

static fm_status describe(session *s, fm_err *err)
{
    const fm_run_options *o = s->options;
    const fm_target *t = &s->target;
    fm_manifest *m = &s->manifest;

    m->suite = t->suite->name;
    m->suite_version = t->suite->version;
    m->task = t->task->name;
    m->protocol = t->protocol->name;
    m->protocol_version = t->protocol->version;
    m->answers = t->task->answers;
    m->data_dir = s->data_dir;
    m->frames = (size_t)o->frames;
    m->seed = o->seed;
    m->selection = o->selection;
    if (o->answers && !fm_answers_family_from_name(o->answers, &m->answers))
        return fm_fail(err, FM_E_USAGE, "unknown form of answers '%s': tuples, json or xyz",
                       o->answers);
    if (o->seed > FM_MANIFEST_MAX_COUNT)
        return fm_fail(err, FM_E_USAGE, "the seed must be below 2^53");
    return fm_selection_check(&o->selection, err);
}

static bool has_replies(const session *s)
{
    char path[FM_PATH_BYTES];
    fm_journal_report report = {0};
    fm_journal *journal = NULL;

    if (fm_rundir_file(&s->dir, FM_RUNDIR_REPLIES, path, NULL) != FM_OK || !fm_file_exists(path))
        return false;
    /* A journal that cannot be read may hold anything: opening it for good says what is wrong. */
    if (fm_journal_open(&journal, path, false, &report, NULL) != FM_OK)
        return true;
    return fm_journal_close(journal, NULL) != FM_OK || report.settled > 0 || report.unreadable > 0;
}

static fm_status withdraw(session *s, const char *protocol, fm_err *err)
{
    for (int own = 0; own <= 1; own++) {
        char path[FM_PATH_BYTES];
        fm_status st = fm_rundir_graded(&s->dir, "results", "json", protocol, own, path, err);

        if (st != FM_OK)
            return st;
        if (remove(path) != 0 && fm_file_exists(path))
            return fm_fail(err, FM_E_IO, "cannot remove '%s'", path);
    }
    return FM_OK;
}

/* results*.json says that everything is graded, so it must go before a reply is added or the samples
 * are others. Any protocol may have been the run's own before. */
static fm_status withdraw_results(session *s, fm_err *err)
{
    const fm_task *task = s->target.task;
    fm_status st = FM_OK;

    for (const fm_protocol *const *p = s->catalog->protocols; st == FM_OK && *p; p++)
        st = withdraw(s, (*p)->name, err);
    for (size_t i = 0; st == FM_OK && i < FM_COUNT_OF(task->protocols) && task->protocols[i]; i++)
        st = withdraw(s, task->protocols[i], err);
    return st;
}

/* The manifest that the folder holds already, if any, and whether replies came of it. */
static fm_status find_there(session *s, fm_manifest *there, bool *exists, bool *begun, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_rundir_file(&s->dir, FM_RUNDIR_MANIFEST, path, err);

    *exists = st == FM_OK && fm_file_exists(path);
    *begun = *exists && has_replies(s);
    return *exists ? fm_manifest_read(path, &s->arena, there, err) : st;
}

/* Nothing but failures stands in the journal, and they belong to other settings. */
static fm_status drop_failures(session *s, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_rundir_file(&s->dir, FM_RUNDIR_REPLIES, path, err);

    if (st == FM_OK && remove(path) != 0 && fm_file_exists(path))
        st = fm_fail(err, FM_E_IO, "cannot remove '%s'", path);
    return st;
}

static fm_status open_journal(session *s, bool writable, fm_err *err)
{
    char path[FM_PATH_BYTES], text[160];
    fm_journal_report report;
    fm_status st = fm_rundir_file(&s->dir, FM_RUNDIR_REPLIES, path, err);

    if (st == FM_OK)
        st = fm_journal_open(&s->journal, path, writable, &report, err);
    if (st != FM_OK)
        return st;
    if (report.torn) {
        snprintf(text, sizeof(text),
                 "replies.jsonl ended in a torn line, as a killed process leaves it: %s",
                 writable ? "dropped" : "ignored");
        notice(s, text);
    }
    if (report.unreadable) {
        snprintf(text, sizeof(text), "replies.jsonl: %zu lines are no records (first: line %zu)",
                 report.unreadable, report.first_unreadable);
        notice(s, text);
    }
    return FM_OK;
}

/* Write the manifest, or check the one that is there; open the journal. A run that got no reply,
 * because a setting was wrong, may be begun again with another. */
static fm_status settle(session *s, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_manifest there;
    bool exists, begun, same = false, renew = true;
    fm_status st = find_there(s, &there, &exists, &begun, err);

    if (st == FM_OK)
        st = fingerprint(s, s->manifest.data_sha256, err);
    if (st == FM_OK && exists) {
        fm_status verdict =
            fm_manifest_same_run(&there, &s->manifest, s->dir.path, begun ? err : NULL);

        same = verdict == FM_OK;
        renew = !same || fm_manifest_renew(&there, &s->manifest);
        st = begun ? verdict : FM_OK;
    }
    if (st == FM_OK && renew) {
        if (!same || !fm_selection_equal(&there.selection, &s->manifest.selection))
            st = withdraw_results(s, err);
        if (st == FM_OK && !same)
            st = drop_failures(s, err);
        if (st == FM_OK)
            st = fm_rundir_file(&s->dir, FM_RUNDIR_MANIFEST, path, err);
        if (st == FM_OK)
            st = fm_manifest_write(&s->manifest, path, err);
    }
    return st == FM_OK ? open_journal(s, true, err) : st;
}

/* ---- asking ---- */

static fm_status open_loader(void *context, fm_walk_use use, void **loader, fm_err *err)
{
    const session *s = context;

    return fm_grading_open_loader(
        &s->dir, &s->manifest, s->loader, s->target.task, s->data_dir, s->catalog->pictures_dir,
        use == FM_WALK_NAMES ? FM_LOAD_NAMES : FM_LOAD_PICTURES, loader, err);
}

/* The samples that are not settled, in the order of asking. The others are counted as done on the
 * way. */
typedef struct {
    session *session;
    fm_run_progress *progress;
    fm_walk *walk;
    fm_selected first; /* found when it was opened, not given yet */
    bool has_first;
} source;

static fm_status next_missing(source *src, fm_selected *out, bool *more, fm_err *err)
{
    const fm_journal *journal = src->session->journal;

    for (;;) {
        fm_status st = fm_walk_next(src->walk, out, more, err);

        if (st != FM_OK || !*more || !journal || !fm_journal_settled(journal, out->sample->id))
            return st;
        src->progress->resumed++;
        src->progress->done++;
    }
}

/* Looks for the first one: where there is none, no adapter need be opened. */
static fm_status source_open(source *src, session *s, fm_run_progress *progress, fm_err *err)
{
    *src = (source){.session = s, .progress = progress};
    fm_status st = fm_walk_open(&src->walk, &s->manifest.selection, s->loader, open_loader, s,
                                FM_WALK_ASK, s->data_dir, err);

    if (st != FM_OK)
        return st;
    progress->total = fm_walk_total(src->walk);
    return next_missing(src, &src->first, &src->has_first, err);
}

static fm_status source_next(void *context, fm_selected *out, bool *more, fm_err *err)
{
    source *src = context;

    if (!src->has_first)
        return next_missing(src, out, more, err);
    *out = src->first;
    *more = true;
    src->has_first = false;
    return FM_OK;
}

static bool opening(void *context, uint64_t done_bytes, uint64_t all_bytes)
{
    const session *s = context;
    const fm_run_options *o = s->options;

    if (o->opening)
        o->opening(o->context, done_bytes, all_bytes);
    return !(o->stop && *o->stop);
}

static fm_status open_adapter(session *s, const fm_adapter_ops *ops, fm_adapter **out, fm_err *err)
{
    const fm_run_options *o = s->options;
    fm_adapter_config config = {.settings = s->manifest.settings,
                                .n_settings = s->manifest.n_settings,
                                .seed = o->seed,
                                .timeout_s = o->timeout_s,
                                .connect_timeout_s = o->connect_timeout_s,
                                .answers = s->target.protocol->form
                                               ? s->target.protocol->form
                                               : fm_answers_family_name(s->manifest.answers),
                                .record_path = o->record_path,
                                .replay_path = o->replay_path,
                                .notice = o->notice,
                                .notice_context = o->context,
                                .opening = opening,
                                .opening_context = s};

    return fm_adapter_open(out, ops, &config, err);
}

/* Behind the cache, where there is one and the adapter can tell which requests are the same. */
static fm_status open_cached(session *s, const fm_adapter_ops *ops, fm_adapter **out, fm_err *err)
{
    fm_adapter *inner = NULL;
    fm_status st = open_adapter(s, ops, &inner, err);

    if (st != FM_OK || !s->options->cache || !ops->estimate) {
        *out = inner;
        return st;
    }
    st = fm_adapter_cached(out, inner, s->options->cache, s->options->cache_sampled, err);
    if (st != FM_OK)
        fm_adapter_close(inner);
    return st;
}

static fm_status ask_missing(session *s, const fm_adapter_ops *ops, source *src, fm_err *err)
{
    fm_asking asking = {.options = s->options,
                        .task = s->target.task,
                        .prompt = s->manifest.prompt,
                        .sees_truth = s->manifest.sees_truth,
                        .journal = s->journal,
                        .next = source_next,
                        .context = src};
    fm_status st = withdraw_results(s, err);

    if (st == FM_OK)
        st = open_cached(s, ops, &asking.adapter, err);
    if (st == FM_OK)
        st = fm_asking_execute(&asking, src->progress, err);
    fm_adapter_close(asking.adapter);
    return st;
}

/* Somebody should know, and know what to do. */
static void tell_errors(const session *s, const fm_run_progress *progress)
{
    size_t errored = progress->by_outcome[FM_OUTCOME_ERRORED];
    size_t skipped = progress->by_outcome[FM_OUTCOME_SKIPPED];
    char text[192 + sizeof(progress->error)];

    if (errored) {
        snprintf(text, sizeof(text),
                 "%zu of %zu samples ended in errors; the same command asks again what may still "
                 "be answered; the last: %s",
                 errored, progress->total, progress->error);
        notice(s, text);
    }
    if (skipped) {
        snprintf(text, sizeof(text),
                 "%zu of %zu samples could not be asked; 'detail' in replies.jsonl says why",
                 skipped, progress->total);
        notice(s, text);
    }
}

static fm_status ask_all(session *s, const fm_adapter_ops *ops, fm_err *err)
{
    fm_run_progress progress = {.cost = fm_usage_cost(fm_journal_usage(s->journal))};
    source src;
    fm_status st = source_open(&src, s, &progress, err);

    if (st == FM_OK && src.has_first)
        st = ask_missing(s, ops, &src, err);
    if (st == FM_OK)
        tell_errors(s, &progress);
    fm_walk_close(src.walk);
    return st;
}

/* ---- what it took ---- */

static fm_status write_usage(const session *s, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_buf text = {0};
    fm_json_writer w = {.out = &text, .pretty = true};
    fm_status st = fm_rundir_file(&s->dir, FM_RUNDIR_USAGE, path, err);

    fm_json_open(&w, NULL, '{');
    fm_json_put_string(&w, "schema", FM_USAGE_SCHEMA);
    fm_usage_put(fm_journal_usage(s->journal), &w);
    fm_json_close(&w, '}');
    fm_buf_putc(&text, '\n');
    if (st == FM_OK)
        st = fm_buf_check(&text, "the usage", err);
    if (st == FM_OK)
        st = fm_file_write_atomic(path, text.data, text.size, err);
    fm_buf_release(&text);
    return st;
}

/* What an asking that was stopped took is worth knowing too; its own failure is the one to tell. */
static fm_status ask_and_account(session *s, const fm_adapter_ops *ops, fm_err *err)
{
    fm_status st = ask_all(s, ops, err);

    if (st == FM_E_INCOMPLETE || st == FM_E_INTERRUPTED)
        (void)!write_usage(s, NULL);
    return st;
}

/* ---- grading ---- */

static void notice_once(const session *s, char *said, size_t bytes, const char *text)
{
    if (strcmp(text, said) != 0)
        notice(s, text);
    snprintf(said, bytes, "%s", text);
}

/* A run keeps its form: what it answered is imported anew. */
static void say_how(const session *s, const char *form, char *out, size_t size)
{
    if (s->again)
        snprintf(
            out, size,
            "a run keeps its form, 'fathom score --suite %.60s --predictions FILE --answers %s "
            "--out DIR' grades the replies so",
            s->manifest.task, form);
    else
        snprintf(out, size, "--answers %s", form);
}

/* Where most answers were not read, and most of these would be in the other form, that is why. */
static void advise_form(session *s, const fm_grading_losses *lost)
{
    fm_answers_family asked = s->manifest.answers;
    const char *other = fm_answers_family_name(fm_grading_other_form(asked));
    size_t replies = lost->n - lost->unanswered;
    char text[sizeof(s->form)], how[sizeof(s->form) - 120];

    if (lost->unread * 2 <= replies || lost->other * 2 <= lost->unread)
        return;
    say_how(s, other, how, sizeof(how));
    snprintf(text, sizeof(text),
             "%zu of %zu replies could not be read as %s; %zu of them read as %s: %s", lost->unread,
             replies, fm_answers_family_name(asked), lost->other, other, how);
    notice_once(s, s->form, sizeof(s->form), text);
}

static fm_status grade(session *s, const fm_protocol *protocol, fm_err *err)
{
    fm_grading grading = {.dir = &s->dir,
                          .manifest = &s->manifest,
                          .protocol = protocol,
                          .loader = s->loader,
                          .data_dir = s->data_dir,
                          .task = s->target.task,
                          .pictures_dir = s->catalog->pictures_dir,
                          .journal = s->journal,
                          .jobs = jobs_of(s)};
    fm_grading_losses lost;
    char text[sizeof(s->lost)];
    fm_status st = fm_grading_execute(&grading, &lost, err);

    if (st == FM_OK)
        st = write_usage(s, err);

    if (st == FM_OK && lost.unanswered) {
        snprintf(text, sizeof(text), "%zu samples have no reply and count as skipped",
                 lost.unanswered);
        notice(s, text);
    }
    if (st == FM_OK && lost.unreadable) {
        snprintf(
            text, sizeof(text),
            "%zu of %zu samples have missing or damaged data; metrics that need it leave them out; "
            "first %s",
            lost.unreadable, lost.n, lost.first_unreadable);
        notice_once(s, s->lost, sizeof(s->lost), text);
    }
    if (st == FM_OK)
        advise_form(s, &lost);
    if (st == FM_OK && lost.astray) {
        snprintf(text, sizeof(text),
                 "%zu judgements in '%s' are of ids that this run does not have", lost.astray,
                 FM_RUNDIR_JUDGEMENTS);
        notice(s, text);
    }
    return st;
}

/* ---- the three verbs ---- */

/* A trace is asked for in one of several forms, everything else as its protocol or its task says. */
static const char *prompt_of(const session *s)
{
    const fm_task *task = s->target.task;

    if (s->target.protocol->prompt)
        return s->target.protocol->prompt;
    if (task->prompt)
        return task->prompt;
    return task->prompts[s->manifest.answers];
}

/* The user's own. */
static fm_status take_prompt(session *s, fm_err *err)
{
    fm_manifest *m = &s->manifest;
    fm_status st = fm_prompt_load(s->options->prompt_path, &s->arena, &m->prompt, err);

    m->prompt_file = fm_path_base(s->options->prompt_path);
    if (st == FM_OK && !fm_prompt_has_places(m->prompt))
        notice(s, "nothing of a sample stands in the prompt: every one is asked the same");
    return st;
}

/* Which model it is that the settings name, where the adapter can tell. */
static fm_status take_fingerprint(session *s, const fm_adapter_ops *ops, fm_err *err)
{
    fm_manifest *m = &s->manifest;
    fm_adapter_config config = {.settings = m->settings, .n_settings = m->n_settings};
    char text[FM_HASH_TEXT_BYTES];

    if (!ops->fingerprint || !ops->fingerprint(&config, text))
        return FM_OK;
    m->model_sha256 = fm_arena_strdup(&s->arena, text);
    return m->model_sha256 ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a manifest");
}

/* Everything of a run that stands before its first request. */
static fm_status describe_asking(session *s, const fm_adapter_ops *ops, fm_err *err)
{
    const fm_run_options *o = s->options;
    const fm_task *task = s->target.task;
    fm_manifest *m = &s->manifest;
    fm_setting *settings = NULL;
    size_t n = 0;
    fm_status st =
        fm_adapter_resolve(ops, o->settings, o->n_settings, &s->arena, &settings, &n, err);

    m->prompt = prompt_of(s);
    if (st == FM_OK && o->prompt_path)
        st = take_prompt(s, err);
    m->timeout_s = o->timeout_s;
    m->cached = o->cache && ops->estimate;
    if (o->cache && !ops->estimate)
        notice(s, "nothing is cached: the adapter cannot tell which requests are the same");
    m->replayed = o->replay_path != NULL;
    if (st == FM_OK)
        st = fm_manifest_take_adapter(m, ops, settings, n, &s->arena, err);
    if (st == FM_OK)
        st = take_fingerprint(s, ops, err);
    if (st == FM_OK && !m->prompt)
        st = fm_fail(err, FM_E_USAGE, "task '%s' has no prompt for answers in %s", task->name,
                     fm_answers_family_name(m->answers));
    return st;
}

static fm_status check_budgets(const fm_run_options *o, fm_err *err)
{
    fm_status st = fm_pace_check(&o->pace, err);

    if (st == FM_OK && o->max_cost > 0 && o->prices.input == 0 && o->prices.output == 0)
        st = fm_fail(
            err, FM_E_USAGE,
            "a cap on the cost needs prices: the adapter's file or its settings state them");
    return st;
}

/* A filter with a slip in it would make a run of nothing that looks like a success. A shard may have
 * got none of the samples that there are. */
static fm_status check_filters(session *s, fm_err *err)
{
    fm_selection all = s->manifest.selection;
    fm_walk *walk = NULL;

    if (all.n_filters == 0)
        return FM_OK;
    all.shard = all.shards = 0;
    fm_status st =
        fm_walk_open(&walk, &all, s->loader, open_loader, s, FM_WALK_ASK, s->data_dir, err);
    if (st == FM_OK && fm_walk_total(walk) == 0)
        st = fm_fail(err, FM_E_USAGE, "no sample of '%s' fits %s", s->target.task->name,
                     all.n_filters == 1 ? "the filter" : "all filters");
    fm_walk_close(walk);
    return st;
}

static fm_status prepare(session *s, const fm_adapter_ops **ops, fm_err *err)
{
    const fm_run_options *o = s->options;
    fm_status st = find_target(s, o->target, err);

    if (st == FM_OK)
        st = fm_catalog_adapter(s->catalog, o->adapter, ops, err);
    if (st == FM_OK)
        st = check_budgets(o, err);
    if (st == FM_OK)
        st = find_data(s, o->data_dir, err);
    if (st == FM_OK)
        st = describe(s, err);
    if (st == FM_OK)
        st = describe_asking(s, *ops, err);
    return st == FM_OK ? check_filters(s, err) : st;
}

fm_status fm_run_execute(const fm_catalog *catalog, const fm_run_options *options, fm_err *err)
{
    const fm_adapter_ops *ops = NULL;
    session s;

    session_init(&s, catalog, options);
    fm_status st = prepare(&s, &ops, err);
    if (st == FM_OK)
        st = fm_rundir_create(&s.dir, options->out_dir, err);
    if (st == FM_OK)
        st = settle(&s, err);
    if (st == FM_OK)
        st = ask_and_account(&s, ops, err);
    if (st == FM_OK)
        st = grade(&s, s.target.protocol, err);
    return session_release(&s, st, err);
}

/* ---- without sending anything ---- */

/* The journal of the run that is there already, if it is the same run. */
static fm_status look_at_there(session *s, fm_err *err)
{
    fm_manifest there;
    bool exists, begun;

    if (fm_rundir_open(&s->dir, s->options->out_dir, NULL) != FM_OK)
        return FM_OK;
    fm_status st = find_there(s, &there, &exists, &begun, err);
    if (st == FM_OK && begun)
        st = fingerprint(s, s->manifest.data_sha256, err);
    if (st == FM_OK && begun)
        st = fm_manifest_same_run(&there, &s->manifest, s->dir.path, err);
    return st == FM_OK && begun ? open_journal(s, false, err) : st;
}

static void add_estimate(const fm_run_options *o, const fm_estimate *e, fm_run_estimate *sums)
{
    const fm_prices *prices = &o->prices;
    double low = (double)e->input_tokens * prices->input / 1e6;

    if (o->cache && (!e->sampled || o->cache_sampled) && fm_cache_holds(o->cache, e->key)) {
        sums->cached++;
        return;
    }
    sums->requests++;
    sums->request_bytes += (uint64_t)e->request_bytes;
    sums->input_tokens += (uint64_t)e->input_tokens;
    sums->output_tokens += (uint64_t)e->output_tokens;
    sums->cost_low += low;
    sums->cost_high += low + (double)e->output_tokens * prices->output / 1e6;
}

static fm_status estimate_all(session *s, fm_adapter *adapter, source *src, fm_run_estimate *sums,
                              fm_err *err)
{
    fm_buf prompt = {0};
    fm_status st = FM_OK;
    bool more = true;

    while (st == FM_OK) {
        fm_selected selected;
        fm_estimate one = {0};

        st = source_next(src, &selected, &more, err);
        if (st != FM_OK || !more)
            break;
        st = fm_prompt_fill(s->manifest.prompt, selected.sample, &prompt, err);
        if (st != FM_OK)
            break;
        fm_request request = fm_asking_request(s->target.task, &selected, fm_buf_text(&prompt));
        st = fm_adapter_estimate(adapter, &request, &one, &sums->known, err);
        add_estimate(s->options, &one, sums);
    }
    fm_buf_release(&prompt);
    return st;
}

fm_status fm_run_dry(const fm_catalog *catalog, const fm_run_options *options, fm_run_estimate *out,
                     fm_err *err)
{
    const fm_adapter_ops *ops = NULL;
    fm_run_estimate sums = {.known = false};
    fm_run_progress progress = {0};
    fm_adapter *adapter = NULL;
    source src = {0};
    session s;

    session_init(&s, catalog, options);
    fm_status st = prepare(&s, &ops, err);
    if (st == FM_OK)
        st = look_at_there(&s, err);
    if (st == FM_OK)
        st = source_open(&src, &s, &progress, err);
    if (st == FM_OK)
        st = open_adapter(&s, ops, &adapter, err);
    if (st == FM_OK)
        st = estimate_all(&s, adapter, &src, &sums, err);
    if (st == FM_OK) {
        sums.samples = progress.total;
        sums.settled = progress.resumed;
        if (!sums.known || (options->prices.input == 0 && options->prices.output == 0))
            sums.cost_low = sums.cost_high = NAN;
        *out = sums;
    }
    fm_adapter_close(adapter);
    fm_walk_close(src.walk);
    return session_release(&s, st, err);
}

/* ---- grading again ---- */

/* What a run directory that is there was asked. */
static fm_status recall(session *s, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_status st = fm_rundir_file(&s->dir, FM_RUNDIR_MANIFEST, path, err);

    if (st == FM_OK)
        st = fm_manifest_read(path, &s->arena, &s->manifest, err);
    return st == FM_OK ? find_target(s, s->manifest.task, err) : st;
}

fm_status fm_run_protocols(const fm_catalog *catalog, const char *run_dir, fm_arena *arena,
                           const char *const **names, size_t *n, fm_err *err)
{
    const char **found = fm_arena_alloc(arena, FM_MAX_PROTOCOLS + 1, sizeof(*found));
    size_t count = 0;
    session s;

    session_init(&s, catalog, &(fm_run_options){0});
    fm_status st = fm_rundir_open(&s.dir, run_dir, err);
    if (st == FM_OK)
        st = recall(&s, err);
    if (st == FM_OK && found)
        found[count++] = fm_arena_strdup(arena, s.manifest.protocol);
    for (size_t i = 0; st == FM_OK && found && i < FM_MAX_PROTOCOLS; i++) {
        const char *name = s.target.task->protocols[i];

        if (!name)
            break;
        if (strcmp(name, s.manifest.protocol) != 0)
            found[count++] = fm_arena_strdup(arena, name);
    }
    for (size_t i = 0; st == FM_OK && (i == 0 || i < count); i++)
        if (!found || !found[i])
            st = fm_fail(err, FM_E_NOMEM, "no memory for '%s'", run_dir);
    if (st == FM_OK) {
        *names = found;
        *n = count;
    }
    return session_release(&s, st, err);
}

/* The protocols by their names, before anything is graded. */
static fm_status find_protocols(const session *s, const char *const *names, size_t n,
                                const fm_protocol **out, fm_err *err)
{
    if (n > FM_MAX_PROTOCOLS)
        return fm_fail(err, FM_E_USAGE, "more than %d protocols", FM_MAX_PROTOCOLS);
    for (size_t i = 0; i < n; i++) {
        fm_status st = fm_catalog_protocol(s->catalog, s->target.task, names[i], &out[i], err);

        if (st != FM_OK)
            return st;
        for (size_t k = 0; k < i; k++)
            if (out[k] == out[i])
                return fm_fail(err, FM_E_USAGE, "protocol '%s' is named twice", names[i]);
    }
    return FM_OK;
}

fm_status fm_run_score(const fm_catalog *catalog, const char *run_dir, const char *const *names,
                       size_t n, const fm_run_options *options, fm_err *err)
{
    char sha256[FM_HASH_TEXT_BYTES];
    const fm_protocol *protocols[FM_MAX_PROTOCOLS];
    session s;
    fm_status st;

    session_init(&s, catalog, options);
    s.again = true;
    st = fm_rundir_lock(&s.dir, run_dir, err);
    if (st == FM_OK)
        st = recall(&s, err);
    if (st == FM_OK && n == 0) {
        names = &s.manifest.protocol;
        n = 1;
    }
    if (st == FM_OK)
        st = find_protocols(&s, names, n, protocols, err);
    if (st == FM_OK && !options->data_dir && !fm_dir_exists(s.manifest.data_dir))
        st = fm_fail(err, FM_E_INPUT,
                     "the data of this run is not in '%s' any more; --data DIR tells where it is",
                     s.manifest.data_dir);
    if (st == FM_OK)
        st = find_data(&s, options->data_dir ? options->data_dir : s.manifest.data_dir, err);
    if (st == FM_OK)
        st = fingerprint(&s, sha256, err);
    if (st == FM_OK && strcmp(sha256, s.manifest.data_sha256) != 0)
        st = fm_fail(err, FM_E_INPUT, "the annotations in '%s' have changed since this run",
                     s.data_dir);
    if (st == FM_OK)
        st = open_journal(&s, false, err);
    for (size_t i = 0; st == FM_OK && i < n; i++)
        st = grade(&s, protocols[i], err);
    return session_release(&s, st, err);
}

/* A prediction for an id that the data does not have would vanish silently: refuse it. */
static fm_status check_ids(session *s, const fm_import *import, const char *predictions,
                           fm_err *err)
{
    fm_arena arena = {0};
    void *loader = NULL;
    size_t matched = 0;
    fm_status st =
        fm_grading_open_loader(&s->dir, &s->manifest, s->loader, s->target.task, s->data_dir,
                               s->catalog->pictures_dir, FM_LOAD_NAMES, &loader, err);

    while (st == FM_OK) {
        fm_sample sample;
        bool more;
        uint64_t line;

        fm_arena_reset(&arena);
        st = s->loader->next(loader, &arena, &sample, &more, err);
        if (st != FM_OK || !more)
            break;
        matched += fm_id_map_find(&import->ids, sample.id, &line);
    }
    if (st == FM_OK && matched < import->records)
        st = fm_fail(err, FM_E_INPUT,
                     "'%s': %zu of %zu predictions have ids that the data in '%s' does not have",
                     predictions, import->records - matched, import->records, s->data_dir);
    if (loader)
        s->loader->close(loader);
    fm_arena_release(&arena);
    return st;
}

/* The annotations in the file of predictions become the run's own. A run that is there already has
 * them from the same file, or keeps what it has: another run is refused before anything is written. */
static fm_status take_annotations(session *s, const char *predictions, fm_err *err)
{
    char path[FM_PATH_BYTES];
    fm_manifest there;
    bool exists, begun;
    fm_status st = find_there(s, &there, &exists, &begun, err);

    s->manifest.annotations = FM_RUNDIR_ANNOTATIONS;
    if (st == FM_OK && begun) {
        memcpy(s->manifest.data_sha256, there.data_sha256, sizeof(there.data_sha256));
        return fm_manifest_same_run(&there, &s->manifest, s->dir.path, err);
    }
    if (st == FM_OK)
        st = fm_rundir_file(&s->dir, FM_RUNDIR_ANNOTATIONS, path, err);
    if (st == FM_OK)
        st = fm_import_annotations(predictions, path, err);
    return st;
}

fm_status fm_run_import(const fm_catalog *catalog, const char *predictions_path,
                        const fm_run_options *options, fm_err *err)
{
    char resolved[PATH_MAX];
    fm_import import = {0};
    session s;
    fm_status st;

    session_init(&s, catalog, options);
    st = find_target(&s, options->target, err);
    if (st == FM_OK)
        st = fm_import_check(predictions_path, &import, err);
    if (st == FM_OK)
        st = find_data(&s, options->data_dir, err);
    if (st == FM_OK)
        st = describe(&s, err);
    if (st == FM_OK)
        st = fm_rundir_create(&s.dir, options->out_dir, err);
    if (st != FM_OK)
        goto done;

    s.manifest.adapter = "predictions";
    s.manifest.predictions = realpath(predictions_path, resolved) ? resolved : predictions_path;
    s.manifest.predictions_sha256 = import.sha256;
    if (import.upstream && !s.loader->has_annotations(s.data_dir))
        st = take_annotations(&s, predictions_path, err);
    if (st == FM_OK)
        st = check_ids(&s, &import, predictions_path, err);
    if (st == FM_OK)
        st = settle(&s, err);
    if (st == FM_OK)
        st = withdraw_results(&s, err);
    if (st == FM_OK)
        st = fm_import_replies(predictions_path, s.journal, err);
    if (st == FM_OK)
        st = grade(&s, s.target.protocol, err);
done:
    fm_import_release(&import);
    return session_release(&s, st, err);
}
