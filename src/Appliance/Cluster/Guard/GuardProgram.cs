using System.Buffers.Binary;

namespace Appliance.Cluster.Guard;

/// <summary>The lease fence: drops what concerns a guarded address once the boot clock passes the deadline of its service (ARCHITECTURE section 6).</summary>
/// <remarks>
/// <para>What concerns a guarded address, per hook (net/core/dev.c: both hooks see the frame from its Ethernet header):</para>
/// <code>
///            leaving                        arriving
///  IPv4      source                         destination
///  IPv6      source                         destination
///  ARP       sender                         target, unless sender = target
///  ND        target of an advertisement     target of a solicitation
/// </code>
/// <para>
/// The other halves pass, so that a node without the lease can still be a client of the service, probe for the address, and hear the new primary
/// announce it (an announcement has sender = target, or is an advertisement).
/// Frames with up to two VLAN tags in band are understood; a tag taken out of band (skb->vlan_tci) leaves the frame as if it had none.
/// Verdicts: <see cref="Drop"/>, or <see cref="Next"/>, which lets other programs of the hook decide (TCX_NEXT; TC_ACT_UNSPEC in cls_bpf).
/// A frame too short for the field that is looked for passes: no protocol accepts it either.
/// </para>
/// <para>
/// While the deadline lies ahead, one thing is dropped that leaves: the RST by which the kernel refuses a SYN (RFC 9293 section 3.10.7.1: RST and ACK with sequence number 0, because the SYN acknowledged
/// nothing). Listeners are bound before the address exists, so it only means that the process has died and the lease has not; the client's next SYN reaches the successor. A RST that ends a
/// connection has that connection's sequence number.
/// </para>
/// </remarks>
internal static class GuardProgram
{
    internal const int KeyBytes = 16;

    private const int Next = -1, Drop = 2;                                        // uapi/linux/pkt_cls.h, enum tcx_action_base
    private const int MapLookup = 1, SkbLoadBytes = 26, KtimeGetBootNs = 125;     // uapi/linux/bpf.h, ___BPF_FUNC_MAPPER
    private const int EtherTypeOffset = 12, EthernetBytes = 14, VlanTagBytes = 4, MaxVlanTags = 2;
    private const int Tcp = 6, Reset = 0x04, Acknowledgement = 0x10, FragmentOffsetMask = 0xff1f; // the mask as a little-endian load sees the field
    private const int NextHeaderIcmp6 = 58, NeighbourSolicitation = 135, NeighbourAdvertisement = 136;

    // Stack below the frame pointer.
    private const short Key = -16, KeyWord1 = -8, KeyWord = -4, Slot = -20, Scratch = -24;

