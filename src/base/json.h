/**
 * JSON: cJSON for reading, with what it leaves out put right, and a writer that streams into a
 * buffer.
 *
 * Reading: cJSON ends a string at \u0000, refuses lone surrogates and does not know NaN; all three
 * occur in files that Python wrote. Before cJSON sees the text, \u0000 becomes the bytes C0 80 and
 * a lone surrogate its three-byte form (both impossible in UTF-8), NaN and Infinity become null.
 * fm_json_bytes() turns C0 80 back. Writing is exact: what it wrote is read back to the same bytes
 * and the same doubles.
 */
#ifndef FM_BASE_JSON_H
#define FM_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

/* Parse `size` bytes into *out (cJSON_Delete it). FM_E_INPUT: "<name>: not JSON at byte N".
 * Trailing text is an error. Out of memory is FM_E_NOMEM, never taken for bad text. */
FM_MUST_CHECK fm_status fm_json_parse(const char *text, size_t size, const char *name, cJSON **out,
                                      fm_err *err);
FM_MUST_CHECK fm_status fm_json_load(const char *path, size_t cap_bytes, cJSON **out, fm_err *err);

/* The members of an object that are in `names` (ends with NULL), and of those that are objects in
 * turn the members in `names`, as text into `out`, which is cleared: many times as fast as reading
 * everything where the rest is long. The rest is passed over, right or wrong; names with escapes are
 * not known. False where the text is no object that can be passed over: fm_json_parse() says why. */
bool fm_json_pick(const char *text, size_t size, const char *const *names, fm_buf *out);

/* Members by name; NULL, `otherwise` or false where the member is absent or of another type (for a
 * number: or not finite). Borrowed. */
const cJSON *fm_json_get(const cJSON *object, const char *key);
const char *fm_json_string(const cJSON *object, const char *key);
double fm_json_number(const cJSON *object, const char *key, double otherwise);
bool fm_json_bool(const cJSON *object, const char *key, bool otherwise);

/* An array of exactly n finite numbers into out[n]; false otherwise. */
bool fm_json_vector(const cJSON *array, double *out, size_t n);

/* The bytes of a string item, NUL characters included, copied into the arena. NULL when it is no
 * string (size 0) or memory is out. */
char *fm_json_bytes(const cJSON *item, fm_arena *arena, size_t *size);

/* Streaming writer: commas and nesting are kept by it, the caller closes what it opens. Compact, or
 * indented by two spaces a level when `pretty`. Numbers: shortest form that reads back to the same
 * double; NaN and infinities become null. Broken UTF-8 is written as U+FFFD; where bytes must stay
 * as they are, use fm_json_put_reply(). */
typedef struct {
    fm_buf *out;
    bool pretty;
    int depth;
    bool started[1024]; /* something stands already at this level */
} fm_json_writer;

void fm_json_open(fm_json_writer *w, const char *key,
                  char bracket); /* '{' or '['; key NULL inside an array or at top */
void fm_json_close(fm_json_writer *w, char bracket);                           /* '}' or ']' */
void fm_json_put_string(fm_json_writer *w, const char *key, const char *text); /* NULL gives null */
void fm_json_put_bytes(fm_json_writer *w, const char *key, const char *text, size_t size);
void fm_json_put_number(fm_json_writer *w, const char *key, double value);
void fm_json_put_int(fm_json_writer *w, const char *key, int64_t value);
void fm_json_put_bool(fm_json_writer *w, const char *key, bool value);
void fm_json_put_null(fm_json_writer *w, const char *key);
void fm_json_put_vector(fm_json_writer *w, const char *key, const double *values, size_t n);
void fm_json_put_tree(fm_json_writer *w, const char *key, const cJSON *tree);

/* Any bytes under `key`: as a string where they are valid UTF-8 without NUL, else in base64 under
 * "<key>_base64". The reader's counterpart is fm_json_get_reply(): *bytes becomes NULL where neither
 * member holds any; they live in the arena. Fails with FM_E_NOMEM only. */
void fm_json_put_reply(fm_json_writer *w, const char *key, const char *bytes, size_t size);
FM_MUST_CHECK fm_status fm_json_get_reply(const cJSON *object, const char *key, fm_arena *arena,
                                          char **bytes, size_t *size, fm_err *err);

/* Shortest text of a finite double that reads back the same; n bytes written, not terminated. */
#define FM_JSON_NUMBER_BYTES 32
size_t fm_json_format_number(double value, char out[FM_JSON_NUMBER_BYTES]);

#endif
