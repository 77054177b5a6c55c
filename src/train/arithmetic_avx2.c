/* The trainer's arithmetic for AVX2 with FMA. */
#define RT_LANES      8
#define TR_TABLE      tr_arithmetic_avx2
#define TR_TABLE_NAME "avx2"
#include "train/arithmetic_vector.h"
