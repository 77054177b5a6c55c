/**
 * A leaderboard: models down, tasks across, with places that say how sure they are.
 *
 * A column holds what can be compared: one task under one version of one protocol, over the same data
 * and the same part of it. What differs in any of these has a column of its own. Models of a column are
 * held against each other sample by sample; published figures stand beside them, marked, without a
 * place. The same runs in any order give the same board.
 */
#ifndef FM_REPORT_BOARD_H
#define FM_REPORT_BOARD_H

#include "core/view.h"
#include "fathom/ranks.h"
#include "report/model.h"
#include "report/board/published.h"

#define FM_BOARD_LETTERS 26
#define FM_BOARD_LEVEL   0.05 /* of all pairs of a column together, by Holm */

typedef struct {
    fm_view *view;
    const char *name; /* what the model is called; NULL: adapter and model, or the folder's name */
} fm_board_entry;

typedef struct {
    const char *label; /* "task@protocol", with what tells it from another column of that name */
    const char *task, *protocol, *suite, *suite_version, *data_sha256;
    const char *selection; /* as results.json has it; "": the whole suite */
    int protocol_version;
    const char *metric; /* the protocol's headline */
    const char *unit;
    const char *primary; /* that the headline pools, or the same */
    const char *tested;  /* which of the two pairs are tested by */
    bool rate;
    int better;    /* +1, -1; 0: nothing is ranked */
    size_t ranked; /* models with a place */
    size_t items;  /* samples that all of them have */
    size_t draws;  /* of the bootstrap */
    bool prompts;  /* models were asked with different prompts */
} fm_board_column;

typedef struct {
    const char *name;
    const char *source;   /* where a published row is printed; "" for a run */
    const char *modality; /* of a published row, or "" */
    bool sees_truth;
    double mean_place; /* over its columns; infinite where it has no place */
} fm_board_row;

typedef struct {
    bool present;
    double value, low, high; /* as in results.json; of a published rate a share too; NaN: none */

    /* of a run */
    size_t place;                       /* from 1; 0: none */
    fm_rank_interval places;            /* FM_STATS confidence 95 % */
    char letters[FM_BOARD_LETTERS + 1]; /* models that share one are not told apart; "": none */
    const fm_report_run *run;
    const char *dir; /* of the run, below the folder that all have in common */
    const char *prompt_sha256, *prompt_file; /* "" where there is none */

    const fm_published_row *published;
} fm_board_cell;

typedef struct {
    fm_report_model runs; /* what the cells point to */
    fm_board_column *columns;
    size_t n_columns;
    fm_board_row
        *rows; /* models by their mean place, then baselines, then published rows by value */
    size_t n_rows;
    fm_board_cell *cells; /* [n_rows][n_columns] */
} fm_board;

/* The views stay open as long as *out is used; published may be NULL. *out starts as {0} and is
 * released whatever happens. FM_E_USAGE: too many runs, or a run twice. */
FM_MUST_CHECK fm_status fm_board_make(fm_board *out, const fm_board_entry *entries, size_t n,
                                      const fm_published *published, int jobs, fm_err *err);
void fm_board_release(fm_board *board); /* accepts {0} */

static inline const fm_board_cell *fm_board_at(const fm_board *board, size_t row, size_t column)
{
    return &board->cells[row * board->n_columns + column];
}

/* ---- writers: text appended to `out` ---- */

FM_MUST_CHECK fm_status fm_board_table(fm_buf *out, const fm_board *board, int width, bool colour,
                                       fm_err *err);
FM_MUST_CHECK fm_status fm_board_markdown(fm_buf *out, const fm_board *board, fm_err *err);
FM_MUST_CHECK fm_status fm_board_csv(fm_buf *out, const fm_board *board, fm_err *err);
FM_MUST_CHECK fm_status fm_board_latex(fm_buf *out, const fm_board *board, fm_err *err);
FM_MUST_CHECK fm_status fm_board_json(fm_buf *out, const fm_board *board, fm_err *err);
FM_MUST_CHECK fm_status fm_board_html(fm_buf *out, const fm_board *board, fm_err *err);

#endif
