/* The journal: what was appended is there after any death, and nothing else is. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "base/files.h"
#include "core/journal.h"
#include "../support/scratch.h"

TestSuite(journal, .init = scratch_make, .fini = scratch_remove);

static fm_journal *open_journal(bool writable, fm_journal_report *report)
{
    fm_journal *journal = NULL;
    fm_err err = {0};

    cr_assert(eq(int,
                 fm_journal_open(&journal, scratch_path("replies.jsonl"), writable, report, &err),
                 FM_OK),
              "%s", err.text);
    return journal;
}

static void append(fm_journal *journal, const char *id, const char *text, size_t size)
{
    fm_reply reply = {.status = FM_SAMPLE_OK, .text = text, .size = size};
    fm_err err = {0};

    cr_assert(eq(int, fm_journal_append(journal, id, &(fm_attempt){.reply = &reply}, &err), FM_OK),
              "%s", err.text);
}

static fm_reply find(const fm_journal *journal, const char *id, fm_arena *arena, bool *found)
{
    fm_reply reply = {0};
    fm_err err = {0};

    cr_assert(eq(int, fm_journal_find(journal, id, arena, &reply, found, &err), FM_OK), "%s",
              err.text);
    return reply;
}

Test(journal, keeps_bytes_of_any_kind_across_opening_and_closing)
{
    static const char nul[] = "a\0b", broken[] = "\xff\xc0\x80 end";
    fm_arena arena = {0};
    bool found;
    fm_journal *journal = open_journal(true, NULL);

    append(journal, "nul", nul, 3);
    append(journal, "broken", broken, sizeof(broken) - 1);
    append(journal, "plain", "(1, 2)\n\"quoted\"", 15);
    append(journal, "empty", "", 0);
    for (int round = 0; round < 2; round++) {
        fm_reply a = find(journal, "nul", &arena, &found);
        cr_assert(found && a.size == 3 && memcmp(a.text, nul, 3) == 0);
        fm_reply b = find(journal, "broken", &arena, &found);
        cr_assert(found && b.size == sizeof(broken) - 1 && memcmp(b.text, broken, b.size) == 0);
        fm_reply c = find(journal, "plain", &arena, &found);
        cr_assert(eq(str, (char *)c.text, "(1, 2)\n\"quoted\""));
        fm_reply d = find(journal, "empty", &arena, &found);
        cr_assert(found && d.text && d.size == 0);
        find(journal, "absent", &arena, &found);
        cr_assert(found == false);
        cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
        journal = open_journal(round == 0, NULL);
    }
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    fm_arena_release(&arena);
}

Test(journal, the_last_record_of_an_id_counts)
{
    fm_arena arena = {0};
    bool found;
    fm_journal_report report;
    fm_journal *journal = open_journal(true, NULL);

    append(journal, "7", "first", 5);
    append(journal, "7", "second", 6);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    journal = open_journal(false, &report);
    cr_assert(eq(str, (char *)find(journal, "7", &arena, &found).text, "second"));
    cr_assert(eq(sz, report.records, 2));
    cr_assert(eq(sz, report.ids, 1));
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    fm_arena_release(&arena);
}

/* Cut the file at every byte: each cut loses at most the record that it stands in. */
Test(journal, a_cut_anywhere_costs_one_record_at_most)
{
    fm_buf whole = {0};
    fm_journal *journal = open_journal(true, NULL);

    append(journal, "1", "one", 3);
    append(journal, "2", "two", 3);
    append(journal, "3", "three", 5);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    cr_assert(eq(int, fm_file_read(scratch_path("replies.jsonl"), 1 << 20, &whole, NULL), FM_OK));
    for (size_t cut = 0; cut <= whole.size; cut++) {
        size_t complete = 0;
        fm_journal_report report;

        scratch_write("replies.jsonl", whole.data, cut);
        for (size_t i = 0; i < cut; i++)
            complete += whole.data[i] == '\n';
        /* A record that lacks nothing but its newline is whole. */
        bool unended = cut > 0 && cut < whole.size && whole.data[cut] == '\n';
        complete += unended;
        journal = open_journal(true, &report);
        cr_assert(eq(sz, report.ids, complete), "cut at %zu", cut);
        cr_assert(eq(int, report.torn, cut > 0 && !unended && whole.data[cut - 1] != '\n'),
                  "cut at %zu", cut);
        append(journal, "new", "x", 1);
        cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
        journal = open_journal(false, &report);
        cr_assert(eq(sz, report.ids, complete + 1), "cut at %zu", cut);
        cr_assert(report.torn == false && report.unreadable == 0);
        cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    }
    fm_buf_release(&whole);
}

Test(journal, lines_that_are_no_records_are_counted_and_passed_over)
{
    static const char text[] = "{\"id\": \"1\", \"status\": \"ok\", \"text\": \"a\"}\ngarbage\n"
                               "{\"text\": \"no id\"}\n{\"id\": \"2\", \"status\": \"ok\"}\n";
    fm_journal_report report;

    scratch_write("replies.jsonl", text, sizeof(text) - 1);
    fm_journal *journal = open_journal(false, &report);
    cr_assert(eq(sz, report.ids, 2));
    cr_assert(eq(sz, report.unreadable, 2));
    cr_assert(eq(sz, report.first_unreadable, 2));
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
}

