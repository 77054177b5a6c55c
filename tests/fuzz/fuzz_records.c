/* Any bytes as a file of predictions and as a journal: what is accepted is found again. */
#include "core/import.h"
#include "core/journal.h"
#include "memfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_predictions(const char *path)
{
    fm_import import;
    fm_err err;

    if (fm_import_check(path, &import, &err) != FM_OK)
        return;
    if (import.records == 0 || import.records != import.ids.n)
        abort();
    fm_import_release(&import);
}

static void as_journal(const char *path)
{
    fm_journal *journal;
    fm_journal_report report;
    fm_arena arena = {0};
    fm_reply reply;
    fm_err err;
    bool found;

    if (fm_journal_open(&journal, path, false, &report, &err) != FM_OK)
        return;
    if (report.ids > report.records)
        abort();
    /* A status that nobody knows is an error; a record that is there is found. */
    if (fm_journal_find(journal, "7", &arena, &reply, &found, &err) == FM_OK &&
        found != fm_journal_has(journal, "7"))
        abort();
    if (fm_journal_close(journal, &err) != FM_OK)
        abort();
    fm_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memfile file = memfile_open(data, size);

    as_predictions(file.path);
    as_journal(file.path);
    memfile_close(&file);
    return 0;
}
