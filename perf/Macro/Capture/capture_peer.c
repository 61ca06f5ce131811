/* capture_peer blast IF SECONDS: sends TCP segments of 1,024 connections as fast as it can.
   capture_peer pcap IF SECONDS: counts them with pcap_dispatch; prints packets, nanoseconds of processor time, drops. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

/* pcap.h would be one more package to install. */
typedef struct pcap pcap_t;
struct pcap_pkthdr { struct timeval ts; unsigned caplen, len; };
struct pcap_stat { unsigned recv, drop, ifdrop; };
pcap_t *pcap_create(const char *, char *);
int pcap_set_snaplen(pcap_t *, int), pcap_set_timeout(pcap_t *, int), pcap_set_buffer_size(pcap_t *, int), pcap_activate(pcap_t *), pcap_setnonblock(pcap_t *, int, char *);
int pcap_dispatch(pcap_t *, int, void (*)(unsigned char *, const struct pcap_pkthdr *, const unsigned char *), unsigned char *);
int pcap_stats(pcap_t *, struct pcap_stat *), pcap_get_selectable_fd(pcap_t *);

enum { CONNECTIONS = 1024, BATCH = 64, FRAME = 118 };

static long packets, bytes;

static long nanoseconds(int clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void count(unsigned char *user, const struct pcap_pkthdr *header, const unsigned char *data)
{
    packets++;
    bytes += header->len + data[0];
}

static int capture(const char *card, double seconds)
{
    char error[256];
    pcap_t *pcap = pcap_create(card, error);
    if (!pcap) return 1;
    pcap_set_snaplen(pcap, 65535);
    pcap_set_timeout(pcap, 20);
    pcap_set_buffer_size(pcap, 64 << 20);
    if (pcap_activate(pcap) < 0 || pcap_setnonblock(pcap, 1, error) < 0) return 1;
    printf("ready\n");
    fflush(stdout);
    struct pollfd ready = { pcap_get_selectable_fd(pcap), POLLIN, 0 };
    long end = nanoseconds(CLOCK_MONOTONIC) + (long)(seconds * 1e9), start = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    while (nanoseconds(CLOCK_MONOTONIC) < end) {
        poll(&ready, 1, 50);
        pcap_dispatch(pcap, -1, count, NULL);
    }
    struct pcap_stat stat = { 0 };
    pcap_stats(pcap, &stat);
    printf("%ld %ld %u\n", packets, nanoseconds(CLOCK_THREAD_CPUTIME_ID) - start, stat.drop);
    return 0;
}

static int blast(const char *card, double seconds)
{
    static unsigned char frames[CONNECTIONS][FRAME];
    int descriptor = socket(AF_PACKET, SOCK_RAW, 0), one = 1;
    setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(0x800), .sll_ifindex = if_nametoindex(card) };
    if (descriptor < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof address)) return 1;
    struct mmsghdr messages[CONNECTIONS] = { 0 };
    struct iovec vectors[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        unsigned char *f = frames[i];
        memset(f, 2, 12);
        f[12] = 8;
        f[14] = 0x45, f[17] = FRAME - 14, f[22] = 64, f[23] = 6, f[26] = 10, f[29] = 1, f[30] = 10, f[33] = 2;
        f[34] = 0x80 + (i >> 8), f[35] = i, f[36] = 1, f[37] = 0xbb, f[46] = 0x80, f[47] = 0x18, f[48] = 4;
        f[54] = 1, f[55] = 1, f[56] = 8, f[57] = 10;
        vectors[i] = (struct iovec){ f, FRAME };
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    long sent = 0, sequence = 1, start = nanoseconds(CLOCK_MONOTONIC), end = start + (long)(seconds * 1e9);
    for (int at = 0; nanoseconds(CLOCK_MONOTONIC) < end; at = (at + BATCH) % CONNECTIONS) {
        if (at == 0) sequence += 52;
        for (int i = at; i < at + BATCH; i++) *(unsigned *)(frames[i] + 38) = htonl(sequence);
        int count = sendmmsg(descriptor, messages + at, BATCH, 0);
        if (count > 0) sent += count;
    }
    printf("%ld %ld\n", sent, nanoseconds(CLOCK_MONOTONIC) - start);
    return 0;
}

int main(int count, char **values)
{
    if (count != 4) return 2;
    return strcmp(values[1], "blast") ? capture(values[2], atof(values[3])) : blast(values[2], atof(values[3]));
}
