/* SPDX-License-Identifier: Apache-2.0
 *
 * Sigma, specification 2.1 (SigmaHQ/sigma-specification): the language's row.
 * The work is in sigma_*.c: values, selections, conditions, the documents of a
 * file, correlations, filters.
 */
#include "rule.h"

static bool
has(struct span text, const char *what)
{
	return span_find(text, span_str(what)) != SPAN_NPOS;
}

static int
sigma_match(const char *path, struct span text)
{
	(void)path;
	if (has(text, "detection:"))
		return has(text, "logsource:") ? LANGUAGE_SURE : 50;
	return has(text, "correlation:") || has(text, "action: global") ||
	    (has(text, "filter:") && has(text, "logsource:")) ? 80 : 0;
}

static void *
sigma_ahead(struct span text)
{
	return ydoc_read(text);
}

static void
sigma_drop_ahead(void *ahead)
{
	ydoc_close(ahead);
}

const struct language language_sigma = {
	.name = "sigma",
	.title = "Sigma 2.1 rules (YAML)",
	.doc = "All modifiers of the specification, keywords, lists of maps, "
	    "nested conditions, correlations, filters, placeholders by "
	    "--placeholders; of older rules action: global, aggregations and "
	    "near. Log sources by the table in share/sigma.",
	.match = sigma_match,
	.ahead = sigma_ahead,
	.drop_ahead = sigma_drop_ahead,
	.load = sigma_read,
	.finish = sigma_finish,
};
