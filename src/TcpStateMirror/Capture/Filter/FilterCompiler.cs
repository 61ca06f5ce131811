using System.Buffers.Binary;

namespace Appliance.TcpStateMirror.Capture.Filter;

/// <summary>Compiles filter expressions to classic BPF over IP datagrams.</summary>
/// <remarks>
/// A prologue refuses what is not TCP and leaves in the scratch memory what all primitives need:
/// <code>
/// 0: IP version   1: where the TCP header begins   2: 1 in a later fragment, which has no ports   3: next header, while IPv6 is walked
/// </code>
/// Classic BPF cannot loop: of IPv6 extension headers, <see cref="MaxExtensions"/> are walked.
/// </remarks>
internal sealed class FilterCompiler
{
    private const int MaxExtensions = 6;
    private const uint Version = 0, TcpAt = 1, LaterFragment = 2, NextHeader = 3, Length = 4;
    private const uint Tcp = 6, HopByHop = 0, Routing = 43, Fragment = 44, Authentication = 51, Destination = 60, Mobility = 135, IPv4InIp = 4, IPv6InIp = 41;
    private const uint Whole = 0x40000;

    private readonly BpfAssembler _code = new();
    private readonly int _refuse;

    private FilterCompiler() => _refuse = _code.NewLabel();

    /// <summary>Compiles an expression.</summary>
    /// <exception cref="CaptureException">It is longer than the kernel takes.</exception>
    public static BpfProgram Compile(FilterNode node, string text)
    {
        var compiler = new FilterCompiler();
        compiler.Prologue();
        int accept = compiler._code.NewLabel();
        compiler.Emit(node, accept, compiler._refuse);
        return compiler.Finish(accept) ?? throw new CaptureException($"the filter '{text}' is longer than the {BpfAssembler.MaxInstructions} instructions that the kernel takes");
    }

    /// <summary>What a capture without an expression takes: TCP, what may turn out to be TCP, and tunnels of IP in IP.</summary>
    public static BpfProgram Everything()
    {
        var compiler = new FilterCompiler();
        BpfAssembler code = compiler._code;
        int accept = code.NewLabel(), four = code.NewLabel(), notFour = code.NewLabel(), six = code.NewLabel();
        code.Emit(BpfCode.LoadByte, 0);
        code.Emit(BpfCode.ShiftRight, 4);
        code.If(BpfCode.JumpEqual, 4, four, notFour);
        code.Mark(notFour);
        code.If(BpfCode.JumpEqual, 6, six, compiler._refuse);
        code.Mark(four);
        code.Emit(BpfCode.LoadByte, 9);
        compiler.AnyOf([Tcp, IPv4InIp, IPv6InIp], accept, compiler._refuse);
        code.Mark(six);
        code.Emit(BpfCode.LoadByte, 6);
        compiler.AnyOf([Tcp, HopByHop, Routing, Fragment, Authentication, Destination, Mobility, IPv4InIp, IPv6InIp], accept, compiler._refuse);
        return compiler.Finish(accept)!;
    }

    private BpfProgram? Finish(int accept)
    {
        _code.Mark(accept);
        _code.Emit(BpfCode.Return, Whole);
        _code.Mark(_refuse);
        _code.Emit(BpfCode.Return, 0);
        return _code.Assemble() is { } instructions ? new BpfProgram(instructions) : null;
    }

    private void AnyOf(uint[] values, int isTrue, int isFalse)
    {
        foreach (uint value in values)
        {
            int next = _code.NewLabel();
            _code.If(BpfCode.JumpEqual, value, isTrue, next);
            _code.Mark(next);
        }
        _code.Go(isFalse);
    }

    private void Prologue()
    {
        int body = _code.NewLabel(), four = _code.NewLabel(), notFour = _code.NewLabel(), six = _code.NewLabel(), whole = _code.NewLabel(), later = _code.NewLabel();
        _code.Emit(BpfCode.LoadByte, 0);
        _code.Emit(BpfCode.ShiftRight, 4);
        _code.Emit(BpfCode.Store, Version);
        _code.If(BpfCode.JumpEqual, 4, four, notFour);
        _code.Mark(notFour);
        _code.If(BpfCode.JumpEqual, 6, six, _refuse);

        _code.Mark(four);
        _code.Emit(BpfCode.LoadByte, 9);
        _code.Require(BpfCode.JumpEqual, Tcp, _refuse);
        _code.Emit(BpfCode.LoadXHeaderLength, 0);
        _code.Emit(BpfCode.LoadHalf, 6);
        _code.If(BpfCode.JumpAnySet, 0x1fff, later, whole);

        _code.Mark(six);
        _code.Emit(BpfCode.LoadByte, 6);
        _code.Emit(BpfCode.Store, NextHeader);
        _code.Emit(BpfCode.LoadXValue, 40);
        for (int i = 0; i < MaxExtensions; i++) Extension(whole, later);
        _code.Emit(BpfCode.LoadMemory, NextHeader);
        _code.If(BpfCode.JumpEqual, Tcp, whole, _refuse);

        _code.Mark(later);
        _code.Emit(BpfCode.LoadValue, 1);
        _code.Emit(BpfCode.Store, LaterFragment);
        _code.Emit(BpfCode.StoreX, TcpAt);
        _code.Go(body);
        _code.Mark(whole);
        _code.Emit(BpfCode.LoadValue, 0);
        _code.Emit(BpfCode.Store, LaterFragment);
        _code.Emit(BpfCode.StoreX, TcpAt);
        _code.Mark(body);
    }

