/*
 * What JSON has no type of its own for, as the text that stands for it: bytes as base 64 (RFC 4648,
 * with padding), UUIDs in their 36 characters. Nothing here allocates. [any]
 */
#pragma once

#include "base/buf.h"

#include <rowhouse/value.h>

#include <stdbool.h>
#include <stdint.h>

/* Appends the bytes as base 64. */
void rh_json_text_add_base64(struct rh_buf *buf, struct rh_text bytes);
/* Appends the bytes that the text stands for; false, and nothing appended, when it is not base 64
 * with its padding, or when the buffer is full (then it is `failed` too). */
bool rh_json_text_add_bytes(struct rh_buf *buf, struct rh_text base64);

#define RH_JSON_UUID_SIZE 36
void rh_json_text_from_uuid(char ret_text[RH_JSON_UUID_SIZE], const uint8_t uuid[16]);
/* 8-4-4-4-12 hexadecimal digits in either case; false when it is anything else. */
bool rh_json_text_to_uuid(struct rh_text text, uint8_t ret_uuid[16]);
