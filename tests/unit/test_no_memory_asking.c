/* Torture of what asks (support/torture.h): the loop, an adapter's file, the walk over a selection,
 * the cache, a cassette, and the remote adapters' reading and writing. */
#include "remote_fixture.h"

#include <math.h>

#include "../support/scratch.h"
#include "../support/torture.h"
#include "base/files.h"
#include "core/adapter_file.h"
#include "core/adapter_internal.h"
#include "core/asking.h"
#include "wire/cassette.h"

TestSuite(no_memory_asking, .init = scratch_make, .fini = scratch_remove);

static fm_arena arena;

static void drop_arena(void)
{
    fm_arena_release(&arena);
}

static fm_status remove_file(const char *name)
{
    (void)!remove(scratch_path(name));
    return FM_OK;
}

/* ---- an adapter whose replies come later, some after a failure ---- */

enum { SAMPLES = 12 };

static struct {
    uint64_t ticket;
    int sample;
} pending[SAMPLES];
static size_t n_pending;
static int attempts[SAMPLES], given[SAMPLES]; /* given: replies that the loop was handed */
static double now_s;
static const char text[] = "[(1, 2, 3.0)]";

static fm_status later_submit(void *state, const fm_request *request, uint64_t ticket, fm_err *err)
{
    (void)state, (void)err;
    pending[n_pending].ticket = ticket;
    pending[n_pending++].sample = atoi(request->id);
    return FM_OK;
}

static fm_status later_poll(void *state, double wait_s, fm_arrival *arrivals, size_t capacity,
                            size_t *n, fm_err *err)
{
    (void)state, (void)err;
    now_s += fmin(wait_s, 0.01);
    for (*n = 0; *n < capacity && *n < 3 && n_pending > 0; (*n)++) {
        int sample = pending[--n_pending].sample;
        bool fails = sample % 4 == 1 && attempts[sample]++ == 0;

        arrivals[*n] = (fm_arrival){
            pending[n_pending].ticket,
            fails ? (fm_reply){.status = FM_SAMPLE_API_ERROR, .retry = FM_RETRY_TRANSIENT}
                  : (fm_reply){.status = FM_SAMPLE_OK, .text = text, .size = sizeof(text) - 1}};
        given[sample] += !fails;
    }
    return FM_OK;
}

static void later_abandon(void *state, uint64_t ticket)
{
    (void)state;
    for (size_t i = 0; i < n_pending; i++)
        if (pending[i].ticket == ticket)
            pending[i] = pending[--n_pending];
}

static fm_status later_estimate(void *state, const fm_request *request, fm_estimate *out,
                                fm_err *err)
{
    (void)state, (void)err;
    snprintf(out->key, sizeof(out->key), "%064d", atoi(request->id));
    return FM_OK;
}

static void later_close(void *state)
{
    (void)state;
}

static const fm_adapter_ops later = {.name = "later",
                                     .submit = later_submit,
                                     .poll = later_poll,
                                     .abandon = later_abandon,
                                     .estimate = later_estimate,
                                     .close = later_close};

static double read_now(void *context)
{
    (void)context;
    return now_s;
}

static void pass_time(void *context, double seconds)
{
    (void)context;
    now_s += seconds;
}

static int drawn;

static fm_status next_sample(void *context, fm_selected *out, bool *more, fm_err *err)
{
    static fm_sample sample;
    static char id[16];

    (void)context, (void)err;
    *more = drawn < SAMPLES;
    snprintf(id, sizeof(id), "%d", drawn++);
    sample = (fm_sample){.id = id, .instruction = "move it", .image_path = "/a.png"};
    *out = (fm_selected){.sample = &sample, .base_id = id, .repeat = 1};
    return FM_OK;
}

/* ---- the loop ---- */

static fm_journal *journal;
static fm_adapter *adapter;
static fm_cache *cache;
static bool with_cache;

static fm_status begin_asking(void)
{
    n_pending = 0;
    drawn = 0;
    memset(attempts, 0, sizeof(attempts));
    memset(given, 0, sizeof(given));
    return remove_file("replies.jsonl");
}