    // X stands on a header whose number is in NextHeader; behind it, both have moved on.
    private void Extension(int whole, int later)
    {
        int extension = _code.NewLabel(), fragment = _code.NewLabel(), authentication = _code.NewLabel(), move = _code.NewLabel(), first = _code.NewLabel();
        _code.Emit(BpfCode.LoadMemory, NextHeader);
        AnyOfTo([(Tcp, whole), (HopByHop, extension), (Routing, extension), (Destination, extension), (Mobility, extension), (Fragment, fragment), (Authentication, authentication)]);
        _code.Mark(fragment);
        _code.Emit(BpfCode.LoadHalfAtX, 2);
        int tail = _code.NewLabel();
        _code.If(BpfCode.JumpAnySet, 0xfff8, tail, first);
        _code.Mark(tail);
        _code.Emit(BpfCode.LoadByteAtX, 0);
        _code.If(BpfCode.JumpEqual, Tcp, later, _refuse);
        _code.Mark(first);
        _code.Emit(BpfCode.LoadValue, 8);
        _code.Go(move);
        _code.Mark(authentication);
        _code.Emit(BpfCode.LoadByteAtX, 1);
        _code.Emit(BpfCode.Add, 2);
        _code.Emit(BpfCode.Multiply, 4);
        _code.Go(move);
        _code.Mark(extension);
        _code.Emit(BpfCode.LoadByteAtX, 1);
        _code.Emit(BpfCode.Add, 1);
        _code.Emit(BpfCode.Multiply, 8);
        _code.Mark(move);
        _code.Emit(BpfCode.Store, Length);
        _code.Emit(BpfCode.LoadByteAtX, 0);
        _code.Emit(BpfCode.Store, NextHeader);
        _code.Emit(BpfCode.LoadMemory, Length);
        _code.Emit(BpfCode.AddX);
        _code.Emit(BpfCode.MoveAToX);
    }

    private void AnyOfTo((uint Value, int Label)[] targets)
    {
        foreach ((uint value, int label) in targets)
        {
            int next = _code.NewLabel();
            _code.If(BpfCode.JumpEqual, value, label, next);
            _code.Mark(next);
        }
        _code.Go(_refuse);
    }

    private void Emit(FilterNode node, int isTrue, int isFalse)
    {
        int next = _code.NewLabel();
        switch (node)
        {
            case AnyNode:
                _code.Go(isTrue);
                break;
            case NotNode not:
                Emit(not.Operand, isFalse, isTrue);
                break;
            case BothNode both:
                Emit(both.Left, next, isFalse);
                _code.Mark(next);
                Emit(both.Right, isTrue, isFalse);
                break;
            case EitherNode either:
                Emit(either.Left, isTrue, next);
                _code.Mark(next);
                Emit(either.Right, isTrue, isFalse);
                break;
            case FamilyNode family:
                _code.Emit(BpfCode.LoadMemory, Version);
                _code.If(BpfCode.JumpEqual, (uint)family.Version, isTrue, isFalse);
                break;
            case AddressNode address:
                EmitAddress(address, isTrue, isFalse);
                break;
            case PortNode port:
                EmitTcpField(port.Source ? 0u : 2, 2, isFalse);
                _code.Require(BpfCode.JumpGreaterOrEqual, port.First, isFalse);
                _code.If(BpfCode.JumpGreater, port.Last, isFalse, isTrue);
                break;
            case HeaderNode header:
                EmitTcpField(header.Offset, header.Size, isFalse);
                if (header.Mask != uint.MaxValue) _code.Emit(BpfCode.And, header.Mask);
                EmitComparison(header, isTrue, isFalse);
                break;
        }
    }

    private void EmitAddress(AddressNode node, int isTrue, int isFalse)
    {
        bool four = node.Address.Length == 4;
        _code.Emit(BpfCode.LoadMemory, Version);
        _code.Require(BpfCode.JumpEqual, four ? 4u : 6, isFalse);
        uint at = four ? node.Source ? 12u : 16 : node.Source ? 8u : 24;
        for (int bits = node.PrefixBits, word = 0; bits > 0; bits -= 32, word++)
        {
            uint mask = bits >= 32 ? uint.MaxValue : ~(uint.MaxValue >> bits);
            _code.Emit(BpfCode.LoadWord, at + 4 * (uint)word);
            if (mask != uint.MaxValue) _code.Emit(BpfCode.And, mask);
            _code.Require(BpfCode.JumpEqual, BinaryPrimitives.ReadUInt32BigEndian(node.Address.AsSpan(4 * word)) & mask, isFalse);
        }
        _code.Go(isTrue);
    }

    private void EmitTcpField(uint offset, int size, int isFalse)
    {
        _code.Emit(BpfCode.LoadMemory, LaterFragment);
        _code.Require(BpfCode.JumpEqual, 0, isFalse);
        _code.Emit(BpfCode.LoadXMemory, TcpAt);
        _code.Emit(size switch { 4 => BpfCode.LoadWordAtX, 2 => BpfCode.LoadHalfAtX, _ => BpfCode.LoadByteAtX }, offset);
    }

    private void EmitComparison(HeaderNode node, int isTrue, int isFalse)
    {
        switch (node.Comparison)
        {
            case "=" or "==": _code.If(BpfCode.JumpEqual, node.Value, isTrue, isFalse); break;
            case "!=": _code.If(BpfCode.JumpEqual, node.Value, isFalse, isTrue); break;
            case ">": _code.If(BpfCode.JumpGreater, node.Value, isTrue, isFalse); break;
            case ">=": _code.If(BpfCode.JumpGreaterOrEqual, node.Value, isTrue, isFalse); break;
            case "<": _code.If(BpfCode.JumpGreaterOrEqual, node.Value, isFalse, isTrue); break;
            default: _code.If(BpfCode.JumpGreater, node.Value, isFalse, isTrue); break;
        }
    }
}
