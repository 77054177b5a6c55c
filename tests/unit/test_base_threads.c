/* base/threads: every index once, and a failure that does not depend on the number of threads. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/threads.h"
#include "support/scratch.h"

enum { N = 5000 };

typedef struct {
    atomic_int calls[N];
    atomic_int busy[300]; /* by worker */
    int jobs;
    size_t fails[2]; /* indices that fail */
    int fail_count;
    size_t slow; /* the index that takes its time */
} log_of_work;

static log_of_work seen;

static fm_status note(void *context, size_t index, int worker, fm_err *err)
{
    log_of_work *log = context;

    cr_assert(index < N && worker >= 0 && worker < log->jobs);
    cr_assert(atomic_fetch_add(&log->busy[worker], 1) == 0, "two calls share a worker's scratch");
    atomic_fetch_add(&log->calls[index], 1);
    if (index == log->slow)
        usleep(20000);
    atomic_fetch_sub(&log->busy[worker], 1);
    for (int i = 0; i < log->fail_count; i++)
        if (index == log->fails[i])
            return fm_fail(err, FM_E_INPUT, "index %zu", index);
    return FM_OK;
}

static fm_status run(size_t n, int jobs, fm_err *err)
{
    seen.jobs = jobs < 1 ? 1 : jobs;
    return fm_parallel_for(n, jobs, note, &seen, err);
}

Test(parallel_for, calls_each_index_once_on_any_number_of_threads)
{
    static const int jobs[] = {-1, 0, 1, 2, 3, 8, 64};

    for (size_t k = 0; k < sizeof(jobs) / sizeof(jobs[0]); k++) {
        memset(&seen, 0, sizeof(seen));
        seen.slow = N;
        cr_assert(run(N, jobs[k], NULL) == FM_OK);
        for (size_t i = 0; i < N; i++)
            cr_assert(atomic_load(&seen.calls[i]) == 1, "index %zu with %d jobs", i, jobs[k]);
    }
}

Test(parallel_for, over_nothing_does_nothing)
{
    cr_expect(run(0, 4, NULL) == FM_OK);
    cr_expect(atomic_load(&seen.calls[0]) == 0);
}

Test(parallel_for, more_threads_than_indices_are_not_started)
{
    seen.slow = N;
    cr_expect(run(2, 64, NULL) == FM_OK);
    cr_expect(atomic_load(&seen.calls[0]) == 1 && atomic_load(&seen.calls[1]) == 1);
}

/* The lower index fails later by the clock: it must win all the same. */
Test(parallel_for, first_failure_by_index_wins)
{
    for (int jobs = 1; jobs <= 8; jobs++) {
        fm_err err = {0};

        memset(&seen, 0, sizeof(seen));
        seen.fails[0] = 10;
        seen.fails[1] = 11;
        seen.fail_count = 2;
        seen.slow = 10;
        cr_expect(run(N, jobs, &err) == FM_E_INPUT);
        cr_expect(err.code == FM_E_INPUT);
        cr_expect(eq(str, err.text, "index 10"), "%d jobs: %s", jobs, err.text);
        for (size_t i = 0; i <= 10; i++)
            cr_assert(atomic_load(&seen.calls[i]) == 1);
        cr_expect(atomic_load(&seen.calls[N - 1]) == 0, "the rest is left out");
    }
}

Test(parallel_for, failure_without_anyone_listening_is_still_returned)
{
    seen.fails[0] = 0;
    seen.fail_count = 1;
    seen.slow = N;
    cr_expect(run(N, 4, NULL) == FM_E_INPUT);
}

Test(threads, available_respects_affinity)
{
    cpu_set_t one;

    cr_expect(fm_threads_available() >= 1);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    cr_assert(sched_setaffinity(0, sizeof(one), &one) == 0);
    cr_expect(fm_threads_available() == 1);
}

TestSuite(allowed, .init = scratch_make, .fini = scratch_remove);

static void limit(const char *name, const char *text)
{
    cr_assert(eq(int, fm_file_write_atomic(scratch_path(name), text, strlen(text), NULL), FM_OK));
}

Test(allowed, the_least_share_on_the_way_up_counts_rounded_up)
{
    cr_assert(eq(int, fm_dir_make(scratch_path("a/b"), NULL), FM_OK));
    cr_expect(eq(int, fm_threads_allowed(scratch_dir, "/a/b"), 0), "no cpu.max");
    limit("a/b/cpu.max", "max 100000\n");
    cr_expect(eq(int, fm_threads_allowed(scratch_dir, "/a/b"), 0), "no limit");
    limit("a/b/cpu.max", "400000 100000\n");
    cr_expect(eq(int, fm_threads_allowed(scratch_dir, "/a/b"), 4));
    limit("a/cpu.max", "150000 100000\n");
    cr_expect(eq(int, fm_threads_allowed(scratch_dir, "/a/b"), 2), "one and a half, from above");
    limit("cpu.max", "1000 100000\n");
    cr_expect(eq(int, fm_threads_allowed(scratch_dir, "/a/b"), 1), "at the root");
    cr_expect(eq(int, fm_threads_allowed(scratch_dir, "/"), 1));
    limit("cpu.max", "0 100000\n");
    limit("a/cpu.max", "-5 0\n");
    limit("a/b/cpu.max", "much");
    cr_expect(eq(int, fm_threads_allowed(scratch_dir, "/a/b"), 0), "nothing that can be read");
}
