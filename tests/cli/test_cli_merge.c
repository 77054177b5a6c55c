/* Shards of a run, and the run that they are joined to: equal to the run that was never split. */
#include "program.h"

#include <stdio.h>

static void merge_begin(void)
{
    program_begin();
    fathom("world", "--count", "9", "--size", "64x48", "--out", "data");
    expect_success();
}

TestSuite(merge, .init = merge_begin, .fini = program_end);

#define RUN(...)                                                                                   \
    "run", "tabletop", "--data", "data", "--adapter", "jitter", "--set", "noise_px=8", __VA_ARGS__

static void run_shards(void)
{
    static char *const shards[] = {"0/3", "1/3", "2/3"};

    for (size_t i = 0; i < 3; i++) {
        fathom(RUN("--out", "shards", "--shard", shards[i]));
        expect_success();
    }
}

static void assert_same(const char *a, const char *b, const char *name)
{
    static fm_buf bytes[2];
    char path[256];

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", i ? b : a, name);
        fm_buf_clear(&bytes[i]);
        cr_assert(eq(int, fm_file_read(path, (size_t)64 << 20, &bytes[i], NULL), FM_OK), "%s",
                  path);
    }
    cr_assert(eq(str, (char *)fm_buf_text(&bytes[0]), (char *)fm_buf_text(&bytes[1])), "%s", name);
}

static void refused(int code, const char *says)
{
    cr_assert(eq(int, last.code, code), "%s", ERR);
    cr_assert(contains(ERR, says), "%s", ERR);
}

Test(merge, shards_joined_are_the_run_byte_for_byte)
{
    run_shards();
    fathom(RUN("--out", "whole"));
    fathom("merge", "shards", "--out", "merged");
    expect_success();
    assert_same("whole", "merged", "samples.jsonl");
    assert_same("whole", "merged", "results.json");
}

Test(merge, so_are_shards_with_repeats_and_a_shuffled_limit)
{
#define SELECTED "--repeat", "2", "--limit", "7", "--shuffle"

    fathom(RUN("--out", "shards", "--shard", "0/2", SELECTED));
    fathom(RUN("--out", "shards", "--shard", "1/2", SELECTED));
    fathom(RUN("--out", "whole", SELECTED));
    fathom("merge", "shards/shard-1-of-2", "shards/shard-0-of-2", "--out", "merged");
    expect_success();
    assert_same("whole", "merged", "samples.jsonl");
    assert_same("whole", "merged", "results.json");
}

Test(merge, a_missing_shard_is_refused_unless_partial)
{
    run_shards();
    fathom("merge", "shards/shard-0-of-3", "shards/shard-2-of-3", "--out", "merged");
    refused(2, "shard 1 of 3 is not there");
    fathom("merge", "shards/shard-0-of-3", "shards/shard-2-of-3", "--out", "merged", "--partial");
    expect_success();
    cr_assert(contains(ERR, "have no reply and count as skipped"), "%s", ERR);
}

Test(merge, a_shard_that_stands_twice_is_refused_always)
{
    run_shards();
    fathom("merge", "shards", "shards/shard-1-of-3", "--out", "merged", "--partial");
    refused(2, "are both shard 1 of 3");
}

Test(merge, an_unfinished_shard_is_refused_unless_partial)
{
    run_shards();
    cr_assert(eq(int, remove("shards/shard-1-of-3/results.json"), 0));
    fathom("merge", "shards", "--out", "merged");
    refused(2, "is not finished");
    /* Grading what there is does not finish it. */
    cr_assert(eq(int, truncate("shards/shard-1-of-3/replies.jsonl", 0), 0));
    fathom("score", "shards/shard-1-of-3");
    fathom("merge", "shards", "--out", "merged");
    refused(2, "is not finished");
    fathom("merge", "shards", "--out", "merged", "--partial");
    expect_success();
}

Test(merge, shards_of_other_runs_are_refused_with_what_differs)
{
    run_shards();
    fathom(RUN("--out", "others", "--shard", "1/3", "--seed", "5"));
    fathom(RUN("--out", "more", "--shard", "1/3", "--limit", "4"));
    fathom("merge", "shards/shard-0-of-3", "others", "--out", "merged");
    refused(2, "their seed is '1' and '5'");
    fathom("merge", "shards/shard-0-of-3", "more", "--out", "merged");
    refused(2, "their selection is {} and {\"limit\": 4}");
    fathom(RUN("--out", "four", "--shard", "1/4"));
    fathom("merge", "shards/shard-0-of-3", "four", "--out", "merged");
    refused(2, "one of 3 shards");
}

Test(merge, replies_are_never_written_over)
{
    run_shards();
    fathom("merge", "shards", "--out", "merged");
    fathom("merge", "shards", "--out", "merged");
    refused(2, "holds replies already");
    fathom("merge", "shards", "--out", "shards/shard-0-of-3");
    cr_assert(ne(int, last.code, 0));
}

Test(merge, what_is_no_shard_is_refused)
{
    fathom(RUN("--out", "whole"));
    fathom("merge", "whole", "--out", "merged");
    refused(2, "is a whole run");
    fathom("merge", "data", "--out", "merged");
    refused(4, "holds no shard-I-of-N");
    fathom("merge", "nowhere", "--out", "merged");
    refused(4, "'nowhere'");
}

Test(merge, a_record_of_another_shard_is_refused)
{
    run_shards();
    cr_assert(eq(int, rename("shards/shard-0-of-3/replies.jsonl", "kept"), 0));
    cr_assert(eq(
        int, rename("shards/shard-1-of-3/replies.jsonl", "shards/shard-0-of-3/replies.jsonl"), 0));
    cr_assert(eq(int, rename("kept", "shards/shard-1-of-3/replies.jsonl"), 0));
    fathom("merge", "shards", "--out", "merged", "--partial");
    refused(4, "does not belong to shard");
}
