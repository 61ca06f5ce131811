namespace Appliance.Tests.Simulation.Elections;

/// <summary>A write of the modelled state. Logs are chains, so that copying a state is copying a reference.</summary>
internal sealed class Entry
{
    internal Entry(int id, Entry? before, uint term)
    {
        Id = id;
        Before = before;
        Term = term;
        Length = (before?.Length ?? 0) + 1;
    }

    internal int Id { get; }

    internal Entry? Before { get; }

    /// <summary>Term of the primary that wrote it.</summary>
    internal uint Term { get; }

    /// <summary>Writes up to and including this one.</summary>
    internal int Length { get; }

    /// <summary>Term of the cut beyond which it lies: nobody may ever see it again; 0: beyond none.</summary>
    internal uint CutTerm { get; set; }

    /// <summary>Whether a log that ends here holds a write.</summary>
    internal bool Holds(Entry? write)
    {
        if (write is null) return true;
        Entry? at = this;
        while (at is not null && at.Length > write.Length) at = at.Before;
        return ReferenceEquals(at, write);
    }
}
