/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evtxw: writes Windows event log files (EVTX 3.1) of the Security channel,
 * in the layout that Windows itself writes: 64 KiB chunks with their own
 * string and template tables, binary XML with templates, CRC32 sums.
 *
 * Owner: struct evtxw owns copies of all values until evtxw_write().
 * Bounds: all events in memory; one record must fit a chunk (64 KiB).
 */
#ifndef PICKET_TOOLS_EVTXW_H
#define PICKET_TOOLS_EVTXW_H

#include <stddef.h>
#include <stdint.h>

#define EVTXW_FIELDS 28		/* 4624 has 27 */

/*
 * fields: "NAME:t NAME:t ...", t is s string, d u32, b u8, x hex32,
 * X hex64, g GUID, S SID.  A value of NULL is written as a null value.
 */
struct evtxw_kind {
	uint16_t event_id;
	uint8_t version;
	uint16_t task;
	const char *fields;
};

struct evtxw_event {
	const struct evtxw_kind *kind;
	int64_t time_us;
	uint32_t order;
	int failure;		/* audit failure keyword */
	char *values[EVTXW_FIELDS];
};

struct evtxw {
	const char *computer;
	uint64_t first_record_id;
	struct evtxw_event *events;
	size_t count;
	size_t cap;
};

/* values: as many as kind has fields, as text */
void evtxw_add(struct evtxw *, int64_t time_us, const struct evtxw_kind *,
    int failure, const char *const *values);
/* sort by time and write; 0, or -1 with errno; frees the events */
int evtxw_write(struct evtxw *, const char *path);

uint32_t evtxw_crc32(uint32_t crc, const void *, size_t);

#endif
