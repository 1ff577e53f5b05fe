/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of indicators of compromise: the language's row.  The work is in
 * ioc_list.c (texts, lines, columns), ioc_json.c (MISP, STIX), ioc_set.c
 * (what was read, and looking events up in it).
 */
#include "rule.h"

const struct language language_ioc = {
	.name = "ioc",
	.title = "Lists of indicators: plain, CSV, MISP, STIX 2.1",
	.doc = "Addresses, networks, address and port, names (with all below "
	    "them), URLs, hashes of files and certificates, JA3, JA4, HASSH; "
	    "one a line, CSV with or without named columns, hosts files, MISP "
	    "events and feeds, STIX 2.1 indicators. Defanged forms are read.",
	.match = ioc_match,
	.load = ioc_load,
	.finish = ioc_finish,
};
