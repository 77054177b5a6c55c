/* Owns which request meets which fault. How a fault looks is the dialects' business, how it is
 * carried out on the wire the server's. */
#include "mock/mock_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/size.h"

/* A mock that runs for weeks stops counting repeats here rather than taking all memory. */
#define MAX_BODIES ((size_t)1 << 22)

static const char *const fault_names[FM_MOCK_FAULTS] = {
#define FAULT_NAME(code, name, text) [FM_MOCK_##code] = (name),
    FM_MOCK_FAULT_MAP(FAULT_NAME)
#undef FAULT_NAME
};

static const char *const fault_texts[FM_MOCK_FAULTS] = {
#define FAULT_TEXT(code, name, text) [FM_MOCK_##code] = (text),
    FM_MOCK_FAULT_MAP(FAULT_TEXT)
#undef FAULT_TEXT
};

const char *fm_mock_fault_name(fm_mock_fault fault)
{
    return (unsigned)fault < FM_MOCK_FAULTS ? fault_names[fault] : "unknown";
}

const char *fm_mock_fault_meaning(fm_mock_fault fault)
{
    return (unsigned)fault < FM_MOCK_FAULTS ? fault_texts[fault] : "";
}

bool fm_mock_fault_from_name(const char *name, fm_mock_fault *out)
{
    for (int i = 0; i < FM_MOCK_FAULTS; i++)
        if (strcmp(fault_names[i], name) == 0) {
            *out = (fm_mock_fault)i;
            return true;
        }
    return false;
}

/* Last step of splitmix64: every bit of the input reaches every bit of the output. */
static uint64_t stir(uint64_t x)
{
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

/* Bodies hold pictures: a hash by single bytes, or one whose every step waits for the last, would be
 * most of what the mock costs. So four lanes of eight bytes each. Nobody is kept from making two
 * bodies meet; they would share their faults. */
uint64_t mock_body_hash(const char *bytes, size_t size)
{
    enum { LANES = 4 };
    uint64_t lanes[LANES] = {size, 1, 2, 3}, hash = 0;

    while (size > 0) {
        uint64_t words[LANES] = {0};
        size_t n = size < sizeof(words) ? size : sizeof(words);

        memcpy(words, bytes, n);
        for (int i = 0; i < LANES; i++) {
            lanes[i] = (lanes[i] ^ words[i]) * 0x9FB21C651E98DF25u;
            lanes[i] ^= lanes[i] >> 32;
        }
        bytes += n;
        size -= n;
    }
    for (int i = 0; i < LANES; i++)
        hash = stir(hash ^ lanes[i]);
    return hash;
}

static struct mock_seen *slot_of(struct mock_seen *slots, size_t capacity, uint64_t hash)
{
    size_t i = (size_t)hash & (capacity - 1);

    while (slots[i].times > 0 && slots[i].hash != hash)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static bool make_room(mock_tally *tally)
{
    size_t capacity = tally->capacity ? tally->capacity * 2 : 1024;
    struct mock_seen *slots;

    if (tally->n < tally->capacity / 2)
        return true;
    if (tally->n >= MAX_BODIES || !(slots = calloc(capacity, sizeof(*slots))))
        return false;
    for (size_t i = 0; i < tally->capacity; i++)
        if (tally->slots[i].times > 0)
            *slot_of(slots, capacity, tally->slots[i].hash) = tally->slots[i];
    free(tally->slots);
    tally->slots = slots;
    tally->capacity = capacity;
    return true;
}

uint32_t mock_tally_next(mock_tally *tally, uint64_t hash)
{
    bool room = make_room(tally);

    if (tally->capacity == 0)
        return 0;
    struct mock_seen *slot = slot_of(tally->slots, tally->capacity, hash);
    if (slot->times == 0) {
        if (!room)
            return 0;
        slot->hash = hash;
        tally->n++;
    }
    return slot->times++;
}

void mock_tally_release(mock_tally *tally)
{
    free(tally->slots);
    *tally = (mock_tally){0};
}

fm_mock_fault mock_draw(const double rates[FM_MOCK_FAULTS], uint64_t seed, uint64_t hash,
                        uint32_t times, double *jitter)
{
    fm_rng rng;
    double left;

    fm_rng_seed(&rng, stir(seed) ^ stir(hash + times * 0x9E3779B97F4A7C15u));
    *jitter = fm_rng_unit(&rng);
    left = fm_rng_unit(&rng);
    for (int i = 0; i < FM_MOCK_FAULTS; i++) {
        if (left < rates[i])
            return (fm_mock_fault)i;
        left -= rates[i];
    }
    return MOCK_NO_FAULT;
}
