/**
 * Torture: every allocation of a piece of work fails in turn, the N-th for N = 1, 2, ... until all
 * succeed (after SQLite's test_malloc.c). Each time the work ends in an error or in the right result;
 * never in a crash, a leak (the preset asan sees those) or a success with something missing.
 *
 * The allocator below stands before the C library's for the whole program, so that failures reach
 * cJSON, libyaml, libspng, zlib, curl and stdio as well. It fails on one thread, in one window. One
 * file of a test program includes this.
 */
#ifndef FM_TESTS_TORTURE_H
#define FM_TESTS_TORTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "fathom/status.h"

/* ---- the allocator ---- */

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

/* The sanitizer's own allocator has to stay beneath, or it would see no leak and no overrun. */
#ifdef WITH_ASAN
#define real_malloc  __interceptor_malloc
#define real_calloc  __interceptor_calloc
#define real_realloc __interceptor_realloc
#else
#define real_malloc  __libc_malloc
#define real_calloc  __libc_calloc
#define real_realloc __libc_realloc
#endif

void *real_malloc(size_t size);
void *real_calloc(size_t count, size_t size);
void *real_realloc(void *before, size_t size);

static _Thread_local long countdown; /* allocations until the one that fails; 0: none does */
static _Thread_local bool failed;

static bool fails_now(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
    return fails_now() ? NULL : real_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : real_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *before, size_t size)
{
    return fails_now() ? NULL : real_realloc(before, size);
}

/* ---- the torture ---- */

/* `attempt` does the work; only there allocations fail. `check` looks at what a success left, and
 * `clean` frees it; both run after every attempt, check only where it ended in FM_OK. */
typedef struct {
    fm_status (*prepare)(void); /* may be NULL */
    fm_status (*attempt)(fm_err *err);
    void (*check)(long n);
    void (*clean)(void);
} work;

/* Returns how many allocations the work makes. */
static long torture(const work *w)
{
    for (long n = 1;; n++) {
        fm_err err = {0};

        if (w->prepare)
            cr_assert(eq(int, w->prepare(), FM_OK));
        failed = false;
        countdown = n;
        fm_status st = w->attempt(&err);
        countdown = 0;
        if (st == FM_OK)
            w->check(n);
        else
            cr_assert(err.text[0] && err.code == st, "allocation %ld: no message", n);
        w->clean();
        /* Bad input is what no lack of memory may be taken for; a file that cannot be opened for
         * want of memory is an error of I/O. */
        cr_assert(st == FM_OK || st == FM_E_NOMEM || st == FM_E_IO, "allocation %ld: %s: %s", n,
                  fm_status_name(st), err.text);
        if (!failed) {
            cr_assert(eq(int, st, FM_OK), "%s", err.text);
            return n - 1;
        }
        cr_assert(n < 1000000);
    }
}

#endif
