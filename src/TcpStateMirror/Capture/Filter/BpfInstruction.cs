using System.Runtime.InteropServices;

namespace Appliance.TcpStateMirror.Capture.Filter;

/// <summary>One instruction of a classic filter, struct sock_filter (uapi/linux/filter.h).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct BpfInstruction(ushort Code, byte JumpTrue, byte JumpFalse, uint Value);

/// <summary>The instructions that filters here consist of (uapi/linux/bpf_common.h).</summary>
internal static class BpfCode
{
    internal const ushort
        LoadWord = 0x20, LoadHalf = 0x28, LoadByte = 0x30, LoadWordAtX = 0x40, LoadHalfAtX = 0x48, LoadByteAtX = 0x50, LoadValue = 0x00, LoadMemory = 0x60,
        LoadXValue = 0x01, LoadXMemory = 0x61, LoadXHeaderLength = 0xb1, Store = 0x02, StoreX = 0x03,
        Add = 0x04, AddX = 0x0c, Multiply = 0x24, And = 0x54, ShiftRight = 0x74,
        Jump = 0x05, JumpEqual = 0x15, JumpGreater = 0x25, JumpGreaterOrEqual = 0x35, JumpAnySet = 0x45,
        Return = 0x06, MoveAToX = 0x07, MoveXToA = 0x87;
}
