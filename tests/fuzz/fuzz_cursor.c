/*
 * Page cursors. First byte even: the rest is a cursor's text, which must be refused or, if by some
 * wonder accepted, be well-formed. Odd: the rest is turned into values, which must round-trip.
 */
#include "base/err.h"
#include "base/text.h"
#include "rows/cell.h"
#include "rows/position.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_VALUES 8

static const uint8_t key[32] = "a key for fuzzing";
static const uint8_t fingerprint[RH_FINGERPRINT_BYTES] = "fingerprint";

/* Takes a type, a length and bytes for each value. */
static uint32_t take_values(const uint8_t *data, size_t size, struct rh_value *values)
{
    uint32_t n = 0;

    while (size >= 10 && n < MAX_VALUES) {
        struct rh_value *value = &values[n++];
        memset(value, 0, sizeof(*value));
        value->type = (uint8_t)(data[0] % RH_N_TYPES);
        if (rh_cell_has_data(value)) {
            value->len = data[1] < size - 2 ? data[1] : (uint32_t)(size - 2);
            value->as.data = data + 2;
            data += 2 + value->len;
            size -= 2 + value->len;
            continue;
        }
        if (value->type > RH_TYPE_NULL)
            memcpy(&value->as.u, data + 2, 8);
        data += 10;
        size -= 10;
    }
    return n;
}

static void round_trip(struct rh_arena *arena, const uint8_t *data, size_t size)
{
    struct rh_value values[MAX_VALUES];
    struct rh_position position = {.keyset = true, .values = values}, back;
    struct rh_error error = RH_ERROR_INIT;
    struct rh_text text;

    position.n_values = take_values(data, size, values);
    if (rh_position_encode(arena, fingerprint, &position, &text, &error) != RH_OK)
        return;
    if (rh_position_decode(arena, fingerprint, position.n_values, text, "/after", &back, &error) !=
        RH_OK)
        abort();
    for (uint32_t i = 0; i < position.n_values; i++) {
        if (back.values[i].type != values[i].type || back.values[i].len != values[i].len)
            abort();
        if (rh_cell_has_data(&values[i])
                ? values[i].len && memcmp(back.values[i].as.data, values[i].as.data, values[i].len)
                : back.values[i].as.u != values[i].as.u)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rh_arena *arena = rh_arena_new((size_t)16 << 20);
    struct rh_error error = RH_ERROR_INIT;
    struct rh_position position;

    if (!arena || size == 0) {
        rh_arena_free(arena);
        return 0;
    }
    rh_position_set_key(key);
    if (data[0] & 1)
        round_trip(arena, data + 1, size - 1);
    else if (rh_position_decode(arena, fingerprint, 2,
                                rh_text_make((const char *)data + 1, size - 1), "/after", &position,
                                &error) == RH_OK &&
             position.keyset && position.n_values != 2)
        abort();
    rh_arena_free(arena);
    return 0;
}
