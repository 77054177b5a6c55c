/* The trainer's arithmetic for whatever every machine of this family has. */
#define RT_LANES      4
#define TR_TABLE      tr_arithmetic_generic
#define TR_TABLE_NAME "generic"
#include "train/arithmetic_vector.h"
