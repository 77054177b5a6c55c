/**
 * Thrift's compact protocol, as far as Parquet's footer and page headers use it: a cursor over bytes
 * that never reads past their end.
 *
 * A struct is read field by field:
 *
 *     for (fm_thrift_struct s = {0}; fm_thrift_next(in, &s);)
 *         switch (s.id) {
 *         case 1: rows = fm_thrift_int(in, &s); break;
 *         default: fm_thrift_skip(in, s.type);
 *         }
 *
 * The first fault stays in `problem`; from then on every read gives zero and every loop ends, so one
 * check at the end is enough. Pure functions of the cursor.
 */
#ifndef FM_TABLES_THRIFT_INTERNAL_H
#define FM_TABLES_THRIFT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How deep values may nest in what is skipped; what is read nests as deep as our own code does. */
#define FM_THRIFT_MAX_DEPTH 32

enum { FM_THRIFT_TRUE = 1, FM_THRIFT_FALSE = 2, FM_THRIFT_BYTE = 3, FM_THRIFT_STRUCT = 12 };

typedef struct {
    const uint8_t *next, *end;
    const char *problem; /* NULL while all is well */
    bool too_short;      /* the problem is that the bytes end: more of them could help */
} fm_thrift;

typedef struct {
    int id;   /* of the current field */
    int type; /* of its value */
} fm_thrift_struct;

/* Go to the next field; false at the end of the struct and after a fault. The value of every field
 * must be read or skipped. */
bool fm_thrift_next(fm_thrift *in, fm_thrift_struct *s);

/* The value of the current field; a type that does not fit is a fault. */
int64_t fm_thrift_int(fm_thrift *in, const fm_thrift_struct *s);
int32_t fm_thrift_int32(fm_thrift *in, const fm_thrift_struct *s); /* out of range: a fault */
bool fm_thrift_bool(fm_thrift *in, const fm_thrift_struct *s);
const char *fm_thrift_bytes(fm_thrift *in, const fm_thrift_struct *s, size_t *size); /* borrowed */

/* The number of elements of a list whose elements have the type `type`. No list has more elements
 * than bytes are left. */
size_t fm_thrift_list(fm_thrift *in, const fm_thrift_struct *s, int type);

/* Enter a struct-valued field: true where it is one. */
bool fm_thrift_enter(fm_thrift *in, const fm_thrift_struct *s);

void fm_thrift_skip(fm_thrift *in, int type);

#endif
