/* Runs with many grading threads, for ThreadSanitizer: asked, graded again, and imported, always to
 * the bytes that one thread writes. The journal is written for long enough that its syncing thread
 * takes part. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/tabletop.h"
#include "../support/test_catalog.h"
#include "adapters/adapters.h"
#include "base/clock.h"
#include "base/files.h"
#include "core/journal.h"
#include "core/run.h"

enum { SCENES = 24, JOBS = 8, ROUNDS = 3 };

#define SYNCED_SECONDS 2.5 /* twice the journal's period and some more */

static char folder[] = "/tmp/fathom-stress-XXXXXX";

static const fm_catalog *catalog(void)
{
    static const fm_adapter_ops *const adapters[] = {&fm_adapter_jitter, NULL};
    static fm_catalog made;

    if (!getenv("FATHOM_SOURCE_DIR")) {
        fprintf(stderr, "FATHOM_SOURCE_DIR is not set\n");
        exit(1);
    }
    made = *test_catalog();
    made.adapters = adapters;
    return &made;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info, (void)type, (void)where;
    return remove(path);
}

static void must(fm_status st, const char *what, const fm_err *err)
{
    if (st == FM_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, err->text);
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    exit(1);
}

static void must_equal(const char *a, const char *b)
{
    fm_buf first = {0}, second = {0};
    fm_err err = {0};

    must(fm_file_read(a, (size_t)64 << 20, &first, &err), "reading", &err);
    must(fm_file_read(b, (size_t)64 << 20, &second, &err), "reading", &err);
    bool same = first.size == second.size && memcmp(first.data, second.data, first.size) == 0;
    fm_buf_release(&first);
    fm_buf_release(&second);
    snprintf(err.text, sizeof(err.text), "'%s' and '%s' differ", a, b);
    must(same ? FM_OK : FM_E_INTERNAL, "threads change the result", &err);
}

static fm_run_options options(const char *target, const char *out, int jobs)
{
    static const fm_setting noise[] = {{"noise_px", "9"}, {"noise_m", "0.05"}};

    return (fm_run_options){.target = target,
                            .data_dir = "data",
                            .out_dir = out,
                            .adapter = "jitter",
                            .settings = noise,
                            .n_settings = 2,
                            .seed = 1,
                            .jobs = jobs};
}

/* In the folder "run", left for the next target without a trace. */
static void grade_on_many_threads(const char *target)
{
    fm_run_options o = options(target, "run", 1);
    fm_err err = {0};

    must(fm_run_execute(catalog(), &o, &err), "run", &err);
    if (rename("run/samples.jsonl", "samples") != 0 || rename("run/results.json", "results") != 0)
        must(fm_fail(&err, FM_E_IO, "cannot rename"), "run", &err);
    for (int round = 0; round < ROUNDS; round++) {
        o.jobs = JOBS + round;
        must(fm_run_score(catalog(), "run", NULL, 0, &o, &err), "score", &err);
        must_equal("run/samples.jsonl", "samples");
        must_equal("run/results.json", "results");
    }
    o = options(target, "imported", JOBS);
    must(fm_run_import(catalog(), "run/replies.jsonl", &o, &err), "import", &err);
    must_equal("imported/samples.jsonl", "samples");
    (void)nftw("run", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    (void)nftw("imported", remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void append_while_it_syncs(void)
{
    fm_reply reply = {.status = FM_SAMPLE_OK, .text = "[(1, 2, 3.0)]", .size = 13};
    fm_journal_report report;
    fm_journal *journal = NULL;
    size_t n = 0;
    fm_err err = {0};
    double start = fm_clock_seconds();

    must(fm_journal_open(&journal, "replies.jsonl", true, NULL, &err), "journal", &err);
    while (fm_clock_seconds() - start < SYNCED_SECONDS) {
        char id[32];

        snprintf(id, sizeof(id), "%zu", n++);
        must(fm_journal_append(journal, id, &(fm_attempt){.reply = &reply}, &err), "append", &err);
        usleep(500);
    }
    must(fm_journal_close(journal, &err), "close", &err);
    must(fm_journal_open(&journal, "replies.jsonl", false, &report, &err), "journal", &err);
    snprintf(err.text, sizeof(err.text), "%zu of %zu records", report.ids, n);
    must(report.ids == n && !report.torn ? FM_OK : FM_E_INTERNAL, "journal", &err);
    must(fm_journal_close(journal, &err), "close", &err);
}

int main(void)
{
    fm_err err = {0};

    if (!mkdtemp(folder) || chdir(folder) != 0) {
        perror(folder);
        return 1;
    }
    must(tabletop_write(96, 72, SCENES, "data", &err), "world", &err);
    grade_on_many_threads("tabletop-3d@paper");
    grade_on_many_threads("tabletop-2d@reference");
    append_while_it_syncs();
    (void)nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
