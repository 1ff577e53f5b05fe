/* SPDX-License-Identifier: Apache-2.0
 *
 * A tuning file: any text is read, and asked about a few findings.
 */
#include <stdlib.h>

#include "rule.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const values[] = {
		"", "CORP\\svc_backup", "10.20.0.9", "2001:db8::1", "\xff\xc3"
	};
	struct program *p = program_new();
	struct demand *want = calloc(1, sizeof(*want));
	struct tune *t = NULL;
	const char *id;
	unsigned line, column;

	if (p != NULL && want != NULL && tune_read(p, "fuzz",
	    span_of(data, size), &t) == ERR_OK) {
		tune_demand(t, want);
		for (size_t i = 0; tune_rule(t, i, &id, &line, &column); i++)
			ASSERT(id[0] != '\0' && line != 0);
		for (size_t i = 0; i < NITEMS(values); i++) {
			struct field f = { .v = { .type = VT_STR,
			    .id = FIELD_COMMAND_LINE, .ptr = values[i],
			    .len = (uint32_t)strlen(values[i]) } };
			struct event e = { .nfields = 1, .fields = &f };
			struct finding x = { .rule = "ssf-upload",
			    .severity = SEV_HIGH, .time = 0 };

			for (unsigned k = 0; k < ENTITY_COUNT; k++)
				x.entity[k] = span_str(values[(i + k) %
				    NITEMS(values)]);
			tune_finding(t, &x, &e);
			tune_finding(t, &x, NULL);
			ASSERT(x.severity < SEV_COUNT);
		}
	} else {
		ASSERT(t == NULL);
	}
	tune_free(t);
	program_free(p);
	free(want);
	return 0;
}
