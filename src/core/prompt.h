/**
 * Prompts: templates of the suite, of a protocol or of the user's own file, with places for what the
 * data says of a sample.
 */
#ifndef FM_CORE_PROMPT_H
#define FM_CORE_PROMPT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "fathom/sample.h"

#define FM_PROMPT_MAX_BYTES ((size_t)256 << 10)

/* "{task}", "{options}" (of a choice: "(A) left", a line each), "{target}" and "{destination}" in the
 * template. Text of the data is put in as it is and not looked at again. FM_E_INPUT where the sample
 * has no such text. */
FM_MUST_CHECK fm_status fm_prompt_fill(const char *template, const fm_sample *sample, fm_buf *out,
                                       fm_err *err);

/* A template from a file, into the arena: UTF-8 of up to FM_PROMPT_MAX_BYTES; line ends at its end
 * are the editor's and dropped. FM_E_INPUT names the file, and a place in braces that no sample
 * fills: a slip would be asked as it stands. Other braces, as JSON has them, are text. */
FM_MUST_CHECK fm_status fm_prompt_load(const char *path, fm_arena *arena, const char **out,
                                       fm_err *err);

/* Whether anything of a sample enters the template. */
bool fm_prompt_has_places(const char *template);

#endif