static fm_status open_adapter(fm_err *err)
{
    fm_adapter *inner = fm_adapter_of(&later, NULL);
    fm_status st = inner ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for an adapter");

    if (st == FM_OK && with_cache)
        st = fm_cache_open(&cache, scratch_path("c"), NULL, NULL, err);
    if (st == FM_OK && with_cache)
        st = fm_adapter_cached(&adapter, inner, cache, false, err);
    else
        adapter = st == FM_OK ? inner : NULL;
    if (st != FM_OK)
        fm_adapter_close(inner);
    return st;
}

static fm_status ask(fm_err *err)
{
    static const fm_task task = {.name = "task", .kind = FM_ANSWER_TRACE3D};
    static const fm_asking_clock clock = {.now_s = read_now, .sleep = pass_time};
    fm_run_options options = {.pace.cap = 4};
    fm_run_progress progress = {.total = SAMPLES};
    fm_asking asking = {.options = &options,
                        .task = &task,
                        .prompt = "do {task}",
                        .next = next_sample,
                        .clock = &clock};
    fm_status st = fm_journal_open(&journal, scratch_path("replies.jsonl"), true, NULL, err);

    if (st == FM_OK)
        st = open_adapter(err);
    asking.adapter = adapter;
    asking.journal = journal;
    if (st == FM_OK)
        st = fm_asking_execute(&asking, &progress, err);
    if (st == FM_OK)
        cr_assert(progress.done == SAMPLES && progress.by_outcome[FM_OUTCOME_SCORED] == SAMPLES);
    return st;
}

static fm_journal_report journal_report;

/* Whole records only, each with its text; at most the ones of a last batch are not there. */
static void check_journal(void)
{
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    fm_adapter_close(adapter);
    fm_cache_close(cache);
    journal = NULL;
    adapter = NULL;
    cache = NULL;
    journal_report = (fm_journal_report){0};
    if (!fm_file_exists(scratch_path("replies.jsonl")))
        return;
    cr_assert(eq(
        int, fm_journal_open(&journal, scratch_path("replies.jsonl"), false, &journal_report, NULL),
        FM_OK));
    cr_assert(journal_report.torn == false && journal_report.unreadable == 0);
    for (int i = 0; i < SAMPLES; i++) {
        char id[16];
        fm_reply reply;
        bool found;

        snprintf(id, sizeof(id), "%d", i);
        cr_assert(eq(int, fm_journal_find(journal, id, &arena, &reply, &found, NULL), FM_OK));
        cr_assert(found == false || reply.status != FM_SAMPLE_OK ||
                  (reply.size == sizeof(text) - 1 && memcmp(reply.text, text, reply.size) == 0));
        cr_assert(given[i] <= 1, "sample %d was asked after its reply", i);
    }
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    journal = NULL;
    fm_arena_release(&arena);
}

static void all_are_there(long n)
{
    for (int i = 0; i < SAMPLES; i++) {
        char id[16];

        snprintf(id, sizeof(id), "%d", i);
        cr_assert(fm_journal_settled(journal, id), "allocation %ld: sample %d", n, i);
    }
}

Test(no_memory_asking, the_loop)
{
    cr_assert(torture(&(work){begin_asking, ask, all_are_there, check_journal}) > 15);
    cr_assert(eq(sz, journal_report.ids, SAMPLES));
}

/* The folder fills as the torture goes: with nothing in it, with a part, with all of it. */
Test(no_memory_asking, the_loop_behind_the_cache)
{
    with_cache = true;
    cr_assert(torture(&(work){begin_asking, ask, all_are_there, check_journal}) > 15);
    cr_assert(eq(sz, journal_report.ids, SAMPLES));
    cr_assert(eq(int, given[0], 0), "the cache was not asked");
}

/* ---- the cache ---- */

