using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Appliance.Interop;

/// <summary>bpf(2): maps, programs, links and pins (uapi/linux/bpf.h, kernel/bpf/syscall.c).</summary>
/// <remarks>Every call returns a descriptor or 0, or the negated errno. Attributes longer than the kernel knows are accepted while the surplus is zero, so each structure below is cut to what its command uses.</remarks>
internal static unsafe partial class Bpf
{
    internal const int MapTypeHash = 1, MapTypeArray = 2;
    internal const uint MapMmapable = 1 << 10;
    internal const int TcxIngress = 46, TcxEgress = 47;
    private const int ProgramTypeSchedCls = 3;
    private const uint Before = 1 << 3;
    private const int NameBytes = 16;

    private enum Command
    {
        MapCreate = 0, MapLookup = 1, MapUpdate = 2, MapDelete = 3, MapNextKey = 4, ProgramLoad = 5, ObjectPin = 6, ObjectGet = 7,
        ObjectInfo = 15, ProgramQuery = 16, LinkCreate = 28, LinkUpdate = 29, LinkDetach = 34,
    }

    /// <summary>bpf_map_info, its first fields.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct MapInfo
    {
        internal uint Type, Id, KeyBytes, ValueBytes, MaxEntries, Flags;
    }

    /// <summary>bpf_link_info of a TCX link (Linux 6.6). <see cref="InterfaceIndex"/> is 0 once the device is gone.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct LinkInfo
    {
        internal uint Type, Id, ProgramId, Padding, InterfaceIndex, AttachType;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct MapCreateAttributes
    {
        internal uint Type, KeyBytes, ValueBytes, MaxEntries, Flags, InnerMap, NumaNode;
        internal fixed byte Name[NameBytes];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ElementAttributes
    {
        internal uint Map, Padding;
        internal void* Key;
        internal void* Value;
        internal ulong Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramLoadAttributes
    {
        internal uint Type, InstructionCount;
        internal void* Instructions;
        internal void* License;
        internal uint LogLevel, LogBytes;
        internal void* Log;
        internal uint KernelVersion, Flags;
        internal fixed byte Name[NameBytes];
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ObjectAttributes
    {
        internal void* Path;
        internal uint Descriptor, Flags;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct InfoAttributes
    {
        internal uint Descriptor, InfoBytes;
        internal void* Info;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkCreateAttributes
    {
        internal uint Program, InterfaceIndex, AttachType, Flags, RelativeTo, Padding;
        internal ulong ExpectedRevision;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct LinkUpdateAttributes
    {
        internal uint Link, NewProgram, Flags, OldProgram;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ProgramQueryAttributes
    {
        internal uint InterfaceIndex, AttachType, QueryFlags, AttachFlags;
        internal void* ProgramIds;
        internal uint Count, Padding;
        internal void* ProgramAttachFlags;
        internal void* LinkIds;
        internal void* LinkAttachFlags;
        internal ulong Revision;
    }

    /// <summary>BPF_MAP_CREATE. EPERM: CAP_BPF missing, or (before Linux 5.11) RLIMIT_MEMLOCK too small.</summary>
    internal static int CreateMap(string name, int type, int keyBytes, int valueBytes, int maxEntries, uint flags)
    {
        var attributes = new MapCreateAttributes { Type = (uint)type, KeyBytes = (uint)keyBytes, ValueBytes = (uint)valueBytes, MaxEntries = (uint)maxEntries, Flags = flags };
        WriteName(name, attributes.Name);
        return Call(Command.MapCreate, &attributes, sizeof(MapCreateAttributes));
    }

    /// <summary>BPF_MAP_UPDATE_ELEM: inserts or replaces; a reader in the kernel sees the old value or the new one.</summary>
    internal static int UpdateElement(SafeFileHandle map, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyBytes = key, valueBytes = value)
        {
            var attributes = new ElementAttributes { Map = Descriptor(map), Key = keyBytes, Value = valueBytes };
            return Call(Command.MapUpdate, &attributes, sizeof(ElementAttributes));
        }
    }

    /// <summary>BPF_MAP_DELETE_ELEM. ENOENT: no such key.</summary>
    internal static int DeleteElement(SafeFileHandle map, ReadOnlySpan<byte> key)
    {
        fixed (byte* keyBytes = key)
        {
            var attributes = new ElementAttributes { Map = Descriptor(map), Key = keyBytes };
            return Call(Command.MapDelete, &attributes, sizeof(ElementAttributes));
        }
    }

    /// <summary>BPF_MAP_GET_NEXT_KEY. An empty <paramref name="key"/> asks for the first; ENOENT: no more.</summary>
    internal static int NextKey(SafeFileHandle map, ReadOnlySpan<byte> key, Span<byte> next)
    {
        fixed (byte* keyBytes = key, nextBytes = next)
        {
            var attributes = new ElementAttributes { Map = Descriptor(map), Key = key.IsEmpty ? null : keyBytes, Value = nextBytes };
            return Call(Command.MapNextKey, &attributes, sizeof(ElementAttributes));
        }
    }

    /// <summary>BPF_PROG_LOAD of a SCHED_CLS program.</summary>
    /// <param name="name">At most 15 letters, digits and underscores, for bpftool.</param>
    /// <param name="instructions">struct bpf_insn, eight bytes each.</param>
    /// <param name="log">Receives the verifier's text when the program is refused; empty asks for none.</param>
    internal static int LoadProgram(string name, ReadOnlySpan<ulong> instructions, Span<byte> log)
    {
        fixed (ulong* code = instructions)
        fixed (byte* license = "Dual MIT/GPL\0"u8, logBytes = log)
        {
            var attributes = new ProgramLoadAttributes
            {
                Type = ProgramTypeSchedCls,
                InstructionCount = (uint)instructions.Length,
                Instructions = code,
                License = license,
                LogLevel = log.IsEmpty ? 0u : 1u,
                LogBytes = (uint)log.Length,
                Log = log.IsEmpty ? null : logBytes,
            };
            WriteName(name, attributes.Name);
            return Call(Command.ProgramLoad, &attributes, sizeof(ProgramLoadAttributes));
        }
    }

    /// <summary>BPF_OBJ_PIN. EEXIST: the path is taken; EINVAL: it is not in a bpffs.</summary>
    internal static int Pin(SafeFileHandle descriptor, string path)
    {
        fixed (byte* pathBytes = Encoding.UTF8.GetBytes(path + '\0'))
        {
            var attributes = new ObjectAttributes { Path = pathBytes, Descriptor = Descriptor(descriptor) };
            return Call(Command.ObjectPin, &attributes, sizeof(ObjectAttributes));
        }
    }

    /// <summary>BPF_OBJ_GET: opens a pinned object. ENOENT: nothing there.</summary>
    internal static int OpenPin(string path)
    {
        fixed (byte* pathBytes = Encoding.UTF8.GetBytes(path + '\0'))
        {
            var attributes = new ObjectAttributes { Path = pathBytes };
            return Call(Command.ObjectGet, &attributes, sizeof(ObjectAttributes));
        }
    }

    /// <summary>BPF_OBJ_GET_INFO_BY_FD of a map.</summary>
    internal static int GetMapInfo(SafeFileHandle map, out MapInfo info) => GetInfo(map, out info);

    /// <summary>BPF_OBJ_GET_INFO_BY_FD of a link.</summary>
    internal static int GetLinkInfo(SafeFileHandle link, out LinkInfo info) => GetInfo(link, out info);

    /// <summary>The kernel's id of a program (bpf_prog_info.id), or the negated errno.</summary>
    internal static int GetProgramId(SafeFileHandle program)
    {
        int result = GetInfo(program, out ulong typeAndId);
        return result < 0 ? result : (int)(typeAndId >> 32);
    }

    /// <summary>BPF_LINK_CREATE of a TCX link before all others of that hook (Linux 6.6, kernel/bpf/tcx.c). EINVAL on older kernels.</summary>
    internal static int CreateTcxLink(SafeFileHandle program, int interfaceIndex, int attachType)
    {
        var attributes = new LinkCreateAttributes { Program = Descriptor(program), InterfaceIndex = (uint)interfaceIndex, AttachType = (uint)attachType, Flags = Before };
        return Call(Command.LinkCreate, &attributes, sizeof(LinkCreateAttributes));
    }

    /// <summary>BPF_LINK_UPDATE: exchanges the program of a link atomically (tcx_link_update). ENOLINK: its device is gone.</summary>
    internal static int UpdateLink(SafeFileHandle link, SafeFileHandle program)
    {
        var attributes = new LinkUpdateAttributes { Link = Descriptor(link), NewProgram = Descriptor(program) };
        return Call(Command.LinkUpdate, &attributes, sizeof(LinkUpdateAttributes));
    }

    /// <summary>BPF_LINK_DETACH: the program no longer runs when this returns; merely closing or unpinning a link detaches it a little later, from a work queue (bpf_link_put).</summary>
    internal static int DetachLink(SafeFileHandle link)
    {
        var attributes = new LinkUpdateAttributes { Link = Descriptor(link) };
        return Call(Command.LinkDetach, &attributes, sizeof(uint));
    }

    /// <summary>BPF_PROG_QUERY of a TCX hook in the calling thread's network namespace: ids of its links in the order in which they run (0 for a program attached without a link).</summary>
    /// <returns>How many there are, at most as many as fit; or the negated errno (EINVAL: no TCX in this kernel).</returns>
    internal static int QueryTcx(int interfaceIndex, int attachType, Span<uint> linkIds)
    {
        Span<uint> programIds = stackalloc uint[linkIds.Length];
        linkIds.Clear();
        fixed (uint* links = linkIds, programs = programIds)
        {
            var attributes = new ProgramQueryAttributes { InterfaceIndex = (uint)interfaceIndex, AttachType = (uint)attachType, ProgramIds = programs, LinkIds = links, Count = (uint)linkIds.Length };
            int result = Call(Command.ProgramQuery, &attributes, sizeof(ProgramQueryAttributes));
            return result < 0 && result != -Errno.NoSpace ? result : Math.Min((int)attributes.Count, linkIds.Length);
        }
    }

    private static int GetInfo<T>(SafeFileHandle descriptor, out T info) where T : unmanaged
    {
        info = default;
        fixed (T* pointer = &info)
        {
            var attributes = new InfoAttributes { Descriptor = Descriptor(descriptor), InfoBytes = (uint)sizeof(T), Info = pointer };
            return Call(Command.ObjectInfo, &attributes, sizeof(InfoAttributes));
        }
    }

    /// <summary>BPF_OBJ_NAME_LEN: 15 characters and a zero; the kernel accepts letters, digits, '_' and '.'.</summary>
    private static void WriteName(string name, byte* destination) => Encoding.ASCII.GetBytes(name, new Span<byte>(destination, NameBytes - 1));

    private static uint Descriptor(SafeFileHandle handle) => (uint)handle.DangerousGetHandle();

    private static int Call(Command command, void* attributes, int bytes)
    {
        nint result = syscall(SystemCallNumber, (int)command, attributes, (uint)bytes);
        return result >= 0 ? (int)result : -Marshal.GetLastPInvokeError();
    }

    /// <summary>__NR_bpf: asm/unistd_64.h on x86-64, asm-generic/unistd.h elsewhere.</summary>
    private static nint SystemCallNumber => RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 321 : 280;

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, int command, void* attributes, uint bytes);
}
