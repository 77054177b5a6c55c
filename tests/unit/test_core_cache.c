/* The response cache: what is kept comes back to the byte, what must not be kept is not, and nothing
 * that happens to the folder costs more than a reply. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "../support/scratch.h"
#include "base/files.h"
#include "base/hash.h"
#include "core/cache.h"

TestSuite(cache, .init = scratch_make, .fini = scratch_remove);

static char noticed[8192];
static int notices;

static void keep_notice(void *context, const char *text)
{
    (void)context;
    snprintf(noticed, sizeof(noticed), "%s", text);
    notices++;
}

static fm_cache *open_cache(void)
{
    fm_cache *cache = NULL;
    fm_err err = {0};

    cr_assert(eq(int, fm_cache_open(&cache, scratch_path("c"), keep_notice, NULL, &err), FM_OK),
              "%s", err.text);
    return cache;
}

static const char *key_of(const char *text)
{
    static char keys[4][FM_HASH_TEXT_BYTES];
    static unsigned turn;
    char *out = keys[turn++ % 4];

    fm_hash_bytes(text, strlen(text), out);
    return out;
}

static const char *file_of(const char *key)
{
    char name[128];

    snprintf(name, sizeof(name), "c/%.2s/%s.json", key, key + 2);
    return scratch_path(name);
}

static void keep(fm_cache *cache, const char *name, const char *text)
{
    fm_reply reply = {.status = FM_SAMPLE_OK, .text = text, .size = strlen(text)};

    fm_cache_keep(cache, key_of(name), &reply);
}

static bool find(fm_cache *cache, const char *key, fm_arena *arena, fm_reply *out)
{
    bool found = false;
    fm_err err = {0};

    cr_assert(eq(int, fm_cache_find(cache, key, arena, out, &found, &err), FM_OK), "%s", err.text);
    return found;
}

Test(cache, gives_back_what_it_keeps)
{
    static const char bytes[] = "a\0b\xff\n\"(1, 2)\"";
    fm_arena arena = {0};
    fm_reply reply = {.status = FM_SAMPLE_TRUNCATED,
                      .text = bytes,
                      .size = sizeof(bytes) - 1,
                      .finish_reason = "MAX_TOKENS",
                      .model = "m-002",
                      .usage = {.stated = true, .input_tokens = 12, .thought_tokens = 3}},
             back = {0};
    fm_cache *cache = open_cache();

    cr_expect(fm_cache_holds(cache, key_of("x")) == false);
    fm_cache_keep(cache, key_of("x"), &reply);
    cr_expect(fm_cache_holds(cache, key_of("x")));
    cr_expect(find(cache, key_of("y"), &arena, &back) == false);
    cr_assert(find(cache, key_of("x"), &arena, &back));
    cr_expect(eq(int, back.status, FM_SAMPLE_TRUNCATED));
    cr_assert(eq(sz, back.size, reply.size));
    cr_expect(memcmp(back.text, bytes, back.size) == 0);
    cr_expect(eq(str, (char *)back.finish_reason, "MAX_TOKENS"));
    cr_expect(eq(str, (char *)back.model, "m-002"));
    cr_expect(back.usage.stated && back.usage.input_tokens == 12 && back.usage.thought_tokens == 3);
    cr_expect(back.cached);
    fm_cache_close(cache);
    fm_arena_release(&arena);
}

Test(cache, keeps_replies_and_no_failures)
{
    fm_cache *cache = open_cache();
    fm_cache_report report;

    for (int st = 0; st < FM_SAMPLE_STATUS_COUNT; st++) {
        bool kept = st == FM_SAMPLE_OK || st == FM_SAMPLE_TRUNCATED || st == FM_SAMPLE_REFUSED;
        fm_reply reply = {.status = (fm_sample_status)st, .text = "t", .size = 1};
        const char *key = key_of(fm_sample_status_name((fm_sample_status)st));

        fm_cache_keep(cache, key, &reply);
        cr_expect(fm_cache_holds(cache, key) == kept, "%s",
                  fm_sample_status_name((fm_sample_status)st));
    }
    fm_cache_keep(cache, "../../../../etc/passwd", &(fm_reply){.text = "t", .size = 1});
    fm_cache_keep(cache, "", &(fm_reply){.text = "t", .size = 1});
    fm_cache_keep(cache, key_of("no text"), &(fm_reply){.status = FM_SAMPLE_OK});
    cr_assert(eq(int, fm_cache_stat(cache, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 3));
    fm_cache_close(cache);
}

static void damage_last_byte_of_text(const char *path)
{
    fm_buf text = {0};

    cr_assert(eq(int, fm_file_read(path, 1 << 20, &text, NULL), FM_OK));
    *strstr(text.data, "right") = 'w';
    cr_assert(eq(int, fm_file_write_atomic(path, text.data, text.size, NULL), FM_OK));
    fm_buf_release(&text);
}

Test(cache, uses_nothing_that_its_checksum_or_its_name_denies)
{
    fm_arena arena = {0};
    fm_cache *cache = open_cache();
    fm_cache_report report;
    fm_reply back;

    keep(cache, "whole", "right");
    keep(cache, "changed", "right");
    keep(cache, "cut", "right");
    keep(cache, "moved", "right");
    keep(cache, "emptied", "right");
    damage_last_byte_of_text(file_of(key_of("changed")));
    cr_assert(eq(int, truncate(file_of(key_of("cut")), 40), 0));
    cr_assert(eq(int, truncate(file_of(key_of("emptied")), 0), 0));
    cr_assert(eq(int, rename(file_of(key_of("whole")), file_of(key_of("moved"))), 0));
    keep(cache, "whole", "right");

    cr_expect(find(cache, key_of("whole"), &arena, &back));
    cr_expect(find(cache, key_of("changed"), &arena, &back) == false);
    cr_expect(find(cache, key_of("cut"), &arena, &back) == false);
    cr_expect(find(cache, key_of("moved"), &arena, &back) == false);
    cr_expect(find(cache, key_of("emptied"), &arena, &back) == false);
    cr_assert(eq(int, fm_cache_verify(cache, false, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 5));
    cr_expect(eq(sz, report.broken, 4));
    cr_assert(eq(int, fm_cache_verify(cache, true, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.broken, 4));
    cr_assert(eq(int, fm_cache_verify(cache, false, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 1));
    cr_expect(eq(sz, report.broken, 0));
    fm_cache_close(cache);
    fm_arena_release(&arena);
}

static void set_age(const char *path, double seconds)
{
    struct timespec times[2] = {{.tv_sec = time(NULL) - (time_t)seconds}, {0}};

    times[1] = times[0];
    cr_assert(eq(int, utimensat(AT_FDCWD, path, times, 0), 0));
}

Test(cache, prunes_by_age_then_by_size_and_what_was_killed)
{
    enum { HOUR = 3600, DAY = 24 * HOUR };
    fm_arena arena = {0};
    fm_cache_report report;
    fm_reply back;
    fm_cache *cache = open_cache();
    char leftover[512];

    keep(cache, "old", "o");
    keep(cache, "used", "u");
    keep(cache, "newer", "n");
    keep(cache, "newest", "n");
    set_age(file_of(key_of("old")), 40 * DAY);
    set_age(file_of(key_of("used")), 40 * DAY);
    set_age(file_of(key_of("newer")), 2 * HOUR);
    snprintf(leftover, sizeof(leftover), "%s.tmp.1.2", file_of(key_of("old")));
    cr_assert(eq(int, fm_file_write_atomic(leftover, "{", 1, NULL), FM_OK));
    set_age(leftover, 2 * HOUR);
    cr_expect(find(cache, key_of("used"), &arena, &back), "which makes it new again");

    cr_assert(eq(int, fm_cache_stat(cache, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 4));
    cr_expect(report.oldest_s >= 40 * DAY - 5 && report.newest_s < 60);
    cr_expect(fm_file_exists(leftover) == false);
    uint64_t one = report.bytes / 4;

    cr_assert(eq(int, fm_cache_prune(cache, 30 * DAY, UINT64_MAX, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 1));
    cr_expect(fm_cache_holds(cache, key_of("old")) == false);
    cr_assert(eq(int, fm_cache_prune(cache, -1, 2 * one + 10, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 1));
    cr_expect(eq(u64, report.bytes, one));
    cr_expect(fm_cache_holds(cache, key_of("newer")) == false);
    cr_expect(fm_cache_holds(cache, key_of("newest")) && fm_cache_holds(cache, key_of("used")));
    cr_assert(eq(int, fm_cache_prune(cache, 0, 0, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 2));
    fm_cache_close(cache);
    fm_arena_release(&arena);
}

Test(cache, that_cannot_be_written_is_told_once_and_answers_on)
{
    fm_arena arena = {0};
    fm_reply back;
    fm_cache *cache = open_cache();
    char rest[8];

    keep(cache, "there", "t");
    for (int i = 0; i < 256; i++) {
        /* A file where the folder should be: it holds for root as well. */
        snprintf(rest, sizeof(rest), "c/%02x", i);
        if (!fm_dir_exists(scratch_path(rest)))
            scratch_write(rest, "", 0);
    }
    keep(cache, "one", "t");
    keep(cache, "two", "t");
    cr_expect(eq(int, notices, 1));
    cr_expect(strstr(noticed, "replies are not cached from here on: cannot write into '") != NULL,
              "%s", noticed);
    cr_expect(find(cache, key_of("there"), &arena, &back));
    fm_cache_close(cache);
    fm_arena_release(&arena);
}