static const char cache_key[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
static fm_reply found_reply;
static bool found;

static fm_status keep_and_find(fm_err *err)
{
    const fm_reply reply = {.status = FM_SAMPLE_OK,
                            .text = "a\0b",
                            .size = 3,
                            .model = "m",
                            .usage = {.stated = true, .input_tokens = 7}};
    fm_status st = fm_cache_open(&cache, scratch_path("c"), NULL, NULL, err);

    found = false;
    if (st == FM_OK) {
        fm_cache_keep(cache, cache_key, &reply);
        st = fm_cache_find(cache, cache_key, &arena, &found_reply, &found, err);
    }
    return st;
}

/* What could not be kept is absent; what is there is whole. */
static void check_found(long n)
{
    if (failed && !found)
        return;
    cr_assert(found && found_reply.size == 3 && memcmp(found_reply.text, "a\0b", 3) == 0,
              "allocation %ld", n);
    cr_assert(found_reply.cached && found_reply.usage.input_tokens == 7 && found_reply.model &&
                  strcmp(found_reply.model, "m") == 0,
              "allocation %ld", n);
}

static int remove_below(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void drop_cache(void)
{
    fm_cache_close(cache);
    cache = NULL;
    fm_arena_release(&arena);
    (void)nftw(scratch_path("c"), remove_below, 16, FTW_DEPTH | FTW_PHYS);
}

Test(no_memory_asking, the_cache)
{
    cr_assert(torture(&(work){NULL, keep_and_find, check_found, drop_cache}) > 10);
}

/* ---- an adapter's file ---- */

static fm_adapter_file file;

static fm_status load_file(fm_err *err)
{
    return fm_adapter_file_load(scratch_path("a.yaml"), &arena, &file, err);
}

static void check_file(long n)
{
    cr_assert(file.adapter && strcmp(file.adapter, "openai") == 0, "allocation %ld", n);
    cr_assert(file.n_settings == 4 && file.limits.cap == 64, "allocation %ld", n);
    cr_assert(strcmp(file.settings[0].key, "model") == 0 &&
                  strcmp(file.settings[0].value, "m") == 0,
              "allocation %ld", n);
    cr_assert(strcmp(file.settings[1].value, "[\"END\", \"\\n\"]") == 0, "allocation %ld: %s", n,
              file.settings[1].value);
}

Test(no_memory_asking, the_file_of_an_adapter)
{
    static const char yaml[] = "adapter: openai\nmodel: m\nstop: [END, \"\\n\"]\n"
                               "price: {input: 0.15, output: 0.6}\nlimits: {concurrency: 64}\n";

    scratch_write("a.yaml", yaml, sizeof(yaml) - 1);
    cr_assert(torture(&(work){NULL, load_file, check_file, drop_arena}) > 10);
}

/* ---- the walk ---- */

typedef struct {
    int at;
} made_source;

static fm_status made_open(void *context, fm_walk_use use, void **state, fm_err *err)
{
    (void)use;
    (void)context;
    *state = calloc(1, sizeof(made_source));
    return *state ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a loader");
}

static fm_status made_next(void *state, fm_arena *into, fm_sample *out, bool *more, fm_err *err)
{
    made_source *s = state;
    char id[16];

    *more = s->at < 90;
    if (!*more)
        return FM_OK;
    snprintf(id, sizeof(id), "s%d", s->at);
    *out = (fm_sample){.id = fm_arena_strdup(into, id),
                       .category = s->at % 3 ? "indoor" : "outdoor",
                       .instruction = fm_arena_strdup(into, "move it")};
    s->at++;
    return out->id && out->instruction ? FM_OK : fm_fail(err, FM_E_NOMEM, "no memory for a sample");
}

static void made_close(void *state)
{
    free(state);
}

static fm_selection selection;
static fm_walk_order order;
static fm_buf walked, walked_well;

static fm_status walk_all(fm_err *err)
{
    static const fm_loader_ops loader = {.name = "made", .next = made_next, .close = made_close};
    fm_walk *walk = NULL;
    fm_selected selected;
    bool more = true;
    fm_status st =
        fm_walk_open(&walk, &selection, &loader, made_open, NULL, order, scratch_dir, err);

    while (st == FM_OK && more) {
        st = fm_walk_next(walk, &selected, &more, err);
        if (st == FM_OK && more)
            fm_buf_printf(&walked, "%s/%s %d,", selected.sample->id, selected.base_id,
                          selected.repeat);
    }
    if (st == FM_OK)
        st = fm_buf_check(&walked, "the ids", err);
    fm_walk_close(walk);
    return st;
}

static void check_walk(long n)
{
    if (walked_well.size == 0)
        fm_buf_append(&walked_well, walked.data, walked.size);
    cr_assert(eq(str, walked.data, walked_well.data), "allocation %ld", n);
}

static void drop_walk(void)
{
    fm_buf_clear(&walked);
}

Test(no_memory_asking, the_walk)
{
    static const fm_selection all[] = {
        {.repeat = 2},
        {.shuffle = true, .shuffle_seed = 3, .limit = 40, .repeat = 2, .shards = 2, .shard = 1},
        {.filters = {"category=out*"}, .n_filters = 1, .shuffle = true},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        for (order = FM_WALK_SUITE; order <= FM_WALK_ASK; order++) {
            fm_err err = {0};

            selection = all[i];
            fm_buf_clear(&walked_well);
            cr_assert(eq(int, walk_all(&err), FM_OK), "%s", err.text);
            check_walk(0);
            drop_walk();
            cr_assert(torture(&(work){NULL, walk_all, check_walk, drop_walk}) > 3);
        }
    fm_buf_release(&walked);
    fm_buf_release(&walked_well);
}

/* ---- a cassette ---- */

static fm_cassette *cassette;
static size_t recorded;
static bool writing;

static fm_status play(fm_err *err)
{
    fm_status st = fm_cassette_load(&cassette, scratch_path("c.jsonl"), err);

    for (int i = 0; st == FM_OK && i < 3; i++) {
        fm_cassette_reply reply;
        bool there = false;
        char body[32];

        snprintf(body, sizeof(body), "{\"n\":%d}", i);
        st = fm_cassette_find(cassette, "POST", "/v1?a=b", body, strlen(body), &reply, &there, err);
        if (st == FM_OK)
            cr_assert(there && reply.status == 200 && reply.size == strlen(body) &&
                          memcmp(reply.body, body, reply.size) == 0,
                      "exchange %d", i);
    }
    return st;
}

static fm_status record(fm_err *err)
{
    static const fm_wire_header headers[] = {{"authorization", "Bearer canary-0123456789", true}};
    fm_wire_request request = {
        .method = "POST", .url = "http://h:1/v1?a=b", .headers = headers, .n_headers = 1};
    fm_status st = fm_cassette_record(&cassette, scratch_path("c.jsonl"), err);

    recorded = 0;
    for (int i = 0; st == FM_OK && i < 3; i++) {
        char body[32];
        fm_cassette_reply reply = {.status = 200, .body = body};

        snprintf(body, sizeof(body), "{\"n\":%d}", i);
        reply.size = strlen(body);
        st = fm_cassette_add(cassette, &request, body, reply.size, &reply, err);
        recorded += st == FM_OK;
    }
    return st;
}

static void nothing_more(long n)
{
    (void)n;
}

static fm_status prepare_tape(void)
{
    return writing ? remove_file("c.jsonl") : FM_OK;
}

/* Whatever happened: the exchanges that an add has promised, and no key. */
static void check_tape(void)
{
    fm_buf bytes = {0};

    cr_assert(eq(int, fm_cassette_close(cassette, NULL), FM_OK));
    cassette = NULL;
    if (!writing || !fm_file_exists(scratch_path("c.jsonl")) || recorded == 0)
        return;
    cr_assert(eq(int, fm_cassette_load(&cassette, scratch_path("c.jsonl"), NULL), FM_OK));
    cr_assert(eq(sz, fm_cassette_exchanges(cassette), recorded));
    cr_assert(eq(int, fm_cassette_close(cassette, NULL), FM_OK));
    cassette = NULL;
    cr_assert(eq(int, fm_file_read(scratch_path("c.jsonl"), 1 << 20, &bytes, NULL), FM_OK));
    cr_assert(strstr(bytes.data, "canary") == NULL);
    fm_buf_release(&bytes);
}

Test(no_memory_asking, a_cassette)
{
    writing = true;
    cr_assert(torture(&(work){prepare_tape, record, nothing_more, check_tape}) > 10);
    writing = false;
    cr_assert(torture(&(work){prepare_tape, play, nothing_more, check_tape}) > 10);
}

/* ---- remote adapters ---- */

static const fm_remote_dialect *dialect;
static fm_remote *remote;
static fm_buf body;
static fm_reply reply_read;

static fm_status compose(fm_err *err)
{
    static const fm_setting settings[] = {
        {"base_url", "http://127.0.0.1:9"}, {"model", "m"}, {"extra_body", "{\"a\": [1]}"}, {0}};
    static const fm_setting no_model[] = {{"base_url", "http://127.0.0.1:9"}, {0}};
    fm_request request = {.id = "1",
                          .prompt = "move it",
                          .image_path = dialect->needs_model ? NULL : "/a.png",
                          .repeat = 1};
    fm_remote_message message;
    fm_status st = remote_try(dialect, dialect->needs_model ? settings : no_model, &remote, err);

    if (st == FM_OK)
        st = fm_remote_compose(remote, &request, false, &message, err);
    if (st == FM_OK)
        body = message.body;
    return st;
}

static fm_buf composed_well;

static void check_composed(long n)
{
    if (composed_well.size == 0)
        fm_buf_append(&composed_well, body.data, body.size);
    cr_assert(eq(str, body.data, composed_well.data), "%s: allocation %ld", dialect->ops->name, n);
}

static void drop_remote(void)
{
    if (remote)
        fm_remote_close(remote);
    remote = NULL;
    fm_buf_release(&body);
}

Test(no_memory_asking, a_remote_adapter_that_opens_and_composes)
{
    static const fm_remote_dialect *const all[] = {&fm_remote_gemini, &fm_remote_openai,
                                                   &fm_remote_anthropic, &fm_remote_robotracer};
    fm_err err = {0};

    forget_environment();
    for (size_t i = 0; i < 4; i++) {
        dialect = all[i];
        fm_buf_clear(&composed_well);
        cr_assert(eq(int, compose(&err), FM_OK), "%s", err.text);
        check_composed(0);
        drop_remote();
        cr_assert(torture(&(work){NULL, compose, check_composed, drop_remote}) > 10);
    }
    fm_buf_release(&composed_well);
}

static const char *wire_text;

static fm_status read_wire(fm_err *err)
{
    fm_wire_reply wire = {
        .end = FM_WIRE_DONE, .status = 200, .body = wire_text, .size = strlen(wire_text)};

    (void)err;
    fm_remote_read(remote, &wire, header_in, &arena, &reply_read);
    return FM_OK;
}

/* A reply that could not be read for want of memory is a failure that is asked again, never an answer
 * with something missing. */
static void check_read(long n)
{
    if (failed && reply_read.status == FM_SAMPLE_API_ERROR) {
        cr_assert(reply_read.retry == FM_RETRY_TRANSIENT, "%s: allocation %ld", dialect->ops->name,
                  n);
        return;
    }
    cr_assert(reply_read.status == FM_SAMPLE_OK && reply_read.size == 11 &&
                  memcmp(reply_read.text, "[(1, 2)] ok", 11) == 0,
              "%s: allocation %ld: %s, %zu bytes", dialect->ops->name, n,
              fm_sample_status_name(reply_read.status), reply_read.size);
}

Test(no_memory_asking, a_remote_adapter_that_reads_a_reply)
{
    static const struct {
        const fm_remote_dialect *dialect;
        const char *body;
    } rows[] = {
        {&fm_remote_gemini,
         "{\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"[(1, 2)]\"}, {\"text\": \" "
         "ok\"}]}, \"finishReason\": \"STOP\"}], \"modelVersion\": \"m\"}"},
        {&fm_remote_openai,
         "{\"choices\": [{\"message\": {\"content\": \"[(1, 2)] ok\"}, \"finish_reason\": "
         "\"stop\"}], \"model\": \"m\"}"},
        {&fm_remote_anthropic,
         "{\"type\": \"message\", \"content\": [{\"type\": \"text\", \"text\": \"[(1, 2)]\"}, "
         "{\"type\": \"text\", \"text\": \" ok\"}], \"stop_reason\": \"end_turn\"}"},
        {&fm_remote_robotracer, "{\"result\": 1, \"answer\": \"[(1, 2)] ok\"}"},
    };

    forget_environment();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        dialect = rows[i].dialect;
        wire_text = rows[i].body;
        remote = remote_plain(dialect);
        cr_assert(torture(&(work){NULL, read_wire, check_read, drop_arena}) > 3);
        drop_remote();
    }
}
