using System.Runtime.InteropServices;

namespace Appliance.Cluster.Guard;

/// <summary>Writes eBPF instructions (Documentation/bpf/standardization/instruction-set.rst), little-endian, with forward labels.</summary>
/// <remarks>
/// <code>
///  bit 0      8     12     16        32          64
///  | opcode | dst  | src  | offset  | immediate |
/// </code>
/// </remarks>
internal sealed class BpfAssembler
{
    private const byte MapDescriptor = 1;           // BPF_PSEUDO_MAP_FD
    private const int Unset = -1;
    private readonly List<ulong> _code = [];
    private readonly List<int> _labels = [];
    private readonly List<(int Instruction, int Label)> _jumps = [];

    /// <summary>A place to jump to, set later by <see cref="Mark"/>.</summary>
    internal int NewLabel()
    {
        _labels.Add(Unset);
        return _labels.Count - 1;
    }

    /// <summary>The next instruction is the label's target.</summary>
    internal void Mark(int label) => _labels[label] = _code.Count;

    internal void Set(BpfRegister destination, int value) => Emit(0xb7, destination, 0, 0, value);

    internal void Copy(BpfRegister destination, BpfRegister source) => Emit(0xbf, destination, source, 0, 0);

    internal void Add(BpfRegister destination, int value) => Emit(0x07, destination, 0, 0, value);

    internal void Add(BpfRegister destination, BpfRegister source) => Emit(0x0f, destination, source, 0, 0);

    internal void And(BpfRegister destination, int value) => Emit(0x57, destination, 0, 0, value);

    internal void ShiftLeft(BpfRegister destination, int bits) => Emit(0x67, destination, 0, 0, bits);

    /// <summary>Two instructions: the kernel replaces the descriptor by the map's address when it loads the program.</summary>
    internal void LoadMap(BpfRegister destination, int mapDescriptor)
    {
        Emit(0x18, destination, (BpfRegister)MapDescriptor, 0, mapDescriptor);
        _code.Add(0);
    }

    internal void Load(BpfWidth width, BpfRegister destination, BpfRegister address, short offset) => Emit((byte)(0x61 | (byte)width), destination, address, offset, 0);

    internal void Store(BpfWidth width, BpfRegister address, short offset, BpfRegister source) => Emit((byte)(0x63 | (byte)width), address, source, offset, 0);

    internal void Store(BpfWidth width, BpfRegister address, short offset, int value) => Emit((byte)(0x62 | (byte)width), address, 0, offset, value);

    /// <summary>lock *(u64 *)(address + offset) += source.</summary>
    internal void AtomicAdd(BpfRegister address, short offset, BpfRegister source) => Emit(0xdb, address, source, offset, 0);

    internal void Call(int helper) => Emit(0x85, 0, 0, 0, helper);

    internal void Jump(int label) => Branch(0x05, 0, 0, 0, label);

    internal void JumpIfEqual(BpfRegister left, int right, int label) => Branch(0x15, left, 0, right, label);

    internal void JumpIfNotEqual(BpfRegister left, int right, int label) => Branch(0x55, left, 0, right, label);

    internal void JumpIfSame(BpfRegister left, BpfRegister right, int label) => Branch(0x1d, left, right, 0, label);

    /// <summary>Signed.</summary>
    internal void JumpIfBelow(BpfRegister left, int right, int label) => Branch(0xc5, left, 0, right, label);

    /// <summary>Unsigned.</summary>
    internal void JumpIfAtLeast(BpfRegister left, BpfRegister right, int label) => Branch(0x3d, left, right, 0, label);

    internal void Exit() => Emit(0x95, 0, 0, 0, 0);

    /// <summary>The program with its jumps resolved.</summary>
    /// <exception cref="InvalidOperationException">A label was never marked.</exception>
    internal ulong[] Build()
    {
        Span<ulong> code = CollectionsMarshal.AsSpan(_code);
        foreach ((int instruction, int label) in _jumps)
        {
            if (_labels[label] == Unset) throw new InvalidOperationException($"label {label} is jumped to and never marked");
            ulong offset = (ushort)checked((short)(_labels[label] - instruction - 1));
            code[instruction] |= offset << 16;
        }
        return code.ToArray();
    }

    private void Branch(byte opcode, BpfRegister destination, BpfRegister source, int immediate, int label)
    {
        _jumps.Add((_code.Count, label));
        Emit(opcode, destination, source, 0, immediate);
    }

    private void Emit(byte opcode, BpfRegister destination, BpfRegister source, short offset, int immediate) =>
        _code.Add(opcode | (ulong)destination << 8 | (ulong)source << 12 | (ulong)(ushort)offset << 16 | (ulong)(uint)immediate << 32);
}
