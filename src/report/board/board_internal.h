/* What the parts of the leaderboard share. */
#ifndef FM_REPORT_BOARD_INTERNAL_H
#define FM_REPORT_BOARD_INTERNAL_H

#include "report/board/board.h"

/* Places, their intervals and letters of a column. views[i] is that of run i of the board's model. */
FM_MUST_CHECK fm_status fm_board_place(fm_board *board, size_t column, fm_view *const *views,
                                       int jobs, fm_err *err);

/* A cell in words: all of them "" where there is nothing to say. */
typedef struct {
    char value[32];    /* "40.0", "0.031", a dash where nothing was averaged; without the unit */
    char interval[64]; /* "[27.6, 53.8]" */
    char count[64];    /* "20/50" */
    char places[64];   /* "1", "1 (1-2)": the place, and those that it may be */
    bool doubtful;     /* a published figure that its file flags */
} fm_board_words;
void fm_board_say(const fm_board *board, size_t row, size_t column, fm_board_words *out);

const char *fm_board_unit(const fm_board_column *column); /* "%", "m", "" */

/* What stands under a board: a line of plain text each, in the arena of none. Returns how many. */
#define FM_BOARD_NOTES 6
size_t fm_board_notes(const fm_board *board, const char *notes[FM_BOARD_NOTES]);

/* "ok 98, parse_error 2"; "RoboTracer, table 3, protocol robotracer, split test", and before it why a
 * figure is doubtful. Not escaped. */
void fm_board_put_statuses(fm_buf *out, const fm_report_run *run);
void fm_board_put_origin(fm_buf *out, const fm_published_row *row);

/* A published row's mark, a doubtful figure's, that of a column asked with different prompts. */
#define FM_BOARD_PUBLISHED "\xE2\x80\xA0" /* dagger */
#define FM_BOARD_DOUBTFUL  "?"
#define FM_BOARD_PROMPTS   "*"

#endif
