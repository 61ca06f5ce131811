using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Capture.Filter;

/// <summary>Runs a classic filter on a datagram as the kernel does. Immutable; any thread.</summary>
internal sealed class BpfProgram(BpfInstruction[] instructions)
{
    private const int MemoryWords = 16;

    /// <summary>The instructions, for the kernel.</summary>
    public ReadOnlySpan<BpfInstruction> Instructions => instructions;

    /// <summary>The datagram passes. A load beyond its end refuses it.</summary>
    public bool Matches(ReadOnlySpan<byte> bytes)
    {
        uint a = 0, x = 0;
        Span<uint> memory = stackalloc uint[MemoryWords];
        memory.Clear();
        for (int at = 0; ; at++)
        {
            BpfInstruction instruction = instructions[at];
            uint value = instruction.Value;
            switch (instruction.Code)
            {
                case BpfCode.LoadWord when TryLoad(bytes, value, 4, out a): break;
                case BpfCode.LoadHalf when TryLoad(bytes, value, 2, out a): break;
                case BpfCode.LoadByte when TryLoad(bytes, value, 1, out a): break;
                case BpfCode.LoadWordAtX when TryLoad(bytes, x + (ulong)value, 4, out a): break;
                case BpfCode.LoadHalfAtX when TryLoad(bytes, x + (ulong)value, 2, out a): break;
                case BpfCode.LoadByteAtX when TryLoad(bytes, x + (ulong)value, 1, out a): break;
                case BpfCode.LoadXHeaderLength when TryLoad(bytes, value, 1, out x): x = (x & 15) * 4; break;
                case BpfCode.LoadValue: a = value; break;
                case BpfCode.LoadMemory: a = memory[(int)value]; break;
                case BpfCode.LoadXValue: x = value; break;
                case BpfCode.LoadXMemory: x = memory[(int)value]; break;
                case BpfCode.Store: memory[(int)value] = a; break;
                case BpfCode.StoreX: memory[(int)value] = x; break;
                case BpfCode.Add: a += value; break;
                case BpfCode.AddX: a += x; break;
                case BpfCode.Multiply: a *= value; break;
                case BpfCode.And: a &= value; break;
                case BpfCode.ShiftRight: a >>= (int)value; break;
                case BpfCode.MoveAToX: x = a; break;
                case BpfCode.MoveXToA: a = x; break;
                case BpfCode.Jump: at += (int)value; break;
                case BpfCode.JumpEqual: at += a == value ? instruction.JumpTrue : instruction.JumpFalse; break;
                case BpfCode.JumpGreater: at += a > value ? instruction.JumpTrue : instruction.JumpFalse; break;
                case BpfCode.JumpGreaterOrEqual: at += a >= value ? instruction.JumpTrue : instruction.JumpFalse; break;
                case BpfCode.JumpAnySet: at += (a & value) != 0 ? instruction.JumpTrue : instruction.JumpFalse; break;
                case BpfCode.Return: return value != 0;
                default: return false; // a load beyond the end
            }
        }
    }

    private static bool TryLoad(ReadOnlySpan<byte> bytes, ulong offset, int size, out uint value)
    {
        value = 0;
        if (offset + (ulong)size > (ulong)bytes.Length) return false;
        ReadOnlySpan<byte> at = bytes[(int)offset..];
        value = size switch { 4 => BinaryPrimitives.ReadUInt32BigEndian(at), 2 => BinaryPrimitives.ReadUInt16BigEndian(at), _ => at[0] };
        return true;
    }
}
