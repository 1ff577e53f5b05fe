/* SPDX-License-Identifier: Apache-2.0
 *
 * The rosters of kinds, weirds, severities and entities as tables.
 */
#include "model.h"

static const struct {
	const char	*name, *prose;
} kinds[KIND_COUNT] = {
#define KIND(id, name, prose) [KIND_##id] = { name, prose },
#include "kinds.def"
#undef KIND
};

enum weird_class { CLASS_INPUT, CLASS_LIMIT };

static const struct {
	const char	*name, *prose;
	enum weird_class class;
} weirds[WEIRD_COUNT] = {
#define WEIRD(id, name, class, prose) \
	[WEIRD_##id] = { name, prose, CLASS_##class },
#include "weirds.def"
#undef WEIRD
};

static const char *const severities[SEV_COUNT] = {
	"informational", "low", "medium", "high", "critical"
};

static const char *const entities[ENTITY_COUNT] = {
#define ENTITY(id, name, prose) [ENTITY_##id] = name,
#include "entities.def"
#undef ENTITY
};

const char *
kind_name(enum kind k)
{
	return (unsigned)k < KIND_COUNT ? kinds[k].name : "none";
}

const char *
kind_prose(enum kind k)
{
	return (unsigned)k < KIND_COUNT ? kinds[k].prose : "";
}

bool
kind_find(struct span name, enum kind *out)
{
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		if (span_eq(name, span_str(kinds[k].name))) {
			*out = (enum kind)k;
			return true;
		}
	}
	return false;
}

const char *
weird_name(enum weird w)
{
	return (unsigned)w < WEIRD_COUNT ? weirds[w].name : "unknown";
}

const char *
weird_prose(enum weird w)
{
	return (unsigned)w < WEIRD_COUNT ? weirds[w].prose : "";
}

bool
weird_is_limit(enum weird w)
{
	return (unsigned)w < WEIRD_COUNT && weirds[w].class == CLASS_LIMIT;
}

const char *
severity_name(enum severity s)
{
	return (unsigned)s < SEV_COUNT ? severities[s] : "unknown";
}

bool
severity_find(struct span name, enum severity *out)
{
	for (unsigned s = 0; s < SEV_COUNT; s++) {
		if (span_eq_nocase(name, span_str(severities[s]))) {
			*out = (enum severity)s;
			return true;
		}
	}
	return false;
}

const char *
entity_name(enum entity e)
{
	return (unsigned)e < ENTITY_COUNT ? entities[e] : "unknown";
}
