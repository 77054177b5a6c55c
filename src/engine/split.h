/**
 * Qwen2's rule by which text is cut into pieces before they are encoded one by one:
 *
 *   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N} | ?[^\s\p{L}\p{N}]+[\r\n]* |
 *   \s*[\r\n]+ | \s+(?!\S) | \s+
 *
 * the first alternative that matches. Character classes are utf8proc's. A byte that is no UTF-8 counts
 * as a character that is neither letter, number nor space.
 */
#ifndef RT_ENGINE_SPLIT_H
#define RT_ENGINE_SPLIT_H

#include <stddef.h>

/* The pattern as tokenizer.json writes it. */
extern const char rt_split_pattern[];

/* Bytes of the first piece of text[size], size over 0. */
size_t rt_split_next(const char *text, size_t size);

#endif