    /// <summary>The program of one hook over the given maps.</summary>
    /// <param name="direction">Which hook.</param>
    /// <param name="addressesDescriptor">Hash map: address (IPv4 as ::ffff:a.b.c.d) to service slot.</param>
    /// <param name="servicesDescriptor">Array of <see cref="GuardMaps"/> cells: deadline and drop counters.</param>
    internal static ulong[] Build(GuardDirection direction, int addressesDescriptor, int servicesDescriptor)
    {
        var code = new BpfAssembler();
        bool leaving = direction == GuardDirection.Egress;
        int pass = code.NewLabel(), drop = code.NewLabel(), dropUncounted = code.NewLabel(), judge = code.NewLabel();
        int network = code.NewLabel(), ipv4 = code.NewLabel(), arp = code.NewLabel(), refusal6 = code.NewLabel(), refusal4 = code.NewLabel();

        // R6 the packet, R7 where its network header begins, R8 its EtherType as it lies in memory.
        code.Copy(BpfRegister.R6, BpfRegister.R1);
        code.Set(BpfRegister.R7, EthernetBytes);
        code.Set(BpfRegister.R2, EtherTypeOffset);
        LoadBytes(code, Scratch, 2, pass);
        code.Load(BpfWidth.Half, BpfRegister.R8, BpfRegister.Frame, Scratch);
        for (int tag = 0; tag < MaxVlanTags; tag++)
        {
            int tagged = code.NewLabel();
            code.JumpIfEqual(BpfRegister.R8, Network(0x8100), tagged);
            code.JumpIfNotEqual(BpfRegister.R8, Network(0x88a8), network);
            code.Mark(tagged);
            code.Add(BpfRegister.R7, VlanTagBytes);
            LoadField(code, -2, Scratch, 2, pass);
            code.Load(BpfWidth.Half, BpfRegister.R8, BpfRegister.Frame, Scratch);
        }

        code.Mark(network);
        code.JumpIfEqual(BpfRegister.R8, Network(0x0800), ipv4);
        code.JumpIfEqual(BpfRegister.R8, Network(0x0806), arp);
        code.JumpIfNotEqual(BpfRegister.R8, Network(0x86dd), pass);

        // IPv6 (RFC 8200 section 3): source at 8, destination at 24; then the target of ND (RFC 4861 sections 4.3, 4.4) at 48.
        int discovery = code.NewLabel();
        LoadField(code, leaving ? 8 : 24, Key, 16, pass);
        Judge(code, absent: discovery, valid: leaving ? refusal6 : discovery, drop, dropUncounted, addressesDescriptor, servicesDescriptor);
        code.Mark(discovery);
        LoadField(code, 6, Scratch, 1, pass);
        code.Load(BpfWidth.Byte, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.JumpIfNotEqual(BpfRegister.R1, NextHeaderIcmp6, pass);
        LoadField(code, 40, Scratch, 1, pass);
        code.Load(BpfWidth.Byte, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.JumpIfNotEqual(BpfRegister.R1, leaving ? NeighbourAdvertisement : NeighbourSolicitation, pass);
        LoadField(code, 48, Key, 16, pass);
        code.Jump(judge);

        // ARP over Ethernet (RFC 826): sender protocol address at 14, target at 24.
        code.Mark(arp);
        MapIntoIpv6(code);
        LoadField(code, leaving ? 14 : 24, KeyWord, 4, pass);
        if (!leaving)
        {
            LoadField(code, 14, Scratch, 4, pass);
            code.Load(BpfWidth.Word, BpfRegister.R1, BpfRegister.Frame, Scratch);
            code.Load(BpfWidth.Word, BpfRegister.R2, BpfRegister.Frame, KeyWord);
            code.JumpIfSame(BpfRegister.R1, BpfRegister.R2, pass);
        }
        code.Jump(judge);

        // IPv4 (RFC 791): source at 12, destination at 16.
        code.Mark(ipv4);
        MapIntoIpv6(code);
        LoadField(code, leaving ? 12 : 16, KeyWord, 4, pass);
        if (leaving)
        {
            Judge(code, absent: pass, valid: refusal4, drop, dropUncounted, addressesDescriptor, servicesDescriptor);
            DropRefusals(code, refusal6, refusal4, discovery, pass, dropUncounted);
        }

        code.Mark(judge);
        Judge(code, absent: pass, valid: pass, drop, dropUncounted, addressesDescriptor, servicesDescriptor);

        code.Mark(pass);
        code.Set(BpfRegister.R0, Next);
        code.Exit();

        code.Mark(drop);
        code.Set(BpfRegister.R1, 1);
        code.AtomicAdd(BpfRegister.R9, leaving ? GuardMaps.DroppedEgressOffset : GuardMaps.DroppedIngressOffset, BpfRegister.R1);
        code.Mark(dropUncounted);
        code.Set(BpfRegister.R0, Drop);
        code.Exit();
        return code.Build();
    }

    /// <summary>What leaves a valid address: the kernel's refusal of a SYN is dropped and counted, R9 being the service's cell.</summary>
    private static void DropRefusals(BpfAssembler code, int refusal6, int refusal4, int discovery, int pass, int dropUncounted)
    {
        int tcp = code.NewLabel();
        code.Mark(refusal6);
        LoadField(code, 6, Scratch, 1, pass);
        code.Load(BpfWidth.Byte, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.JumpIfNotEqual(BpfRegister.R1, Tcp, discovery);
        code.Add(BpfRegister.R7, 40);
        code.Jump(tcp);

        // Protocol at 9, fragment offset at 6, header words in the low half of the first byte (RFC 791).
        code.Mark(refusal4);
        LoadField(code, 9, Scratch, 1, pass);
        code.Load(BpfWidth.Byte, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.JumpIfNotEqual(BpfRegister.R1, Tcp, pass);
        LoadField(code, 6, Scratch, 2, pass);
        code.Load(BpfWidth.Half, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.And(BpfRegister.R1, FragmentOffsetMask);
        code.JumpIfNotEqual(BpfRegister.R1, 0, pass);
        LoadField(code, 0, Scratch, 1, pass);
        code.Load(BpfWidth.Byte, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.And(BpfRegister.R1, 0x0f);
        code.ShiftLeft(BpfRegister.R1, 2);
        code.Add(BpfRegister.R7, BpfRegister.R1);

        // Sequence number at 4, flags at 13 (RFC 9293 section 3.1).
        code.Mark(tcp);
        LoadField(code, 13, Scratch, 1, pass);
        code.Load(BpfWidth.Byte, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.And(BpfRegister.R1, Reset | Acknowledgement);
        code.JumpIfNotEqual(BpfRegister.R1, Reset | Acknowledgement, pass);
        LoadField(code, 4, Scratch, 4, pass);
        code.Load(BpfWidth.Word, BpfRegister.R1, BpfRegister.Frame, Scratch);
        code.JumpIfNotEqual(BpfRegister.R1, 0, pass);
        code.Set(BpfRegister.R1, 1);
        code.AtomicAdd(BpfRegister.R9, GuardMaps.WithheldOffset, BpfRegister.R1);
        code.Jump(dropUncounted);
    }

    /// <summary>Looks the key on the stack up; leaves R9 at the service's cell when it jumps to <paramref name="drop"/> or <paramref name="valid"/>.</summary>
    private static void Judge(BpfAssembler code, int absent, int valid, int drop, int dropUncounted, int addresses, int services)
    {
        code.LoadMap(BpfRegister.R1, addresses);
        code.Copy(BpfRegister.R2, BpfRegister.Frame);
        code.Add(BpfRegister.R2, Key);
        code.Call(MapLookup);
        code.JumpIfEqual(BpfRegister.R0, 0, absent);
        code.Load(BpfWidth.Word, BpfRegister.R1, BpfRegister.R0, 0);
        code.Store(BpfWidth.Word, BpfRegister.Frame, Slot, BpfRegister.R1);
        code.LoadMap(BpfRegister.R1, services);
        code.Copy(BpfRegister.R2, BpfRegister.Frame);
        code.Add(BpfRegister.R2, Slot);
        code.Call(MapLookup);
        code.JumpIfEqual(BpfRegister.R0, 0, dropUncounted);
        code.Copy(BpfRegister.R9, BpfRegister.R0);
        code.Call(KtimeGetBootNs);
        code.Load(BpfWidth.Double, BpfRegister.R1, BpfRegister.R9, GuardMaps.DeadlineOffset);
        code.JumpIfAtLeast(BpfRegister.R0, BpfRegister.R1, drop);
        code.Jump(valid);
    }

    private static void MapIntoIpv6(BpfAssembler code)
    {
        code.Store(BpfWidth.Double, BpfRegister.Frame, Key, 0);
        code.Store(BpfWidth.Word, BpfRegister.Frame, KeyWord1, unchecked((int)0xffff0000));
    }

    /// <summary>Copies bytes at an offset from the network header to the stack.</summary>
    private static void LoadField(BpfAssembler code, int offset, short stack, int bytes, int failed)
    {
        code.Copy(BpfRegister.R2, BpfRegister.R7);
        code.Add(BpfRegister.R2, offset);
        LoadBytes(code, stack, bytes, failed);
    }

    /// <summary>bpf_skb_load_bytes(packet, R2, stack, bytes): also where the packet is not linear.</summary>
    private static void LoadBytes(BpfAssembler code, short stack, int bytes, int failed)
    {
        code.Copy(BpfRegister.R1, BpfRegister.R6);
        code.Copy(BpfRegister.R3, BpfRegister.Frame);
        code.Add(BpfRegister.R3, stack);
        code.Set(BpfRegister.R4, bytes);
        code.Call(SkbLoadBytes);
        code.JumpIfBelow(BpfRegister.R0, 0, failed);
    }

    /// <summary>A 16-bit field in network order as a little-endian load sees it.</summary>
    private static int Network(ushort value) => BinaryPrimitives.ReverseEndianness(value);
}
