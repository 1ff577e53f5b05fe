# SPDX-License-Identifier: Apache-2.0
#
# Flow exports for tests.
#	netflow.py wrap FOLDER CAPTURE NAMES	datagrams of files to a capture,
#		one exporter address a set of files, templates first
#	netflow.py compare PDML EVENTS NAMES [SET...]	flows that tshark sees
#		in that capture against conn events: ends, protocol, bytes,
#		packets; sets that tshark does not read itself are named
#	netflow.py late CAPTURE		templates once, records half an hour later
#	netflow.py zeek ROWS EVENTS	conn rows of tools/traffic against the conn
#		events of its flow records: ends, bytes, packets, states
import collections
import glob
import json
import os
import re
import struct
import sys
import xml.etree.ElementTree as ET


def packet(src, sport, data, number):
    udp = struct.pack(">HHHH", sport, 2055, 8 + len(data), 0) + data
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp),
                       number & 0xffff, 0, 64, 17, 0, bytes(src),
                       bytes([192, 0, 2, 9])) + udp


def capture(out, packets):
    """packets: (seconds, bytes of an IP packet)"""
    with open(out, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for t, p in packets:
            f.write(struct.pack("<IIII", int(t), int(t % 1 * 1e6), len(p),
                                len(p)) + p)


def datagrams(data):
    """Some files hold several, one behind the other."""
    while len(data) > 4:
        version, n = struct.unpack(">HH", data[:4])
        length = {5: 24 + 48 * n, 10: n}.get(version, len(data))
        if length > len(data) or (version == 5 and n > 30):
            length = len(data)
        yield data[:length]
        data = data[length:]


def wrap(folder, out, names):
    sets = {}
    for path in sorted(glob.glob(folder + "/*.dat")):
        stem = os.path.basename(path)[:-4]
        name = re.sub(r"_(opt)?(tpls?|data)(_|\d|$).*", "", stem)
        sets.setdefault(name, []).append(path)
    packets = []
    with open(names, "w") as f:
        for i, name in enumerate(sets):
            src = [10, 9, i // 250, i % 250 + 1]
            f.write("%s %s\n" % (".".join(map(str, src)), name))
            for path in sorted(sets[name],
                               key=lambda p: ("tpl" not in p, p)):
                with open(path, "rb") as g:
                    for data in datagrams(g.read()):
                        packets.append((1700000000 + len(packets), packet(
                            src, 2055, data, len(packets))))
    capture(out, packets)


def number(x, *names):
    for name in names:
        if name in x:
            return int(x[name], 0)
    return None


def tshark_flows(pdml):
    """{(exporter, ends, proto): {direction: [(octets, packets)]}}"""
    flows = collections.defaultdict(lambda: collections.defaultdict(list))
    for _, p in ET.iterparse(pdml):
        if p.tag != "packet":
            continue
        exporter = p.find(".//field[@name='ip.src']").get("show")
        for f in p.iter("field"):
            x = {}
            for c in f:
                x.setdefault(c.get("name"), c.get("show"))
            src = x.get("cflow.srcaddr")
            dst = x.get("cflow.dstaddr")
            if (src in (None, "0.0.0.0")) and "cflow.srcaddrv6" in x:
                src, dst = x["cflow.srcaddrv6"], x.get("cflow.dstaddrv6")
            if src is None or dst is None or "cflow.protocol" not in x:
                continue
            proto = int(x["cflow.protocol"])
            a = (src, number(x, "cflow.srcport") or 0)
            b = (dst, number(x, "cflow.dstport") or 0)
            if proto in (1, 58):    # types and codes: compared by ends
                a, b = (src, 0), (dst, 0)
            n = (number(x, "cflow.octets", "cflow.permanent_octets",
                        "cflow.post_octets", "cflow.initiator_octets"),
                 number(x, "cflow.packets", "cflow.permanent_packets",
                        "cflow.post_packets"))
            key = (exporter, frozenset((a, b)), proto)
            flows[key][a].append(n)
            back = number(x, "cflow.responder_octets")
            if back is not None:
                flows[key][b].append((back, None))
            flows[key]["created"] = flows[key]["created"] or [
                x.get("cflow.firewall_event") == "1"]
        p.clear()
    return flows


PROTO = {"tcp": 6, "udp": 17, "icmp": 1, "icmp6": 58, "sctp": 132}


def our_flows(events):
    flows = collections.defaultdict(lambda: collections.defaultdict(list))
    with open(events) as f:
        for line in f:
            e = json.loads(line)
            if e["kind"] != "conn" or "flow.exporter" not in e:
                continue
            proto = PROTO.get(e["proto"]) or int(e["proto"])
            icmp = proto in (1, 58)
            a = (e["src_ip"], 0 if icmp else e["src_port"])
            b = (e["dst_ip"], 0 if icmp else e["dst_port"])
            key = (e["flow.exporter"], frozenset((a, b)), proto)
            rate = e["flow.sampling"]
            flows[key][a]
            for end, way in ((a, "src"), (b, "dst")):
                octets = e.get(way + "_ip_bytes", e.get(way + "_bytes"))
                packets = e.get(way + "_pkts")
                if octets is not None or packets is not None:
                    flows[key][end].append((
                        None if octets is None else octets // rate,
                        None if packets is None else packets // rate))
    return flows


def total(rows, i):
    return sum(r[i] or 0 for r in rows)


def compare(pdml, events, names, *known):
    with open(names) as f:
        name = dict(line.split() for line in f)
    theirs, ours = tshark_flows(pdml), our_flows(events)
    bad = collections.defaultdict(list)
    good = collections.Counter()
    for key in set(theirs) | set(ours):
        mine, other = ours.get(key, {}), dict(theirs.get(key, {}))
        created = other.pop("created", [False])[0]
        if not mine and created and not any(
                total(r, 0) or total(r, 1) for r in other.values()):
            continue        # a firewall's flow that has only begun
        wrong = [] if mine and other else ["only tshark" if other else
                                           "only picket"]
        for end in set(mine) | set(other) if not wrong else ():
            for i in (0, 1):
                rows = other.get(end, [])
                got = total(mine.get(end, []), i)
                # The same record twice counts once.
                if got not in (total(rows, i), total(set(rows), i)):
                    wrong.append("%s: %s, tshark %s" % (end, got, rows))
        if wrong:
            bad[key[0]].append((key, wrong))
        else:
            good[key[0]] += 1
    failed = [e for e in bad if name[e] not in known]
    for exporter in failed:
        print(name[exporter], "equal:", good[exporter], "not:",
              len(bad[exporter]))
        for key, wrong in bad[exporter][:3]:
            print(" ", sorted(key[1]), key[2], wrong)
    print(sum(good.values()), "conversations of", len(good), "exporters equal")
    return bool(failed) or sum(good.values()) < 250


def late(out):
    def v9(number, *sets):
        body = b"".join(struct.pack(">HH", n, 4 + len(x)) + x
                        for n, x in sets)
        return struct.pack(">HHIIII", 9, 1, 5000, 1700000000, number, 1) + body
    template = struct.pack(">16H", 256, 7, 8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1,
                           4, 2, 4)
    record = struct.pack(">4B4BHHBII", 10, 0, 0, 1, 10, 0, 0, 2, 4000, 53, 17,
                         100, 2)
    capture(out, [
        (1700000000, packet([10, 9, 0, 1], 2055, v9(0, (0, template)), 0)),
        (1700001800, packet([10, 9, 0, 1], 2055, v9(1, (256, record)), 1)),
        (1700001801, packet([10, 9, 0, 2], 2055, v9(1, (256, record)), 2))])
    return 0


def zeek(rows, events):
    """A conversation that was quiet for less than the time-outs is one: a VPN's
    keep-alives are several rows of the generator, and it has some that are
    silent for longer."""
    theirs = collections.defaultdict(lambda: [0, 0, 0, 0, 0, set()])
    ours = collections.defaultdict(lambda: [0, 0, 0, 0, 0, set()])

    def take(flow, sent, state):
        for i, n in enumerate(sent):
            flow[i] += n
        flow[4] += 1
        flow[5].add(state)
    with open(rows) as f:
        for line in f:
            e = json.loads(line)
            if e["_path"] != "conn":
                continue
            take(theirs[e["id.orig_h"], e["id.orig_p"], e["id.resp_h"],
                        e["id.resp_p"], e["proto"]],
                 (e["orig_ip_bytes"], e["resp_ip_bytes"], e["orig_pkts"],
                  e["resp_pkts"]), e["conn_state"])
    with open(events) as f:
        for line in f:
            e = json.loads(line)
            if "flow.exporter" not in e:
                continue
            take(ours[e["src_ip"], e["src_port"], e["dst_ip"], e["dst_port"],
                      e["proto"]],
                 [e.get(k, 0) for k in ("src_ip_bytes", "dst_ip_bytes",
                                        "src_pkts", "dst_pkts")],
                 e.get("conn.state"))
    wrong = 0
    for key in set(theirs) | set(ours):
        a, b = theirs.get(key), ours.get(key)
        if a is None or b is None or a[:4] != b[:4] or (
                key[4] == "tcp" and a[4] == b[4] and a[5] != b[5]):
            wrong += 1
            if wrong < 5:
                print(key, "rows", a, "events", b)
    n = [sum(f[4] for f in x.values()) for x in (theirs, ours)]
    print(len(theirs), "ends; rows, events:", n, "; not equal:", wrong)
    return wrong != 0 or n[1] < n[0] * 9 // 10


if __name__ == "__main__":
    sys.exit({"wrap": wrap, "compare": compare, "late": late,
              "zeek": zeek}[sys.argv[1]](*sys.argv[2:]))
