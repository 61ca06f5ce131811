namespace Appliance.TcpStateMirror.Capture.Filter;

/// <summary>Builds a filter with labels. Jumps that are too far for a conditional instruction (255) go by way of unconditional ones. Not thread-safe.</summary>
internal sealed class BpfAssembler
{
    /// <summary>The kernel takes no more (BPF_MAXINSNS).</summary>
    public const int MaxInstructions = 4096;

    private readonly List<Entry> _entries = [];
    private int _labels;

    /// <summary>A place that is not known yet.</summary>
    public int NewLabel() => _labels++;

    /// <summary>The next instruction is the label's.</summary>
    public void Mark(int label) => _entries.Add(new Entry(EntryKind.Label, 0, 0, label, 0));

    /// <summary>Appends an instruction that does not jump.</summary>
    public void Emit(ushort code, uint value = 0) => _entries.Add(new Entry(EntryKind.Plain, code, value, 0, 0));

    /// <summary>Appends a jump.</summary>
    public void Go(int label) => _entries.Add(new Entry(EntryKind.Jump, BpfCode.Jump, 0, label, 0));

    /// <summary>Appends a conditional jump.</summary>
    public void If(ushort code, uint value, int isTrue, int isFalse) => _entries.Add(new Entry(EntryKind.Branch, code, value, isTrue, isFalse));

    /// <summary>Appends a conditional jump that goes on with the next instruction when the condition holds.</summary>
    public void Require(ushort code, uint value, int otherwise)
    {
        int next = NewLabel();
        If(code, value, next, otherwise);
        Mark(next);
    }

    /// <summary>The finished program; null when it is longer than the kernel takes.</summary>
    public BpfInstruction[]? Assemble() => Assemble(branchSize: 1) ?? Assemble(branchSize: 3);

    private BpfInstruction[]? Assemble(int branchSize)
    {
        int[] places = new int[_labels];
        int at = 0;
        foreach (Entry entry in _entries)
        {
            if (entry.Kind == EntryKind.Label) places[entry.First] = at;
            else at += entry.Kind == EntryKind.Branch ? branchSize : 1;
        }
        if (at > MaxInstructions) return null;
        var program = new List<BpfInstruction>(at);
        foreach (Entry entry in _entries)
        {
            int next = program.Count + 1;
            switch (entry.Kind)
            {
                case EntryKind.Plain:
                    program.Add(new BpfInstruction(entry.Code, 0, 0, entry.Value));
                    break;
                case EntryKind.Jump:
                    program.Add(new BpfInstruction(BpfCode.Jump, 0, 0, (uint)(places[entry.First] - next)));
                    break;
                case EntryKind.Branch when branchSize == 1:
                    (int isTrue, int isFalse) = (places[entry.First] - next, places[entry.Second] - next);
                    if (isTrue > byte.MaxValue || isFalse > byte.MaxValue) return null;
                    program.Add(new BpfInstruction(entry.Code, (byte)isTrue, (byte)isFalse, entry.Value));
                    break;
                case EntryKind.Branch:
                    program.Add(new BpfInstruction(entry.Code, 0, 1, entry.Value));
                    program.Add(new BpfInstruction(BpfCode.Jump, 0, 0, (uint)(places[entry.First] - next - 1)));
                    program.Add(new BpfInstruction(BpfCode.Jump, 0, 0, (uint)(places[entry.Second] - next - 2)));
                    break;
            }
        }
        return [.. program];
    }

    private enum EntryKind
    {
        Plain,
        Jump,
        Branch,
        Label,
    }

    private readonly record struct Entry(EntryKind Kind, ushort Code, uint Value, int First, int Second);
}