Test(journal, a_full_disk_is_an_error_and_leaves_whole_records)
{
    fm_journal *journal = NULL;
    fm_reply reply = {.status = FM_SAMPLE_OK, .text = "x", .size = 1};
    fm_err err = {0};

    if (access("/dev/full", W_OK) != 0)
        cr_skip_test("needs /dev/full");
    cr_assert(eq(int, symlink("/dev/full", scratch_path("replies.jsonl")), 0));
    cr_assert(
        eq(int, fm_journal_open(&journal, scratch_path("replies.jsonl"), true, NULL, &err), FM_OK));
    cr_assert(
        eq(int, fm_journal_append(journal, "1", &(fm_attempt){.reply = &reply}, &err), FM_E_IO));
    cr_assert(strstr(err.text, "No space left") != NULL, "%s", err.text);
    (void)!fm_journal_close(journal, NULL);
}

Test(journal, ten_thousand_ids_are_found)
{
    fm_arena arena = {0};
    fm_journal *journal = open_journal(true, NULL);
    char id[32];

    for (int i = 0; i < 10000; i++) {
        snprintf(id, sizeof(id), "id-%d", i);
        append(journal, id, id, strlen(id));
    }
    for (int i = 0; i < 10000; i++) {
        bool found;

        snprintf(id, sizeof(id), "id-%d", i);
        fm_arena_reset(&arena);
        cr_assert(eq(str, (char *)find(journal, id, &arena, &found).text, id));
    }
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    fm_arena_release(&arena);
}

/* What attempts took, summed while they are written and again when the file is read. */
static fm_buf usage_of(fm_journal *journal)
{
    fm_buf text = {0};
    fm_json_writer w = {.out = &text};

    fm_json_open(&w, NULL, '{');
    fm_usage_put(fm_journal_usage(journal), &w);
    fm_json_close(&w, '}');
    return text;
}

Test(journal, sums_of_usage_are_the_same_when_the_file_is_read_again)
{
    const fm_reply replies[] = {
        {.status = FM_SAMPLE_OK,
         .text = "a",
         .size = 1,
         .latency_s = 0.41234567,
         .server_s = 0.3,
         .http_status = 200,
         .usage = {true, 1000, 50, 20, 300}},
        {.status = FM_SAMPLE_API_ERROR, .latency_s = 1.5, .retry = FM_RETRY_THROTTLED},
        {.status = FM_SAMPLE_OK, .text = "b", .size = 1, .latency_s = 0.1, .cached = true},
    };
    const double costs[] = {0.1, NAN, 0};
    fm_journal *journal = open_journal(true, NULL);

    cr_assert(isnan(fm_usage_cost(fm_journal_usage(journal))));
    for (int i = 0; i < 3; i++) {
        fm_attempt attempt = {.reply = &replies[i], .cost = costs[i], .queue_s = 0.25 * i};

        cr_assert(eq(int, fm_journal_append(journal, "7", &attempt, NULL), FM_OK));
    }
    fm_buf written = usage_of(journal);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    journal = open_journal(false, NULL);
    fm_buf read = usage_of(journal);
    cr_assert(eq(str, read.data, written.data));
    cr_assert(epsilon_eq(dbl, fm_usage_cost(fm_journal_usage(journal)), 0.1, 1e-12));
    cr_assert(strstr(read.data, "\"attempts\": 3, \"cached\": 1") != NULL, "%s", read.data);
    cr_assert(strstr(read.data, "\"statuses\": {\"ok\": 2, \"api_error\": 1}") != NULL);
    cr_assert(strstr(read.data, "\"input\": 1000, \"output\": 50, \"thought\": 20, "
                                "\"cached\": 300") != NULL);
    cr_assert(strstr(read.data, "\"latency_s\": {\"n\": 2, ") != NULL, "%s", read.data);
    cr_assert(strstr(read.data, "\"p50\": 0.412346") != NULL, "%s", read.data);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    fm_buf_release(&written);
    fm_buf_release(&read);
}

Test(journal, a_record_says_what_its_attempt_took)
{
    fm_reply reply = {.status = FM_SAMPLE_OK,
                      .text = "a",
                      .size = 1,
                      .model = "m-1",
                      .request_id = "r-1",
                      .http_status = 200,
                      .usage = {true, 10, 5, 2, 3}};
    fm_arena arena = {0};
    bool found;
    fm_journal *journal = open_journal(true, NULL);

    cr_assert(
        eq(int, fm_journal_append(journal, "1", &(fm_attempt){&reply, NAN, NAN}, NULL), FM_OK));
    fm_reply back = find(journal, "1", &arena, &found);
    cr_assert(eq(str, (char *)back.model, "m-1"));
    cr_assert(eq(str, (char *)back.request_id, "r-1"));
    cr_assert(eq(int, back.http_status, 200));
    cr_assert(back.usage.stated && back.usage.input_tokens == 10 && back.usage.cached_tokens == 3);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
    fm_arena_release(&arena);
}

Test(journal, a_reply_that_is_too_long_is_refused_and_leaves_the_file_as_it_was)
{
    fm_reply reply = {.status = FM_SAMPLE_OK, .text = "", .size = FM_JOURNAL_REPLY_BYTES + 1};
    fm_err err = {0};
    fm_journal *journal = open_journal(true, NULL);

    cr_assert(
        eq(int, fm_journal_append(journal, "1", &(fm_attempt){.reply = &reply}, &err), FM_E_INPUT));
    cr_assert(strstr(err.text, "the reply to '1' is longer") != NULL, "%s", err.text);
    cr_assert(fm_journal_has(journal, "1") == false);
    cr_assert(eq(int, fm_journal_close(journal, NULL), FM_OK));
}
