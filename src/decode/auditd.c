/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of the Linux audit system, one record a line: audit.log as auditd
 * writes it (raw or enriched), and what ausearch prints of it:
 *
 *	----
 *	time->Tue Nov 14 22:13:20 2023
 *	type=SYSCALL msg=audit(1700000000.123:456): arch=c000003e ...
 *
 * with -i translated.  The grammar of records and how they become events is in
 * audit.c.  ausearch ends an event with a line of dashes; otherwise time and
 * number do.
 *
 * Bounds: those of audit.c.
 */
#include "decode.h"

struct auditd {
	struct audit	*audit;
};

static bool
is_frame(struct span line)
{
	return span_eq(line, SPAN_LIT("----")) ||
	    span_starts(line, SPAN_LIT("time->"));
}

static void
auditd_record(struct dec *d, void *state, const struct record *rec)
{
	struct auditd *s = state;

	if (s->audit == NULL && (s->audit = audit_new(d)) == NULL)
		return;
	if (is_frame(rec->data))
		audit_flush(d, s->audit);
	else if (!audit_line(d, s->audit, SPAN_NONE, rec->data))
		dec_weird(d, WEIRD_AUDIT_BAD);
}

static void
auditd_end(struct dec *d, void *state)
{
	struct auditd *s = state;

	audit_free(d, s->audit);
	s->audit = NULL;
}

static int
auditd_match(const struct record *rec)
{
	if (rec->type != REC_LINE)
		return 0;
	return audit_match(rec->data) ? 95 :
	    span_starts(rec->data, SPAN_LIT("time->")) ? 50 : 0;
}

static const uint8_t auditd_kinds[] = { KIND_AUDITD, KIND_PROCESS, KIND_AUTH,
    KIND_NONE };

const struct decoder decoder_auditd = {
	.name = "auditd",
	.title = "Linux audit logs",
	.doc = "audit.log, raw and enriched, with node=; the output of "
	    "ausearch, also with -i (month before day, UTC). Records of one "
	    "event are one event of kind auditd; execve that succeeded is "
	    "also told as kind process, with the parent as far as the log "
	    "shows it, USER_LOGIN as kind auth. Left: ausearch --format csv "
	    "and text, which hold less.",
	.kinds = auditd_kinds,
	.state_size = sizeof(struct auditd),
	.rectype = REC_LINE,
	.match = auditd_match,
	.record = auditd_record,
	.end = auditd_end,
};