Test(cache, folder_that_is_not_there_is_empty_and_stays_away)
{
    fm_cache_report report;
    fm_cache *cache = open_cache();

    cr_assert(eq(int, fm_cache_stat(cache, &report, NULL), FM_OK));
    cr_expect(eq(sz, report.entries, 0));
    cr_assert(eq(int, fm_cache_prune(cache, 0, 0, &report, NULL), FM_OK));
    cr_expect(fm_dir_exists(scratch_path("c")) == false);
    fm_cache_close(cache);
}

/* ---- around an adapter ---- */

/* Answers with its count, in the order of the submits; notes what it was asked. */
typedef struct {
    int asked, abandoned;
    uint64_t tickets[16];
    size_t n, out;
    char text[16][32];
    fm_sample_status status;
} counting;

static counting *counter;

static fm_status counting_open(void **state, const fm_adapter_config *config, fm_err *err)
{
    (void)config, (void)err;
    *state = counter = calloc(1, sizeof(*counter));
    return FM_OK;
}

static fm_status counting_submit(void *state, const fm_request *request, uint64_t ticket,
                                 fm_err *err)
{
    counting *c = state;

    (void)request, (void)err;
    c->asked++;
    c->tickets[c->n++] = ticket;
    return FM_OK;
}

static fm_status counting_poll(void *state, double wait_s, fm_arrival *arrivals, size_t capacity,
                               size_t *n, fm_err *err)
{
    counting *c = state;

    (void)wait_s, (void)err;
    for (*n = 0; c->out < c->n && *n < capacity; c->out++) {
        snprintf(c->text[c->out], sizeof(c->text[0]), "reply %zu", c->out + 1);
        arrivals[(*n)++] = (fm_arrival){
            c->tickets[c->out],
            {.status = c->status, .text = c->text[c->out], .size = strlen(c->text[c->out])}};
    }
    return FM_OK;
}

