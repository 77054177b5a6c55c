/* Bytes and UTF-8: validity, escaping for the places where text ends up, nearest names. Pure
 * functions. */
#ifndef FM_BASE_TEXT_H
#define FM_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Length of the valid UTF-8 sequence at p (1-4), or 0: overlong forms, surrogates and values past
 * U+10FFFF are invalid. */
size_t fm_utf8_sequence(const char *p, size_t size);
bool fm_utf8_valid(const char *p, size_t size);

/* Append `text` fit for a terminal: control and bidirectional characters and broken UTF-8 as
 * visible escapes, so that data cannot move the cursor, colour the screen or reorder a line.
 * Newlines become a space. */
void fm_text_for_terminal(fm_buf *out, const char *text, size_t size);

/* Append `text` as one word of a command that somebody is to type: in quotes where a shell would read more
 * than a word in it. As for a terminal before, so that what acts on the display is not the word any more. */
void fm_text_for_shell(fm_buf *out, const char *text, size_t size);

/* Append `text` fit for HTML text and double-quoted attributes; bidirectional and control
 * characters are shown as U+FFFD so that they cannot act. Newline and tab stay. */
void fm_text_for_html(fm_buf *out, const char *text, size_t size);

/* Append JSON text (valid UTF-8) fit for a script element of type application/json: no "<" is left, so
 * that nothing ends the element or begins a comment in it, and no raw character that acts on the
 * display; both stand as JSON's own escapes. */
void fm_text_for_script(fm_buf *out, const char *json, size_t size);

/* Append `text` as one line of GitHub's markdown that nothing in it can leave: no markup, link, mention,
 * cell or HTML. As for a terminal before. */
void fm_text_for_markdown(fm_buf *out, const char *text, size_t size);

/* Append `text` as one field of CSV (RFC 4180), quoted where it must be. What a spreadsheet would
 * take for a formula begins with an apostrophe. Newlines become a space, as for a terminal. */
void fm_text_for_csv(fm_buf *out, const char *text, size_t size);

/* Append `text` as words of LaTeX, of which none is a command. As for a terminal before. */
void fm_text_for_latex(fm_buf *out, const char *text, size_t size);

/* Columns that `text` takes on a terminal (wide and combining characters counted roughly: ASCII is
 * exact). */
size_t fm_text_columns(const char *text);

/* Edit distance with transpositions, for suggestions; names longer than 63 bytes are cut. */
int fm_text_distance(const char *a, const char *b);

/* The name nearest to `word` when it is near enough to be a slip, else NULL. */
const char *fm_text_nearest(const char *word, const char *const *names, size_t n);

/* Standard base64 with padding. Decoding skips nothing: any other character is false. */
void fm_base64_encode(fm_buf *out, const void *bytes, size_t size);
bool fm_base64_decode(fm_buf *out, const char *text, size_t size);

/* Strict numbers: the whole string, no white space, finite, in range. False otherwise. */
bool fm_text_to_double(const char *text, double *out);
bool fm_text_to_uint64(const char *text, uint64_t *out);

#endif
