/*
 * Base 64 and UUIDs. Decoding is strict: whole groups of four, padding only at the end, and no bits
 * set that would be lost, so that each text stands for one value and back.
 */
#include "connector/json_text.h"

#include "base/text.h"

#define NO_DIGIT 64u

void rh_json_text_add_base64(struct rh_buf *buf, struct rh_text bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)bytes.data;
    for (uint64_t at = 0; at < bytes.len; at += 3) {
        uint64_t left = bytes.len - at;
        uint32_t group = (uint32_t)from[at] << 16;
        if (left > 1)
            group |= (uint32_t)from[at + 1] << 8;
        if (left > 2)
            group |= from[at + 2];
        char text[4] = {letters[group >> 18], letters[group >> 12 & 63],
                        left > 1 ? letters[group >> 6 & 63] : '=',
                        left > 2 ? letters[group & 63] : '='};
        rh_buf_add(buf, text, sizeof(text));
    }
}

static uint32_t digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : NO_DIGIT;
}

bool rh_json_text_add_bytes(struct rh_buf *buf, struct rh_text base64)
{
    size_t before = buf->len;
    if (base64.len % 4)
        return false;
    for (uint64_t at = 0; at < base64.len; at += 4) {
        const char *four = base64.data + at;
        bool last = at + 4 == base64.len;
        unsigned n_pad = last && four[3] == '=' ? (four[2] == '=' ? 2 : 1) : 0;
        uint32_t group = 0;
        bool good = true;
        for (unsigned i = 0; i < 4; i++) {
            uint32_t digit = i < 4 - n_pad ? digit_of(four[i]) : 0;
            good = good && digit != NO_DIGIT;
            group = group << 6 | (digit & 63);
        }
        if (n_pad && group & ((1u << 8 * n_pad) - 1))
            good = false;
        const char bytes[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};
        if (good)
            rh_buf_add(buf, bytes, 3 - n_pad);
        if (!good || buf->failed) {
            buf->len = before;
            return false;
        }
    }
    return true;
}

static bool has_dash_before(unsigned byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

void rh_json_text_from_uuid(char ret_text[RH_JSON_UUID_SIZE], const uint8_t uuid[16])
{
    static const char hex[] = "0123456789abcdef";
    for (unsigned i = 0; i < 16; i++) {
        if (has_dash_before(i))
            *ret_text++ = '-';
        *ret_text++ = hex[uuid[i] >> 4];
        *ret_text++ = hex[uuid[i] & 15];
    }
}

bool rh_json_text_to_uuid(struct rh_text text, uint8_t ret_uuid[16])
{
    uint8_t uuid[16];
    const char *at = text.data;
    if (text.len != RH_JSON_UUID_SIZE)
        return false;
    for (unsigned i = 0; i < 16; i++, at += 2) {
        if (has_dash_before(i) && *at++ != '-')
            return false;
        int high = rh_text_hex_digit(at[0]), low = rh_text_hex_digit(at[1]);
        if (high < 0 || low < 0)
            return false;
        uuid[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_uuid, uuid, sizeof(uuid));
    return true;
}