static void counting_abandon(void *state, uint64_t ticket)
{
    counting *c = state;

    (void)ticket;
    c->abandoned++;
    c->n--;
}

/* As an adapter has to: everything that determines the reply, and nothing else. */
static fm_status counting_estimate(void *state, const fm_request *request, fm_estimate *out,
                                   fm_err *err)
{
    char text[512];

    (void)state, (void)err;
    *out = (fm_estimate){.sampled = strstr(request->prompt, "sampled") != NULL};
    snprintf(text, sizeof(text), "%s|%d", request->prompt, request->repeat);
    fm_hash_bytes(text, strlen(text), out->key);
    return FM_OK;
}

static const fm_adapter_ops counting_ops = {.name = "counting",
                                            .caps = FM_CAP_WIRE,
                                            .open = counting_open,
                                            .submit = counting_submit,
                                            .poll = counting_poll,
                                            .abandon = counting_abandon,
                                            .estimate = counting_estimate,
                                            .close = free};

static fm_adapter *open_cached(const fm_adapter_ops *ops, fm_cache *cache, bool keep_sampled)
{
    fm_adapter *inner = NULL, *outer = NULL;
    fm_adapter_config config = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_adapter_open(&inner, ops, &config, &err), FM_OK), "%s", err.text);
    cr_assert(eq(int, fm_adapter_cached(&outer, inner, cache, keep_sampled, &err), FM_OK), "%s",
              err.text);
    return outer;
}

static void submit(fm_adapter *adapter, const char *prompt, int repeat, uint64_t ticket)
{
    fm_request request = {.id = "1", .prompt = prompt, .repeat = repeat};

    cr_assert(eq(int, fm_adapter_submit(adapter, &request, NULL, ticket, NULL), FM_OK));
}

/* What arrives next, asserted to be the ticket's. */
static fm_reply arrive(fm_adapter *adapter, uint64_t ticket)
{
    fm_arrival arrival = {0};
    size_t n = 0;

    cr_assert(eq(int, fm_adapter_poll(adapter, 1, &arrival, 1, &n, NULL), FM_OK));
    cr_assert(eq(sz, n, 1));
    cr_assert(eq(u64, arrival.ticket, ticket));
    return arrival.reply;
}

