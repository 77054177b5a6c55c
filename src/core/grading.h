/**
 * Grading a journal: a pure function of manifest, journal, stored judgements and data, on any number
 * of threads with the same bytes as result. Writes samples*.jsonl and then results*.json, both by rename.
 */
#ifndef FM_CORE_GRADING_H
#define FM_CORE_GRADING_H

#include "core/journal.h"
#include "core/manifest.h"
#include "core/rundir.h"

typedef struct {
    const fm_rundir *dir;
    const fm_manifest *manifest;
    const fm_protocol *protocol; /* the manifest's or another one of the task */
    const fm_loader_ops *loader;
    const char *data_dir; /* the manifest's, or where the data has gone since */
    const fm_task *task;
    const char *pictures_dir; /* fm_catalog.pictures_dir */
    const fm_journal *journal;
    int jobs;
} fm_grading;

/* What takes values away without being in the replies, or by how they are read. It makes denominators or
 * scores smaller, so it must not pass in silence. */
typedef struct {
    size_t n;                   /* samples graded */
    size_t unanswered;          /* the journal has no record of these */
    size_t unreadable;          /* a picture is missing or damaged */
    char first_unreadable[400]; /* the first of those: id and reason */
    size_t astray;              /* judgements of ids that were not graded */
    size_t unread;              /* answers in which the run's form of a trace finds none */
    size_t other;               /* of these, those in which the other form finds one */
} fm_grading_losses;

FM_MUST_CHECK fm_status fm_grading_execute(const fm_grading *grading, fm_grading_losses *losses,
                                           fm_err *err);

/* The form of a trace that `family` is not. */
fm_answers_family fm_grading_other_form(fm_answers_family family);

/* What a loader is opened for. */
typedef enum {
    FM_LOAD_NAMES,    /* ids and fingerprints: no picture is looked at */
    FM_LOAD_GRADING,  /* what graders need */
    FM_LOAD_PICTURES, /* all that is shown to a model or a reader */
} fm_load;

/* Open the loader of a run: its annotations from the run directory where the manifest says so. */
FM_MUST_CHECK fm_status fm_grading_open_loader(const fm_rundir *dir, const fm_manifest *manifest,
                                               const fm_loader_ops *loader, const fm_task *task,
                                               const char *data_dir, const char *pictures_dir,
                                               fm_load purpose, void **state, fm_err *err);

#endif
