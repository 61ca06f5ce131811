using Appliance.State;

namespace Appliance.Configuration;

/// <summary>What a primary does with a write when fewer members are synchronised than must acknowledge it.</summary>
public enum WhenShort
{
    /// <summary>The write is refused and nothing has happened.</summary>
    Refuse,

    /// <summary>The write is accepted with the members that there are; status says so loudly.</summary>
    Accept,
}

/// <summary>What happens to records of a class when the memory limit is reached and nothing has expired.</summary>
public enum Eviction
{
    /// <summary>The oldest records of the class make room.</summary>
    Oldest,

    /// <summary>Nothing is evicted: the write is refused.</summary>
    Refuse,
}

/// <summary>[class NAME] of appliance.conf: what is promised about the records of a class.</summary>
public sealed record ClassOptions
{
    /// <summary>The class, from the section's header.</summary>
    [SectionName]
    public RecordClass Class { get; init; }

    /// <summary>Patterns of the keys that belong to it: <c>*</c> stands for any characters, <c>?</c> for one. Keys that match no class belong to application.</summary>
    [Reloadable]
    public IReadOnlyList<string> Keys { get; init; } = [];

    /// <summary>How many others must have applied a write before it is answered.</summary>
    [Reloadable]
    public AcknowledgementRule Acks { get; init; }

    /// <summary>After so long without acknowledgement the client is told that the outcome is unknown. 1 s: five times dead-after, so that a member that died no longer counts.</summary>
    [Reloadable]
    public TimeSpan AckTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>What happens to writes while too few members are synchronised. Refuse: a promise that cannot be kept is not given.</summary>
    [Reloadable]
    public WhenShort WhenShort { get; init; } = WhenShort.Refuse;

    /// <summary>What happens when memory is full.</summary>
    [Reloadable]
    public Eviction Evict { get; init; } = Eviction.Oldest;

    /// <summary>
    /// What holds for a class unless the file says otherwise. Purchases are money: acknowledged by one other and never evicted. A lost login or
    /// application value costs a repetition: answered at once. Segments change with every packet and are only worth their newest state.
    /// </summary>
    internal static ClassOptions DefaultsOf(RecordClass recordClass) => recordClass switch
    {
        RecordClass.Purchase => new() { Class = recordClass, Keys = ["cart:*", "order:*", "billing:*"], Acks = new(1), Evict = Eviction.Refuse },
        RecordClass.Credential => new() { Class = recordClass, Keys = ["tls:*", "login:*", "auth:*"] },
        RecordClass.Segment => new() { Class = recordClass, Keys = ["segment:*"] },
        _ => new() { Class = recordClass },
    };

    internal IEnumerable<SettingProblem> Validate()
    {
        if (Class == RecordClass.Application && Keys.Count > 0) yield return new("keys", "application takes every key that no other class names: it has no patterns of its own");
        if (Acks.Count >= GroupOptions.MaxMembers) yield return new("acks", $"{Acks} is more than a group has members ({GroupOptions.MaxMembers})");
        if (AckTimeout < TimeSpan.FromMilliseconds(1) || AckTimeout > TimeSpan.FromMinutes(1)) yield return new("ack-timeout", $"{Duration.Format(AckTimeout)} must be from 1ms to 1min");
        foreach (string twice in Keys.GroupBy(static key => key).Where(static same => same.Count() > 1).Select(static same => same.Key)) yield return new("keys", $"names '{twice}' twice");
        foreach (string longPattern in Keys.Where(static key => key.Length > 256)) yield return new("keys", $"'{longPattern[..16]}...' is longer than 256 characters");
        if (Keys.Count > 64) yield return new("keys", $"has {Keys.Count} patterns; at most 64, since every write is matched against them");
    }
}