Test(cache, answers_the_second_asking_without_the_adapter)
{
    fm_cache *cache = open_cache();
    fm_adapter *adapter = open_cached(&counting_ops, cache, false);
    fm_reply reply;

    submit(adapter, "a", 1, 1);
    reply = arrive(adapter, 1);
    cr_expect(reply.cached == false);
    cr_expect(eq(str, (char *)reply.text, "reply 1"));
    fm_adapter_close(adapter);

    adapter = open_cached(&counting_ops, cache, false);
    submit(adapter, "a", 1, 5);
    submit(adapter, "b", 1, 6);
    submit(adapter, "a", 2, 7);
    cr_expect(eq(int, counter->asked, 2), "another prompt, another repeat");
    reply = arrive(adapter, 5);
    cr_expect(reply.cached);
    cr_expect(eq(str, (char *)reply.text, "reply 1"));
    cr_expect(arrive(adapter, 6).cached == false);
    cr_expect(arrive(adapter, 7).cached == false);
    fm_adapter_close(adapter);
    fm_cache_close(cache);
}

Test(cache, passes_sampled_requests_by_unless_it_is_told_to_keep_them)
{
    fm_cache *cache = open_cache();

    for (int round = 0; round < 4; round++) {
        fm_adapter *adapter = open_cached(&counting_ops, cache, round >= 2);

        submit(adapter, "sampled", 1, 1);
        cr_expect(arrive(adapter, 1).cached == (round == 3), "round %d", round);
        fm_adapter_close(adapter);
    }
    fm_cache_close(cache);
}

Test(cache, keeps_no_error_that_arrives)
{
    fm_cache *cache = open_cache();
    fm_adapter *adapter = open_cached(&counting_ops, cache, false);

    counter->status = FM_SAMPLE_API_ERROR;
    submit(adapter, "a", 1, 1);
    arrive(adapter, 1);
    counter->status = FM_SAMPLE_OK;
    submit(adapter, "a", 1, 2);
    cr_expect(arrive(adapter, 2).cached == false);
    submit(adapter, "a", 1, 3);
    cr_expect(arrive(adapter, 3).cached);
    fm_adapter_close(adapter);
    fm_cache_close(cache);
}

Test(cache, abandoned_requests_do_not_arrive_from_either_side)
{
    fm_cache *cache = open_cache();
    fm_adapter *adapter = open_cached(&counting_ops, cache, false);
    fm_arrival arrivals[4];
    size_t n = 9;

    submit(adapter, "a", 1, 1);
    arrive(adapter, 1);
    submit(adapter, "a", 1, 2);
    submit(adapter, "a", 1, 3);
    submit(adapter, "b", 1, 4);
    fm_adapter_abandon(adapter, 2);
    fm_adapter_abandon(adapter, 4);
    cr_expect(eq(int, counter->abandoned, 1));
    cr_expect(arrive(adapter, 3).cached);
    cr_assert(eq(int, fm_adapter_poll(adapter, 0, arrivals, 4, &n, NULL), FM_OK));
    cr_expect(eq(sz, n, 0));
    fm_adapter_close(adapter);
    fm_cache_close(cache);
}

static fm_status counting_generate(void *state, const fm_request *request, const fm_sample *truth,
                                   fm_reply *reply, fm_err *err)
{
    counting *c = state;

    (void)request, (void)truth, (void)err;
    c->asked++;
    *reply = (fm_reply){.status = FM_SAMPLE_OK, .text = "generated", .size = 9};
    return FM_OK;
}

Test(cache, wraps_adapters_that_answer_one_request_at_a_time)
{
    static const fm_adapter_ops ops = {.name = "serial",
                                       .open = counting_open,
                                       .generate = counting_generate,
                                       .estimate = counting_estimate,
                                       .close = free};
    fm_cache *cache = open_cache();
    fm_adapter *adapter = open_cached(&ops, cache, false);
    fm_request request = {.id = "1", .prompt = "a"};
    fm_reply reply;

    for (int i = 0; i < 2; i++) {
        cr_assert(eq(int, fm_adapter_generate(adapter, &request, NULL, &reply, NULL), FM_OK));
        cr_expect(reply.cached == (i == 1));
        cr_expect(eq(str, (char *)reply.text, "generated"));
    }
    cr_expect(eq(int, counter->asked, 1));
    fm_adapter_close(adapter);
    fm_cache_close(cache);
}

Test(cache, refuses_an_adapter_that_cannot_tell_requests_apart)
{
    static const fm_adapter_ops ops = {
        .name = "serial", .open = counting_open, .generate = counting_generate, .close = free};
    fm_adapter *inner = NULL, *outer = NULL;
    fm_cache *cache = open_cache();
    fm_adapter_config config = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_adapter_open(&inner, &ops, &config, NULL), FM_OK));
    cr_expect(eq(int, fm_adapter_cached(&outer, inner, cache, false, &err), FM_E_USAGE));
    cr_expect(eq(str, err.text,
                 "adapter 'serial' cannot tell which requests are the same: its replies are not "
                 "cached; leave --cache away"));
    fm_adapter_close(inner);
    fm_cache_close(cache);
}
