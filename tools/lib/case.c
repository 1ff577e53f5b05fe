/* SPDX-License-Identifier: Apache-2.0 */
/*
 * case: calendar, ports, addresses and files for the parts of the case; see
 * case.h.
 */
#include "case.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* days since 1970 of a date in the Gregorian calendar */
static int64_t
days_of(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = y / 400, yoe = y - era * 400;
	int doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (int64_t)era * 146097 + doe - 719468;
}

int64_t
utc(int year, int month, int day, int hour, int minute, int second)
{
	return SEC(((days_of(year, month, day) * 24 + hour) * 60 + minute) *
	    60 + second);
}

struct civil
civil_of(int64_t time_us)
{
	int64_t s = time_us / 1000000, days = s / 86400, left;
	struct civil c = { .year = 1970, .month = 1 };

	c.weekday = (int)((days + 4) % 7);
	while (days_of(c.year + 1, 1, 1) <= days)
		c.year++;
	while (c.month < 12 && days_of(c.year, c.month + 1, 1) <= days)
		c.month++;
	c.day = (int)(days - days_of(c.year, c.month, 1)) + 1;
	left = s % 86400;
	c.hour = (int)(left / 3600);
	c.minute = (int)(left / 60 % 60);
	c.second = (int)(left % 60);
	return c;
}

uint16_t
next_port(struct world *w)
{
	w->port = (uint16_t)(49152 + (w->port - 49152 +
	    (int)rng_range(&w->rng, 1, 7)) % 16384);
	return w->port;
}

const char *
ip_text(uint32_t ip, char out[16])
{
	snprintf(out, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255,
	    ip >> 8 & 255, ip & 255);
	return out;
}

int
write_file(const char *dir, const char *name, const void *data, size_t len)
{
	char path[4096], *slash;
	FILE *f;
	int bad;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	slash = path + strlen(dir);
	while ((slash = strchr(slash + 1, '/')) != NULL) {
		*slash = '\0';
		if (mkdir(path, 0777) != 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	f = fopen(path, "wb");
	if (f == NULL)
		return -1;
	bad = fwrite(data, 1, len, f) != len;
	bad |= fclose(f) != 0;
	return bad ? -1 : 0;
}
